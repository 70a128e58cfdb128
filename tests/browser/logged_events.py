"""Answers of the API about logged events, given by a test instead of the app, and what a page has sent."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route

from tests.browser.storyboard import jpeg_of

_ALERTS = frozenset({"person", "vehicle", "intrusion", "line_crossed", "tamper", "video_loss", "doorbell", "offline"})

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def logged(
    number: int, at: datetime, kind: str = "motion", lasts_s: float | None = 12.0, **more: Any
) -> dict[str, Any]:
    """Return an event of the first channel. `lasts_s` None: it goes on."""
    usual: dict[str, Any] = {
        "id": number,
        "camera_id": 1,
        "camera_name": "Recorder",
        "channel": 1,
        "channel_name": "Front door",
        "kind": kind,
        "topic": "",
        "rule": "",
        "source": "device",
        "severity": "alert" if kind in _ALERTS else "notice",
        "start_time": iso(at),
        "end_time": None if lasts_s is None else iso(at + timedelta(seconds=lasts_s)),
        "is_device_time": True,
        "device_time": None,
        "count": 1,
        "closed_why": "",
        "score": None,
        "label": "",
        "box": None,
        "zone": "",
        "seen": False,
        "colours": [],
        "has_look": False,
        "picture_url": None,
    }
    return {**usual, **more}


def message(
    at: datetime, active: bool | None = True, topic: str = "RuleEngine/CellMotionDetector/Motion", **items: str
) -> dict[str, Any]:
    """Return a message of a device about motion in its first channel."""
    usual = {"kind": "motion", "channel": 1, "rule": "", "change": "changed", "device_time": None}
    return {**usual, "time": iso(at), "topic": topic, "active": active, "items": items}


def told(**more: Any) -> dict[str, Any]:
    """Return what a device tells: nothing."""
    nothing: dict[str, Any] = {
        "listens": True,
        "problem": None,
        "unlisted_code": "",
        "topics": [],
        "recent": [],
        "left_out": 0,
        "begun_left_out": 0,
    }
    return {**nothing, **more}


class StandInEvents:
    """Answers the requests of a page. `sent` has the method, path and body of each request that changes something."""

    def __init__(self, page: Page, events: list[dict[str, Any]] | None = None) -> None:
        self.events = events or []
        self.asked: list[dict[str, list[str]]] = []
        self.counted: list[dict[str, list[str]]] = []  # the questions of the calendar
        self.sent: list[tuple[str, str, Any]] = []
        self.refusal: dict[str, Any] | None = None
        self.refusal_status = 503
        self.topics: dict[str, Any] = told()
        self.is_wanted = True
        self.words: dict[str, Any] = {}  # the app's reading of words
        self.similar: dict[int, list[int]] = {}
        self.late_pictures: set[int] = set()  # ids whose picture is made later: the first answer is a 202
        self.gone: list[int] = []  # ids that all news name
        self._version = 0
        self._changed: dict[int, int] = {}  # version of the last change of each event
        page.route("**/api/events", self._list)
        page.route("**/api/events?*", self._list)
        page.route("**/api/events/news?*", self._news)
        page.route("**/api/events/days?*", self._days)
        page.route(re.compile(r"/api/events/\d+$"), self._one)
        page.route("**/api/events/zones*", self._zones)
        page.route("**/api/events/*/similar?*", self._similar)
        page.route("**/api/events/seen", self._seen)
        page.route("**/api/events/*/picture", self._picture)
        page.route("**/api/cameras/*/events/topics", lambda route: self._answer(route, self.topics))
        page.route("**/api/cameras/*/events", self._wanted)

    def tell(self, event: dict[str, Any]) -> None:
        """Add an event, or change the one of this id: the news have it."""
        self.events = [known for known in self.events if known["id"] != event["id"]] + [event]
        self._version += 1
        self._changed[event["id"]] = self._version

    @property
    def seen_ids(self) -> set[int]:
        return {event["id"] for event in self.events if event["seen"]}

    def _answer(self, route: Route, body: Any, status: int = 200) -> None:
        if self.refusal:
            body, status = self.refusal, self.refusal_status
        route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    def _matching(self, query: Mapping[str, list[str]]) -> list[dict[str, Any]]:
        first = {name: values[0] for name, values in query.items()}
        found = sorted(self.events, key=lambda event: (event["start_time"], event["id"]), reverse=True)
        for name in ("camera_id", "channel", "severity"):
            if name in first:
                found = [event for event in found if str(event[name]) == first[name]]
        if "kind" in query:
            found = [event for event in found if event["kind"] in query["kind"]]
        if "zone" in query:
            found = [event for event in found if event["zone"] in query["zone"]]
        if "seen" in first:
            found = [event for event in found if event["seen"] == (first["seen"] == "1")]
        if "start_time" in first:
            found = [event for event in found if event["start_time"] >= first["start_time"]]
        if "end_time" in first:
            found = [event for event in found if event["start_time"] < first["end_time"]]
        return found

    def _list(self, route: Route) -> None:
        query = _query(route)
        self.asked.append(query)
        found = self._matching(query)
        begin, limit = int(query.get("cursor", ["0"])[0]), int(query.get("limit", ["50"])[0])
        following = str(begin + limit) if len(found) > begin + limit else None
        page = {"events": found[begin : begin + limit], "next_cursor": following, "as_of": str(self._version)}
        self._answer(route, page | (self.words if "words" in query else {}))

    def _one(self, route: Route) -> None:
        number = int(route.request.url.rsplit("/", 1)[-1])
        self._answer(route, next(event for event in self.events if event["id"] == number))

    def _news(self, route: Route) -> None:
        query = _query(route)
        asked = query["after"][0]
        after = int(asked) if asked.isdigit() else 0  # a time: the page's first answer was the app's
        changed = [event for event in self._matching(query) if self._changed.get(event["id"], 0) > after]
        self._answer(route, {"events": changed, "gone": self.gone, "as_of": str(self._version), "has_more": False})

    def _zones(self, route: Route) -> None:
        counts = Counter(
            (event["camera_id"], event["channel"], event["zone"]) for event in self._matching(_query(route))
        )
        names = ("camera_id", "channel", "zone", "count")
        self._answer(route, {"zones": [dict(zip(names, (*key, counts[key]), strict=True)) for key in counts if key[2]]})

    def _similar(self, route: Route) -> None:
        number = int(route.request.url.split("/")[-2])
        found = [{**event, "similarity": 0.87} for event in self.events if event["id"] in self.similar[number]]
        self._answer(route, {"events": found})

    def _days(self, route: Route) -> None:
        self.counted.append(_query(route))
        found = self._matching(self.counted[-1])
        counts = Counter(event["start_time"][:10] for event in found)
        alerts = Counter(event["start_time"][:10] for event in found if event["severity"] == "alert")
        days = [{"day": day, "count": count, "alerts": alerts[day]} for day, count in sorted(counts.items())]
        self._answer(route, {"days": days})

    def _seen(self, route: Route) -> None:
        body = self._note(route)
        if self.refusal:
            self._answer(route, None)
            return
        self.events = [
            {**event, "seen": body["seen"]} if event["id"] in body["ids"] else event for event in self.events
        ]
        route.fulfill(status=204)

    def _wanted(self, route: Route) -> None:
        if route.request.method == "PUT":
            self.is_wanted = self._note(route)["listens_wanted"]
        self._answer(route, {"listens_wanted": self.is_wanted})

    def _picture(self, route: Route) -> None:
        number = int(route.request.url.split("/")[-2])
        if number in self.late_pictures:
            self.late_pictures.remove(number)
            route.fulfill(status=202, headers={"Retry-After": "1"})
            return
        at = next(event["start_time"] for event in self.events if event["id"] == number)
        route.fulfill(body=jpeg_of(datetime.fromisoformat(at)), content_type="image/jpeg")

    def _note(self, route: Route) -> Any:
        body = route.request.post_data_json
        self.sent.append((route.request.method, urlsplit(route.request.url).path, body))
        return body


def _query(route: Route) -> dict[str, list[str]]:
    return parse_qs(urlsplit(route.request.url).query)


def some(count: int, **more: Any) -> list[dict[str, Any]]:
    """Return events a minute apart, the first is the newest."""
    return [logged(number, NOON - timedelta(minutes=number), **more) for number in range(1, count + 1)]
