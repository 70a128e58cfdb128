"""A placement that reads the owners of all cameras from a file, for several processes without leases."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from core.placement import CameraCallback, Node, NodeView, Placement

_LOOK_EVERY_S = 0.05


class OwnersFile:
    """The file. The test writes it, the processes read it: {"alive": [names], "owners": {id: name}}."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, alive: list[str], owners: dict[int, str | None]) -> None:
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps({"alive": alive, "owners": owners}))
        draft.replace(self.path)

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_text())
        return found


class FilePlacement(Placement):
    """Owners as the file has them. A camera that it does not name belongs to the first living node."""

    def __init__(self, file: OwnersFile, this: str, nodes: list[Node]) -> None:
        self._file = file
        self._known = {node.name: node for node in nodes}
        self._this = self._known[this]
        self._state = file.read()
        self._gained: list[CameraCallback] = []
        self._lost: list[CameraCallback] = []
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def owns(self, camera_id: int) -> bool:
        return self.node_of(camera_id) == self._this

    def node_of(self, camera_id: int) -> Node | None:
        return self._owner(self._state, camera_id)

    def this_node(self) -> Node:
        return self._this

    def nodes(self) -> list[NodeView]:
        return [NodeView(node, name in self._state["alive"]) for name, node in sorted(self._known.items())]

    def set_draining(self, name: str, is_draining: bool) -> None:
        """Ignore it: the test moves the cameras."""

    def on_gained(self, callback: CameraCallback) -> None:
        self._gained.append(callback)

    def on_lost(self, callback: CameraCallback) -> None:
        self._lost.append(callback)

    def start(self) -> None:
        if self._thread is not None:
            return
        self._is_stopping.clear()
        self._thread = threading.Thread(target=self._watch, name="owners", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        while not self._is_stopping.wait(_LOOK_EVERY_S):
            before, now = self._state, self._file.read()
            self._state = now
            for camera_id in map(int, now["owners"]):
                had, has = (self._owner(state, camera_id) == self._this for state in (before, now))
                if had is not has:
                    for callback in self._gained if has else self._lost:
                        callback(camera_id)

    def _owner(self, state: dict[str, Any], camera_id: int) -> Node | None:
        name = state["owners"].get(str(camera_id), state["alive"][0])
        return self._known[name] if name in state["alive"] else None
