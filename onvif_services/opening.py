"""The steps of opening a device: clock, services, device information, and the check of the login.

A device with a media profile and a stream address is a device. So every other request may hang, fail or be refused: it
has a time limit, a default, and a line "skipped" on the health card. Only GetProfiles judges the password, because all
else depends on it; accounts of some devices may not call GetDeviceInformation.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from core.allowed_addresses import AddressRefused
from core.errors import (
    CameraAuthFailed,
    CameraBadAnswer,
    CameraUnsupported,
    CertificateChanged,
    DeviceError,
    InvalidRequest,
)
from onvif_services import device
from onvif_services.answers import Element
from onvif_services.device_calls import DeviceCalls
from onvif_services.device_socket import Endpoint
from onvif_services.faults import LoginRefused, NoAnswer, NotConnected, NotHere, Redirected, SoapFault, WantsTls
from onvif_services.login import NotAllowed
from onvif_services.login_kinds import LoginKind

_T = TypeVar("_T")

_LISTS: tuple[tuple[str, dict[str, Any], Callable[[Element], Any]], ...] = (
    ("GetServices", {"IncludeCapability": False}, device.read_services),
    ("GetCapabilities", {"Category": "All"}, device.read_capabilities),
)
_LEAST = {"device", "media", "media2"}  # a list of no more is not whole, since ONVIF demands events
_FINAL = (NotConnected, AddressRefused, CertificateChanged, CameraAuthFailed)
_MOST_WRONG_S = 2.0
TLS_PORTS = (443, 8443)
"""The usual ports of HTTPS."""
_INFORMATION = ("device", "GetDeviceInformation")


def open_device(conn: DeviceCalls) -> None:
    """Read everything anew. Raise a DeviceError, or InvalidRequest for characters that cannot be sent."""
    if not conn.is_sendable:
        raise InvalidRequest.of_field("username", "contains characters that cannot be sent")
    conn.begin_opening()
    _Opening(conn).run()


class _Opening:
    """One opening. `_limit_s` is the time limit of an optional request; it halves with each one that hangs.

    A host that answers, but never with SOAP, gets no more requests after `_MOST_WRONG_S`.
    """

    def __init__(self, conn: DeviceCalls) -> None:
        self._conn = conn
        self._limit_s = conn.timeout_s / 2
        self._began_s = time.monotonic()
        self._answered: list[tuple[str, str, dict[str, Any]]] = []  # requests without a login that the device answered
        self._services_refused = False
        self._not_allowed: NotAllowed | None = None  # the last failure of an optional request, if it was that
        self._is_not_here = False  # the last failure of an optional request was that
        self._has_silence = False  # a request had no answer
        self._information_refused = False

    def run(self) -> None:
        conn = self._conn
        is_measured = self._measure_clock()
        self._read_services()
        with conn.checking("login"):
            self._read_information()
            self._check_login()
        if self._services_refused and conn.has_user:
            self._read_services_logged_in()
        if self._information_refused and conn.has_user:
            self._read_information_logged_in()
        if not is_measured and conn.signs_pre_auth and conn.has_user:
            self._measure_clock_logged_in()
        conn.check_with(*(self._answered[0] if self._answered else (self._media(), "GetProfiles", {})))

    # -- clock ---------------------------------------------------------------------------------

    def _measure_clock(self) -> bool:
        conn = self._conn
        try:
            with conn.checking("clock"):
                is_measured = conn.measure_clock(self._limit_s)
        except (NotHere, CameraBadAnswer) as error:
            found = self._move_after(error)
            if found is None:
                found = self._find_device_service()
            if found is None:
                self._raise_if_needed(error)
                self._skip("clock", error)
                return False
            is_measured = found
        except DeviceError as error:
            self._raise_if_needed(error)
            is_cut = isinstance(error, NoAnswer) and error.is_cut
            moved = self._move_after(error) if is_cut else None
            if moved is None:
                self._skip("clock", error)
                return False
            is_measured = moved
        self._answered.append(("device", "GetSystemDateAndTime", {}))
        return is_measured

    def _move_after(self, error: DeviceError) -> bool | None:
        """Follow a redirect at the configured host, or change to HTTPS at a port that speaks only that.

        Return the same as the next method.
        """
        conn = self._conn
        here = conn.places.endpoint
        before, place = (here, conn.places.device_path), None
        detail = "The device redirects the app to it, at the same host."
        if isinstance(error, Redirected):
            place = conn.places.redirected(error.location)
        elif here.scheme == "http" and (isinstance(error, WantsTls) or here.port in TLS_PORTS):
            place = Endpoint("https", here.port), conn.places.device_path
            detail = "The port speaks HTTPS, and the address does not say so."
        if place is None:
            return None
        conn.set_device_path(place[1], place[0])
        try:
            with conn.checking("clock"):
                is_measured = conn.measure_clock(self._limit_s)
        except DeviceError as problem:
            conn.set_device_path(before[1], before[0])
            if isinstance(problem, CameraAuthFailed):
                raise
            return None
        conn.note("device service", "guessed", detail)
        return is_measured

    def _find_device_service(self) -> bool | None:
        """Look for the device service at other paths. Return whether it told the time there; None if it is nowhere."""
        conn = self._conn
        first, *others = conn.places.device_paths()
        for path in others:
            if self._is_hopeless():
                break
            conn.set_device_path(path)
            try:
                with conn.checking("clock"):
                    is_measured = conn.measure_clock(self._limit_s)
            except (NotHere, CameraBadAnswer):
                continue
            except DeviceError as error:
                self._raise_if_needed(error)
                break
            conn.note("device service", "guessed", "It is not at the path of its address; the app found it at another.")
            return is_measured
        conn.set_device_path(first)
        return None

    def _measure_clock_logged_in(self) -> None:
        began_s = time.monotonic()
        answer = self._optional(
            "clock", lambda limit_s: self._conn.call("device", "GetSystemDateAndTime", timeout_s=limit_s)
        )
        if answer is not None:
            self._conn.device_clock.keep(device.read_time_utc(answer), (began_s + time.monotonic()) / 2)

    # -- services ------------------------------------------------------------------------------

    def _read_services(self) -> None:
        """Ask without a login. A device that refuses that, or lists no media service, has it where most others do."""
        conn = self._conn
        found: dict[str, str] = {}
        with conn.checking("services"):
            for operation, params, read in _LISTS:
                is_noted = not {"media", "media2"} & set(found)  # otherwise the list is only completed
                answer = self._ask("device", operation, params, is_noted=is_noted)
                for name, address in read(answer) if answer is not None else ():
                    found.setdefault(name, address)
                if {"media", "media2"} & set(found) and set(found) - _LEAST:
                    break
            self._show_services(found)
        is_list_whole = found and not self._services_refused and not self._has_silence
        if not is_list_whole and not {"media", "media2"} & set(conn.services):
            conn.places.guess_media()
            conn.show_places()
            conn.note("media service", "guessed", "The device does not list it; the app tries its usual addresses.")

    def _read_services_logged_in(self) -> None:
        conn = self._conn
        operation, params, read = _LISTS[0]
        first, *others = conn.places.device_paths()
        answer = self._optional(operation, lambda limit_s: conn.call("device", operation, params, timeout_s=limit_s))
        # A web server that wants a login at each path has not shown that this one is wrong.
        others = [urlsplit(conn.services.get("media", "")).path, *others] if self._is_not_here else []
        for path in filter(None, dict.fromkeys(others)):
            conn.set_device_path(path)
            answer = self._optional(
                operation, lambda limit_s: conn.call("device", operation, params, timeout_s=limit_s)
            )
            if answer is not None:
                conn.note(operation, "ok")
                break
            conn.set_device_path(first)
        found = dict(reversed(list(read(answer)))) if answer is not None else {}
        if {"media", "media2"} & set(found):
            conn.note("media service", "ok")
            self._show_services(found)

    def _show_services(self, found: dict[str, str]) -> None:
        for name, error in self._conn.places.set_listed(found).items():
            self._conn.note(f"address of {name}", error.code, error.detail)
        self._conn.show_places()

    # -- device information and login ---------------------------------------------------------

    def _read_information(self) -> None:
        """Ask without a login, which costs no attempt and shows the kinds of login that the device knows."""
        answer = self._ask(*_INFORMATION)
        if answer is not None:
            self._conn.info = device.read_information(answer)

    def _check_login(self) -> None:
        """Check the password with GetProfiles, or with GetDeviceInformation if that gives no verdict."""
        conn = self._conn
        if not conn.has_user and self._answered and not self._information_refused:
            return
        services = [name for name in ("media", "media2") if name in conn.services] or [self._media()]
        for service in services:
            conn.login.proof = (service, "GetProfiles")
            try:
                conn.call(*conn.login.proof)
            except NoAnswer as error:
                if service == services[-1]:
                    raise
                conn.note(f"profiles of {service}", error.code, error.detail)
                continue
            except (SoapFault, CameraUnsupported, CameraBadAnswer):
                if not self._works_with_another_login(service):
                    conn.login.proof = None
                    if not self._answered:  # it is no ONVIF device, or a hostile one
                        raise
                    self._check_with_information()
            return

    def _works_with_another_login(self, service: str) -> bool:
        """True if GetProfiles works without a login, or with HTTP Digest alone, where it failed without a refusal.

        Some firmware cannot read a request with a login that it does not demand, or with two of them.
        """
        conn = self._conn
        if not conn.has_user:
            return False
        try:
            conn.call_without_login(service, "GetProfiles", timeout_s=self._limit_s)
        except LoginRefused:
            if conn.login.kind_for(service) is not LoginKind.BOTH:
                return False
            conn.login.begin_with(LoginKind.DIGEST)
            try:
                conn.call(service, "GetProfiles")
            except CameraAuthFailed:
                conn.login.count_unclear()
                raise
            except (SoapFault, CameraUnsupported, CameraBadAnswer):
                conn.login.begin_with(LoginKind.BOTH)
                return False
            return True
        except DeviceError:
            return False
        conn.fails_at_logins = True
        conn.note("kind of login", "guessed", "The device fails at requests with a login, and answers without one.")
        return True

    def _check_with_information(self) -> None:
        """Let GetDeviceInformation judge the login, because GetProfiles gives no verdict.

        `media.read_channels` reads the profiles again and reports the error.
        """
        conn = self._conn
        if self._information_refused:
            conn.login.proof = _INFORMATION
            try:
                conn.info = device.read_information(conn.call(*_INFORMATION))
            except CameraAuthFailed:
                conn.login.count_unclear()
                raise
            self._information_refused = False

    def _read_information_logged_in(self) -> None:
        conn = self._conn
        answer = self._optional(_INFORMATION[1], lambda limit_s: conn.call(*_INFORMATION, timeout_s=limit_s))
        if answer is not None:
            conn.info = device.read_information(answer)
        elif self._not_allowed and self._profiles_are_open():  # then GetProfiles has proved nothing
            raise conn.login.refuse(self._not_allowed.refused_logins)

    def _profiles_are_open(self) -> bool:
        try:
            self._conn.call_without_login(self._media(), "GetProfiles", timeout_s=self._limit_s)
        except DeviceError:
            return False
        return True

    def _media(self) -> str:
        return "media" if "media" in self._conn.services else "media2"

    # -- optional requests ---------------------------------------------------------------------

    def _ask(
        self, service: str, operation: str, params: dict[str, Any] | None = None, *, is_noted: bool = True
    ) -> Element | None:
        """Send an optional request without a login. Return None if it fails or the device refuses it."""
        try:
            answer = self._optional(
                operation,
                lambda limit_s: self._conn.call_without_login(service, operation, params, timeout_s=limit_s),
                is_noted=is_noted,
            )
        except LoginRefused:
            self._services_refused = self._services_refused or (service, operation) != _INFORMATION
            self._information_refused = self._information_refused or (service, operation) == _INFORMATION
            self._answered.append((service, operation, params or {}))
            return None
        if answer is not None:
            self._answered.append((service, operation, params or {}))
        return answer

    def _optional(self, name: str, send: Callable[[float], _T], *, is_noted: bool = True) -> _T | None:
        """Return `send(limit_s)`, or None with a line on the health card if the device does not do it.

        Raise NotConnected, CertificateChanged and CameraAuthFailed.
        """
        try:
            return send(self._limit_s)
        except DeviceError as error:
            self._not_allowed = error if isinstance(error, NotAllowed) else None
            self._is_not_here = isinstance(error, NotHere)
            self._raise_if_needed(error)
            if is_noted:
                self._skip(name, error)
            return None

    def _raise_if_needed(self, error: DeviceError) -> None:
        """Raise an error after which no other request has a chance."""
        is_wrong = isinstance(error, CameraBadAnswer) and self._is_hopeless()
        if is_wrong or isinstance(error, _FINAL):
            raise error

    def _is_hopeless(self) -> bool:
        return not self._answered and time.monotonic() - self._began_s > _MOST_WRONG_S

    def _skip(self, name: str, error: DeviceError) -> None:
        if isinstance(error, NoAnswer):
            self._has_silence = True
            self._limit_s = self._limit_s if error.is_cut else self._limit_s / 2
        self._conn.note(name, "skipped", error.detail)
