"""The tester's door: faults on and off, who is connected, which picture is sent when, who tried to log in.

JSON over HTTP on loopback: ``GET /state``, ``GET /faults``, ``POST /fault``, ``POST /clear``, ``POST /prepare``,
``GET /frames?channel=1&role=main``, ``GET /logins``, ``GET /archive?channel=1&start=TIME&end=TIME``,
``GET /replay``. Requests that name
another host than this one are refused, so that a web page cannot use the door by way of a name that points here.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from simulator.archive import find_channel
from simulator.clock import as_xml_time
from simulator.faults import KINDS, BadFault
from simulator.layout import ROLES
from simulator.soap.xml import parse_time
from simulator.web import Request, Response

if TYPE_CHECKING:
    from simulator.recorder import Recorder

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def _json(value: object, status: int = 200) -> Response:
    return Response(status, json.dumps(value, indent=1).encode() + b"\n", "application/json")


def _problem(status: int, text: str) -> Response:
    return _json({"error": text}, status)


def _time(epoch_s: float) -> str:
    return as_xml_time(datetime.fromtimestamp(epoch_s, UTC))


class ControlPort:
    """Answers the control port of a recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        host = request.header("host").rpartition(":")[0] or request.header("host")
        if host not in _LOOPBACK or "origin" in request.headers:
            return _problem(403, "only from this machine, and not from a web page")
        routes = {
            ("GET", "/state"): self._state,
            ("GET", "/faults"): self._faults,
            ("GET", "/frames"): self._frames,
            ("GET", "/logins"): self._logins,
            ("GET", "/archive"): self._archive,
            ("GET", "/replay"): self._replay,
            ("POST", "/fault"): self._fault,
            ("POST", "/clear"): self._clear,
            ("POST", "/prepare"): self._prepare,
        }
        route = routes.get((request.method, request.path))
        return route(request) if route else _problem(404, f"there is: {', '.join(' '.join(key) for key in routes)}")

    def _state(self, _request: Request) -> Response:
        recorder = self._recorder
        channels = [
            {
                "number": channel.number,
                "name": channel.name,
                "dead": recorder.streams[channel.number, "main"].dead_kind(),
                "audio": channel.audio,
                "ptz": channel.has_ptz,
                "profiles": {
                    role: {**recorder.streams[channel.number, role].as_json(), "token": channel.profile_token(role),
                           "uri": recorder.live_url(channel, role)}
                    for role in ROLES
                },
            }
            for channel in recorder.layout
        ]  # fmt: skip
        return _json(
            {
                "up": recorder.is_up,
                "uptime_s": round(time.time() - recorder.clock.started_s, 1),
                "device_time": recorder.clock.utc().isoformat(),
                "serial": recorder.serial,
                "username": recorder.config.username,
                "onvif_port": recorder.onvif_port,
                "rtsp_port": recorder.rtsp_port,
                "clips": recorder.store.progress(),
                "faults": recorder.faults.as_json(),
                "connections": [connection.as_json() for connection in recorder.rtsp.connections],
                "subscriptions": len(recorder.events),
                "channels": channels,
            }
        )

    def _faults(self, _request: Request) -> Response:
        known = [
            {"name": kind.name, "text": kind.text, "value": kind.value_text, "per_channel": kind.per_channel}
            for kind in KINDS.values()
        ]
        return _json({"on": self._recorder.faults.as_json(), "known": known})

    def _frames(self, request: Request) -> Response:
        number = request.query("channel")
        role = request.query("role") or "main"
        stream = self._recorder.stream(int(number) if number.isascii() and number.isdigit() else 0, role)
        return _json(stream.as_json()) if stream else _problem(404, "no such channel or role (main, sub)")

    def _replay(self, _request: Request) -> Response:
        players = [connection.replay.player for connection in self._recorder.rtsp.connections]
        return _json({"sessions": [player.as_json() for player in players if player is not None]})

    def _archive(self, request: Request) -> Response:
        """The truth about a recording, to compare answers with: spans and motion between two times."""
        number = request.query("channel")
        kept = find_channel(self._recorder, int(number) if number.isascii() and number.isdigit() else 0)
        start, end = (parse_time(request.query(name)) for name in ("start", "end"))
        if kept is None or start is None or end is None:
            return _problem(404, "channel, start and end (RFC 3339) of a channel that records are wanted")
        window = start.timestamp(), end.timestamp()
        return _json(
            {
                "recording_token": kept.token,
                "earliest": _time(kept.earliest_s),
                "latest": _time(kept.latest_s),
                "spans": [{"start": _time(begin), "end": _time(until)} for begin, until in kept.spans(*window)],
                "motion": [{"start": _time(begin), "end": _time(until)} for begin, until in kept.motion(*window)],
            }
        )

    def _logins(self, _request: Request) -> Response:
        return _json(self._recorder.login.as_json())

    def _fault(self, request: Request) -> Response:
        try:
            asked = json.loads(request.body)
        except (ValueError, RecursionError):
            return _problem(400, "not JSON")
        if not isinstance(asked, dict) or set(asked) - {"name", "value", "channel", "after_s", "for_s"}:
            return _problem(400, "an object of name, value, channel, after_s, for_s is wanted")
        channel = asked.get("channel")
        if isinstance(channel, int) and self._recorder.channel(channel) is None:
            return _problem(400, f"there is no channel {channel}")
        try:
            fault = self._recorder.faults.set(
                asked.get("name"),
                asked.get("value"),
                channel=channel,
                after_s=asked.get("after_s", 0.0),
                for_s=asked.get("for_s"),
            )
        except BadFault as error:
            return _problem(400, str(error))
        if fault is None:
            if asked.get("name") in ("lock_out", "refuse_password"):
                self._recorder.login.forget_lock()
        else:
            self._recorder.begin(fault)
        return _json({"faults": self._recorder.faults.as_json()})

    def _clear(self, _request: Request) -> Response:
        self._recorder.faults.clear()
        self._recorder.login.forget_lock()
        return _json({"faults": []})

    def _prepare(self, request: Request) -> Response:
        """Encode what is not encoded yet; poll `clips` in /state to see when it is done."""
        role = next((role for role in ROLES if role == (request.query("role") or "main")), None)
        if role is None:
            return _problem(404, "no such role (main, sub)")
        self._recorder.prepare(role)
        return _json({"clips": self._recorder.store.progress()})
