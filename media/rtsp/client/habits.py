"""Devices deviate where RTSP allows one behaviour only, so the client has several guesses; this is their one policy.

A guess that worked goes first in the device's next session. One that failed, or that ended a session, goes last.
In memory only: after a start of the app, a device shows its habits again within a session or two.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from core.clock import Clock

TRACK_ADDRESS = "address of a track"
SESSION_ADDRESS = "address of PLAY"
SESSION_ID = "session id"
RANGE = "range of PLAY"
KEEP_ALIVE = "keep-alive"
TRANSPORT = "transport"
CONNECTION = "connection"
LOGIN = "kind of login"
AUDIO = "audio"

_MAX_DEVICES = 4096
_MAX_FAILED = 256
_BUSY_AFTER_TEARDOWN_S = 5.0


class DeviceHabits:
    """The habits that one device has shown. In the gateway's thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._worked: dict[str, str] = {}
        self._failed: dict[str, dict[str, float]] = {}  # subject -> guess -> until when it counts as failed
        self._teardown: tuple[float, str] | None = None  # when, and the credential's fingerprint
        self.lifetime_s = float("inf")  # of a session that ended before its first keep-alive
        self.public: frozenset[str] | None = None  # the methods of its Public header; None if it has not told them

    def order(self, subject: str, guesses: Iterable[str]) -> list[str]:
        """Return the guesses in the order to try them."""
        now_s = self._clock.monotonic_s()
        failed = [guess for guess, until_s in self._failed.get(subject, {}).items() if now_s < until_s]
        worked = self._worked.get(subject)
        return sorted(guesses, key=lambda guess: failed.index(guess) + 1 if guess in failed else -(guess == worked))

    def worked(self, subject: str, guess: str) -> None:
        """The device played with this guess, or accepted it."""
        self._worked[subject] = guess
        self._failed.get(subject, {}).pop(guess, None)

    def failed(self, subject: str, guess: str, *, for_s: float = float("inf")) -> None:
        """The device refused this guess, or ended the session at it."""
        if self._worked.get(subject) == guess:
            del self._worked[subject]
        failed = self._failed.setdefault(subject, {})
        failed.pop(guess, None)
        failed[guess] = self._clock.monotonic_s() + for_s
        while len(failed) > _MAX_FAILED:  # of audio there is one for each stream's address
            del failed[next(iter(failed))]

    def doubt(self, subject: str, guess: str) -> None:
        """A session ended, perhaps because of this guess. One that has worked before gets another chance."""
        if self.has_worked(subject, guess):
            del self._worked[subject]
        else:
            self.failed(subject, guess)

    def has_worked(self, subject: str, guess: str) -> bool:
        return self._worked.get(subject) == guess

    def has_failed(self, subject: str, guess: str) -> bool:
        return self._clock.monotonic_s() < self._failed.get(subject, {}).get(guess, 0.0)

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


class HabitStore:
    """The habits of all devices, by device key and address. In the gateway's thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._devices: OrderedDict[tuple[str, str], DeviceHabits] = OrderedDict()

    def of(self, device_key: str, origin: str) -> DeviceHabits:
        """Return the habits of a device. `origin`: scheme, host and port of its RTSP address."""
        habits = self._devices.setdefault((device_key, origin), DeviceHabits(self._clock))
        self._devices.move_to_end((device_key, origin))
        while len(self._devices) > _MAX_DEVICES:
            self._devices.popitem(last=False)
        return habits
