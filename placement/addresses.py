"""The addresses of nodes, as the front door uses them."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from core.settings import is_loopback
from placement.records import NodeIdentity, NodeLease

log = logging.getLogger(__name__)


class AddressCheck:
    """Warns once if the front door of another machine cannot reach this node."""

    def __init__(self, node: NodeIdentity) -> None:
        self._node = node
        self._is_done = not _is_local(node.address)

    def look_at(self, nodes: Iterable[NodeLease]) -> None:
        if self._is_done:
            return
        other = next((it for it in nodes if it.name != self._node.name and not _is_local(it.address)), None)
        if other is not None:
            self._is_done = True
            log.warning(
                "this node has the address %s and the node %s has %s: nginx on another machine cannot reach this node, "
                "set HOST or NODE_ADDRESS",
                self._node.address,
                other.name,
                other.address,
            )


def _is_local(address: str) -> bool:
    return is_loopback(address.rpartition(":")[0].strip("[]"))
