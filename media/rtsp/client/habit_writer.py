"""Hands the new RTSP habits of devices to the part that stores them, in a thread that may wait for the database."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from core.records import RtspHabits

log = logging.getLogger(__name__)

SaveHabits = Callable[[int, tuple[RtspHabits, ...]], None]


class HabitWriter:
    """One thread saves one change after the other, between start() and stop(); only the newest ones of a device."""

    def __init__(self) -> None:
        self._save: SaveHabits | None = None
        self._camera_ids: dict[str, int] = {}  # by device key
        self._unsaved: dict[str, tuple[RtspHabits, ...]] = {}
        self._thread: ThreadPoolExecutor | None = None

    def save_with(self, save: SaveHabits) -> None:
        self._save = save

    def start(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rtsp-habits")

    def stop(self) -> None:
        """Save no more. A database that is away delays nobody."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=False, cancel_futures=True)

    def note_camera(self, device_key: str, camera_id: int) -> None:
        self._camera_ids[device_key] = camera_id

    def keys_of(self, camera_id: int) -> list[str]:
        """Return the device keys of a camera."""
        return [key for key, own_id in list(self._camera_ids.items()) if own_id == camera_id]

    def save(self, device_key: str, habits: tuple[RtspHabits, ...]) -> None:
        """Save the habits of a device soon. In the gateway's thread only."""
        if self._save is None or self._thread is None or device_key not in self._camera_ids:
            return
        self._unsaved[device_key] = habits
        self._thread.submit(self._save_newest, device_key)

    def _save_newest(self, device_key: str) -> None:
        habits = self._unsaved.pop(device_key, None)
        if habits is None or self._save is None:
            return
        try:
            self._save(self._camera_ids[device_key], habits)
        except Exception:  # the next change is saved despite a fault in this one
            log.exception("%s: its RTSP habits could not be saved", device_key)
