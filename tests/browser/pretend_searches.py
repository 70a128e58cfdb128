"""Answers the requests for searches in the browser, so that a test decides what a search has found and when.

A real search depends on the recorder, on the processor and on optional packages; tests/whole_app has real ones.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route

BEGIN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def result(minutes: float, score: float, seconds: float = 20, **more: Any) -> dict[str, Any]:
    """Return a result that begins so many minutes after the begin of the range."""
    start = BEGIN + timedelta(minutes=minutes)
    picture = f"/api/cameras/1/recordings/picture?channel=1&time={rfc3339(start)}&width=320"
    return {
        "start_time": rfc3339(start),
        "end_time": rfc3339(start + timedelta(seconds=seconds)),
        "score": score,
        "picture_time": rfc3339(start),
        "picture_url": picture,
        "before_picture_url": None,
        "play_url": f"/recordings/1?channel=1&t={rfc3339(start)}",
        **more,
    }


def search_answer(search_id: int) -> dict[str, Any]:
    """Return a search that has just begun, in the shape of the API."""
    return {
        "id": search_id,
        "camera_id": 1,
        "channel": 1,
        "start_time": rfc3339(BEGIN),
        "end_time": rfc3339(BEGIN + timedelta(hours=2)),
        "points": [[0.2, 0.2], [0.6, 0.2], [0.6, 0.6], [0.2, 0.6]],
        "kind": "moved",
        "source": None,
        "state": "estimating",
        "waits_for": None,
        "progress": 0.0,
        "recorded_s": 0.0,
        "key_frames": 0,
        "bytes": 0,
        "estimate": None,
        "problem": None,
        "is_small": False,
        "results": [],
        "by": "anna",
        "created_at": rfc3339(datetime.now(UTC)),
        "ended_at": None,
    }


class PretendSearches:
    """The API of searches for a page. `now` is the newest search, which a test changes; `requests` has all bodies."""

    def __init__(self, page: Page) -> None:
        self.can_compare = True
        self.refusal: tuple[int, dict[str, Any]] | None = None  # of the next POST
        self.searches: list[dict[str, Any]] = []
        self.asked: list[str] = []  # method and path, in order
        self.requests: list[dict[str, Any]] = []
        page.route("**/api/searches", self._all)
        page.route("**/api/searches/**", self._one)

    @property
    def now(self) -> dict[str, Any]:
        return self.searches[0]

    def add(self, **fields: Any) -> dict[str, Any]:
        """Add a search, as if it was requested before."""
        search = search_answer(len(self.searches) + 1) | fields
        self.searches.insert(0, search)
        return search

    def count(self, method: str, path: str) -> int:
        return self.asked.count(f"{method} {path}")

    def _all(self, route: Route) -> None:
        request = route.request
        self.asked.append(f"{request.method} {urlsplit(request.url).path}")
        if request.method == "GET":
            shown = {"can_compare": self.can_compare, "install_command": "make motion", "searches": self.searches}
            route.fulfill(json=shown)
            return
        if self.refusal:
            (status, body), self.refusal = self.refusal, None
            route.fulfill(status=status, json=body)
            return
        question: dict[str, Any] = request.post_data_json or {}
        self.requests.append(question)
        asked = ("camera_id", "channel", "start_time", "end_time", "points", "kind", "source")
        route.fulfill(status=202, json=self.add(**{name: question[name] for name in asked}))

    def _one(self, route: Route) -> None:
        request = route.request
        path = urlsplit(request.url).path
        self.asked.append(f"{request.method} {path}")
        parts = path.split("/")
        search = next((one for one in self.searches if str(one["id"]) == parts[3]), None)
        if search is None:
            route.fulfill(status=404, json={"code": "not_found", "detail": "There is no such search."})
            return
        if request.method == "DELETE":
            search.update(state="cancelled", waits_for=None)
        elif request.method == "POST":
            search.update(state="running", estimate=None)
        route.fulfill(json=search)
