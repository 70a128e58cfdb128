"""The camera of the built-in pretend recorder: its row and its state follow the child process of `cameras.pretend`.

Of several nodes, the owner of the camera runs the recorder.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace

from cameras.connecting import Connector
from cameras.editing import CameraEditor
from cameras.pretend import HOST, USERNAME, PretendRecorder
from cameras.registry import Registry
from cameras.store import CameraStore, second_pretend
from core.clock import Clock
from core.errors import Unavailable
from core.records import CameraStatus, Problem
from core.secrets import Secret
from core.settings import Settings
from media.process import Spawner


class PretendCamera:
    """Adds the camera, and starts and stops its recorder. The recorder listens on another port after each start."""

    def __init__(
        self,
        registry: Registry,
        store: CameraStore,
        connector: Connector,
        editor: CameraEditor,
        spawner: Spawner | None,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._store = store
        self._connector = connector
        self._editor = editor
        self._recorder = PretendRecorder(spawner, settings, clock, on_ready=self._is_ready, on_down=self._is_down)
        self._adding = threading.Lock()
        self._started_for: int | None = None  # the camera of the recorder that runs here

    def add(self) -> int:
        """Add the camera, start its recorder, and return its id.

        Raise Conflict already_added if it exists, and Unavailable without a `spawner`.
        """
        if not self._recorder.can_start:
            raise Unavailable("The pretend recorder cannot be started here.", code="pretend_unavailable")
        with self._adding:
            existing = self._registry.pretend()
            if existing is not None:
                raise second_pretend(existing.id)
            password = Secret(secrets.token_urlsafe(16))
            camera_id = self._editor.save_new("Pretend recorder", HOST, None, USERNAME, password, pretend=True)
            self.start()
        return camera_id

    def start(self) -> None:
        """Start the recorder in the background.

        Do nothing if there is no such camera, if another node owns it, or if its password cannot be read.
        """
        stored = self._registry.pretend()
        if stored is None or stored.password is None or not self._registry.owns(stored.id):
            return
        if self._recorder.can_start:
            self._started_for = stored.id
            self._recorder.start(stored.password)
        else:
            self._is_down(Problem("camera_unreachable", "The pretend recorder cannot be started here."))

    def stop(self) -> None:
        """End the recorder; return when its process has ended."""
        self._recorder.stop()

    def begin_owning(self, camera_id: int) -> None:
        """Start a recorder of this node, if the camera is the recorder's: the port in the row is that of another."""
        stored = self._registry.pretend()
        if stored is not None and stored.id == camera_id:
            self._registry.set_stored(camera_id, lambda row: replace(row, port=None))
            self.start()

    def end_owning(self, camera_id: int) -> None:
        """End the recorder of this node, if the camera is the recorder's."""
        if camera_id == self._started_for:
            self.stop()

    def _is_ready(self, port: int) -> None:
        with self._registry.saving:
            stored = self._registry.pretend()
            if stored is None:
                return
            self._store.set_address(stored.id, HOST, port, found=False)
            self._store.delete_replay_abilities(stored.id)
            channels = self._registry.entry(stored.id).channels
            device = self._registry.put(replace(stored, port=port), channels)
        if device is not None:
            device.close()
        self._editor.reconnect(stored.id)

    def _is_down(self, problem: Problem) -> None:
        with self._registry.changed:
            stored = self._registry.pretend()
            if stored is None:
                return
            entry = self._registry.entry(stored.id)
            device = self._registry.note_failed_attempt(stored.id, entry.generation, CameraStatus.OFFLINE, problem)
            entry.stored = replace(entry.stored, port=None)
        self._connector.forget(stored.id)
        if device is not None:
            device.close()
