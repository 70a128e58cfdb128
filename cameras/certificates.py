"""The pinned certificates of devices in the database, and on the views of their cameras."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from urllib.parse import urlsplit

from sqlalchemy import Select, select

from cameras.store import StoredCamera
from core.certificates import PinnedCertificate, PinnedCertificates
from core.device_address import WEB_PORTS
from core.errors import AppError
from core.stream_address import DEFAULT_PORTS
from database import Database
from tables import CertificateRow

log = logging.getLogger(__name__)

_DEFAULT_PORTS = DEFAULT_PORTS | WEB_PORTS


class CertificateStore:
    """Stores the pins of `certificates` whenever they change. Call `open()` when the database is open.

    The table is the truth, except for the pins that this process has not stored yet.
    """

    def __init__(self, database: Database, certificates: PinnedCertificates) -> None:
        self._database = database
        self._certificates = certificates
        self._saving = threading.Lock()
        self._stored: dict[tuple[str, int], str] = {}  # the table's fingerprints, as this process read or wrote them
        certificates.on_change(self._save_soon)

    def open(self) -> None:
        """Load the pins of the earlier run."""
        with self._saving:
            pins = self._read(select(CertificateRow))
            self._certificates.load(pins.values())
            self._stored = {place: pin.sha256 for place, pin in pins.items()}

    def read_again(self) -> None:
        """Follow the pins that other processes have stored or deleted. Raise Unavailable."""
        with self._saving:
            self._follow(self._read(select(CertificateRow)), set(self._stored))

    def read_host(self, host: str) -> None:
        """Follow the pins of a host that other processes have stored or deleted. Raise Unavailable."""
        with self._saving:
            pins = self._read(select(CertificateRow).where(CertificateRow.host == host))
            self._follow(pins, {place for place in self._stored if place[0] == host})

    def save(self, host: str) -> None:
        """Store the changed pins of a host. Only log an error: the pins still hold until the app ends."""
        with self._saving:
            pins = {pin.port: pin for pin in self._certificates.of_host(host)}
            before = {port: sha256 for (of, port), sha256 in self._stored.items() if of == host}
            gone = before.keys() - pins.keys()
            try:
                with self._database.write() as session:
                    of_host = select(CertificateRow).where(CertificateRow.host == host)
                    rows = {row.port: row for row in session.scalars(of_host)}
                    for port in gone & rows.keys():
                        if rows[port].sha256 == before[port]:
                            session.delete(rows.pop(port))
                    written = {port for port, pin in pins.items() if _is_written(pin, rows.get(port), before.get(port))}
                    for port in written:
                        row = rows.setdefault(port, CertificateRow(host=host, port=port))
                        row.sha256, row.pinned_at = pins[port].sha256, pins[port].pinned_at
                        session.add(row)
                    stored = {(host, port): _pin(row) for port, row in rows.items()}
            except AppError as error:
                log.warning("the certificate of a device could not be saved (%s)", error.detail)
                return
            self._stored.update({(host, port): pins[port].sha256 for port in written})
            for port in gone:
                del self._stored[host, port]
            self._follow(stored, {place for place in self._stored if place[0] == host})

    def _read(self, wanted: Select[CertificateRow]) -> dict[tuple[str, int], PinnedCertificate]:
        with self._database.read() as session:
            return {(row.host, row.port): _pin(row) for row in session.scalars(wanted)}

    def _follow(self, pins: Mapping[tuple[str, int], PinnedCertificate], before: AbstractSet[tuple[str, int]]) -> None:
        """Take over the pins of the table. `before`: the places of those that it had before."""
        for place in before - pins.keys():
            self._certificates.follow_removal(*place, self._stored.pop(place))
        for place, pin in pins.items():
            if self._certificates.follow(pin, self._stored.get(place)):
                self._stored[place] = pin.sha256

    def _save_soon(self, host: str) -> None:
        """Store in a thread of its own, because an event loop may have pinned the certificate. This happens rarely."""
        threading.Thread(target=self.save, args=(host,), name="certificates", daemon=True).start()


def _is_written(pin: PinnedCertificate, row: CertificateRow | None, before: str | None) -> bool:
    """True if this process has changed a pin since the table had `before`, and no other process was first."""
    return pin.sha256 != before and (row is None or before is not None)


def _pin(row: CertificateRow) -> PinnedCertificate:
    return PinnedCertificate(row.host, row.port, row.sha256, row.pinned_at)


def ports_of(stored: StoredCamera, seen: Collection[int]) -> set[int]:
    """Return the ports that a camera uses: of ONVIF, of the streams that the user gave, and the `seen` ones.

    Other ports of its host may belong to another device behind the same address (NAT).
    """
    uris = stored.stream_uris
    streams = [uri for uri in (uris.main, uris.sub) if uri] if uris else []
    services = [address for _, address in stored.access.learned.places]
    ports = {stored.port, *seen, *map(port_of, (*streams, *services))}
    return {port for port in ports if port is not None}


def port_of(address: str) -> int | None:
    """Return the port of an RTSP or a web address; None if it has none."""
    try:
        parts = urlsplit(address)
        return parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None


def shown_certificate(
    pins: tuple[PinnedCertificate, ...], ports: Collection[int], onvif_port: int | None
) -> PinnedCertificate | None:
    """Return the pin to show for a camera with these ports: a changed one, otherwise that of ONVIF, otherwise any."""
    own = [pin for pin in pins if pin.port in ports]
    return min(own, key=lambda pin: (not pin.changed, pin.port != onvif_port), default=None)
