"""The RTSP habits of a device are stored with its camera: a restart or a move to another node costs no guesses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cameras.records import CameraDraft
from core.clock import SystemClock
from core.records import CameraStatus, RtspHabits, StreamUris
from core.secrets import Secret
from core.settings import Settings
from media.rtsp.client.habits import FIRST_REQUEST, SESSION_ADDRESS, TRACK_ADDRESS
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness
from tests.media.rtsp.asking import PASSWORD, source, until_state
from tests.media.rtsp.camera_peer import Asked, PeerCamera
from tests.patience import LIMIT_S, until

pytestmark = pytest.mark.programs

Cameras = Callable[..., PeerCamera]
SUBJECTS = {FIRST_REQUEST, TRACK_ADDRESS, SESSION_ADDRESS}


@pytest.fixture
def peer(camera: Cameras) -> PeerCamera:
    """A camera that wants OPTIONS first, and has its track and its PLAY at unusual addresses."""

    greeted: list[object] = []  # connections

    def describe(asked: Asked) -> bytes:
        if asked.writer not in greeted:
            return asked.reply("455 Method Not Valid in This State")
        return asked.reply("200 OK", "Content-Base: rtsp://10.0.0.7/elsewhere/", body=made.sdp())

    def options(asked: Asked) -> bytes:
        greeted.append(asked.writer)
        return made.usual(asked)

    def at_the_track(asked: Asked) -> bytes:
        return made.usual(asked) if asked.uri.endswith("/live/trackID=0") else asked.reply("459 Not Allowed")

    def set_up(asked: Asked) -> bytes:
        return made.usual(asked) if asked.uri.endswith("/live/trackID=0") else asked.reply("404 Not Found")

    made = camera(answers={"OPTIONS": options, "DESCRIBE": describe, "SETUP": set_up, "PLAY": at_the_track})
    return made


@contextmanager
def running(harness: CameraHarness) -> Iterator[tuple[OnvifManager, RtspGateway]]:
    """Run a new gateway and a new manager on the same folder, as a restart of the app does."""
    settings = Settings(rtsp_timeout_s=LIMIT_S, device_live_sessions=8)
    gateway = RtspGateway(login_gate=harness.gate, clock=SystemClock(), settings=settings, linger_s=0.1)
    harness.describe = gateway.describe
    gateway.on_habits(lambda camera_id, habits: harness.manager.note_rtsp_habits(camera_id, habits))
    gateway.start()
    try:
        with harness.running() as manager:
            yield manager, gateway
    finally:
        gateway.stop()


def asked_of(peer: PeerCamera) -> Counter[str]:
    return Counter({method: peer.asked[method] for method in ("DESCRIBE", "SETUP", "PLAY", "TEARDOWN")})


def play(manager: OnvifManager, gateway: RtspGateway, camera_id: int) -> None:
    feed = gateway.open_feed(manager.stream_source(camera_id, "main"))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None
    feed.close()


def test_a_restart_costs_no_guesses(tmp_path: Path, peer: PeerCamera) -> None:
    harness = CameraHarness(tmp_path)
    with running(harness) as (manager, gateway):
        camera_id = manager.add_camera(
            CameraDraft(username="admin", password=Secret(PASSWORD), stream_uris=StreamUris(peer.uri(), None))
        ).id
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        play(manager, gateway, camera_id)
        until(lambda: subjects(manager.stream_source(camera_id, "main").habits) >= SUBJECTS, what="the habits")
        assert manager.stream_source(camera_id, "main").habits[0].origin == f"rtsp://127.0.0.1:{peer.port}"
    before = asked_of(peer)
    assert before["SETUP"] > before["TEARDOWN"], "the first app guesses"
    with running(harness) as (manager, gateway):
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        play(manager, gateway, camera_id)
        until(lambda: peer.open_connections == 0)
        assert len(set((asked_of(peer) - before).values())) == 1, asked_of(peer) - before


def subjects(habits: tuple[RtspHabits, ...]) -> set[str]:
    return {subject for one in habits for subject, _ in one.worked}


def test_after_a_move_the_habits_are_those_of_the_last_owner(peer: PeerCamera, gateway: RtspGateway) -> None:
    stored: list[tuple[RtspHabits, ...]] = []
    gateway.on_habits(lambda camera_id, habits: stored.append(habits))

    def tries(habits: tuple[RtspHabits, ...]) -> int:
        before = peer.asked["SETUP"]
        feed = gateway.open_feed(replace(source(peer.uri()), habits=habits))
        assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None
        feed.close()
        until(lambda: peer.open_connections == 0)
        gateway.release_camera(1)
        gateway.adopt_camera(1)
        return peer.asked["SETUP"] - before

    assert tries(()) > 1
    until(lambda: stored and subjects(stored[-1]) >= SUBJECTS, what="the habits")
    assert tries(()) > 1, "the last owner has stored none"
    assert tries(stored[-1]) == 1
