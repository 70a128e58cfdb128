"""Answers of the API about recording on the server, given by a test instead of the app, and what a page has sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page, Route

NO_RULE: dict[str, Any] = {
    "mode": "off",
    "quality": "main",
    "schedule": [],
    "time_zone": "",
    "pre_s": 10.0,
    "post_s": 30.0,
    "keep_days": 30.0,
    "keep_bytes": None,
    "limit_days": None,
    "backfills": False,
    "server_time_zone": "Europe/Berlin",
    "pre_roll_bytes": 64_000_000,
}


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def state(channel: int, name: str = "off", **more: Any) -> dict[str, Any]:
    """Return the recording state of a channel."""
    usual = {"mode": "off" if name == "off" else "continuous", "quality": "main", "state": name, "since": None}
    return {
        "channel": channel,
        **usual,
        **dict.fromkeys(("reason", "paused_by", "paused_until", "written_until", "pre_roll_s")),
        **more,
    }


def volume(name: str = "Disk 1", **more: Any) -> dict[str, Any]:
    """Return a disk of 2 TB of which 1.2 TB are recordings."""
    usual: dict[str, Any] = {
        "node": "",
        "id": name,
        "name": name,
        "state": "ok",
        "detail": "",
        "size_bytes": 2_000_000_000_000,
        "free_bytes": 700_000_000_000,
        "used_bytes": 1_200_000_000_000,
        "kept_bytes": 90_000_000_000,
        "floor_bytes": 100_000_000_000,
        "inflow_bytes_per_day": 86_000_000_000,
        "full_at": None,
        "next_to_go": None,
        "damaged_files": 0,
        "damaged_bytes": 0,
    }
    return {**usual, **more}


def kept_range(number: int, **more: Any) -> dict[str, Any]:
    usual = {"id": number, "reason": "", "until": None, "by": "anna", "created_at": iso(datetime.now(UTC))}
    return {**usual, "limited_until": None, "may_delete": True, **more}


def alert(number: int, **more: Any) -> dict[str, Any]:
    """Return an alert about a gap of Main street that goes on."""
    names = {"camera_name": "Recorder", "channel_name": "Main street"}
    usual = {"id": number, "channel": 2, "origin": "server", "end_time": None, "reason": "device_away"}
    return {**names, **usual, "start_time": iso(datetime.now(UTC)), "detail": "", "seen": False, **more}


class StandInRecording:
    """Answers the requests of a page. `sent` has the method, path and body of each request that changes something."""

    def __init__(self, page: Page) -> None:
        self.rules: dict[int, dict[str, Any]] = {}
        self.states: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []
        self.volumes: list[dict[str, Any]] = [volume()]
        self.channels: list[dict[str, Any]] = []
        self.kept: list[dict[str, Any]] = []
        self.refusal: dict[str, Any] | None = None
        self.limited_until: str | None = None
        self.missing_s = 0.0  # of the ranges that are kept from now on
        self.silent_nodes: list[str] = []
        self.sent: list[tuple[str, str, Any]] = []
        page.route("**/api/cameras/*/channels/*/recording-rule", self._rule)
        page.route("**/api/cameras/*/channels/*/recording-pause", self._pause)
        page.route("**/api/cameras/*/recording-states", lambda route: self._answer(route, {"channels": self.states}))
        page.route("**/api/recording-alerts", lambda route: self._answer(route, {"alerts": self.alerts}))
        page.route("**/api/recording-alerts/seen", self._seen)
        page.route("**/api/storage", lambda route: self._answer(route, self._storage()))
        page.route("**/api/recordings/kept", self._kept)
        page.route("**/api/recordings/kept/*", self._unkeep)
        page.route("**/api/backfills", self._fetch)

    def _storage(self) -> dict[str, Any]:
        return {"volumes": self.volumes, "channels": self.channels, "silent_nodes": self.silent_nodes}

    def _answer(self, route: Route, body: Any, status: int = 200) -> None:
        route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    def _note(self, route: Route) -> Any:
        request = route.request
        body = request.post_data_json if request.post_data else None
        self.sent.append((request.method, "/" + request.url.split("/", 3)[3], body))
        return body

    def _rule(self, route: Route) -> None:
        number = int(route.request.url.split("/")[-2])
        if route.request.method == "GET":
            self._answer(route, self.rules.get(number, NO_RULE))
            return
        body = self._note(route)
        if self.refusal:
            self._answer(route, self.refusal, 422)
            return
        self.rules[number] = {**NO_RULE, **body}
        self._answer(route, self.rules[number])

    def _pause(self, route: Route) -> None:
        body = self._note(route)
        number = int(route.request.url.split("/")[-2])
        is_paused = route.request.method == "POST"
        until = (body or {}).get("until")
        changed = state(number, "paused" if is_paused else "recording", paused_by="anna", paused_until=until)
        self.states = [changed if item["channel"] == number else item for item in self.states]
        self._answer(route, {} if is_paused else None, 200)

    def _seen(self, route: Route) -> None:
        body = self._note(route)
        self.alerts = [alert for alert in self.alerts if alert["id"] not in body["ids"]]
        route.fulfill(status=204)

    def _kept(self, route: Route) -> None:
        if route.request.method == "GET":
            self._answer(route, {"kept": self.kept})
            return
        body = self._note(route)
        self.kept.append(kept_range(len(self.kept) + 1, **body, limited_until=self.limited_until))
        on_server = {"on_server_s": 300.0 - self.missing_s, "missing_s": self.missing_s, "backfill_id": None}
        self._answer(route, self.kept[-1] | on_server, 201)

    def _fetch(self, route: Route) -> None:
        if route.request.method == "GET":
            route.fallback()
            return
        self._answer(route, {"id": 1, **self._note(route)}, 202)

    def _unkeep(self, route: Route) -> None:
        self._note(route)
        number = int(route.request.url.split("/")[-1])
        self.kept = [kept for kept in self.kept if kept["id"] != number]
        route.fulfill(status=204)

    def record(self, camera_id: int, *channels: int, node: str = "") -> None:
        """Let channels have recordings since three days."""
        now = datetime.now(UTC)
        for channel in channels:
            self.channels.append(
                {
                    "node": node,
                    "camera_id": camera_id,
                    "camera_name": "Recorder",
                    "channel": channel,
                    "channel_name": f"Channel {channel}",
                    "kept_bytes": 0,
                    "bytes": 130_000_000_000,
                    "oldest": iso(now - timedelta(days=3)),
                    "newest": iso(now),
                    "inflow_bytes_per_day": 43_000_000_000,
                    "wished_days": 30.0,
                    "expected_days": 12.4 if channel == 1 else 30.0,
                    "limit_days": None,
                }
            )


def tell_sources(page: Page, reason: str = "disk_full") -> None:
    """Let the page's coverage have recordings of both sources: the first half of each span is the server's."""

    def answer(route: Route) -> None:
        coverage = route.fetch().json()
        for channel in coverage["channels"]:
            spans = []
            for span in channel["spans"]:
                if span["state"] != "recorded":
                    spans.append({**span, "reason": reason if span["state"] == "not_recorded" else None})
                    continue
                start, end = (datetime.fromisoformat(span[name]) for name in ("start_time", "end_time"))
                middle = iso(start + (end - start) / 2)
                spans += [
                    {**span, "end_time": middle, "source": "server"},
                    {**span, "start_time": middle, "source": "device"},
                ]
            channel["spans"] = spans
        route.fulfill(status=200, content_type="application/json", body=json.dumps(coverage))

    page.route("**/recordings/coverage?*", answer)
