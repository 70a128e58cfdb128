"""Placement: which process (node) owns a camera. Only the owner has connections to its device.

`placement.alone.Alone` is the default: one process, which owns all cameras.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from core.errors import Unavailable

CameraCallback = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Node:
    """A process of the app. The front door reaches it at `address` ("host:port").

    `place` is an opaque word for pages, the same for all cameras of one node; "" if there is one process only.
    """

    name: str
    address: str
    place: str


class NodeState(StrEnum):
    """LEAVING: the node is drained, so it gives its cameras to the others. GONE: its lease has ended."""

    ALIVE = "alive"
    LEAVING = "leaving"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class NodeView:
    """State of a node for the page of nodes. `cameras`, `channels`: those that it owns, None if it owns all.

    `capacity`: most channels, 0 for no limit. `lease_left_s`: at the last look of this process; None without a lease.
    `streams`, `cpu_share` (of one core): as the node told them last, None for a single process.
    """

    node: Node
    is_alive: bool = True
    cameras: int | None = None
    channels: int | None = None
    capacity: int = 0
    site: str = ""
    version: str = ""
    build: str = ""
    streams: int | None = None
    cpu_share: float | None = None
    is_draining: bool = False
    lease_left_s: float | None = None

    @property
    def state(self) -> NodeState:
        if not self.is_alive:
            return NodeState.GONE
        return NodeState.LEAVING if self.is_draining else NodeState.ALIVE


class NotOwner(Unavailable):
    """Another node owns the camera, or no living node does. Ask again after a second, at the owner's address."""

    code = "not_owner"

    def __init__(self, camera_id: int) -> None:
        super().__init__("Another server has the connection to this camera now.", retry_after_s=1)
        self.camera_id = camera_id


class Placement(Protocol):
    """Which node owns a camera. `owns` and `node_of` answer from memory.

    The callbacks for one camera come one after another and in order, in a thread of the placement or of the caller of
    stop(). When a callback of on_lost() runs, owns() is already False; when one of on_gained() runs, it is True.
    """

    def owns(self, camera_id: int) -> bool:
        """True if this process may have connections to the camera's device."""
        ...

    def is_cut_off(self) -> bool:
        """True if this node has joined the others and has no lease now, so it owns nothing and knows little."""
        return False

    def node_of(self, camera_id: int) -> Node | None:
        """Return the owner; None if no living node owns the camera now."""
        ...

    def this_node(self) -> Node: ...

    def nodes(self) -> list[NodeView]:
        """Return all known nodes, sorted by name."""
        ...

    def set_draining(self, name: str, is_draining: bool) -> None:
        """Let a node give its cameras to the others, or take cameras again. Raise NotFound if there is no such node."""
        ...

    def on_gained(self, callback: CameraCallback) -> None:
        """Call `callback(camera_id)` after this node became the owner. Callbacks are called in the order given."""
        ...

    def on_lost(self, callback: CameraCallback) -> None:
        """Call `callback(camera_id)` after this node stopped being the owner, before another node connects.

        Callbacks are called in the order given.
        """
        ...

    def start(self) -> None:
        """Begin to own cameras."""
        ...

    def stop(self) -> None:
        """Give all cameras back. May be called twice."""
        ...
