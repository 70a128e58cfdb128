"""Follows changes that another process has made in the tables of the cameras."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from cameras.certificates import CertificateStore
from cameras.connecting import Connector
from cameras.editing import CameraEditor
from cameras.registry import Registry
from cameras.snapshot_cache import SnapshotCache
from cameras.store import CameraStore, LoadedCamera, StoredCamera, StoredChannel

log = logging.getLogger(__name__)


class TableReader:
    """Compares the tables with the registry and the pins. The database is the truth for what users enter.

    Knowledge of the device is newer in the memory of the camera's owner; other processes take it from the tables.
    """

    def __init__(
        self,
        registry: Registry,
        store: CameraStore,
        certificates: CertificateStore,
        connector: Connector,
        editor: CameraEditor,
        cache: SnapshotCache,
        as_loaded: Callable[[StoredCamera], StoredCamera],
    ) -> None:
        self._registry = registry
        self._store = store
        self._certificates = certificates
        self._connector = connector
        self._editor = editor
        self._cache = cache
        self._as_loaded = as_loaded

    def read_again(self) -> None:
        """Follow all changes since the last call. Raise Unavailable if the database does not answer."""
        self._certificates.read_again()
        with self._registry.saving:
            rows = {row.stored.id: replace(row, stored=self._as_loaded(row.stored)) for row in self._store.load_all()}
            gone = [camera_id for camera_id in self._registry.ids() if camera_id not in rows]
            edited = [row.stored.id for row in rows.values() if self._follow(row)]
        for camera_id in gone:
            log.info("camera %d: removed by another process", camera_id)
            self._editor.follow_removal(camera_id)
        for camera_id in edited:
            log.info("camera %d: its address or login was changed by another process", camera_id)
            self._editor.follow_edit(rows[camera_id])

    def _follow(self, row: LoadedCamera) -> bool:
        """Show the row of a camera. Return True if this process must connect the camera again."""
        camera_id, is_own = row.stored.id, self._registry.owns(row.stored.id)
        with self._registry.changed:
            entry = self._registry.find(camera_id)
            if entry is None:
                log.info("camera %d: added by another process", camera_id)
                self._registry.put(row.stored, row.channels, row.replay_abilities)
                self._connector.connect_now(camera_id)
                return False
            is_moved = _place(entry.stored) != _place(row.stored)
            if is_own and (is_moved or _login(entry.stored) != _login(row.stored)):
                if is_moved:
                    self._cache.drop_camera(camera_id)
                return True
            stored = _as_edited(entry.stored, row.stored) if is_own else row.stored
            channels = _as_arranged(entry.channels, row.channels) if is_own else row.channels
            if entry.stored != stored:
                self._registry.set_stored(camera_id, lambda _: stored)
            if entry.channels != channels:
                self._registry.set_channels(camera_id, channels)
            return False


def _login(stored: StoredCamera) -> tuple[object, ...]:
    password = None if stored.password is None else stored.password.reveal()
    return stored.username, password, stored.access.readable_password


def _place(stored: StoredCamera) -> tuple[object, ...]:
    """Return the address that the user has given. A port that the app has found is none."""
    if stored.port_found or stored.pretend:
        return stored.host, stored.stream_uris
    return stored.host, stored.stream_uris, stored.port, stored.access.scheme


def _as_edited(own: StoredCamera, row: StoredCamera) -> StoredCamera:
    """Return the owner's camera with the fields of the row that need no new connection."""
    zone = row.access.recording_time_zone
    return replace(own, name=row.name, access=replace(own.access, recording_time_zone=zone))


def _as_arranged(own: tuple[StoredChannel, ...], rows: tuple[StoredChannel, ...]) -> tuple[StoredChannel, ...]:
    """Return the owner's channels with names, places and hiding as in the rows."""
    by_token = {row.video_source_token: row for row in rows}
    return tuple(
        replace(channel, custom_name=row.custom_name, hidden=row.hidden, position=row.position)
        if (row := by_token.get(channel.video_source_token)) is not None
        else channel
        for channel in own
    )
