"""The control port, for tests: faults on and off, connections, frames and when they are sent, logins.

JSON over HTTP on loopback: ``GET /state``, ``GET /faults``, ``POST /fault``, ``POST /clear``, ``POST /prepare``,
``POST /motion``, ``POST /subscriptions``, ``GET /frames?channel=1&role=main``, ``GET /logins``,
``GET /archive?channel=1&start=TIME&end=TIME``, ``GET /replay``, ``GET /ptz``. Requests with the name of another host
are refused, so that a web page cannot use the port through a host name that resolves to this machine.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from simulator.addresses import Addresses
from simulator.archive import Archive
from simulator.clip_store import ClipStore
from simulator.clock import DeviceClock, as_xml_time
from simulator.faults import KINDS, BadFault, Faults
from simulator.identity import Identity
from simulator.layout import ROLES, Layout, find_channel
from simulator.lens import Lens
from simulator.listeners import Listeners
from simulator.live import LiveStreams
from simulator.login import Login
from simulator.ptz import PtzHead
from simulator.rtsp import RtspServer
from simulator.soap.xml import parse_time
from simulator.subscriptions import Subscriptions
from simulator.web import Request, Response, number_of

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def _json(value: object, status: int = 200) -> Response:
    return Response(status, json.dumps(value, indent=1).encode() + b"\n", "application/json")


def _problem(status: int, text: str) -> Response:
    return _json({"error": text}, status)


def _time(epoch_s: float) -> str:
    return as_xml_time(datetime.fromtimestamp(epoch_s, UTC))


class ControlPort:
    """Answers requests to the control port: it reads the state of every part, and sets faults."""

    def __init__(
        self,
        *,
        layout: Layout,
        identity: Identity,
        addresses: Addresses,
        clock: DeviceClock,
        login: Login,
        faults: Faults,
        store: ClipStore,
        streams: LiveStreams,
        archive: Archive,
        subscriptions: Subscriptions,
        rtsp: RtspServer,
        listeners: Listeners,
        head: PtzHead,
        lens: Lens,
        fixed_lens: Lens,
    ) -> None:
        self._layout, self._identity, self._addresses, self._clock = layout, identity, addresses, clock
        self._login, self._faults, self._store, self._streams = login, faults, store, streams
        self._archive, self._subscriptions, self._rtsp, self._listeners = archive, subscriptions, rtsp, listeners
        self._head, self._lens, self._fixed_lens = head, lens, fixed_lens

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        host = request.header("host").rpartition(":")[0] or request.header("host")
        if host not in _LOOPBACK or "origin" in request.headers:
            return _problem(403, "only from this machine, and not from a web page")
        routes = {
            ("GET", "/state"): self._get_state,
            ("GET", "/faults"): self._get_faults,
            ("GET", "/frames"): self._get_frames,
            ("GET", "/logins"): self._get_logins,
            ("GET", "/archive"): self._get_archive,
            ("GET", "/replay"): self._get_replay,
            ("GET", "/ptz"): self._get_ptz,
            ("POST", "/fault"): self._post_fault,
            ("POST", "/clear"): self._post_clear,
            ("POST", "/prepare"): self._post_prepare,
            ("POST", "/motion"): self._post_motion,
            ("POST", "/subscriptions"): self._post_subscriptions,
        }
        route = routes.get((request.method, request.path))
        return route(request) if route else _problem(404, f"there is: {', '.join(' '.join(key) for key in routes)}")

    def _get_state(self, _request: Request) -> Response:
        channels = [
            {
                "number": channel.number,
                "name": channel.name,
                "dead": self._streams.of(channel, "main").dead_kind(),
                "audio": channel.audio,
                "ptz": channel.has_ptz,
                "profiles": {
                    role: {
                        **self._streams.of(channel, role).as_json(),
                        "token": channel.profile_token(role),
                        "uri": self._addresses.live_url(channel, role),
                    }
                    for role in ROLES
                },
            }
            for channel in self._layout
        ]
        return _json(
            {
                "up": self._listeners.is_open,
                "uptime_s": round(time.time() - self._clock.started_s, 1),
                "device_time": self._clock.utc().isoformat(),
                "serial": self._identity.serial,
                "username": self._login.username,
                "onvif_port": self._addresses.onvif_port,
                "rtsp_port": self._addresses.rtsp_port,
                "clips": self._store.progress(),
                "faults": self._faults.as_json(),
                "connections": [connection.as_json() for connection in self._rtsp.connections],
                "subscriptions": len(self._subscriptions),
                "most_subscriptions": self._subscriptions.most,
                "channels": channels,
            }
        )

    def _get_faults(self, _request: Request) -> Response:
        known = [
            {"name": kind.name, "text": kind.text, "value": kind.value_text, "per_channel": kind.per_channel}
            for kind in KINDS.values()
        ]
        return _json({"on": self._faults.as_json(), "known": known})

    def _get_frames(self, request: Request) -> Response:
        stream = self._streams.find(number_of(request.query("channel")), request.query("role") or "main")
        return _json(stream.as_json()) if stream else _problem(404, "no such channel or role (main, sub)")

    def _get_replay(self, _request: Request) -> Response:
        players = [connection.replay.player for connection in self._rtsp.connections]
        return _json({"sessions": [player.as_json() for player in players if player is not None]})

    def _get_ptz(self, _request: Request) -> Response:
        """Position and movement of the head, its last commands with their times, all counts, the lens, lamp and relays.

        `fixed_settings`: those of the channel that has settings of the picture and no head.
        """
        fixed = {"fixed_settings": dict(self._fixed_lens.values)}
        return _json({**self._head.as_json(), **self._lens.as_json(), **fixed})

    def _get_archive(self, request: Request) -> Response:
        """Spans and motion of a channel's recording between two times, to compare the answers of services with."""
        kept = self._archive.find_channel(number_of(request.query("channel")))
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

    def _get_logins(self, _request: Request) -> Response:
        return _json(self._login.as_json())

    def _post_fault(self, request: Request) -> Response:
        try:
            asked = json.loads(request.body)
        except (ValueError, RecursionError):
            return _problem(400, "not JSON")
        if not isinstance(asked, dict) or set(asked) - {"name", "value", "channel", "after_s", "for_s"}:
            return _problem(400, "an object of name, value, channel, after_s, for_s is wanted")
        channel = asked.get("channel")
        if isinstance(channel, int) and find_channel(self._layout, channel) is None:
            return _problem(400, f"there is no channel {channel}")
        try:
            fault = self._faults.set(
                asked.get("name"),
                asked.get("value"),
                channel=channel,
                after_s=asked.get("after_s", 0.0),
                for_s=asked.get("for_s"),
            )
        except BadFault as error:
            return _problem(400, str(error))
        if fault is None and asked.get("name") in ("lock_out", "refuse_password"):
            self._login.forget_lock()
        return _json({"faults": self._faults.as_json()})

    def _post_clear(self, _request: Request) -> Response:
        self._faults.clear()
        self._login.forget_lock()
        return _json({"faults": []})

    def _post_motion(self, request: Request) -> Response:
        """Set the motion of a channel, or of all without one; `active` null: the timetable again."""
        try:
            asked = json.loads(request.body)
        except (ValueError, RecursionError):
            return _problem(400, "not JSON")
        if not isinstance(asked, dict) or set(asked) - {"channel", "active"} or "active" not in asked:
            return _problem(400, "an object of channel and active is wanted")
        channel, active = asked.get("channel"), asked["active"]
        if active not in (True, False, None) or (isinstance(active, int | float) and not isinstance(active, bool)):
            return _problem(400, "active must be true, false or null")
        if channel is not None and (not isinstance(channel, int) or find_channel(self._layout, channel) is None):
            return _problem(400, f"there is no channel {channel!r}")
        self._subscriptions.set_motion(channel, active)
        return _json({"channel": channel, "active": active})

    def _post_subscriptions(self, _request: Request) -> Response:
        """Count the most subscriptions at a time anew."""
        self._subscriptions.count_anew()
        return _json({"subscriptions": len(self._subscriptions)})

    def _post_prepare(self, request: Request) -> Response:
        """Encode the streams of a role in the background; `clips` in /state shows when they are ready."""
        role = next((role for role in ROLES if role == (request.query("role") or "main")), None)
        if role is None:
            return _problem(404, "no such role (main, sub)")
        self._streams.prepare(role)
        return _json({"clips": self._store.progress()})
