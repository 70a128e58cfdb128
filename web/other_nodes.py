"""Asks all other nodes side by side, for lists that concern no single camera: running streams, volumes.

A node that does not answer within a second is named in the answer, which is no error. A single process has none.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import AppError
from core.node_link import NodeLink, NodeSilent
from core.placement import Node, Placement
from core.single_flight import SingleFlight

log = logging.getLogger(__name__)

_LIMIT_S = 1.0
_AVOIDED_S = 10.0
_Shape = TypeVar("_Shape", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Answers(Generic[_Shape]):
    """Answers of the other nodes by name, and the names of those that do not answer."""

    found: dict[str, _Shape]
    silent: list[str]


class OtherNodes:
    """Thread-safe. Requests for one path at the same time share the answers."""

    def __init__(self, placement: Placement, link: NodeLink) -> None:
        self._placement = placement
        self._link = link
        self._avoided_until_s: dict[str, float] = {}
        self._running: SingleFlight[dict[str, bytes]] = SingleFlight()

    def ask(self, path: str, shape: type[_Shape]) -> Answers[_Shape]:
        """Return the answers of all other nodes to GET `path`, within about a second."""
        this = self._placement.this_node()
        others = [view for view in self._placement.nodes() if view.node.name != this.name] if this.place else []
        if not others:
            return Answers({}, [])
        living = [view.node for view in others if view.is_alive]
        try:
            bodies = self._running.run(path, lambda: self._ask_all(living, path), wait_s=2 * _LIMIT_S)
        except TimeoutError:
            bodies = {}
        found = {name: read for name, body in bodies.items() if (read := _parsed(name, body, shape)) is not None}
        return Answers(dict(sorted(found.items())), [view.node.name for view in others if view.node.name not in found])

    def read(self, name: str, path: str, *, most_bytes: int) -> bytes | None:
        """Return the answer of one other node to GET `path`; None if there is no such node, or if it has no answer.

        A node that was silent is not asked for ten seconds: its lease ends later, and each request would wait for it.
        """
        this = self._placement.this_node()
        others = self._placement.nodes() if this.place and name != this.name else []
        node = next((view.node for view in others if view.is_alive and view.node.name == name), None)
        if node is None or time.monotonic() < self._avoided_until_s.get(name, 0.0):
            return None
        try:
            return self._link.read(node, path, timeout_s=_LIMIT_S, most_bytes=most_bytes)
        except AppError as error:
            if isinstance(error, NodeSilent) and not error.has_answered:
                self._avoided_until_s[name] = time.monotonic() + _AVOIDED_S
            log.info("%s", error)
            return None

    def _ask_all(self, nodes: Sequence[Node], path: str) -> dict[str, bytes]:
        heard: SimpleQueue[tuple[str, bytes | None]] = SimpleQueue()
        for node in nodes:
            threading.Thread(target=self._ask, args=(node, path, heard), name="other-nodes", daemon=True).start()
        ends_s = time.monotonic() + _LIMIT_S
        bodies: dict[str, bytes] = {}
        for _ in nodes:
            try:
                name, body = heard.get(timeout=max(0.0, ends_s - time.monotonic()))
            except Empty:
                break
            if body is not None:
                bodies[name] = body
        return bodies

    def _ask(self, node: Node, path: str, heard: SimpleQueue[tuple[str, bytes | None]]) -> None:
        body = None
        try:
            body = self._link.read(node, path, timeout_s=_LIMIT_S)
        except AppError as error:
            log.info("%s", error)
        except Exception:  # the top of a thread
            log.exception("the server %s could not be asked", node.name)
        heard.put((node.name, body))


def _parsed(name: str, body: bytes, shape: type[_Shape]) -> _Shape | None:
    """Return the answer of a node. None if this version does not understand it."""
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        log.warning("the answer of the server %s cannot be read (%d faults)", name, error.error_count())
        return None
