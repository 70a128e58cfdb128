"""Fixtures of the gateway's tests: an encoded stream, cameras that play it, a running gateway."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.clock import SystemClock
from core.login_gate import LoginGate
from core.settings import Settings
from media.rtsp.gateway import RtspGateway
from tests.media.encoded import encode_h264
from tests.media.rtsp.camera_peer import PeerCamera
from tests.patience import LIMIT_S


@pytest.fixture(scope="session")
def h264_stream() -> bytes:
    """Two seconds of 320x240 at 25 frames per second, with a key frame each second."""
    return encode_h264()


@pytest.fixture
def camera(h264_stream: bytes) -> Iterator[Callable[..., PeerCamera]]:
    started: list[PeerCamera] = []

    def start(**options: Any) -> PeerCamera:
        options.setdefault("stream", h264_stream)
        started.append(PeerCamera(**options).start())
        return started[-1]

    yield start
    for peer in started:
        peer.stop()


@pytest.fixture
def gate() -> LoginGate:
    return LoginGate(SystemClock())


@pytest.fixture
def rtsp_timeout_s() -> float:
    """The gateway's time-out, in seconds. Tests that wait for its end are `asking.impatient`."""
    return LIMIT_S


@pytest.fixture
def linger_s() -> float:
    """How long the gateway keeps unused sessions, in seconds."""
    return 0.5


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Return a port that refuses connections. It stays bound, so that no other program gets it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def gateway(gate: LoginGate, rtsp_timeout_s: float, linger_s: float) -> Iterator[RtspGateway]:
    """A running gateway."""
    running = RtspGateway(
        login_gate=gate,
        clock=SystemClock(),
        settings=Settings(rtsp_timeout_s=rtsp_timeout_s, device_live_sessions=8),
        linger_s=linger_s,
    )
    running.start()
    yield running
    running.stop()
