"""Fixtures of the session tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import Clock, SystemClock
from core.login_gate import LoginGate
from core.records import AudioFormat
from core.settings import Settings
from media.process import Spawner
from media.rtsp.gateway import RtspGateway
from sessions.backoff import FIXED_WAIT_S
from stream_manager import StreamManager
from tests.media.encoded import encoded
from tests.patience import until
from tests.sessions.gstreamer_live import GstreamerLive
from tests.sessions.over_gateway import GatewayHarness
from tests.sessions.replay.replaying import HOUR_S, NIGHT_S
from tests.sessions.replay.thin_recorder import FPS, ThinRecorder
from tests.sessions.stand_ins import (
    AddressedCameras,
    NoCameras,
    NoRecordings,
    ThinCameras,
    ThinFeeds,
    ThinRecordings,
    ThinReplays,
)
from tests.sessions.thin_device import TOKEN, Device, MakeManager, is_running


@pytest.fixture(scope="module")
def gstreamer_live() -> Iterator[GstreamerLive]:
    """It encodes until its end: a start costs as much processor time as twenty seconds."""
    server = GstreamerLive()
    yield server
    server.end()


@pytest.fixture
def rtsp_port(gstreamer_live: GstreamerLive) -> int:
    return gstreamer_live.port


@pytest.fixture
def device(rtsp_port: int) -> Device:
    return Device(port=rtsp_port)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(
        Settings(),
        data_dir=tmp_path / "data",
        streams_dir=tmp_path / "streams",
        segment_s=0.5,
        min_free_bytes=0,
    )


@pytest.fixture
def make_manager(
    settings: Settings, spawner: Spawner, device: Device, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeManager]:
    made: list[StreamManager] = []

    def make(
        *,
        ffmpeg: Callable[[], Path] | None = None,
        known_codec: str | None = None,
        clock: Clock | None = None,
        **changed: object,
    ) -> StreamManager:
        if ffmpeg is not None:
            monkeypatch.setattr("sessions.context.find_ffmpeg", lambda _setting: ffmpeg())
        manager = StreamManager(
            replace(settings, **changed),  # type: ignore[arg-type]  # any setting, by name
            clock or SystemClock(),
            spawner,
            ThinFeeds(device),
            ThinCameras(device, known_codec),
            NoRecordings(),
        )
        manager.start()
        made.append(manager)
        return manager

    yield make
    for manager in made:
        manager.stop()


@pytest.fixture
def running(make_manager: MakeManager) -> Callable[..., StreamManager]:
    """Return a function that makes a manager with one running session."""

    def make(**changed: object) -> StreamManager:
        manager = make_manager(**changed)
        manager.start_hls(1, TOKEN)
        until(lambda: is_running(manager))
        return manager

    return make


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses between retries from seconds to fractions of a second."""
    monkeypatch.setattr("sessions.backoff.FIRST_S", 0.05)
    monkeypatch.setitem(FIXED_WAIT_S, "storage_full", 0.3)


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes a shell script to use in place of ffmpeg; `$folder` is the session's folder."""

    def write(text: str) -> Path:
        path = tmp_path / "fake-ffmpeg"
        path.write_text(f'#!/bin/sh\nfor last; do :; done\nfolder=$(dirname "$last")\n{text}\n')
        path.chmod(0o700)
        return path

    return write


@pytest.fixture
def harness(settings: Settings, spawner: Spawner, rtsp_port: int) -> Iterator[GatewayHarness]:
    clock = SystemClock()
    gateway = RtspGateway(login_gate=LoginGate(clock), clock=clock, settings=settings)
    gateway.start()
    made: list[GatewayHarness] = []
    cameras = AddressedCameras(lambda camera_id, path: made[0].source(camera_id, path))
    manager = StreamManager(settings, clock, spawner, gateway, cameras, NoRecordings())
    made.append(GatewayHarness(manager, gateway, rtsp_port))
    manager.start()
    yield made[0]
    manager.stop()
    gateway.stop()


@pytest.fixture
def recorder() -> ThinRecorder:
    return ThinRecorder([(NIGHT_S, NIGHT_S + HOUR_S)])


@pytest.fixture
def real(recorder: ThinRecorder) -> ThinRecorder:
    """The recorder with real encoded frames, so that an init section can be made."""
    film = encoded("h264")
    recorder.pictures, recorder.parameter_sets = film.pictures[:FPS], film.sets
    recorder.audio = AudioFormat("pcm_alaw", 8000, 1)
    return recorder


@pytest.fixture
def make_replays(settings: Settings, spawner: Spawner, recorder: ThinRecorder) -> Iterator[MakeManager]:
    made: list[StreamManager] = []

    def make(
        *, replay_places: Callable[[int], int] | None = None, clock: Clock | None = None, **changed: object
    ) -> StreamManager:
        manager = StreamManager(
            replace(settings, **changed),  # type: ignore[arg-type]  # any setting, by name
            clock or SystemClock(),
            spawner,
            ThinReplays(recorder, replay_places),
            NoCameras(),
            ThinRecordings(recorder),
        )
        manager.start()
        made.append(manager)
        return manager

    yield make
    for manager in made:
        manager.stop()
    until(lambda: recorder.open_lines() == 0)


@pytest.fixture
def replays(make_replays: MakeManager) -> StreamManager:
    return make_replays()
