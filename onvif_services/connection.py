"""The connection with one device: created once and shared by many threads.

It keeps knowledge about the device (services, clock, kind of log-in, quirks) but no socket: every call is one short
HTTP exchange with a deadline. The constructor sends nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

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
from onvif_services.faults import LoginRefused, SoapFault, error_of, unsupported
from onvif_services.transport import CappedTransport, HttpAnswer
from onvif_services.username_token import StatelessToken

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

CALLS_AT_ONCE = 4
_CLOCK_MOVED_S = 2.0  # times are whole seconds; devices accept tokens some seconds off
_HALF_SECOND_S = 0.5  # a device cuts its time to whole seconds: on average half a second is missing

# ONVIF Core, access class PRE_AUTH: a device answers these without a log-in, so they are sent without a credential
# first and count as no attempt.
_PRE_AUTH = {"GetSystemDateAndTime", "GetServices", "GetServiceCapabilities", "GetCapabilities", "GetHostname"}

_NEEDS_LOGIN = "The device requires a user name and password, but none is set."
_REFUSED = "The device refuses this user name or password."


class _NotAllowed(CameraUnsupported):
    """The password is right, but the account has no permission for this operation. Not sent again before open()."""

    def __init__(self, service: str, operation: str) -> None:
        super().__init__(
            f"The account on the device has no permission for {operation} of the {service} service.", service=service
        )


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
        self._gate = login_gate
        self._timeout_s = timeout_s
        self._clock = clock or SystemClock()
        self._transport = CappedTransport(host, port, credential)
        token = StatelessToken(credential, self.device_now_utc, self._transport.wants_token)
        self._camera = DeviceCamera(host, port, self._transport, token)
        self._slots = threading.BoundedSemaphore(CALLS_AT_ONCE)
        self._lock = threading.Lock()
        self._info = DeviceInfo()
        self._services: Mapping[str, str] = MappingProxyType({})
        self._offset: ClockOffset | None = None
        self._zone_in_utc_s = 0.0
        self._signs_pre_auth = False
        self._recover = False
        self._proof: tuple[str, str] | None = None
        self._is_proven = False
        self._forbidden: set[tuple[str, str]] = set()
        self._checks: dict[str, ServiceCheck] = {}

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
        offset = self._offset
        return offset and ClockOffset(offset.offset_s - self._zone_in_utc_s, offset.measured_at)

    @property
    def checks(self) -> tuple[ServiceCheck, ...]:
        """Latest result of each check, in the order of their first run."""
        with self._lock:
            return tuple(self._checks.values())

    def device_now_utc(self) -> datetime:
        """Return the present time of the device's clock, with which log-in tokens must be dated."""
        offset = self.clock_offset
        return self._clock.now_utc() + timedelta(seconds=offset.offset_s if offset else 0.0)

    # -- opening -------------------------------------------------------------------------------

    def open(self) -> None:
        """Read the clock without a credential, check the log-in, and list the services.

        May be called again to read everything anew. Raise a DeviceError, or InvalidRequest if the user name or the host
        has unprintable characters; earlier findings stay.
        """
        if not all(part.isprintable() for part in (self._credential.username, self.host)):
            raise InvalidRequest.of_field("username", "contains characters that cannot be sent")
        with self._lock:
            self._checks.clear()
            self._forbidden.clear()
        with self.checking("clock"):
            is_measured = self._measure_clock()
        with self.checking("login"):
            self._identify()
        if not is_measured:
            self._measure_clock_logged_in()
        with self.checking("services"):
            self._find_services()
        if self._credential.username and self._proof is None:
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
        asked_at, began_s = self._clock.now_utc(), time.monotonic()
        try:
            answer = self._send("device", "GetSystemDateAndTime", {}, with_login=False, deadline_s=self._deadline())
        except LoginRefused as refused:
            # Some devices (Axis, ipycam) tell the time only after a log-in; the answer's Date header is close to it.
            self._signs_pre_auth = True
            if self._offset is None:
                self._keep_offset(device.read_http_date(refused.date), asked_at, began_s)
            return False
        except (SoapFault, CameraUnsupported):
            return False
        return self._keep_offset(device.read_time_utc(answer), asked_at, began_s)

    def _measure_clock_logged_in(self) -> None:
        asked_at, began_s = self._clock.now_utc(), time.monotonic()
        try:
            answer = self.call("device", "GetSystemDateAndTime")
        except (SoapFault, CameraUnsupported, CameraBadAnswer):
            return
        self._keep_offset(device.read_time_utc(answer), asked_at, began_s)

    def _keep_offset(self, device_utc: datetime | None, asked_at: datetime, began_s: float) -> bool:
        if device_utc is None:
            return False
        middle = asked_at + timedelta(seconds=(time.monotonic() - began_s) / 2)
        offset_s = (device_utc - middle).total_seconds() + _HALF_SECOND_S
        self._offset = ClockOffset(offset_s, self._clock.now_utc())
        return True

    def _identify(self) -> None:
        """Call GetDeviceInformation, first without a credential: if that works, it cannot prove the password."""
        try:
            answer = self._send("device", "GetDeviceInformation", {}, with_login=False, deadline_s=self._deadline())
        except (LoginRefused, SoapFault, CameraUnsupported) as error:
            if not self._credential.username:
                raise CameraAuthFailed(_NEEDS_LOGIN) from error
            self._proof = ("device", "GetDeviceInformation")
            answer = self._with_login("device", "GetDeviceInformation", {}, self._timeout_s)
        else:
            self._proof = None
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
            self._proof = (service, "GetProfiles")

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
        return self._attempt("snapshot", "GET", self._timeout_s, lambda: self._download_logged_in(address))

    def _download_logged_in(self, address: str) -> HttpAnswer:
        def download() -> HttpAnswer:
            with self._slot(self._deadline()):
                return self._transport.download(address, deadline_s=self._deadline(), with_login=True)

        return self._send_with_retry("snapshot", "GET", self._deadline(), download)

    def _with_login(
        self, service: str, operation: str, params: dict[str, Any], timeout_s: float, address: str | None = None
    ) -> Element:
        def log_in() -> Element:
            answer = self._log_in(service, operation, params, self._deadline(timeout_s), address)
            self._is_proven = self._is_proven or (service, operation) == self._proof
            return answer

        return self._attempt(service, operation, timeout_s, log_in)

    def _attempt(self, service: str, operation: str, timeout_s: float, log_in: Callable[[], _T]) -> _T:
        """Run `log_in` with the gate's permission. At most two log-ins reach the device, whatever happens."""
        if (service, operation) in self._forbidden:
            raise _NotAllowed(service, operation)
        attempt = self._gate.begin(self.device_key, self._credential, timeout_s=timeout_s)
        try:
            answer = log_in()
            attempt.accepted()
        except _NotAllowed:
            self._forbidden.add((service, operation))
            attempt.accepted()
            raise
        except LoginRefused as error:
            self._is_proven = False
            attempt.refused()
            raise CameraAuthFailed(_REFUSED) from error
        finally:
            attempt.unanswered()  # does nothing after a verdict
        return answer

    def _log_in(
        self, service: str, operation: str, params: dict[str, Any], deadline_s: float, address: str | None
    ) -> Element:
        def send() -> Element:
            return self._send(service, operation, params, with_login=True, deadline_s=deadline_s, address=address)

        return self._send_with_retry(service, operation, deadline_s, send)

    def _send_with_retry(self, service: str, operation: str, deadline_s: float, send: Callable[[], _T]) -> _T:
        """Call `send`, and once more if the refusal may have another cause than the password."""
        try:
            return send()
        except LoginRefused as refused:
            first = refused
            if not self._may_retry(refused, service, operation, deadline_s):
                raise
        zone_in_utc_s = self._zone_in_utc_s
        try:
            return send()
        except LoginRefused:
            if zone_in_utc_s:
                self._zone_in_utc_s = 0.0  # local time in the place of UTC was not the cause
            if first.nonce_renewed and self._has_other_proof(service, operation):
                self._transport.renews_nonces_without_stale = False
                raise _NotAllowed(service, operation) from None
            raise

    def _may_retry(self, refused: LoginRefused, service: str, operation: str, deadline_s: float) -> bool:
        """True if a second log-in may succeed. Find the cause of the refusal with at most one other log-in.

        That log-in repeats the operation that proved the password: otherwise a single operation without permission
        would count as a wrong password for the whole device. Raise LoginRefused if the password is now wrong, and
        _NotAllowed if the account has no permission for this operation.
        """
        if refused.challenge_learned or (not refused.by_digest and self._clock_has_changed()):
            return True
        if self._proof and self._has_other_proof(service, operation):
            self._send(*self._proof, {}, with_login=True, deadline_s=deadline_s)
            if not refused.nonce_renewed:
                raise _NotAllowed(service, operation)
            self._transport.renews_nonces_without_stale = True
        return refused.nonce_renewed

    def _has_other_proof(self, service: str, operation: str) -> bool:
        return self._is_proven and self._proof is not None and self._proof != (service, operation)

    def _clock_has_changed(self) -> bool:
        """Read the device's clock again. True if a changed clock or time zone may explain the refusal."""
        before = self._offset
        if not self._measure_clock() or self._offset is None:
            return False
        has_moved = before is None or abs(self._offset.offset_s - before.offset_s) > _CLOCK_MOVED_S
        if has_moved and self._zone_in_utc_s == 0.0:
            return True
        # The device may tell local time as UTC; if we already knew that, summer time may have begun or ended.
        zone_s, self._zone_in_utc_s = self._zone_in_utc_s, device.quarter_hours_s(self._offset.offset_s)
        return has_moved or self._zone_in_utc_s != zone_s

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

    @contextmanager
    def checking(self, name: str) -> Iterator[None]:
        """Write the outcome and the duration of the block to the health card."""
        began_s = time.monotonic()
        try:
            yield
        except DeviceError as error:
            self.note(name, error.code, error.detail, took_s=time.monotonic() - began_s)
            raise
        self.note(name, "ok", took_s=time.monotonic() - began_s)

    def note(self, name: str, outcome: str, detail: str = "", *, took_s: float | None = None) -> None:
        """Write a line of the health card, in place of an earlier one with the same name."""
        took_ms = None if took_s is None else round(took_s * 1000)
        with self._lock:
            self._checks[name] = ServiceCheck(name, outcome, detail, took_ms, self._clock.now_utc())


def _status_error(status: int, service: str) -> DeviceError:
    if status == 401:
        return LoginRefused()
    if status in {404, 405, 501}:
        return unsupported(service)
    if status == 503:
        return CameraUnreachable("The device is too busy to answer.")
    return CameraBadAnswer(f"The device answers with HTTP status {status} and without readable XML.")
