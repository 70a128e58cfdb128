"""Limits on live sockets and watch requests per user and token, and the errors they cause."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from websockets.frames import CloseCode

from core.access import LOCAL, Principal, Role
from core.clock import SystemClock
from core.errors import LimitReached, Unavailable
from core.loop_thread import LoopThread
from sessions.live.broadcast import FragmentBroadcaster
from tests.hand_clock import HandClock
from tests.patience import until
from tests.web.live.live_peer import UPGRADE, Channels, init_of, opened
from tests.web.web_harness import WebHarness
from web.live.sockets import Sockets

ANNA = Principal("session", "Anna", Role.VIEWER, user_id=1, key="session:1")
ANNA_AT_HOME = replace(ANNA, key="session:2")
ANNAS_SCRIPT = Principal("token", "Anna/script", Role.VIEWER, user_id=1, key="token:1")
BEN = Principal("session", "Ben", Role.VIEWER, user_id=2, key="session:3")


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture
def sockets(hand: HandClock) -> Iterator[Sockets]:
    made = Sockets(80, hand, tick_s=0.05)
    made.start()
    yield made
    made.stop()


def test_a_user_gets_a_quarter_of_the_sockets_and_localhost_all(sockets: Sockets) -> None:
    channels = Channels({})
    with contextlib.ExitStack() as stack:
        for who in (ANNA, ANNA_AT_HOME):
            for _ in range(10):
                sockets.check_capacity(who)
                last = stack.enter_context(contextlib.ExitStack())
                last.enter_context(opened(sockets, channels.backend(who)))
        for who in (ANNA, ANNA_AT_HOME):
            with pytest.raises(LimitReached) as refused:
                sockets.check_capacity(who)
            assert refused.value.code == "socket_limit"
        for who in (BEN, ANNAS_SCRIPT, LOCAL):
            sockets.check_capacity(who)
        last.close()
        until(lambda: _has_capacity(sockets, ANNA))
        for _ in range(61):
            sockets.check_capacity(LOCAL)
            stack.enter_context(opened(sockets, channels.backend()))
        with pytest.raises(Unavailable) as full:
            sockets.check_capacity(BEN)
        assert full.value.code == "busy"


def test_a_user_gets_at_least_sixteen_sockets() -> None:
    sockets = Sockets(24)
    sockets.start()
    with contextlib.ExitStack() as stack:
        stack.callback(sockets.stop)
        for _ in range(16):
            sockets.check_capacity(ANNA)
            stack.enter_context(opened(sockets, Channels({}).backend(ANNA)))
        assert not _has_capacity(sockets, ANNA)


def _has_capacity(sockets: Sockets, who: Principal) -> bool:
    try:
        sockets.check_capacity(who)
    except LimitReached:
        return False
    return True


def test_a_socket_beyond_the_limit_is_429_with_retry_after(harness: WebHarness) -> None:
    api = harness.token_client(Role.VIEWER)
    sockets = harness.sockets
    sockets.start()
    with contextlib.ExitStack() as stack:
        stack.callback(sockets.stop)
        key = f"token:{harness.accounts.tokens()[0].id}"
        for _ in range(64):
            stack.enter_context(opened(sockets, Channels({}).backend(replace(ANNAS_SCRIPT, key=key))))
        ours = stack.enter_context(socket.socket())
        asked = {"headers": {**api.headers, **UPGRADE}, "environ_overrides": {"gunicorn.socket": ours}}
        answer = api.client.get("/live", **asked)
        assert (answer.status_code, answer.get_json()["code"]) == (429, "socket_limit")
        assert int(answer.headers["Retry-After"]) > 0


def test_watch_requests_are_limited_in_rate(sockets: Sockets, hand: HandClock) -> None:
    broadcaster = FragmentBroadcaster(SystemClock())
    broadcaster.on_init(init_of())
    channels = Channels({"one": broadcaster})
    numbers = count()

    def ask() -> dict[str, Any]:
        wanted = {"type": "watch", "id": next(numbers) % 7, "camera_id": 1, "profile_token": "one"}
        sockets.post(peer.handler.on_text, json.dumps(wanted).encode())  # bypasses the limit on messages
        while True:
            message = peer.read()
            if isinstance(message, dict) and message["type"] in ("watching", "problem"):
                return message

    with opened(sockets, channels.backend()) as peer:
        assert all(ask()["type"] == "watching" for _ in range(128))
        refused = ask()
        assert (refused["code"], refused["retry_after_s"]) == ("join_limit", 1)
        assert len(channels.watched) == 128
        hand.move(seconds=1)
        assert [ask()["type"] for _ in range(9)] == ["watching"] * 8 + ["problem"]


def test_sockets_that_share_a_thread_leave_it_running_for_others(hand: HandClock) -> None:
    thread = LoopThread("shared")
    thread.start()
    sockets = Sockets(80, hand, tick_s=0.05)
    sockets.start(thread)
    with contextlib.ExitStack() as stack:
        stack.callback(thread.stop, _nothing)
        stack.callback(sockets.stop)
        peer = stack.enter_context(opened(sockets, Channels({}).backend()))
        ran_in: list[str] = []
        sockets.post(lambda: ran_in.append(threading.current_thread().name))
        until(lambda: ran_in == ["shared"])
        sockets.stop()
        assert peer.closed() == CloseCode.GOING_AWAY
        assert thread.loop is not None
        thread.call(lambda: ran_in.append("still"))
        until(lambda: ran_in == ["shared", "still"])


async def _nothing() -> None:
    pass
