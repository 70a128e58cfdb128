"""Faults: a table of the failures that a test can switch on while the recorder runs, and those that are on.

A fault has a value. It may be for one channel only, begin later (`after_s`) and end by itself (`for_s`).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass

from simulator.audio_faults import AUDIO_KINDS
from simulator.layout import DEAD_KINDS
from simulator.packing import PACKING_KINDS
from simulator.plain_sps import SPS_KINDS

Check = Callable[[object], bool]


class BadFault(ValueError):
    """Raised for an unknown fault or a wrong value; the text names the possible ones."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One row of the table: the fault's effect, its values, and whether it may be for one channel."""

    name: str
    text: str
    value_text: str
    accepts: Check
    per_channel: bool = False


def _is_true(value: object) -> bool:
    return value is True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_positive(value: object) -> bool:
    return _is_number(value) and float(str(value)) > 0


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 2000


def _one_of(*choices: str) -> Check:
    return lambda value: value in choices


def _is_lockout(value: object) -> bool:
    if not isinstance(value, dict) or set(value) - {"tries", "seconds"}:
        return _is_count(value) and value != 0
    return all(_is_positive(number) for number in value.values())


STAMP_KINDS = ("zero", "local", "present", "other_year", "standing", "all_bits", "no_cseq")
REQUEST_KINDS = (
    *("whole_seconds", "no_options", "no_immediate", "no_frames", "late", "no_pause", "never_paused", "echoes_range"),
)
END_KINDS = ("silent", "bye", "notice", "close")
# How the head misbehaves; see simulator/soap/ptz.py.
PTZ_KINDS = (
    *("empty_spaces", "one_profile", "no_configuration", "refuses_timeout", "garbage_zoom", "no_stop"),
    *("slow_move", "slow_goto", "factory_slots", "no_preset_list", "text_presets"),
)
# How the event service misbehaves; see simulator/soap/events.py.
EVENT_KINDS = (
    *("no_ends", "grants_nothing", "dies", "wrong_clock", "used_up", "no_renewal", "digits", "closes", "loses_answer"),
    *("lives_briefly", "zero_life", "no_address", "false_values"),
)
_KINDS = (
    FaultKind("slow", "SOAP answers and snapshots come late", "seconds", _is_positive),
    FaultKind("soap_silent", "SOAP requests and snapshots are accepted and never answered", "true", _is_true),
    FaultKind("soap_hangs", "SOAP requests of this operation are never answered", "operation", _is_text),
    FaultKind("one_connection", "SOAP requests are cut off while another one is answered", "true", _is_true),
    FaultKind("drip", "SOAP answers and snapshots come one byte at a time", "bytes per second", _is_positive),
    FaultKind("soap_redirect", "SOAP requests are answered with 307", "target URL", _is_text),
    FaultKind("clock_offset", "the device's clock is wrong", "seconds, positive is ahead", _is_number),
    FaultKind("local_time_in_utc", "UTCDateTime carries local time", "seconds east of UTC", _is_number),
    FaultKind("no_utc", "GetSystemDateAndTime gives local time only", "true", _is_true),
    FaultKind("other_host", "all URLs in answers have another host", "host or host:port", _is_text),
    FaultKind("no_media2", "the Media2 service does not exist", "true", _is_true),
    FaultKind("h265_as_h264", "Media (version 1) lists H.265 profiles as H264", "true", _is_true),
    FaultKind("no_snapshots", "there are no snapshots", "true", _is_true),
    FaultKind("names", "names and device information are this text", "text", _is_text),
    FaultKind("refuse_password", "every login fails", "true", _is_true),
    FaultKind("change_password", "the password changes", "the password", _is_text),
    FaultKind("lock_out", "wrong logins lock the account", 'tries, or {"tries": n, "seconds": s}', _is_lockout),
    FaultKind(
        "digest_algorithm",
        "algorithm of HTTP and RTSP Digest",
        "MD5, SHA-256 or both",
        _one_of("MD5", "SHA-256", "both"),
    ),
    FaultKind("stale_nonce", "Digest nonces go stale", "seconds they live", _is_positive),
    FaultKind("rtsp_auth", "the login that RTSP requires", "basic, digest or none", _one_of("basic", "digest", "none")),
    FaultKind("session_limit", "SETUP beyond so many playing sessions is answered 453", "sessions", _is_count),
    FaultKind("reboot", "the device is down until the fault ends (after 20 s unless for_s is given)", "true", _is_true),
    FaultKind("rtsp_redirect", "RTSP requests are answered with 302", "target URL", _is_text),
    FaultKind("rtsp_slow", "RTSP answers come late", "seconds", _is_positive, per_channel=True),
    FaultKind("rtsp_silent", "RTSP connections stay open and nothing is sent", "true", _is_true, per_channel=True),
    FaultKind("replay_setup_delay", "SETUP of a replay session takes longer", "seconds", _is_positive),
    FaultKind("replay_seek_delay", "a seek in an open replay session takes longer", "seconds", _is_positive),
    FaultKind(
        "replay_stamps",
        "frames of a replay carry other times or bits (0xABAC)",
        ", ".join(STAMP_KINDS),
        _one_of(*STAMP_KINDS),
    ),
    FaultKind(
        "replay_requests",
        "PLAY or PAUSE of a replay is refused, ignored or answered late",
        ", ".join(REQUEST_KINDS),
        _one_of(*REQUEST_KINDS),
    ),
    FaultKind("replay_end", "how a replay ends, instead of by its bits", ", ".join(END_KINDS), _one_of(*END_KINDS)),
    FaultKind("ptz", "the head misbehaves", ", ".join(PTZ_KINDS), _one_of(*PTZ_KINDS)),
    FaultKind("events", "the event service misbehaves", ", ".join(EVENT_KINDS), _one_of(*EVENT_KINDS)),
    FaultKind(
        "storm", "motion begins and ends this often in a second", "messages per second", _is_positive, per_channel=True
    ),
    FaultKind("rtcp_only", "sender reports flow, media does not", "true", _is_true, per_channel=True),
    FaultKind(
        "audio",
        "live audio is refused, missing, or not as described",
        ", ".join(AUDIO_KINDS),
        _one_of(*AUDIO_KINDS),
        per_channel=True,
    ),
    FaultKind("drop_connections", "RTSP connections are closed, new ones too", "true", _is_true, per_channel=True),
    FaultKind("dead", "the channel fails", ", ".join(DEAD_KINDS), _one_of(*DEAD_KINDS), per_channel=True),
    FaultKind("no_key_frames", "key frames are left out", "true", _is_true, per_channel=True),
    FaultKind(
        "no_key_on_request", "SetSynchronizationPoint is answered and ignored", "true", _is_true, per_channel=True
    ),
    FaultKind(
        "video_packing",
        "video is packed into RTP in an unusual way",
        ", ".join(PACKING_KINDS),
        _one_of(*PACKING_KINDS),
        per_channel=True,
    ),
    FaultKind(
        "plain_sps",
        "the sps of H.264 has no VUI, and another profile and level",
        "true to keep these, " + ", ".join(SPS_KINDS),
        lambda value: value is True or value in SPS_KINDS,
        per_channel=True,
    ),
    FaultKind("packet_loss", "RTP packets are left out", "percent", _is_positive, per_channel=True),
    FaultKind("corrupt", "RTP packets have wrong bytes", "percent", _is_positive, per_channel=True),
    FaultKind(
        "resolution_change", "the main stream carries the sub stream's frames", "true", _is_true, per_channel=True
    ),
)
KINDS = {kind.name: kind for kind in _KINDS}
REBOOT_S = 20.0


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is on, or will be; times are seconds of the clock given to `Faults`."""

    name: str
    value: object
    channel: int | None
    begins_s: float
    ends_s: float

    def as_json(self, now_s: float) -> dict[str, object]:
        ends = None if math.isinf(self.ends_s) else round(self.ends_s - now_s, 3)
        shown = "(set)" if self.name == "change_password" else self.value
        begins = round(max(0.0, self.begins_s - now_s), 3)
        return {"name": self.name, "value": shown, "channel": self.channel, "begins_in_s": begins, "ends_in_s": ends}


def _delay(value: object, name: str) -> float:
    if not _is_number(value) or float(str(value)) < 0:
        raise BadFault(f"{name} is seconds, not negative")
    return float(str(value))


class Faults:
    """The faults that are on. `now_s` is a monotonic clock in seconds."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._faults: dict[tuple[str, int | None], Fault] = {}
        self._changed = asyncio.Event()

    def set(
        self, name: object, value: object, *, channel: object = None, after_s: object = 0.0, for_s: object = None
    ) -> Fault | None:
        """Switch a fault on, or off with a value of None or False; then return None. Raise BadFault for nonsense."""
        kind = KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            raise BadFault(f"name must be one of: {', '.join(KINDS)}")
        if channel is not None and (not kind.per_channel or not _is_count(channel)):
            raise BadFault(f"{kind.name} cannot be for channel {channel!r}")
        number = None if channel is None else int(str(channel))
        if value is None or value is False:
            self._faults.pop((kind.name, number), None)
            self._changed.set()
            return None
        if not kind.accepts(value):
            raise BadFault(f"the value of {kind.name} must be: {kind.value_text}")
        begins = self._now_s() + _delay(after_s, "after_s")
        if for_s is None and kind.name == "reboot":
            for_s = REBOOT_S
        ends = math.inf if for_s is None else begins + _delay(for_s, "for_s")
        fault = self._faults[kind.name, number] = Fault(kind.name, value, number, begins, ends)
        self._changed.set()
        return fault

    def clear(self) -> None:
        """Switch all faults off."""
        self._faults.clear()
        self._changed.set()

    async def wait_change(self) -> None:
        """Wait until a fault is switched on or off, or begins or ends by itself. For one task only."""
        now = self._now_s()
        moments = (moment for fault in self._faults.values() for moment in (fault.begins_s, fault.ends_s))
        delay = min((moment - now for moment in moments if moment > now), default=math.inf)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(delay) else delay):
                await self._changed.wait()
        self._changed.clear()

    def active(self, *names: str) -> list[Fault]:
        """The faults with these names that are on now."""
        now = self._now_s()
        return [
            fault for fault in self._faults.values() if fault.name in names and fault.begins_s <= now < fault.ends_s
        ]

    def value(self, name: str, channel: int | None = None) -> object:
        """The value of a fault, of the channel or otherwise of the whole device; None while it is off."""
        now = self._now_s()
        for key in ((name, channel), (name, None)):
            fault = self._faults.get(key)
            if fault and fault.begins_s <= now < fault.ends_s:
                return fault.value
        return None

    def is_on(self, name: str, channel: int | None = None) -> bool:
        return self.value(name, channel) is not None

    def number(self, name: str, channel: int | None = None) -> float:
        """The value of a fault with a number; 0 while it is off."""
        value = self.value(name, channel)
        return float(value) if isinstance(value, int | float) else 0.0

    def text(self, name: str, channel: int | None = None) -> str | None:
        """The value of a fault with a text; None while it is off."""
        value = self.value(name, channel)
        return value if isinstance(value, str) else None

    def as_json(self) -> list[dict[str, object]]:
        """The faults that are on or will be. Drop those that have ended."""
        now = self._now_s()
        self._faults = {key: fault for key, fault in self._faults.items() if now < fault.ends_s}
        return [fault.as_json(now) for fault in self._faults.values()]


def table_text() -> str:
    """The table of faults for `--help`."""
    rows = [
        f"  {kind.name:18} {kind.text} [{kind.value_text}]{'; may name a channel' if kind.per_channel else ''}"
        for kind in _KINDS
    ]
    return "\n".join(rows)
