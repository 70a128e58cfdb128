"""Fixtures of the gateway's tests: an encoded stream, cameras that play it, a running gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.clock import SystemClock
from core.login_gate import LoginGate
from core.settings import Settings
from media.rtsp.gateway import RtspGateway
from tests.media.encoded import encode_h264
from tests.media.rtsp.camera_peer import PeerCamera


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
    """The gateway's time-out, in seconds.

    Tests with the simulator replace it by LIMIT_S: on a loaded machine, a process of its own may need longer than 2 s.
    """
    return 2.0


@pytest.fixture
def gateway(gate: LoginGate, rtsp_timeout_s: float) -> Iterator[RtspGateway]:
    """A running gateway, which keeps unused sessions for 0.5 s."""
    running = RtspGateway(
        login_gate=gate,
        clock=SystemClock(),
        settings=Settings(rtsp_timeout_s=rtsp_timeout_s, device_live_sessions=8),
        linger_s=0.5,
    )
    running.start()
    yield running
    running.stop()
