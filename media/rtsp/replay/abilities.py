"""The replay abilities of recorders, as observed: kept in memory, and passed on to be stored."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from core.errors import AppError
from core.recordings import ReplayAbilities, ReplaySource

log = logging.getLogger(__name__)

StoreAbilities = Callable[[int, ReplayAbilities], None]


class RecorderAbilities:
    """Abilities by device key, shared by all connections of the gateway. Safe between threads.

    `store` saves the abilities of a camera (by its id) for the next run of the app; it may block.
    """

    def __init__(self, store: StoreAbilities) -> None:
        self._store = store
        self._storing = threading.Lock()
        self._by_device: dict[str, ReplayAbilities] = {}

    def get(self, device_key: str) -> ReplayAbilities:
        """Return the abilities observed so far; a field is None if its ability was not observed yet."""
        return self._by_device.get(device_key, ReplayAbilities())

    def restore(self, device_key: str, abilities: ReplayAbilities) -> None:
        """Use the abilities stored by an earlier run, unless this run has seen some already."""
        self._by_device.setdefault(device_key, abilities)

    def forget(self, device_key: str) -> None:
        """A device was edited or deleted: it may be another one now."""
        with self._storing:
            self._by_device.pop(device_key, None)

    def update(self, source: ReplaySource, abilities: ReplayAbilities) -> None:
        """Replace the abilities of a recorder and store them, if they changed. In the gateway's thread only."""
        if abilities != self.get(source.device_key):
            self._by_device[source.device_key] = abilities
            asyncio.get_running_loop().run_in_executor(None, self._store_newest, source)

    def _store_newest(self, source: ReplaySource) -> None:
        """Store one at a time, and always the newest, so that an older state never overwrites a newer one."""
        with self._storing:
            abilities = self._by_device.get(source.device_key)
            try:
                if abilities is not None:
                    self._store(source.camera_id, abilities)
            except AppError as error:
                log.info("%s: its replay abilities are not stored (%s)", source.device_key, error.code)
