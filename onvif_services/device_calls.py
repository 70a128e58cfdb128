"""Requests to one device, with its login, at the addresses of its services.

`DeviceCalls` keeps knowledge about the device (services, clock, kinds of login, quirks) but no socket: every call is
one short HTTP exchange with a deadline.
"""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from core.certificates import PinnedCertificates
from core.clock import Clock, SystemClock
from core.errors import CameraAuthFailed, CameraBadAnswer, CameraUnsupported, DeviceError
from core.login_gate import GuardedCredential
from core.records import ClockOffset, DeviceInfo, LearnedAccess, ServiceCheck
from onvif_services import device
from onvif_services.answers import Element
from onvif_services.camera import DeviceCamera
from onvif_services.checks import Checks
from onvif_services.date_orders import DateOrder
from onvif_services.device_socket import Endpoint
from onvif_services.downloads import NEEDS_LOGIN, Downloads
from onvif_services.faults import LoginRefused, NoAnswer, NotHere, NotSent, SoapFault
from onvif_services.http_answer import HttpAnswer
from onvif_services.login import DeviceLogin
from onvif_services.login_kinds import LoginKind
from onvif_services.measured_clock import MeasuredClock
from onvif_services.places import NamedAddress, OnvifAddress, ServicePlaces
from onvif_services.recording_zone import RecordingZone
from onvif_services.slots import CallSlots
from onvif_services.soap_answer import parse_soap, payload_of
from onvif_services.transport import CappedTransport
from onvif_services.username_token import StatelessToken
from onvif_services.weak_servers import RepeatedRequests

_log = logging.getLogger(__name__)

# ONVIF Core, access class PRE_AUTH: a device answers these without a login, so they are sent without a credential
# first and count as no attempt.
_PRE_AUTH = {"GetSystemDateAndTime", "GetServices", "GetServiceCapabilities", "GetCapabilities", "GetHostname"}
# A second one acts twice: it turns further, makes another preset, gives another pulse, or takes another of the few
# places for subscriptions.
_RUN_ONCE = {"RelativeMove", "SetPreset", "SendAuxiliaryCommand", "SetRelayOutputState", "CreatePullPointSubscription"}
# The device answers these late on purpose.
_WAITING = {"PullMessages"}


