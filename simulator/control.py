"""The control port, for tests: faults on and off, connections, frames and when they are sent, logins.

JSON over HTTP on loopback: ``GET /state``, ``GET /faults``, ``POST /fault``, ``POST /clear``, ``POST /prepare``,
``POST /motion``, ``POST /events``, ``POST /subscriptions``, ``GET /frames?channel=1&role=main``, ``GET /logins``,
``GET /archive?channel=1&start=TIME&end=TIME``, ``GET /replay``, ``GET /ptz``. Requests with the name of another host
are refused, so that a web page cannot use the port through a host name that resolves to this machine.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from simulator.web import Request, Response

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
ControlHandler = Callable[[Request], Response]


def json_answer(value: object, status: int = 200) -> Response:
    return Response(status, json.dumps(value, indent=1).encode() + b"\n", "application/json")


def problem(status: int, text: str) -> Response:
    return json_answer({"error": text}, status)


class ControlPart(ABC):
    """One subject of the control port."""

    @abstractmethod
    def routes(self) -> dict[tuple[str, str], ControlHandler]:
        """Return the handler of each method and path."""

    def state(self) -> dict[str, object]:
        """Return the fields that this part adds to ``GET /state``."""
        return {}


class ControlPort:
    """Answers requests to the control port by the routes of its parts."""

    def __init__(self, parts: Sequence[ControlPart]) -> None:
        self._parts = parts
        self._routes: dict[tuple[str, str], ControlHandler] = {("GET", "/state"): self._get_state}
        for part in parts:
            self._routes |= part.routes()

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        host = request.header("host").rpartition(":")[0] or request.header("host")
        if host not in _LOOPBACK or "origin" in request.headers:
            return problem(403, "only from this machine, and not from a web page")
        route = self._routes.get((request.method, request.path))
        return (
            route(request) if route else problem(404, f"there is: {', '.join(' '.join(key) for key in self._routes)}")
        )

    def _get_state(self, _request: Request) -> Response:
        state: dict[str, object] = {}
        for part in self._parts:
            state |= part.state()
        return json_answer(state)
