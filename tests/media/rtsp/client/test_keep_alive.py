"""Which keep-alive a session sends, and what the device's habits learn from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import cast

import pytest

from core.errors import CameraUnreachable
from media.rtsp.client.device_requests import DeviceRequests
from media.rtsp.client.habits import KEEP_ALIVE, DeviceHabits
from media.rtsp.client.keep_alive import KeepAlive
from media.rtsp.client.login import SessionLogin
from media.rtsp.client.messages import Headers, Response, SessionHeader
from tests.hand_clock import HandClock

TIMEOUT_S = 60


@dataclass
class Requests:
    """Takes keep-alives; the test answers them."""

    session: SessionHeader = field(default_factory=lambda: SessionHeader("1", TIMEOUT_S, True))
    sent: list[str] = field(default_factory=list)
    pending: list[asyncio.Future[Response]] = field(default_factory=list)

    def send_now(self, method: str, uri: str) -> asyncio.Future[Response]:
        self.sent.append(method)
        self.pending.append(asyncio.get_running_loop().create_future())
        return self.pending[-1]

    def switch_session(self) -> bool:
        return False


class Login:
    """A session without a login."""

    def confirm_renewal(self) -> None:
        pass

    def abandon_renewal(self) -> None:
        pass


class Session:
    """A keep-alive and its surroundings."""

    def __init__(self) -> None:
        self.clock, self.requests = HandClock(), Requests()
        self.habits = DeviceHabits(self.clock)
        self.begin()

    def begin(self) -> None:
        """Open another session with the device."""
        requests, login = cast("DeviceRequests", self.requests), cast("SessionLogin", Login())
        self.keep_alive = KeepAlive(requests, login, self.habits, self.clock, uri="rtsp://camera/")

    def pass_time(self, seconds: int, status: int | None) -> None:
        """Let a device answer every keep-alive with this status; None: never."""
        for _ in range(2 * seconds):
            self.clock.move(seconds=0.5)
            self.keep_alive.tick()
            for answer in self.requests.pending:
                if status and not answer.done():
                    answer.set_result(Response(status, "", Headers()))


def in_loop(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(test())


def test_a_method_works_once_it_has_kept_a_session_open() -> None:
    async def run() -> None:
        session = Session()
        session.pass_time(2 * TIMEOUT_S - 1, 200)
        assert not session.habits.has_worked(KEEP_ALIVE, "OPTIONS")
        session.pass_time(TIMEOUT_S, 200)
        assert session.habits.has_worked(KEEP_ALIVE, "OPTIONS")

    in_loop(run)


def test_a_method_does_not_work_before_the_session_has_outlived_it() -> None:
    """The session is older than two time-outs when OPTIONS is sent for the first time."""

    async def run() -> None:
        session = Session()
        session.habits.public = frozenset({"GET_PARAMETER"})
        session.pass_time(3 * TIMEOUT_S, 200)
        assert set(session.requests.sent) == {"GET_PARAMETER"}
        assert session.habits.has_worked(KEEP_ALIVE, "GET_PARAMETER")
        for _ in range(60):
            session.clock.move(seconds=0.5)
            session.keep_alive.tick()
            for answer in session.requests.pending:
                if not answer.done() and session.requests.sent[-1] == "GET_PARAMETER":
                    answer.set_result(Response(405, "", Headers()))
        assert session.requests.sent[-1] == "OPTIONS"
        assert not session.habits.has_worked(KEEP_ALIVE, "OPTIONS"), "it has no answer yet"
        assert session.habits.has_failed(KEEP_ALIVE, "GET_PARAMETER")

    in_loop(run)


def test_a_device_that_never_answers_is_kept_open_by_one_method() -> None:
    async def run() -> None:
        session = Session()
        session.pass_time(4 * TIMEOUT_S, None)
        assert set(session.requests.sent) == {"OPTIONS"}
        assert session.habits.has_worked(KEEP_ALIVE, "OPTIONS")

    in_loop(run)


def test_a_forgotten_session_discredits_no_method_that_has_worked() -> None:
    """The device has started again: it does not know the session of the keep-alive."""

    async def run() -> None:
        session = Session()
        session.pass_time(4 * TIMEOUT_S, 200)
        with pytest.raises(CameraUnreachable):
            session.pass_time(TIMEOUT_S, 454)
        assert not session.habits.has_failed(KEEP_ALIVE, "OPTIONS")
        session.begin()
        with pytest.raises(CameraUnreachable):
            session.pass_time(TIMEOUT_S, 454)
        assert session.habits.has_failed(KEEP_ALIVE, "OPTIONS")
        session.clock.move(hours=1)
        assert not session.habits.has_failed(KEEP_ALIVE, "OPTIONS")

    in_loop(run)


def test_a_method_with_which_two_sessions_end_alike_is_replaced() -> None:
    """EvoStream's server ends a session with OPTIONS after half of its timeout, and names no other method."""

    async def run() -> None:
        session = Session()
        for _ in range(2):
            assert not session.habits.has_failed(KEEP_ALIVE, "OPTIONS")
            session.pass_time(30, 200)
            session.keep_alive.session_lost()
            session.begin()
        session.requests.sent.clear()
        session.pass_time(30, 200)
        assert session.requests.sent == ["GET_PARAMETER"]

    in_loop(run)


def test_sessions_that_end_at_different_times_discredit_no_method() -> None:
    async def run() -> None:
        session = Session()
        for lasted_s in (28, 34, 38):
            session.pass_time(lasted_s, 200)
            session.keep_alive.session_lost()
            session.begin()
        assert not session.habits.has_failed(KEEP_ALIVE, "OPTIONS")

    in_loop(run)
