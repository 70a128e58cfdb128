"""Requests of a login that reach all nodes in turn, through the front door, while a test takes a node away."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from dataclasses import dataclass

import requests

from tests.patience import LIMIT_S

_PATHS = ("/api/cameras", "/", "/api/nodes", "/login", "/api/walls")  # more than nodes, and no multiple of their number
_REST_S = 0.05


@dataclass(frozen=True)
class Answered:
    """One request: the time at which it began, its duration, and its status (0 without an answer)."""

    path: str
    at_s: float
    took_s: float
    status: int


class FrontDoorRequests:
    """Sends one GET after another while the block runs."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._cookies = session.cookies.get_dict()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="front-door-requests", daemon=True)
        self.answers: list[Answered] = []

    def __enter__(self) -> FrontDoorRequests:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def since(self, at_s: float) -> list[Answered]:
        """Return the answers of requests that were sent after this time."""
        return [answer for answer in self.answers if answer.at_s >= at_s]

    def _ask(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.cookies.update(self._cookies)
            for path in itertools.cycle(_PATHS):
                began_s, status = time.monotonic(), 0
                with contextlib.suppress(requests.RequestException):
                    status = session.get(
                        self._url + path, timeout=LIMIT_S, headers={"Accept": "text/html"}, allow_redirects=False
                    ).status_code
                self.answers.append(Answered(path, began_s, time.monotonic() - began_s, status))
                if self._is_over.wait(_REST_S):
                    return
