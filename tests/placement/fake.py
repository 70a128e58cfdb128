"""A placement that tests move by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core.errors import NotFound
from core.placement import CameraCallback, Node, NodeView, Placement

HERE = Node(name="here", address="127.0.0.1:5001", place="p1")
THERE = Node(name="there", address="127.0.0.1:5002", place="p2")


class FakePlacement(Placement):
    """Owns the cameras that a test gives it. With `owns_new`, also those that the test has not named yet.

    give() and take() call the callbacks in the thread of the test, and return when these are done.
    """

    def __init__(self, camera_ids: Iterable[int] = (), *, this: Node = HERE, owns_new: bool = False) -> None:
        self._this = this
        self._owns_new = owns_new
        self._nodes = {this.name: NodeView(this, cameras=0)}
        self._owners: dict[int, Node | None] = dict.fromkeys(camera_ids, this)
        self._gained: list[CameraCallback] = []
        self._lost: list[CameraCallback] = []
        self.is_running = False
        self.cut_off = False

    def is_cut_off(self) -> bool:
        return self.cut_off

    def owns(self, camera_id: int) -> bool:
        return self.node_of(camera_id) == self._this

    def node_of(self, camera_id: int) -> Node | None:
        return self._owners.get(camera_id, self._this if self._owns_new else None)

    def this_node(self) -> Node:
        return self._this

    def nodes(self) -> list[NodeView]:
        owners = list(self._owners.values())
        return [replace(view, cameras=owners.count(view.node)) for _, view in sorted(self._nodes.items())]

    def set_draining(self, name: str, is_draining: bool) -> None:
        if name not in self._nodes:
            raise NotFound(f"There is no node {name}.")
        self._nodes[name] = replace(self._nodes[name], is_draining=is_draining)

    def on_gained(self, callback: CameraCallback) -> None:
        self._gained.append(callback)

    def on_lost(self, callback: CameraCallback) -> None:
        self._lost.append(callback)

    def start(self) -> None:
        self.is_running = True

    def stop(self) -> None:
        if self.is_running:
            self.is_running = False
            for camera_id in [camera_id for camera_id, node in self._owners.items() if node == self._this]:
                self.take(camera_id, None)

    def add(self, node: Node, *, is_alive: bool = True) -> None:
        """Make another node known."""
        self._nodes[node.name] = NodeView(node, is_alive, 0)

    def give(self, camera_id: int) -> None:
        """Make this node the owner of a camera."""
        if not self.owns(camera_id):
            self._owners[camera_id] = self._this
            for callback in self._gained:
                callback(camera_id)

    def take(self, camera_id: int, to: Node | None = THERE) -> None:
        """Make another node the owner of a camera; None: no node."""
        was_owner = self.owns(camera_id)
        self._owners[camera_id] = to
        if to is not None and to.name not in self._nodes:
            self.add(to)
        if was_owner:
            for callback in self._lost:
                callback(camera_id)
