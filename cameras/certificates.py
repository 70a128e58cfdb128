"""The pinned certificates of devices in the database, and on the views of their cameras."""

from __future__ import annotations

import logging
import threading

from sqlalchemy import delete, select

from core.certificates import PinnedCertificate, PinnedCertificates
from core.errors import AppError
from database import Database
from tables import CertificateRow

log = logging.getLogger(__name__)


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


def shown_certificate(pins: tuple[PinnedCertificate, ...], port: int | None) -> PinnedCertificate | None:
    """Return the pin to show for a camera: a changed one, otherwise that of its ONVIF port, otherwise any."""
    changed = [pin for pin in pins if pin.changed_to is not None]
    own = [pin for pin in pins if pin.port == port]
    return next(iter((*changed, *own, *pins)), None)
