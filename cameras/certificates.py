"""The pinned certificates of devices in the database, and on the views of their cameras."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from urllib.parse import urlsplit

from sqlalchemy import delete, select

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
    """Stores the pins of `certificates` whenever they change. Call `open()` when the database is open."""

    def __init__(self, database: Database, certificates: PinnedCertificates) -> None:
        self._database = database
        self._certificates = certificates
        self._saving = threading.Lock()
        certificates.on_change(self._save_soon)

    def open(self) -> None:
        """Load the pins of the earlier run."""
        with self._database.read() as session:
            rows = session.scalars(select(CertificateRow)).all()
            pins = [PinnedCertificate(row.host, row.port, row.sha256, row.pinned_at) for row in rows]
        self._certificates.load(pins)

    def read_host(self, host: str) -> None:
        """Load the pins of a host that another process may have stored. Raise Unavailable."""
        with self._database.read() as session:
            rows = session.scalars(select(CertificateRow).where(CertificateRow.host == host)).all()
            pins = [PinnedCertificate(row.host, row.port, row.sha256, row.pinned_at) for row in rows]
        self._certificates.load_host(host, pins)

    def save(self, host: str) -> None:
        """Store the pins of a host. Only log an error: the pins still hold until the app ends."""
        with self._saving:
            pins = self._certificates.of_host(host)
            try:
                with self._database.write() as session:
                    session.execute(delete(CertificateRow).where(CertificateRow.host == host))
                    session.add_all(
                        CertificateRow(host=host, port=p.port, sha256=p.sha256, pinned_at=p.pinned_at) for p in pins
                    )
            except AppError as error:
                log.warning("the certificate of a device could not be saved (%s)", error.detail)

    def _save_soon(self, host: str) -> None:
        """Store in a thread of its own, because an event loop may have pinned the certificate. This happens rarely."""
        threading.Thread(target=self.save, args=(host,), name="certificates", daemon=True).start()


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
