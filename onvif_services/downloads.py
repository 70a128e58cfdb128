"""Downloads of snapshots from a device: plain HTTP GET, with a login if the device demands one."""

from __future__ import annotations

import time

from core.errors import CameraAuthFailed, CameraBadAnswer, CameraUnreachable, CameraUnsupported, DeviceError
from onvif_services.faults import LoginRefused
from onvif_services.http_answer import HttpAnswer
from onvif_services.login import DeviceLogin
from onvif_services.places import ServicePlaces, endpoint_of
from onvif_services.slots import CallSlots
from onvif_services.transport import CappedTransport

NEEDS_LOGIN = "The device requires a user name and password, but none is set."


class Downloads:
    """Thread-safe. `has_user`: there is a credential to send."""

    def __init__(
        self,
        places: ServicePlaces,
        transport: CappedTransport,
        slots: CallSlots,
        login: DeviceLogin,
        *,
        has_user: bool,
        timeout_s: float,
    ) -> None:
        self._places = places
        self._transport = transport
        self._slots = slots
        self._login = login
        self._has_user = has_user
        self._timeout_s = timeout_s

    def get(self, address: str) -> HttpAnswer:
        """GET an address at the configured host. Raise a DeviceError.

        Try the port that the device named if the configured one does not have it: cameras with ONVIF at port 8000 often
        serve their snapshots at port 80.
        """
        address = self._places.at_configured(address)
        other = self._places.other_of(address)
        if other is None:
            return self._get_one(address)
        problem: DeviceError | None = None
        answer: HttpAnswer | None = None
        try:
            answer = self._get_one(address)
        except (CameraUnreachable, CameraBadAnswer, CameraUnsupported) as error:
            problem = error
        if answer is not None and answer.status == 200 and answer.body:
            return answer
        try:
            self._transport.allow(endpoint_of(other))
            return self._get_one(other)
        except DeviceError:
            if answer is not None:
                return answer
            raise problem or CameraBadAnswer("The device has no snapshot at its address.") from None

    def _get_one(self, address: str) -> HttpAnswer:
        if not self._transport.knows_download_login:
            try:
                return self._send(address, with_login=False)
            except LoginRefused as error:
                if not self._has_user:
                    raise CameraAuthFailed(NEEDS_LOGIN) from error
                if not self._transport.knows_download_login:
                    raise CameraUnsupported(
                        "The device requires an unknown kind of login for snapshots.", service="snapshot"
                    ) from error
        if self._transport.wants_basic_download and not self._login.may_be_readable():
            raise CameraUnsupported(
                "The device sends snapshots only to a login with a readable password, which is not allowed for it.",
                service="snapshot",
            )
        return self._login.run(
            "snapshot", "GET", self._timeout_s, lambda _deadline_s, _kind: self._send(address, with_login=True)
        )

    def _send(self, address: str, *, with_login: bool) -> HttpAnswer:
        deadline_s = time.monotonic() + self._timeout_s
        with self._slots.taking(deadline_s):
            return self._transport.download(address, deadline_s=deadline_s, with_login=with_login)
