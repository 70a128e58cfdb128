"""The parts of the control port, by subject."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from simulator.addresses import Addresses
from simulator.archive import Archive
from simulator.clip_store import ClipStore
from simulator.clock import DeviceClock, as_xml_time
from simulator.control import ControlHandler, ControlPart, json_answer, problem
from simulator.faults import KINDS, BadFault, Faults
from simulator.identity import Identity
from simulator.layout import ROLES, Layout, find_channel
from simulator.lens import Lens
from simulator.listeners import Listeners
from simulator.live import LiveStreams
from simulator.login import Login
from simulator.ptz import PtzHead
from simulator.rtsp import RtspServer
from simulator.soap.xml import as_text, parse_time
from simulator.subscriptions import MOST_WAITING, OPERATIONS, Event, Items, Subscriptions
from simulator.web import Request, Response, number_of


class DeviceControl(ControlPart):
    """The device: its identity, ports, clock and logins."""

    def __init__(
        self, identity: Identity, addresses: Addresses, clock: DeviceClock, listeners: Listeners, login: Login
    ) -> None:
        self._identity, self._addresses, self._clock = identity, addresses, clock
        self._listeners, self._login = listeners, login

    def routes(self) -> dict[tuple[str, str], ControlHandler]:
        return {("GET", "/logins"): self._get_logins}

    def state(self) -> dict[str, object]:
        return {
            "up": self._listeners.is_open,
            "uptime_s": round(time.time() - self._clock.started_s, 1),
            "device_time": self._clock.utc().isoformat(),
            "serial": self._identity.serial,
            "username": self._login.username,
            "onvif_port": self._addresses.onvif_port,
            "rtsp_port": self._addresses.rtsp_port,
        }

    def _get_logins(self, _request: Request) -> Response:
        return json_answer(self._login.as_json())


class FaultControl(ControlPart):
    """Faults, on and off."""

    def __init__(self, layout: Layout, faults: Faults, login: Login) -> None:
        self._layout, self._faults, self._login = layout, faults, login

    def routes(self) -> dict[tuple[str, str], ControlHandler]:
        return {
            ("GET", "/faults"): self._get_faults,
            ("POST", "/fault"): self._post_fault,
            ("POST", "/clear"): self._post_clear,
        }

    def state(self) -> dict[str, object]:
        return {"faults": self._faults.as_json()}

    def _get_faults(self, _request: Request) -> Response:
        known = [
            {"name": kind.name, "text": kind.text, "value": kind.value_text, "per_channel": kind.per_channel}
            for kind in KINDS.values()
        ]
        return json_answer({"on": self._faults.as_json(), "known": known})

    def _post_fault(self, request: Request) -> Response:
        try:
            asked = json.loads(request.body)
        except (ValueError, RecursionError):
            return problem(400, "not JSON")
        if not isinstance(asked, dict) or set(asked) - {"name", "value", "channel", "after_s", "for_s"}:
            return problem(400, "an object of name, value, channel, after_s, for_s is wanted")
        channel = asked.get("channel")
        if isinstance(channel, int) and find_channel(self._layout, channel) is None:
            return problem(400, f"there is no channel {channel}")
        try:
            fault = self._faults.set(
                asked.get("name"),
                asked.get("value"),
                channel=channel,
                after_s=asked.get("after_s", 0.0),
                for_s=asked.get("for_s"),
            )
        except BadFault as error:
            return problem(400, str(error))
        if fault is None and asked.get("name") in ("lock_out", "refuse_password"):
            self._login.forget_lock()
        return json_answer({"faults": self._faults.as_json()})

    def _post_clear(self, _request: Request) -> Response:
        self._faults.clear()
        self._login.forget_lock()
        return json_answer({"faults": []})


class StreamControl(ControlPart):
    """Live streams: their clips, frames and addresses."""

    def __init__(self, layout: Layout, addresses: Addresses, store: ClipStore, streams: LiveStreams) -> None:
        self._layout, self._addresses, self._store, self._streams = layout, addresses, store, streams

    def routes(self) -> dict[tuple[str, str], ControlHandler]:
        return {
            ("GET", "/frames"): self._get_frames,
            ("POST", "/prepare"): self._post_prepare,
        }

    def state(self) -> dict[str, object]:
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
        return {"clips": self._store.progress(), "channels": channels}

    def _get_frames(self, request: Request) -> Response:
        stream = self._streams.find(number_of(request.query("channel")), request.query("role") or "main")
        return json_answer(stream.as_json()) if stream else problem(404, "no such channel or role (main, sub)")

    def _post_prepare(self, request: Request) -> Response:
        """Encode the streams of a role in the background; `clips` in /state shows when they are ready."""
        role = next((role for role in ROLES if role == (request.query("role") or "main")), None)
        if role is None:
            return problem(404, "no such role (main, sub)")
        self._streams.prepare(role)
        return json_answer({"clips": self._store.progress()})


class ReplayControl(ControlPart):
    """RTSP connections, their replays, and what the archive has."""

    def __init__(self, rtsp: RtspServer, archive: Archive) -> None:
        self._rtsp, self._archive = rtsp, archive

    def routes(self) -> dict[tuple[str, str], ControlHandler]:
        return {
            ("GET", "/replay"): self._get_replay,
            ("GET", "/archive"): self._get_archive,
        }

    def state(self) -> dict[str, object]:
        return {"connections": [connection.as_json() for connection in self._rtsp.connections]}

    def _get_replay(self, _request: Request) -> Response:
        players = [connection.replay.player for connection in self._rtsp.connections]
        return json_answer({"sessions": [player.as_json() for player in players if player is not None]})

    def _get_archive(self, request: Request) -> Response:
        """Spans and motion of a channel's recording between two times, to compare the answers of services with."""
        kept = self._archive.find_channel(number_of(request.query("channel")))
        start, end = (parse_time(request.query(name)) for name in ("start", "end"))
        if kept is None or start is None or end is None:
            return problem(404, "channel, start and end (RFC 3339) of a channel that records are wanted")
        window = start.timestamp(), end.timestamp()
        return json_answer(
            {
                "recording_token": kept.token,
                "earliest": _time(kept.earliest_s),
                "latest": _time(kept.latest_s),
                "spans": [{"start": _time(begin), "end": _time(until)} for begin, until in kept.spans(*window)],
                "motion": [{"start": _time(begin), "end": _time(until)} for begin, until in kept.motion(*window)],
            }
        )


