"""Certificates of devices, pinned at first use: cameras sign their own, so no authority can vouch for them.

- The first certificate of a host and port is pinned. Another one there is refused before any request is sent, and kept
  as `changed_to`, so that the user can compare its fingerprint and accept it.
- A search for the port of a known host pins nothing new: see `check_found`.
- All TLS clients (ONVIF, snapshots, RTSPS) share one `PinnedCertificates`, and use the context of `tls_context`.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from core.clock import Clock
from core.errors import CameraBadAnswer, CertificateChanged

_LEGACY_SERVER_CONNECT = 0x4  # ssl.OP_LEGACY_SERVER_CONNECT of Python 3.12
_MOST_PORTS = 32  # with TLS at one host; a limit, because a device chooses the ports of its services


@dataclass(frozen=True, slots=True)
class PinnedCertificate:
    """The pinned certificate of a host and port. `sha256` is the fingerprint of its DER form, in lower-case hex.

    `changed_to` is the fingerprint of another certificate that the device showed since, and that the app refuses.
    """

    host: str
    port: int
    sha256: str
    pinned_at: datetime
    changed_to: str | None = None

    @property
    def changed(self) -> bool:
        """True if the device showed another certificate since."""
        return self.changed_to is not None


class PinnedCertificates:
    """The pins of all devices, in memory. Thread-safe; no call waits for a disk or a device.

    `load` sets the pins that an earlier run stored, and `on_change` subscribes to the changes that must be stored.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pins: dict[tuple[str, int], PinnedCertificate] = {}
        self._on_change: list[Callable[[str], None]] = []

    def load(self, pins: Iterable[PinnedCertificate]) -> None:
        """Replace all pins by those of an earlier run."""
        with self._lock:
            self._pins = {(pin.host, pin.port): pin for pin in pins}

    def follow(self, pin: PinnedCertificate, before: str | None) -> bool:
        """Take over a pin that another process has stored. `before`: the fingerprint that was stored before, if any.

        Return False if this process has changed or forgotten its pin since then.
        """
        with self._lock:
            known = self._pins.get((pin.host, pin.port))
            if known is not None and known.sha256 == pin.sha256:
                return True
            is_ours = before is not None and (known is None or known.sha256 != before)
            if not is_ours:
                self._pins[pin.host, pin.port] = pin
            return not is_ours

    def follow_removal(self, host: str, port: int, sha256: str) -> None:
        """Forget a pin that another process has deleted, unless this process has pinned another certificate."""
        with self._lock:
            known = self._pins.get((host, port))
            if known is not None and known.sha256 == sha256:
                del self._pins[host, port]

    def on_change(self, callback: Callable[[str], None]) -> None:
        """Call `callback(host)` after a certificate of the host was pinned. It must not block: clients call `check`
        from an event loop."""
        self._on_change.append(callback)

    def check(self, host: str, port: int, der: bytes | None) -> None:
        """Check the certificate that a device showed in the TLS handshake; pin the first one of its host and port.

        Call it after the handshake and before the first byte of a request. Raise CertificateChanged, or CameraBadAnswer
        if too many ports of the host have a pin.
        """
        shown = hashlib.sha256(der or b"").hexdigest()
        with self._lock:
            pin = self._pins.get((host, port))
            if pin is None:
                self._check_ports(host)
                self._pins[host, port] = PinnedCertificate(host, port, shown, self._clock.now_utc())
            else:
                self._pins[host, port] = replace(pin, changed_to=None if shown == pin.sha256 else shown)
        if pin is None:
            self._tell(host)
        elif shown != pin.sha256:
            raise _changed(port)

    def check_found(self, host: str, port: int, sha256: str) -> None:
        """Check the certificate at a port found by a search, so that only the pinned device gets the password.

        Do nothing if the host has no pin. Otherwise pin a certificate that the host has at another port, and raise
        CertificateChanged for any other one, which the user can then accept.
        """
        with self._lock:
            pins = [pin for pin in self._pins.values() if pin.host == host]
            own = self._pins.get((host, port))
            known = [pin.sha256 for pin in ([own] if own else pins)]
            if not known:
                return
            if own is None:
                self._check_ports(host)
            is_known = sha256 in known
            pin = own or PinnedCertificate(host, port, sha256 if is_known else known[0], self._clock.now_utc())
            self._pins[host, port] = replace(pin, changed_to=None if is_known else sha256)
        if own is None:
            self._tell(host)
        if not is_known:
            raise _changed(port)

    def of_host(self, host: str) -> tuple[PinnedCertificate, ...]:
        """Return the pins of a host, sorted by port."""
        with self._lock:
            return tuple(sorted((pin for pin in self._pins.values() if pin.host == host), key=lambda pin: pin.port))

    def accept(self, host: str, ports: Collection[int], sha256: str) -> bool:
        """Pin the changed certificates of a host at these ports that have this fingerprint.

        Return False if there are none.
        """
        with self._lock:
            pins = [self._pins.get((host, port)) for port in ports]
            changed = [pin for pin in pins if pin is not None and pin.changed_to == sha256]
            for pin in changed:
                self._pins[host, pin.port] = PinnedCertificate(host, pin.port, sha256, self._clock.now_utc())
        if changed:
            self._tell(host)
        return bool(changed)

    def forget(self, host: str, ports: Collection[int]) -> None:
        """Forget the pins of a host at ports that no camera uses any longer."""
        with self._lock:
            for port in ports:
                self._pins.pop((host, port), None)

    def _check_ports(self, host: str) -> None:
        """Raise CameraBadAnswer if the host has its most pins. Call it with the lock held."""
        if sum(pin.host == host for pin in self._pins.values()) >= _MOST_PORTS:
            raise CameraBadAnswer(f"The device uses TLS at more than {_MOST_PORTS} ports, and the app trusts no more.")

    def _tell(self, host: str) -> None:
        for callback in self._on_change:
            callback(host)


def _changed(port: int) -> CertificateChanged:
    return CertificateChanged(
        f"The device shows another certificate at port {port} than before, so the app sends it no password. "
        "If the device was replaced, reset or updated, compare the fingerprints on its health card and accept "
        "the new certificate; otherwise another machine may answer in its place.",
        port=port,
    )


@cache
def tls_context() -> ssl.SSLContext:
    """Return the TLS settings for devices, one object for all connections.

    The caller must pass the device's certificate to `PinnedCertificates.check`, which replaces the check of authority,
    name and dates. TLS 1.0, short keys and renegotiation without RFC 5746 are accepted, because the firmware of many
    older cameras has nothing better.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.options |= _LEGACY_SERVER_CONNECT
    return context


def fingerprint_text(sha256: str) -> str:
    """Return a fingerprint as browsers and devices print it: `3A:0F:...`."""
    return ":".join(sha256[index : index + 2] for index in range(0, len(sha256), 2)).upper()
