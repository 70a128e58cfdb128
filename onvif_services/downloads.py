"""Downloads of snapshots from a device: plain HTTP GET, with a login if the device demands one."""

from __future__ import annotations

import time

from core.errors import CameraAuthFailed, CameraBadAnswer, CameraUnreachable, CameraUnsupported, DeviceError
from onvif_services.device_socket import Endpoint
from onvif_services.faults import LoginRefused
from onvif_services.http_answer import HttpAnswer
from onvif_services.login import DeviceLogin
from onvif_services.places import NamedAddress
from onvif_services.transport import CappedTransport
from onvif_services.weak_servers import RepeatedRequests

NEEDS_LOGIN = "The device requires a user name and password, but none is set."


class Downloads:
    """Thread-safe. `has_user`: there is a credential to send."""

    def __init__(
        self, transport: CappedTransport, repeated: RepeatedRequests, login: DeviceLogin, *, has_user: bool
    ) -> None:
        self._transport = transport
        self._repeated = repeated
        self._login = login
        self._has_user = has_user

    def get(self, address: NamedAddress, deadline_s: float) -> HttpAnswer:
        """GET an address until a deadline of time.monotonic(). Raise a DeviceError.

        Try the port that the device named if the configured one does not have it: cameras with ONVIF at port 8000 often
        serve their snapshots at port 80.
        """
        if address.named is None:
            return self._get_one(address.configured, deadline_s)
        problem: DeviceError | None = None
        answer: HttpAnswer | None = None
        half_s = max(0.0, deadline_s - time.monotonic()) / 2  # a silent port must leave time for the other one
        try:
            answer = self._get_one(address.configured, deadline_s - half_s)
        except (CameraUnreachable, CameraBadAnswer, CameraUnsupported) as error:
            problem = error
        if answer is not None and answer.status == 200 and answer.body:
            return answer
        try:
            self._transport.allow(Endpoint.of(address.named))
            return self._get_one(address.named, deadline_s)
        except DeviceError:
            if answer is not None:
                return answer
            raise problem or CameraBadAnswer("The device has no snapshot at its address.") from None

    def _get_one(self, address: str, deadline_s: float) -> HttpAnswer:
        if not self._transport.knows_download_login(address):
            try:
                return self._send(address, deadline_s, with_login=False)
            except LoginRefused as error:
                if not self._has_user:
                    raise CameraAuthFailed(NEEDS_LOGIN) from error
                if not self._transport.knows_download_login(address):
                    raise CameraUnsupported(
                        "The device requires an unknown kind of login for snapshots.", service="snapshot"
                    ) from error
        if self._transport.wants_basic_download(address) and not self._login.may_be_readable():
            raise CameraUnsupported(
                "The device sends snapshots only to a login with a readable password, which is not allowed for it.",
                service="snapshot",
            )
        return self._login.run(
            "snapshot",
            "GET",
            deadline_s - time.monotonic(),
            lambda _deadline_s, kind: self._send(address, deadline_s, with_login=kind is not None),
            address=address,
        )

    def _send(self, address: str, deadline_s: float, *, with_login: bool) -> HttpAnswer:
        return self._repeated.send(
            lambda: self._transport.download(address, deadline_s=deadline_s, with_login=with_login), deadline_s
        )