def _time(epoch_s: float) -> str:
    return as_xml_time(datetime.fromtimestamp(epoch_s, UTC))


class EventControl(ControlPart):
    """Motion, messages of all topics, and subscriptions to them."""

    def __init__(self, layout: Layout, subscriptions: Subscriptions) -> None:
        self._layout, self._subscriptions = layout, subscriptions

    def routes(self) -> dict[tuple[str, str], ControlHandler]:
        return {
            ("POST", "/motion"): self._post_motion,
            ("POST", "/events"): self._post_events,
            ("POST", "/subscriptions"): self._post_subscriptions,
        }

    def state(self) -> dict[str, object]:
        return {"subscriptions": len(self._subscriptions), "most_subscriptions": self._subscriptions.most}

    def _post_motion(self, request: Request) -> Response:
        """Set the motion of a channel, or of all without one; `active` null: the timetable again."""
        try:
            asked = json.loads(request.body)
        except (ValueError, RecursionError):
            return problem(400, "not JSON")
        if not isinstance(asked, dict) or set(asked) - {"channel", "active"} or "active" not in asked:
            return problem(400, "an object of channel and active is wanted")
        channel, active = asked.get("channel"), asked["active"]
        if active not in (True, False, None) or (isinstance(active, int | float) and not isinstance(active, bool)):
            return problem(400, "active must be true, false or null")
        if channel is not None and (not isinstance(channel, int) or find_channel(self._layout, channel) is None):
            return problem(400, f"there is no channel {channel!r}")
        self._subscriptions.set_motion(channel, active)
        return json_answer({"channel": channel, "active": active})

    def _post_events(self, request: Request) -> Response:
        """Send a message of any topic `count` times to each subscription.

        `source` and `items`: names and values. `operation`: of a property, "" for a message that is none.
        """
        try:
            asked = json.loads(request.body)
        except (ValueError, RecursionError):
            return problem(400, "not JSON")
        if not isinstance(asked, dict) or set(asked) - {"topic", "source", "items", "operation", "count"}:
            return problem(400, "an object of topic, source, items, operation and count is wanted")
        topic, operation, count = asked.get("topic"), asked.get("operation", ""), asked.get("count", 1)
        source, items = _items(asked.get("source", {})), _items(asked.get("items", {}))
        if not isinstance(topic, str) or not topic:
            return problem(400, "topic must be a text")
        if source is None or items is None:
            return problem(400, "source and items must be objects of texts, numbers and true or false")
        if operation not in ("", *OPERATIONS):
            return problem(400, f"operation must be empty or one of {', '.join(OPERATIONS)}")
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_WAITING:
            return problem(400, f"count must be from 1 to {MOST_WAITING}")
        self._subscriptions.send(Event(topic, source, items, operation), count)
        return json_answer({"subscriptions": len(self._subscriptions)})

    def _post_subscriptions(self, _request: Request) -> Response:
        """Count the most subscriptions at a time anew."""
        self._subscriptions.count_anew()
        return json_answer({"subscriptions": len(self._subscriptions)})


def _items(asked: object) -> Items | None:
    """Return the items of a message; None if one is not a text, a number or a truth value."""
    if not isinstance(asked, dict) or not all(isinstance(value, str | int | float) for value in asked.values()):
        return None
    return tuple((name, as_text(value)) for name, value in asked.items())


class HeadControl(ControlPart):
    """The head and the lenses."""

    def __init__(self, head: PtzHead, lens: Lens, fixed_lens: Lens) -> None:
        self._head, self._lens, self._fixed_lens = head, lens, fixed_lens

    def routes(self) -> dict[tuple[str, str], ControlHandler]:
        return {("GET", "/ptz"): self._get_ptz}

    def _get_ptz(self, _request: Request) -> Response:
        """Position and movement of the head, its last commands with their times, all counts, the lens, lamp and relays.

        `fixed_settings`: those of the channel that has settings of the picture and no head.
        """
        fixed = {"fixed_settings": dict(self._fixed_lens.values)}
        return json_answer({**self._head.as_json(), **self._lens.as_json(), **fixed})
