"""How the handler of a live socket describes a stream, looks up its login again, and handles failed look-ups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.access import LOCAL, Principal
from core.clock import SystemClock
from core.errors import Unavailable
from sessions.live.broadcast import FragmentBroadcaster
from tests.hand_clock import HandClock
from tests.patience import until
from tests.web.live.live_peer import Channels, init_of, opened
from web.live.sockets import Sockets


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture
def sockets(hand: HandClock) -> Iterator[Sockets]:
    made = Sockets(64, hand, tick_s=0.05)
    made.start()
    yield made
    made.stop()


class Logins:
    """Return or raise the given answers in order; the last one repeats."""

    def __init__(self, *answers: Principal | Exception | None) -> None:
        self._answers = list(answers)
        self.asked = 0

    def __call__(self) -> Principal | None:
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


LOCKED = Unavailable("The database was locked for too long.", code="database_locked")


@pytest.mark.parametrize("error", [LOCKED, RuntimeError("a mistake of ours")], ids=["app_error", "unexpected"])
def test_a_failed_login_lookup_is_repeated(sockets: Sockets, hand: HandClock, error: Exception) -> None:
    logins = Logins(error, error, None)
    with opened(sockets, Channels({}, logins).backend()) as peer:
        hand.move(seconds=4)
        assert peer.closed() == 4401
    assert logins.asked == 3


def test_a_socket_is_closed_after_repeated_failed_login_lookups(sockets: Sockets, hand: HandClock) -> None:
    with opened(sockets, Channels({}, Logins(LOCKED)).backend()) as peer:
        hand.move(seconds=4)
        assert peer.closed() == 1013


def test_occasional_failed_lookups_close_no_socket(sockets: Sockets, hand: HandClock) -> None:
    logins = Logins(LOCKED, LOCKED, LOCKED, LOCAL, LOCKED, LOCKED, LOCKED, LOCAL)

    def is_asked_on() -> bool:
        hand.move(seconds=4)
        return logins.asked >= 9

    with opened(sockets, Channels({}, logins).backend()) as peer:
        until(is_asked_on)
        peer.say(type="clock", sent=2)
        assert peer.message("clock")["sent"] == 2


@pytest.mark.parametrize("is_reordered", [False, True])
def test_init_says_whether_frames_are_reordered(sockets: Sockets, is_reordered: bool) -> None:
    broadcaster = FragmentBroadcaster(SystemClock())
    broadcaster.on_init(replace(init_of(), is_reordered=is_reordered))
    with opened(sockets, Channels({"one": broadcaster}).backend()) as peer:
        peer.say(type="watch", id=1, camera_id=1, profile_token="one")
        assert peer.message("init")["reordered"] is is_reordered
