"""The moves of cameras between nodes: the end and the beginning of this process's connection to a device."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from cameras.certificates import CertificateStore
from cameras.connecting import Connector
from cameras.registry import Registry
from cameras.snapshots import Snapshots
from cameras.store import CameraStore
from core.errors import AppError
from core.placement import CameraCallback, Placement

log = logging.getLogger(__name__)

_ENDS_S = 3.0  # the connection ends then, whatever a callback of on_lost() waits for
_LAST_ANSWER_S = 0.5  # a worker may have a subscription for a moment, which it could not end without the connection


class Ownership:
    """Follows the placement. The lists hold callbacks that take a camera's id; see OnvifManager."""

    def __init__(
        self,
        registry: Registry,
        store: CameraStore,
        certificates: CertificateStore,
        connector: Connector,
        snapshots: Snapshots,
    ) -> None:
        self.on_lost: list[CameraCallback] = []
        self.on_closed: list[CameraCallback] = []
        self.on_gained: list[CameraCallback] = []
        self._registry = registry
        self._store = store
        self._certificates = certificates
        self._connector = connector
        self._snapshots = snapshots

    def follow(self, placement: Placement) -> None:
        """Let `placement` say from now on which cameras this process connects."""
        self._registry.placement = placement
        placement.on_lost(self._lose)
        placement.on_gained(self._gain)

    def living_nodes(self) -> frozenset[str]:
        placement = self._registry.placement
        return frozenset(view.node.name for view in placement.nodes() if view.is_alive) if placement else frozenset()

    def _lose(self, camera_id: int) -> None:
        """End everything that this process has at the device, and then the connection to it.

        Nothing here waits for the database: it may be away, and the next owner connects soon. A callback that hangs
        despite that delays the end of the connection by three seconds.
        """
        self._connector.forget(camera_id)
        ends = threading.Thread(target=_call, args=(self.on_lost, camera_id), name=f"lost-{camera_id}", daemon=True)
        ends.start()
        ends.join(_ENDS_S)
        self._connector.wait_idle(camera_id, _LAST_ANSWER_S)
        with self._registry.changed:
            entry = self._registry.find(camera_id)
            device = self._registry.put(entry.stored, entry.channels) if entry is not None else None
        self._connector.forget(camera_id)  # an attempt may have begun before the owner changed
        self._snapshots.forget(camera_id)
        if device is not None:
            device.close()
        ends.join()
        _call(self.on_closed, camera_id)
        log.info("camera %d: another node may connect it now", camera_id)

    def _gain(self, camera_id: int) -> None:
        """Read the camera's row again, because its owner until now has written it, and connect."""
        device = None
        try:
            with self._registry.saving:
                loaded = self._store.load_one(camera_id)
                if loaded is not None:
                    self._certificates.read_host(loaded.stored.host)
                    device = self._registry.put(loaded.stored, loaded.channels, loaded.replay_abilities)
        except AppError as error:
            log.warning("camera %d: its row cannot be read now (%s)", camera_id, error.code)
        if device is not None:
            device.close()
        log.info("camera %d: this node connects it from now on", camera_id)
        owns = self._registry.owns
        _call((callback for callback in self.on_gained if owns(camera_id)), camera_id)  # the database may take long
        if owns(camera_id):
            self._connector.connect_now(camera_id)


def _call(callbacks: Iterable[Callable[[int], None]], camera_id: int) -> None:
    for callback in callbacks:
        try:
            callback(camera_id)
        except Exception:  # the others must hear of the move despite a fault in one
            log.exception("camera %d: following its move to another node failed", camera_id)