class DeviceCalls:
    """Requests to one device, given its address and a credential. Thread-safe; at most four calls at a time.

    Every call ends within about `timeout_s`, plus at most as long again for another thread's login, and raises a
    DeviceError: an error of core.errors, or faults.SoapFault.

    With an empty user name, no credential is sent. `learned` is the knowledge of an earlier connection, and
    `certificates` has the pins of the devices with HTTPS.
    """

    def __init__(
        self,
        address: OnvifAddress,
        guarded: GuardedCredential,
        *,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
        certificates: PinnedCertificates | None = None,
        learned: LearnedAccess | None = None,
    ) -> None:
        credential = guarded.credential
        self.host = address.host
        self.port = address.port
        self.device_key = guarded.device_key
        self.timeout_s = timeout_s
        self._credential = credential
        self.has_user = bool(credential.username)
        self.is_sendable = credential.username.isprintable() and address.host.isprintable()
        clock = clock or SystemClock()
        learned = learned or LearnedAccess()
        self.device_clock = MeasuredClock(clock)
        self._checks = Checks(clock)
        self._transport = CappedTransport(
            address.host, address.port, credential, scheme=address.scheme, certificates=certificates
        )
        self.places = ServicePlaces(address, learned)
        for _, place in learned.places:
            self._transport.allow(Endpoint.of(place))
        token = StatelessToken(credential, self.device_clock.now_utc, self._transport.token_kind)
        self._camera = DeviceCamera(self.places.device_address(), self._transport, token)
        self._closed = threading.Event()
        self.info = DeviceInfo()
        """Make, model and firmware; empty before open()."""
        self.stream_transports: dict[str, str] = {}
        """For each media service, the transport for which the device last named a stream address; see `media`."""
        self.refused_key_frames: dict[str, float] = {}  # media profile -> time.monotonic() of the next request
        """Media profiles for which the device has refused a request for a key frame; see `media`."""
        self.recording_zone = RecordingZone(
            learned.recording_zone_s, learned.recording_zone_since_s, learned.recording_zone_name
        )
        """The time zone in the times of recordings; see `recording_search`."""
        self.date_order: DateOrder | None = None
        """The order of the numbers in its dates, if they are not as in the standard; see `date_orders`."""
        self.signs_pre_auth = False
        self.fails_at_logins = False  # the device cannot read requests with a login; they are sent without one first
        self._has_answered = False
        self._repairs: set[str] = set()
        self._alive_call: tuple[str, str, Mapping[str, Any]] = ("device", "GetSystemDateAndTime", {})
        self.login = DeviceLogin(
            guarded,
            self._transport,
            self.device_clock,
            measure_clock=self.measure_clock,
            send=self._send_without_parameters,
            kinds=dict(learned.logins),
        )
        self._repeated = RepeatedRequests(
            CallSlots(clock), self._closed, is_proven=lambda: self.login.is_proven, on_cut=self._note_weak_server
        )
        self._downloads = Downloads(self._transport, self._repeated, self.login, has_user=self.has_user)

    # -- findings ------------------------------------------------------------------------------

    @property
    def services(self) -> Mapping[str, str]:
        """Addresses at the configured host by short service name (device, media, media2, events, ptz, search, ...)."""
        return self.places.listed

    @property
    def clock_offset(self) -> ClockOffset | None:
        """Device time minus our time, to half a second; None if the device does not tell its time."""
        return self.device_clock.offset

    @property
    def checks(self) -> tuple[ServiceCheck, ...]:
        """Latest result of each check, in the order of their first run."""
        return self._checks.results()

    @property
    def learned(self) -> LearnedAccess:
        """The knowledge for the next connection."""
        return LearnedAccess(
            self.places.learned_path,
            tuple(self.login.kinds.items()),
            tuple(self.places.moved.items()),
            self.recording_zone.zone_s,
            self.recording_zone.since_s,
            self.recording_zone.name,
        )

    @property
    def gets_one_at_a_time(self) -> bool:
        """True if the device has failed at several requests at a time."""
        return self._repeated.is_serial

    # -- opening, for `opening` ----------------------------------------------------------------

    def begin_opening(self) -> None:
        """Forget the results of earlier checks, and parse the WSDL before any time limit runs."""
        self._camera.proxy("device")
        self._checks.clear()
        self.login.forget_forbidden()

    def check(self) -> None:
        """Send a request without a credential, to see if the device still answers; keep its clock's offset.

        Raise CameraUnreachable or CameraBadAnswer. A device that refuses the request without a login still answers.
        """
        with self.checking("reachable"):
            service, operation, params = self._alive_call
            if operation == "GetSystemDateAndTime":
                self.measure_clock()
                return
            try:
                self.call_without_login(service, operation, params)
            except (LoginRefused, SoapFault, CameraUnsupported):
                return

    def check_with(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        """Let `check` send this request, which the device answers without a login."""
        self._alive_call = (service, operation, params)

    def close(self) -> None:
        """End the calls under way; later calls raise CameraUnreachable. May be called twice."""
        self._closed.set()
        self._transport.close()

    def measure_clock(self, timeout_s: float | None = None) -> bool:
        """Ask the time without a credential, because a signed request already needs it. False if not told."""
        try:
            answer, middle_s = self._send_timed(
                "device", "GetSystemDateAndTime", {}, login=None, deadline_s=self._deadline(timeout_s)
            )
        except LoginRefused as refused:
            # Some devices (Axis, ipycam) tell the time only after a login; the answer's Date header is close to it.
            self.signs_pre_auth = True
            if self.device_clock.told is None:
                self.device_clock.keep(device.read_http_date(refused.date), refused.middle_s)
            return False
        except (SoapFault, CameraUnsupported) as error:
            if isinstance(error, NotHere):
                raise
            return False
        return self.device_clock.keep(device.read_time_utc(answer), middle_s)

    def set_device_path(self, path: str, endpoint: Endpoint | None = None) -> None:
        """Use another path of the device service from now on, and another port for all services."""
        self.places.device_path = path
        if endpoint is not None:
            self.places.endpoint = endpoint
            self._transport.use(endpoint)
        self.show_places()

    def show_places(self) -> None:
        """Let later calls use the addresses of `places`."""
        self._camera.set_addresses(self.places.device_address(), self.places.listed)

    # -- calling -------------------------------------------------------------------------------

    def call_without_login(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Element:
        """Call an operation without a login. Raise LoginRefused if the device demands one. For this package only."""
        return self._send(service, operation, dict(params or {}), login=None, deadline_s=self._deadline(timeout_s))

    def call(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        address: NamedAddress | None = None,
        soap_headers: list[Element] | None = None,
    ) -> Element:
        """Call an operation and return its raw response element, to be read with `answers`. For this package only.

        zeep checks `params` against the WSDL. `address` (of `at_host`) and `soap_headers` are for subscriptions.
        """
        params = dict(params or {})
        limit_s = timeout_s if timeout_s is not None else self.timeout_s
        if soap_headers:
            params["_soapheaders"] = soap_headers
        if not self.has_user or self.fails_at_logins or (operation in _PRE_AUTH and not self.signs_pre_auth):
            try:
                return self._send(
                    service, operation, params, login=None, deadline_s=self._deadline(limit_s), address=address
                )
            except LoginRefused as error:
                if not self.has_user:
                    raise CameraAuthFailed(NEEDS_LOGIN) from error
                self.signs_pre_auth = self.signs_pre_auth or operation in _PRE_AUTH

        def send(deadline_s: float, kind: LoginKind | None) -> Element:
            return self._send(service, operation, params, login=kind, deadline_s=deadline_s, address=address)

        return self.login.run(service, operation, limit_s, send)

    def at_host(self, address: str) -> NamedAddress:
        """Return an address that the device named, at the configured host. Raise CameraBadAnswer."""
        return self.places.at_host(address)

    def download(self, address: NamedAddress, deadline_s: float) -> HttpAnswer:
        """GET an address at this device, see downloads.Downloads. For `snapshot`."""
        return self._downloads.get(address, deadline_s)

    def _send_without_parameters(self, service: str, operation: str, deadline_s: float, kind: LoginKind) -> Element:
        return self._send(service, operation, {}, login=kind, deadline_s=deadline_s)

    def _send(
        self,
        service: str,
        operation: str,
        params: dict[str, Any],
        *,
        login: LoginKind | None,
        deadline_s: float,
        address: NamedAddress | None = None,
    ) -> Element:
        return self._send_timed(service, operation, params, login=login, deadline_s=deadline_s, address=address)[0]

    def _send_timed(
        self,
        service: str,
        operation: str,
        params: dict[str, Any],
        *,
        login: LoginKind | None,
        deadline_s: float,
        address: NamedAddress | None = None,
    ) -> tuple[Element, float]:
        """Return the answer, and the time.monotonic() halfway between request and answer."""
        try:
            answer = self._send_once(
                service, operation, params, login, deadline_s, address.configured if address else None
            )
        except (CameraUnsupported, CameraBadAnswer):
            other = self._other_place(service, operation, params, address, login, deadline_s)
            if other is None:
                raise
            answer = self._send_once(service, operation, params, login, deadline_s, other)
        except (LoginRefused, SoapFault):
            self.places.confirm(service)
            raise
        self.places.confirm(service)
        return answer

    def _send_once(
        self,
        service: str,
        operation: str,
        params: dict[str, Any],
        login: LoginKind | None,
        deadline_s: float,
        address: str | None,
    ) -> tuple[Element, float]:
        call = getattr(self._camera.proxy(service, address), operation)
        try:
            answer = self._exchange(lambda: call(**params), service, operation, login, deadline_s)
        except NotSent:
            raise
        except NoAnswer as error:
            raise self._without_answer(error, operation) from error
        self._has_answered = True
        if answer.is_repaired:
            self.note("http", "repaired", "The device sends wrong HTTP; the app uses answers whose content is whole.")
        try:
            return self._read(answer, service, operation), answer.middle_s
        except LoginRefused as refused:
            refused.date, refused.middle_s = answer.headers.get("Date"), answer.middle_s
            refused.kind = login
            raise
        except SoapFault as fault:
            _log.info("%s: %s answered with fault %s: %r", self.device_key, operation, fault.codes, fault.reason)
            raise

    def _exchange(
        self,
        call: Callable[[], HttpAnswer],
        service: str,
        operation: str,
        login: LoginKind | None,
        deadline_s: float,
    ) -> HttpAnswer:
        runs_once = operation in _RUN_ONCE

        def send() -> HttpAnswer:
            with self._transport.calling(deadline_s=deadline_s, login=login, service=service, runs_once=runs_once):
                return call()

        return self._repeated.send(send, deadline_s, runs_once=runs_once, waits=operation in _WAITING)

    def _note_weak_server(self) -> None:
        detail = "The device fails at several requests at a time, or cuts connections; for a while it gets one."
        self.note("web server", "guessed", detail)

    def _without_answer(self, error: NoAnswer, operation: str) -> NoAnswer:
        """Return the error with the name of the request, and its own code if the device has answered others."""
        what = f"did not answer {operation} in time"
        if error.is_cut:
            what = f"closed the connection before it had answered {operation}"
        if not self._has_answered:
            return NoAnswer(f"The device {what}.", is_cut=error.is_cut, cut_logins=error.cut_logins)
        return NoAnswer(
            f"The device answers other requests, but {what}.",
            is_cut=error.is_cut,
            code="camera_no_answer",
            cut_logins=error.cut_logins,
        )

    def _other_place(
        self,
        service: str,
        operation: str,
        params: dict[str, Any],
        address: NamedAddress | None,
        login: LoginKind | None,
        deadline_s: float,
    ) -> str | None:
        """Return another address of a service, if it is there; None if the device does not have it elsewhere."""
        if address is not None:  # of a subscription
            other = address.named
            return other if other and self._is_at(service, operation, params, other, None, deadline_s) else None
        for candidate in self.places.others(service):
            asked = (operation, params) if operation == "GetProfiles" else ("GetServiceCapabilities", {})
            if self._is_at(service, *asked, candidate, login, deadline_s):
                self.places.move(service, candidate)
                self.show_places()
                self.note(f"address of {service}", "guessed", "The service is at another port or path than configured.")
                return candidate
        self.places.give_up(service)
        return None

    def _is_at(
        self,
        service: str,
        operation: str,
        params: dict[str, Any],
        address: str,
        login: LoginKind | None,
        deadline_s: float,
    ) -> bool:
        """True if a service answers at this address, to a request without a credential.

        A web server may refuse such requests for each of its paths. At the configured port, where the password goes
        anyway, a login then shows if the service is there; raise LoginRefused if that is refused, too.
        """
        self._transport.allow(Endpoint.of(address))
        try:
            self._send_once(service, operation, copy.deepcopy(params), None, deadline_s, address)
        except LoginRefused:
            if login is None or Endpoint.of(address) != self.places.endpoint:
                return True
            return self._is_at_with(service, operation, copy.deepcopy(params), address, login, deadline_s)
        except SoapFault:
            return True
        except CameraUnsupported as error:
            return operation == "GetServiceCapabilities" and not isinstance(error, NotHere)
        except DeviceError:
            return False
        return True

    def _is_at_with(
        self, service: str, operation: str, params: dict[str, Any], address: str, login: LoginKind, deadline_s: float
    ) -> bool:
        try:
            self._send_once(service, operation, params, login, deadline_s, address)
        except LoginRefused:
            raise
        except DeviceError as error:
            return isinstance(error, SoapFault)
        return True

    def _read(self, answer: HttpAnswer, service: str, operation: str) -> Element:
        parsed = parse_soap(answer, service)
        if parsed.repairs:
            self._repairs.update(parsed.repairs)
            self.note("xml", "repaired", f"The device's XML is not well-formed: {', '.join(sorted(self._repairs))}.")
        return payload_of(parsed.root, answer.status, service, operation, self._credential)

    # -- helpers -------------------------------------------------------------------------------

    def _deadline(self, timeout_s: float | None = None) -> float:
        return time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)

    def checking(self, name: str) -> AbstractContextManager[object]:
        """Write the outcome and the duration of the block to the health card."""
        return self._checks.checking(name)

    def note(self, name: str, outcome: str, detail: str = "") -> None:
        """Write a line of the health card, in place of an earlier one with the same name."""
        self._checks.note(name, outcome, detail)
