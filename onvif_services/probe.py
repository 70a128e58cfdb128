"""Search for the ONVIF port of a host: the usual ports are asked for the time, in parallel; then other paths.

GetSystemDateAndTime needs no login, so no credential is sent to a port that may belong to another service. The first
certificate of a host is not pinned here: only the connection that follows sends anything that is worth protecting. But
a certificate that does not fit the pins of a host is refused, because the password would follow.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from enum import IntEnum

from core.certificates import PinnedCertificates
from core.clock import SystemClock
from core.device_address import DEVICE_PATH
from core.errors import CameraBadAnswer, CameraUnreachable, DeviceError
from core.records import Credential, DevicePlace
from core.secrets import Secret
from onvif_services import answers
from onvif_services.device_socket import Endpoint, resolve
from onvif_services.faults import LoginRefused
from onvif_services.opening import TLS_PORTS
from onvif_services.places import OTHER_DEVICE_PATHS
from onvif_services.transport import CappedTransport
from onvif_services.xml_repair import read_xml

# Most makers use 80; Reolink and Hikvision NVRs 8000; HiSilicon and XM 8899; Tapo 2020; Foscam 888; TP-Link and others
# the rest.
USUAL_PORTS = (80, 8000, 8080, 8899, 2020, 5000, 10080, 888, 8081, 81, 85, 8090, 1018)

_GRACE_S = 0.25  # a more likely port may answer a little later than the first one
_NO_CREDENTIAL = Credential("", Secret(""))
_REQUEST = (
    b'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    b'<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'
)
_HEADERS = {
    "Content-Type": "application/soap+xml; charset=utf-8; "
    'action="http://www.onvif.org/ver10/device/wsdl/GetSystemDateAndTime"'
}


class _Verdict(IntEnum):
    """Finding about a port; a higher value is a better match."""

    SILENT = 0
    OTHER = 1  # another service answers
    GUARDED = 2  # it demands a login before any answer, so it may be an ONVIF device
    ONVIF = 3


def probe_address(
    host: str,
    port: int | None = None,
    *,
    timeout_s: float = 4.0,
    ports: tuple[int, ...] = USUAL_PORTS,
    tls_ports: tuple[int, ...] = TLS_PORTS,
    certificates: PinnedCertificates | None = None,
) -> DevicePlace:
    """Return the place at which `host` speaks ONVIF. Ask only `port` if given. End within about `timeout_s`.

    Plain HTTP goes first: the user did not ask for HTTPS. Raise CameraUnreachable if no port answers, CameraBadAnswer
    if only services other than ONVIF answer, and CertificateChanged if the place does not fit `certificates`.
    """
    candidates = [Endpoint("http", item) for item in ((port,) if port is not None else ports)]
    candidates += [Endpoint("https", item) for item in ((port,) if port is not None else tls_ports)]
    deadline_s = time.monotonic() + timeout_s
    try:
        resolve(host, candidates[0].port, deadline_s)  # first, so that an unknown host name gets its own error
    except TimeoutError:
        raise CameraUnreachable("The device's host name cannot be found.") from None
    shown = PinnedCertificates(SystemClock())  # of this search alone
    verdicts = _ask_all(host, candidates, deadline_s, shown)
    best = max(verdicts.values(), default=_Verdict.SILENT)
    matches = [item for item in candidates if verdicts.get(item) is best]
    if best is _Verdict.SILENT:
        where = f"port {port}" if port is not None else "the usual ONVIF ports"
        raise CameraUnreachable(f"Nothing answers at this address on {where}.")
    if best is _Verdict.OTHER:
        place = _find_path(host, matches, max(deadline_s, time.monotonic() + timeout_s / 2), shown)
    else:
        place = DevicePlace(matches[0].port, matches[0].scheme)
    if certificates is not None and place.scheme == "https":
        for pin in shown.of_host(host):
            if pin.port == place.port:
                certificates.check_found(host, pin.port, pin.sha256)
    return place


def _find_path(host: str, endpoints: Sequence[Endpoint], deadline_s: float, shown: PinnedCertificates) -> DevicePlace:
    """Return the first place at which a web server has an ONVIF service at another path. Raise CameraBadAnswer."""
    for endpoint in endpoints:
        transport = _transport(host, endpoint, shown)
        for path in OTHER_DEVICE_PATHS:
            if _ask(transport, path, deadline_s) >= _Verdict.GUARDED:
                return DevicePlace(endpoint.port, endpoint.scheme, path)
    raise CameraBadAnswer("A web server answers at this address, but the app found no ONVIF service on it.")


def _ask_all(
    host: str, candidates: Sequence[Endpoint], deadline_s: float, shown: PinnedCertificates
) -> dict[Endpoint, _Verdict]:
    results: queue.Queue[tuple[Endpoint, _Verdict]] = queue.Queue()
    transports = {item: _transport(host, item, shown) for item in candidates}

    def ask(item: Endpoint) -> None:
        results.put((item, _ask(transports[item], DEVICE_PATH, deadline_s)))

    for item in candidates:
        threading.Thread(target=ask, args=(item,), name=f"onvif-probe-{item.port}", daemon=True).start()
    try:
        return _collect(results, candidates, deadline_s)
    finally:
        for transport in transports.values():
            transport.close()  # ends the threads that are still waiting


def _collect(
    results: queue.Queue[tuple[Endpoint, _Verdict]], candidates: Sequence[Endpoint], deadline_s: float
) -> dict[Endpoint, _Verdict]:
    verdicts: dict[Endpoint, _Verdict] = {}
    until_s = deadline_s + _GRACE_S
    while len(verdicts) < len(candidates):
        try:
            item, verdict = results.get(timeout=max(0.001, until_s - time.monotonic()))
        except queue.Empty:
            break
        verdicts[item] = verdict
        if verdict is _Verdict.ONVIF:
            if all(earlier in verdicts for earlier in candidates[: candidates.index(item)]):
                break
            until_s = min(until_s, time.monotonic() + _GRACE_S)
    return verdicts


def _transport(host: str, endpoint: Endpoint, shown: PinnedCertificates) -> CappedTransport:
    return CappedTransport(host, endpoint.port, _NO_CREDENTIAL, scheme=endpoint.scheme, certificates=shown)


def _ask(transport: CappedTransport, path: str, deadline_s: float) -> _Verdict:
    address = transport.endpoint.address(transport.host, path)
    try:
        with transport.calling(deadline_s=deadline_s):
            answer = transport.post(address, _REQUEST, _HEADERS)
        root = read_xml(answer.body).root
    except LoginRefused:
        return _Verdict.GUARDED
    except CameraUnreachable:
        return _Verdict.SILENT
    except DeviceError:
        return _Verdict.OTHER
    return _Verdict.ONVIF if answers.is_envelope(root) else _Verdict.OTHER
