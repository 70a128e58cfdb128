"""The connection with one device: created once and shared by many threads.

It keeps knowledge about the device (services, clock, kind of log-in, quirks) but no socket: every call is one short
HTTP exchange with a deadline. The constructor sends nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType
from typing import Any

from core.clock import Clock, SystemClock
from core.errors import (
    CameraAuthFailed,
    CameraBadAnswer,
    CameraUnreachable,
    CameraUnsupported,
    DeviceError,
    InvalidRequest,
)
from core.login_gate import LoginGate
from core.records import ClockOffset, Credential, DeviceInfo, ServiceCheck
from onvif_services import answers, device
from onvif_services.addresses import rewrite_http
from onvif_services.answers import Element
from onvif_services.camera import DeviceCamera
from onvif_services.checks import Checks
from onvif_services.faults import LoginRefused, SoapFault, error_of, unsupported
from onvif_services.login import DeviceLogin
from onvif_services.measured_clock import MeasuredClock
from onvif_services.transport import CappedTransport, HttpAnswer
from onvif_services.username_token import StatelessToken

_log = logging.getLogger(__name__)

CALLS_AT_ONCE = 4

# ONVIF Core, access class PRE_AUTH: a device answers these without a log-in, so they are sent without a credential
# first and count as no attempt.
_PRE_AUTH = {"GetSystemDateAndTime", "GetServices", "GetServiceCapabilities", "GetCapabilities", "GetHostname"}

_NEEDS_LOGIN = "The device requires a user name and password, but none is set."


class DeviceConnection:
    """One device, given its address and a credential. Thread-safe; at most four calls at a time.

    Call `open()` first. Then `info`, `services`, `clock_offset` and `checks` contain its findings, and the functions of
    the other modules use `call()`. Every call ends within about `timeout_s`, plus at most as long again for another
    thread's log-in, and raises a DeviceError: an error of core.errors, or faults.SoapFault.

    With an empty user name, no credential is sent.
    """

    def __init__(
        self,
        host: str,
        port: int,
        credential: Credential,
        *,
        login_gate: LoginGate,
        device_key: str,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.device_key = device_key
        self._credential = credential
        self._timeout_s = timeout_s
        clock = clock or SystemClock()
        self._device_clock = MeasuredClock(clock)
        self._checks = Checks(clock)
        self._transport = CappedTransport(host, port, credential)
        token = StatelessToken(credential, self._device_clock.now_utc, self._transport.wants_token)
        self._camera = DeviceCamera(host, port, self._transport, token)
        self._slots = threading.BoundedSemaphore(CALLS_AT_ONCE)
        self._info = DeviceInfo()
        self._services: Mapping[str, str] = MappingProxyType({})
        self._signs_pre_auth = False
        self._recover = False
        self._login = DeviceLogin(
            credential,
            login_gate,
            device_key,
            self._transport,
            self._device_clock,
            measure_clock=self._measure_clock,
            send=self._send_without_parameters,
        )

    # -- findings ------------------------------------------------------------------------------

    @property
    def timeout_s(self) -> float:
        """The time limit of a call."""
        return self._timeout_s

    @property
    def info(self) -> DeviceInfo:
        """Make, model and firmware; empty before open()."""
        return self._info

    @property
    def services(self) -> Mapping[str, str]:
        """Addresses at the configured host by short service name (device, media, media2, events, ptz, search, ...)."""
        return self._services

    @property
    def clock_offset(self) -> ClockOffset | None:
        """Device time minus our time, to half a second; None if the device does not tell its time."""
        return self._device_clock.offset

    @property
    def checks(self) -> tuple[ServiceCheck, ...]:
        """Latest result of each check, in the order of their first run."""
        return self._checks.results()

    # -- opening -------------------------------------------------------------------------------

    def open(self) -> None:
        """Read the clock without a credential, check the log-in, and list the services.

        May be called again to read everything anew. Raise a DeviceError, or InvalidRequest if the user name or the host
        has unprintable characters; earlier findings stay.
        """
        if not all(part.isprintable() for part in (self._credential.username, self.host)):
            raise InvalidRequest.of_field("username", "contains characters that cannot be sent")
        self._checks.clear()
        self._login.forget_forbidden()
        with self.checking("clock"):
            is_measured = self._measure_clock()
        with self.checking("login"):
            self._identify()
        if not is_measured:
            self._measure_clock_logged_in()
        with self.checking("services"):
            self._find_services()
        if self._credential.username and self._login.proof is None:
            self._prove_by_profiles()

    def check(self) -> None:
        """Ask the time without a credential, to see if the device still answers; keep the new clock offset.

        Raise CameraUnreachable or CameraBadAnswer. A device that refuses the request without a log-in still answers.
        """
        with self.checking("reachable"):
            self._measure_clock()

    def close(self) -> None:
        """End the calls under way; later calls raise CameraUnreachable. May be called twice."""
        self._transport.close()

    def _measure_clock(self) -> bool:
        """Ask the time without a credential, because a signed request already needs it. False if not told."""
        request = self._device_clock.begin_request()
        try:
            answer = self._send("device", "GetSystemDateAndTime", {}, with_login=False, deadline_s=self._deadline())
        except LoginRefused as refused:
            # Some devices (Axis, ipycam) tell the time only after a log-in; the answer's Date header is close to it.
            self._signs_pre_auth = True
            if self._device_clock.told is None:
                self._device_clock.keep(device.read_http_date(refused.date), request)
            return False
        except (SoapFault, CameraUnsupported):
            return False
        return self._device_clock.keep(device.read_time_utc(answer), request)

    def _measure_clock_logged_in(self) -> None:
        request = self._device_clock.begin_request()
        try:
            answer = self.call("device", "GetSystemDateAndTime")
        except (SoapFault, CameraUnsupported, CameraBadAnswer):
            return
        self._device_clock.keep(device.read_time_utc(answer), request)

    def _identify(self) -> None:
        """Call GetDeviceInformation, first without a credential: if that works, it cannot prove the password."""
        try:
            answer = self._send("device", "GetDeviceInformation", {}, with_login=False, deadline_s=self._deadline())
        except (LoginRefused, SoapFault, CameraUnsupported) as error:
            if not self._credential.username:
                raise CameraAuthFailed(_NEEDS_LOGIN) from error
            self._login.proof = ("device", "GetDeviceInformation")
            answer = self._with_login("device", "GetDeviceInformation", {}, self._timeout_s)
        else:
            self._login.proof = None
        self._info = device.read_information(answer)

    def _prove_by_profiles(self) -> None:
        """Check the password with GetProfiles, for devices that answer GetDeviceInformation without a log-in."""
        service = "media" if "media" in self._services else "media2"
        if service not in self._services:
            return
        with self.checking("login"):
            try:
                self._with_login(service, "GetProfiles", {}, self._timeout_s)
            except (SoapFault, CameraUnsupported, CameraBadAnswer):
                return  # no verdict; media.read_channels reads the profiles again and reports the error
            self._login.proof = (service, "GetProfiles")

    def _find_services(self) -> None:
        found = self._listed("GetServices", {"IncludeCapability": False})
        if not {"media", "media2"} & set(found):
            found = {**self._listed("GetCapabilities", {"Category": "All"}), **found}
        if not found:
            raise CameraUnsupported("The device lists no services.", service="device")
        self._services = MappingProxyType(found)
        self._camera.set_addresses(found)

    def _listed(self, operation: str, params: dict[str, Any]) -> dict[str, str]:
        try:
            answer = self.call("device", operation, params)
        except (SoapFault, CameraUnsupported, CameraBadAnswer):
            return {}
        listed = device.read_services(answer) if operation == "GetServices" else device.read_capabilities(answer)
        found: dict[str, str] = {}
        for name, address in listed:
            try:
                found.setdefault(name, rewrite_http(address, self.host, self.port))
            except CameraBadAnswer as error:
                self.note(f"address of {name}", error.code, error.detail)
        return found

    # -- calling -------------------------------------------------------------------------------

    def call(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        address: str | None = None,
        soap_headers: list[Element] | None = None,
    ) -> Element:
        """Call an operation and return its raw response element, to be read with `answers`. For this package only.

        zeep checks `params` against the WSDL. `address` (already rewritten) and `soap_headers` are for subscriptions.
        """
        params = dict(params or {})
        limit_s = timeout_s if timeout_s is not None else self._timeout_s
        if soap_headers:
            params["_soapheaders"] = soap_headers
        anonymous = not self._credential.username
        if anonymous or (operation in _PRE_AUTH and not self._signs_pre_auth):
            deadline_s = self._deadline(limit_s)
            try:
                return self._send(service, operation, params, with_login=False, deadline_s=deadline_s, address=address)
            except LoginRefused as error:
                if anonymous:
                    raise CameraAuthFailed(_NEEDS_LOGIN) from error
                self._signs_pre_auth = True
        return self._with_login(service, operation, params, limit_s, address)

    def download(self, address: str) -> HttpAnswer:
        """GET an address at this device, with a log-in if it demands one. For `snapshot`."""
        address = rewrite_http(address, self.host, self.port)
        if not self._transport.knows_download_login:
            try:
                with self._slot(self._deadline()):
                    return self._transport.download(address, deadline_s=self._deadline(), with_login=False)
            except LoginRefused as error:
                if not self._credential.username:
                    raise CameraAuthFailed(_NEEDS_LOGIN) from error
                if not self._transport.knows_download_login:
                    raise CameraUnsupported(
                        "The device requires an unknown kind of log-in for snapshots.", service="snapshot"
                    ) from error
        return self._login.run("snapshot", "GET", self._timeout_s, lambda _: self._download_logged_in(address))

    def _download_logged_in(self, address: str) -> HttpAnswer:
        with self._slot(self._deadline()):
            return self._transport.download(address, deadline_s=self._deadline(), with_login=True)

    def _with_login(
        self, service: str, operation: str, params: dict[str, Any], timeout_s: float, address: str | None = None
    ) -> Element:
        def send(deadline_s: float) -> Element:
            return self._send(service, operation, params, with_login=True, deadline_s=deadline_s, address=address)

        return self._login.run(service, operation, timeout_s, send)

    def _send_without_parameters(self, service: str, operation: str, deadline_s: float) -> Element:
        return self._send(service, operation, {}, with_login=True, deadline_s=deadline_s)

    def _send(
        self,
        service: str,
        operation: str,
        params: dict[str, Any],
        *,
        with_login: bool,
        deadline_s: float,
        address: str | None = None,
    ) -> Element:
        call = getattr(self._camera.proxy(service, address), operation)
        with self._slot(deadline_s), self._transport.calling(deadline_s=deadline_s, with_login=with_login):
            answer: HttpAnswer = call(**params)
        try:
            return self._read(answer, service, operation)
        except LoginRefused as refused:
            refused.date = answer.headers.get("Date")
            raise
        except SoapFault as fault:
            _log.info("%s: %s answered with fault %s: %r", self.device_key, operation, fault.codes, fault.reason)
            raise

    def _read(self, answer: HttpAnswer, service: str, operation: str) -> Element:
        if answer.status == 403:
            raise LoginRefused
        try:
            root = self._parse(answer.body)
        except CameraBadAnswer:
            if answer.status >= 400:
                raise _status_error(answer.status, service) from None
            raise
        fault = answers.read_fault(root)
        if fault is not None:
            raise error_of(fault, service, operation)
        if answer.status >= 400:
            raise _status_error(answer.status, service)
        return answers.read_payload(root, operation)

    def _parse(self, body: bytes) -> Element:
        """Parse strictly. After a first broken answer that can be repaired, parse this device in recover mode."""
        try:
            return answers.parse_xml(body, recover=self._recover)
        except answers.MalformedXml:
            if self._recover:
                raise
            root = answers.parse_xml(body, recover=True)
            if answers.local_name(root) != "Envelope" or answers.child(root, "Body") is None:
                raise
        self._recover = True
        self.note("xml", "mended", "The device's XML is not well-formed; the app repairs it as far as possible.")
        return root

    # -- helpers -------------------------------------------------------------------------------

    def _deadline(self, timeout_s: float | None = None) -> float:
        return time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)

    @contextmanager
    def _slot(self, deadline_s: float) -> Iterator[None]:
        if not self._slots.acquire(timeout=max(0.0, deadline_s - time.monotonic())):
            raise CameraUnreachable("The device is busy with earlier requests and did not answer in time.")
        try:
            yield
        finally:
            self._slots.release()

    def checking(self, name: str) -> AbstractContextManager[None]:
        """Write the outcome and the duration of the block to the health card."""
        return self._checks.checking(name)

    def note(self, name: str, outcome: str, detail: str = "") -> None:
        """Write a line of the health card, in place of an earlier one with the same name."""
        self._checks.note(name, outcome, detail)


def _status_error(status: int, service: str) -> DeviceError:
    if status == 401:
        return LoginRefused()
    if status in {404, 405, 501}:
        return unsupported(service)
    if status == 503:
        return CameraUnreachable("The device is too busy to answer.")
    return CameraBadAnswer(f"The device answers with HTTP status {status} and without readable XML.")
