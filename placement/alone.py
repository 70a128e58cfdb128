"""The placement of a single process."""

from __future__ import annotations

from core.errors import NotFound
from core.placement import CameraCallback, Node, NodeView, Placement


class Alone(Placement):
    """Owns all cameras, from the first moment to the last. It has no thread and calls no callback."""

    def __init__(self) -> None:
        self._node = Node(name="", address="", place="")

    def owns(self, camera_id: int) -> bool:  # noqa: ARG002 - all of them
        return True

    def node_of(self, camera_id: int) -> Node:  # noqa: ARG002 - of all of them
        return self._node

    def this_node(self) -> Node:
        return self._node

    def nodes(self) -> list[NodeView]:
        return [NodeView(self._node)]

    def set_draining(self, name: str, is_draining: bool) -> None:  # noqa: ARG002 - of none
        """Raise NotFound: the only process has no name, and nobody takes its cameras."""
        raise NotFound(f"There is no node {name}: a single process does all work.")

    def on_gained(self, callback: CameraCallback) -> None:
        """Ignore `callback`: the owner never changes."""

    def on_lost(self, callback: CameraCallback) -> None:
        """Ignore `callback`: the owner never changes."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing: the managers end their connections themselves."""
