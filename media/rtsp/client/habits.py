"""Devices deviate where RTSP allows one behaviour only, so the client has several guesses; this is their one policy.

A guess that worked goes first in the device's next session. One that failed, or that ended a session, goes last.
The guesses of requests, kinds of login and ways to the device are stored with it (RtspHabits), for the next start and
for other nodes. Habits of single streams (codecs, audio, late media) are in memory only.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from core.clock import Clock
from core.records import RtspHabits, ServiceCheck
from media.codecs.g711 import TrackLaw

TRACK_ADDRESS = "address of a track"
SESSION_ADDRESS = "address of PLAY"
SESSION_ID = "session id"
RANGE = "range of PLAY"
KEEP_ALIVE = "keep-alive"
TRANSPORT = "transport"
LOGIN = "kind of login"
FIRST_REQUEST = "first request"
REPORTS = "receiver reports"

_MAX_DEVICES = 4096
_MAX_STORED = 8  # addresses of one device
_MAX_STREAMS = 256
_BUSY_AFTER_TEARDOWN_S = 5.0
_ONE_EVENT_S = 10.0  # all streams of a device end together: that is one doubt
_DOUBTED_S = 3600.0
_SHORT_LIFETIME_S = 12 * 3600.0
_MOST_STORED_S = 24 * 3600.0  # a failure that ends, whatever the clock was set to
_TUNNEL_FIRST_S = 3600.0
_NO_TUNNEL_S = 300.0
_TUNNEL_UNREACHED_S = 30.0
_WITHOUT_AUDIO_S = 600.0
_TIMES = re.compile(r"(?<=time=)[^&]*")  # in makers' addresses of recordings
_MOST_PATIENCE_S = 60.0
_PATIENT_FOR_S = 3600.0


class DeviceHabits:
    """The habits that one device has shown. In the gateway's thread only. `on_change` hears of changes of `stored`."""

    def __init__(
        self, clock: Clock, stored: RtspHabits | None = None, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._clock = clock
        self._stored = stored or RtspHabits("")
        self._on_change = on_change
        self._worked: dict[str, str] = {}
        self._usual: dict[str, str] = {}  # subject -> the guess that goes first with other devices
        self._failed: dict[str, dict[str, float]] = {}  # subject -> guess -> until when it counts as failed
        self._failed_until: dict[tuple[str, str], float | None] = {}  # the same in seconds since 1970; None: for ever
        self._doubted_s: dict[tuple[str, str], float] = {}  # subject and guess -> the last doubt
        self._teardown: tuple[float, str] | None = None  # when, and the credential's fingerprint
        self._lifetime_s, self._lifetime_until_s = float("inf"), 0.0
        self._lifetime: tuple[float, float] | None = None  # the same, until when in seconds since 1970
        self._ends: dict[str, float] = {}  # address -> how long its last session lasted, in seconds
        self._codecs: dict[str, tuple[str, str]] = {}  # address -> the described codec, and the one that came
        self._late: dict[str, tuple[float, int]] = {}  # address -> last session without media, and their number
        self.tunnel = TunnelHabit(clock, self._changed)
        self.audio = AudioHabit(clock)
        self.public: frozenset[str] | None = None  # the methods of its Public header; None if it has not told them
        self._load(self._stored)

    @property
    def stored(self) -> RtspHabits:
        """Return the habits to store, as they were at the last change."""
        return self._stored

    def _load(self, stored: RtspHabits) -> None:
        self._worked.update(stored.worked)
        for subject, guess, until_s in stored.failed:
            left_s = float("inf") if until_s is None else min(until_s - self._now_utc_s(), _MOST_STORED_S)
            self._failed.setdefault(subject, {})[guess] = self._clock.monotonic_s() + left_s
            self._failed_until[subject, guess] = until_s
        if stored.lifetime is not None:
            self._lifetime = stored.lifetime
            left_s = min(stored.lifetime[1] - self._now_utc_s(), _SHORT_LIFETIME_S)
            self._lifetime_s, self._lifetime_until_s = stored.lifetime[0], self._clock.monotonic_s() + left_s
        if stored.needs_tunnel:
            self.tunnel.worked(is_only_way=True)

    def _changed(self) -> None:
        now_s = self._now_utc_s()
        present = replace(
            self._stored,
            worked=tuple(self._worked.items()),
            failed=tuple(
                (subject, guess, until_s)
                for (subject, guess), until_s in self._failed_until.items()
                if until_s is None or now_s < until_s
            ),
            lifetime=self._lifetime if self._lifetime is not None and now_s < self._lifetime[1] else None,
            needs_tunnel=self.tunnel.goes_first,
        )
        if present != self._stored:
            self._stored = present
            self._on_change()

    def _now_utc_s(self) -> float:
        return self._clock.now_utc().timestamp()

    def order(self, subject: str, guesses: Iterable[str]) -> list[str]:
        """Return the guesses in the order to try them."""
        guesses = list(guesses)
        self._usual.update((subject, guess) for guess in guesses[:1])
        now_s = self._clock.monotonic_s()
        failed = [guess for guess, until_s in self._failed.get(subject, {}).items() if now_s < until_s]
        worked = self._worked.get(subject)
        return sorted(guesses, key=lambda guess: failed.index(guess) + 1 if guess in failed else -(guess == worked))

    def worked(self, subject: str, guess: str) -> None:
        """The device played with this guess, or accepted it."""
        self._worked[subject] = guess
        self._failed.get(subject, {}).pop(guess, None)
        self._failed_until.pop((subject, guess), None)
        self._changed()

    def failed(self, subject: str, guess: str, *, for_s: float = float("inf")) -> None:
        """The device refused this guess, or ended the session at it."""
        if self._worked.get(subject) == guess:
            del self._worked[subject]
        failed = self._failed.setdefault(subject, {})
        failed.pop(guess, None)
        failed[guess] = self._clock.monotonic_s() + for_s
        self._failed_until.pop((subject, guess), None)
        self._failed_until[subject, guess] = None if for_s == float("inf") else self._now_utc_s() + for_s
        self._changed()

    def doubt(self, subject: str, guess: str) -> None:
        """A session ended, perhaps because of this guess. One that has worked before gets another chance.

        Doubts within ten seconds are one: a restart of the device ends all of its streams. A doubt ends after an hour.
        """
        now_s = self._clock.monotonic_s()
        if now_s - self._doubted_s.get((subject, guess), float("-inf")) < _ONE_EVENT_S:
            return
        self._doubted_s[subject, guess] = now_s
        if self.has_worked(subject, guess):
            del self._worked[subject]
            self._changed()
        else:
            self.failed(subject, guess, for_s=_DOUBTED_S)

    def has_worked(self, subject: str, guess: str) -> bool:
        return self._worked.get(subject) == guess

    def has_failed(self, subject: str, guess: str) -> bool:
        return self._clock.monotonic_s() < self._failed.get(subject, {}).get(guess, 0.0)

    def checks(self) -> tuple[ServiceCheck, ...]:
        """Return lines of the health card: unusual guesses, and parts that were left out or repaired."""
        found = [
            ServiceCheck(f"RTSP: {subject}", "guessed", f"{guess or 'none'} works")
            for subject, guess in self._worked.items()
            if self._failed.get(subject) or guess != self._usual.get(subject, guess)
        ]
        if self.tunnel.has_worked:
            found.append(ServiceCheck("RTSP: over HTTP", "guessed", "It works through the port of the web server."))
        if self.lifetime_s < float("inf"):
            detail = f"The device ends sessions after {self.lifetime_s:.0f} s, whatever it announces."
            found.append(ServiceCheck("RTSP: keep-alive", "guessed", detail))
        pairs = {*self._codecs.values(), *self.audio.wrong_laws()}
        codecs = sorted(f"{described}, sent as {sent}" for described, sent in pairs)
        found += [ServiceCheck("RTSP: codec", "repaired", f"described as {item}") for item in codecs]
        found += [ServiceCheck("RTSP: audio", "skipped", reason) for reason in self.audio.reasons()]
        return tuple(found)

    # -- sessions that end early -------------------------------------------------------------------

    @property
    def lifetime_s(self) -> float:
        """Return how long a session without keep-alives lasts, in seconds; infinite if the device keeps its timeout."""
        return self._lifetime_s if self._clock.monotonic_s() < self._lifetime_until_s else float("inf")

    def ended_early(self, lasted_s: float) -> None:
        """A session ended before its first keep-alive. That may have another reason: it counts for half a day."""
        self._lifetime_s = lasted_s
        self._lifetime_until_s = self._clock.monotonic_s() + _SHORT_LIFETIME_S
        self._lifetime = lasted_s, self._now_utc_s() + _SHORT_LIFETIME_S
        self._changed()

    def ends_alike(self, uri: str, lasted_s: float) -> bool:
        """The device ended a session. True if the one before it with this stream had lasted as long."""
        before_s = self._ends.pop(uri, float("inf"))
        self._ends[uri] = lasted_s
        _limit(self._ends)
        return abs(lasted_s - before_s) <= 1.0 + 0.05 * lasted_s

    # -- a codec that is not the described one -----------------------------------------------------

    def true_codec(self, uri: str, described: str) -> str:
        """Return the name of the codec that a stream has, given the described one's."""
        return self._codecs[uri][1] if self._codecs.get(uri, ("",))[0] == described else described

    def note_codec(self, uri: str, described: str, sent: str) -> None:
        """The device sends this stream in another codec than it describes, or again in the described one."""
        self._codecs.pop(uri, None)
        if sent != described:
            self._codecs[uri] = (described, sent)
            _limit(self._codecs)

    # -- media that begin late ---------------------------------------------------------------------

    def patience_s(self, uri: str, usual_s: float) -> float:
        """Return how long the video of a stream may take to begin after PLAY, in seconds.

        It doubles with each session in which none came, up to a minute: a sleeping camera or an encoder that starts
        on demand takes longer than others.
        """
        last_s, sessions = self._late.get(uri, (float("-inf"), 0))
        if self._clock.monotonic_s() - last_s >= _PATIENT_FOR_S:
            return usual_s
        return max(usual_s, min(usual_s * (1 << min(sessions, 6)), _MOST_PATIENCE_S))

    def no_media_came(self, uri: str) -> None:
        """The device agreed to play this stream and sent no video for `patience_s`."""
        _, sessions = self._late.pop(uri, (0.0, 0))
        self._late[uri] = (self._clock.monotonic_s(), sessions + 1)
        _limit(self._late)

    # -- a device that refuses logins after a session's end ----------------------------------------

    def ended_session(self, fingerprint: str) -> None:
        """A session that this credential had opened was ended by TEARDOWN."""
        self._teardown = (self._clock.monotonic_s(), fingerprint)

    def busy_s(self, fingerprint: str) -> float:
        """Return how long a refused login may mean "busy" only, in seconds.

        Hikvision's domes answer DESCRIBE with 401 for three to four seconds after a TEARDOWN.
        """
        if self._teardown is None or self._teardown[1] != fingerprint:
            return 0.0
        return max(0.0, self._teardown[0] + _BUSY_AFTER_TEARDOWN_S - self._clock.monotonic_s())


class TunnelHabit:
    """RTSP over HTTP at one device: the second way to it, the first one for an hour, or none for a while."""

    def __init__(self, clock: Clock, on_change: Callable[[], None]) -> None:
        self._clock = clock
        self._on_change = on_change
        self._has_worked = False  # since it failed last
        self._failed_s = float("-inf")
        self._first_until_s = 0.0
        self._left_out_until_s = 0.0
        self._refused: dict[str, float] = {}  # fingerprint of a credential -> until when it is not sent again

    @property
    def has_worked(self) -> bool:
        return self._has_worked

    @property
    def goes_first(self) -> bool:
        return self._clock.monotonic_s() < self._first_until_s

    @property
    def is_left_out(self) -> bool:
        return self._clock.monotonic_s() < self._left_out_until_s

    def refuses(self, fingerprint: str) -> bool:
        """True if the web server has refused this credential in the last five minutes."""
        return self._clock.monotonic_s() < self._refused.get(fingerprint, 0.0)

    def refused_login(self, fingerprint: str) -> None:
        """The web server refused this credential. It may accept another one, so the tunnel is not left out."""
        if not self.refuses(fingerprint):
            self._refused.pop(fingerprint, None)
            self._refused[fingerprint] = self._clock.monotonic_s() + _NO_TUNNEL_S
            _limit(self._refused)

    def worked(self, *, is_only_way: bool) -> None:
        """The device has set a session up in the tunnel. `is_only_way`: nothing speaks RTSP at its RTSP port.

        Then the tunnel goes first for an hour. Otherwise it stays the second way: the port refuses one stream only.
        """
        self._has_worked = True
        if is_only_way:
            self._first_until_s = self._clock.monotonic_s() + _TUNNEL_FIRST_S
            self._on_change()

    def failed(self, *, is_refused: bool) -> None:
        """No tunnel could be opened. One that has worked before gets another chance.

        `is_refused`: the web server answered, and offers none. A device that starts again does not answer at all.
        """
        now_s = self._clock.monotonic_s()
        if now_s - self._failed_s < _ONE_EVENT_S:
            return
        self._failed_s = now_s
        if not self._has_worked:
            self._left_out_until_s = now_s + (_NO_TUNNEL_S if is_refused else _TUNNEL_UNREACHED_S)
        self._has_worked = False
        self._first_until_s = 0.0
        self._on_change()


class AudioHabit:
    """The audio tracks of one device, by their stream's address: those that cost it its video, and laws of G.711."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left_out: dict[str, tuple[float, str]] = {}  # address -> until when, and why
        self._doubted: dict[str, None] = {}  # addresses, in the order of their doubts
        self._laws: dict[str, TrackLaw] = {}  # address, without times -> the law of G.711

    def left_out(self, uri: str) -> str:
        """Return why this stream is played without its audio, for users; empty if it is not."""
        until_s, reason = self._left_out.get(uri, (0.0, ""))
        return reason if self._clock.monotonic_s() < until_s else ""

    def reasons(self) -> list[str]:
        """Return why streams are played without their audio, each reason once, for users."""
        return sorted({reason for uri in self._left_out if (reason := self.left_out(uri))})

    def law(self, uri: str, described: str) -> TrackLaw:
        """Return the law of G.711 of this stream, as earlier sessions have shown it."""
        address = _TIMES.sub("", uri)
        law = self._laws.pop(address, None)
        if law is None or law.described != described:
            law = TrackLaw(described)
        self._laws[address] = law
        _limit(self._laws)
        return law

    def wrong_laws(self) -> list[tuple[str, str]]:
        """Return the described and the true law of the streams whose description is wrong."""
        return [(law.described, law.law) for law in self._laws.values() if law.law != law.described]

    def failed(self, uri: str, reason: str) -> None:
        """Play this stream without its audio for ten minutes. `reason`: for users."""
        self._left_out.pop(uri, None)
        self._left_out[uri] = (self._clock.monotonic_s() + _WITHOUT_AUDIO_S, reason)
        self._doubted.pop(uri, None)
        _limit(self._left_out)

    def doubt(self, uri: str, reason: str) -> None:
        """A session with audio did not begin, perhaps because of it: the second one in a row counts as failed."""
        if uri in self._doubted:
            self.failed(uri, reason)
        else:
            self._doubted[uri] = None
            _limit(self._doubted)

    def late_media_came(self, uri: str, reason: str) -> None:
        """The video began later than usual: if this was the reason to leave the audio out, it was a wrong one."""
        if self.left_out(uri) == reason:
            self.worked(uri)

    def worked(self, uri: str) -> None:
        """The device plays this stream with its audio."""
        self._left_out.pop(uri, None)
        self._doubted.pop(uri, None)


def _limit(by_address: dict[str, Any]) -> None:
    while len(by_address) > _MAX_STREAMS:
        del by_address[next(iter(by_address))]


def _ignore(device_key: str, habits: tuple[RtspHabits, ...]) -> None:
    del device_key, habits


class HabitStore:
    """The habits of all devices, by device key and address. In the gateway's thread only.

    `on_change` hears of new habits of a device that are worth storing, with all that is to be stored.
    """

    def __init__(self, clock: Clock, on_change: Callable[[str, tuple[RtspHabits, ...]], None] = _ignore) -> None:
        self._clock = clock
        self._on_change = on_change
        self._devices: OrderedDict[tuple[str, str], DeviceHabits] = OrderedDict()

    def of(self, device_key: str, origin: str, stored: Iterable[RtspHabits] = ()) -> DeviceHabits:
        """Return the habits of a device. `origin`: scheme, host and port of its RTSP address.

        `stored`: its habits as stored, of all addresses; only those are used that are not in memory.
        """
        for habits in (*stored, RtspHabits(origin)):
            if (device_key, habits.origin) not in self._devices:
                on_change = partial(self._changed, device_key)
                self._devices[device_key, habits.origin] = DeviceHabits(self._clock, habits, on_change)
        self._devices.move_to_end((device_key, origin))
        found = self._devices[device_key, origin]
        while len(self._devices) > _MAX_DEVICES:
            self._devices.popitem(last=False)
        return found

    def forget(self, device_key: str) -> None:
        """Forget a device, whose stored habits another node may have changed."""
        for key in [key for key in self._devices if key[0] == device_key]:
            del self._devices[key]

    def _changed(self, device_key: str) -> None:
        found = [habits.stored for (key, _), habits in self._devices.items() if key == device_key]
        self._on_change(
            device_key, tuple(habits for habits in found if habits != RtspHabits(habits.origin))[-_MAX_STORED:]
        )

    def checks(self, device_key: str) -> tuple[ServiceCheck, ...]:
        """Return the lines of the health card of a device."""
        devices = [habits for (key, _), habits in self._devices.items() if key == device_key]
        return tuple(dict.fromkeys(check for habits in devices for check in habits.checks()))
