"""Finds another node that works, for the requests that reach a node without a lease."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from core.errors import AppError
from core.node_link import NodeLink
from core.placement import Node, Placement

_FRESH_S = 1.0  # between two looks at the same node
_LIMIT_S = 1.0
_HEALTH = "/api/health"  # 503 of a node that has no lease, or no database


class WorkingNode:
    """Thread-safe. One thread looks for a node at a time, and the others wait for its result."""

    def __init__(self, placement: Placement, link: NodeLink) -> None:
        self._placement = placement
        self._link = link
        self._lock = threading.Lock()
        self._found: Node | None = None
        self._looked_at_s = float("-inf")

    def find(self) -> Node | None:
        """Return a node that answered within the last second. None if no other node works."""
        with self._lock:
            if time.monotonic() - self._looked_at_s >= _FRESH_S:
                self._found = next((node for node in self._candidates() if self._works(node)), None)
                self._looked_at_s = time.monotonic()
            return self._found

    def _candidates(self) -> Iterator[Node]:
        """Yield the other nodes: the last one that worked first, and those last that were dead before."""
        this, last = self._placement.this_node(), self._found
        others = [view for view in self._placement.nodes() if view.node.name != this.name]
        others.sort(key=lambda view: (view.node != last, not view.is_alive))
        yield from (view.node for view in others)

    def _works(self, node: Node) -> bool:
        try:
            self._link.read(node, _HEALTH, timeout_s=_LIMIT_S)
        except AppError:
            return False
        return True
