"""Fixtures of the stream tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import pytest

from core.clock import SystemClock
from core.login_gate import LoginGate
from core.records import AudioFormat, Credential, StreamSource, VideoFormat
from core.secrets import Secret
from core.settings import Settings
from media.ffmpeg import find_ffmpeg
from media.process import Spawner
from media.rtsp.gateway import RtspGateway
from sessions.backoff import LOOK_AGAIN_S
from sessions.replay_segments import make_segments
from sessions.tools import nothing_known
from stream_manager import StreamManager
from tests.media.encoded import encoded
from tests.streams.replaying import HOUR_S, NIGHT_S
from tests.streams.thin_device import SERVER, TOKEN, Device, is_running, until
from tests.streams.thin_recorder import FPS, ThinMaker, ThinRecorder


@pytest.fixture
def spawner() -> Iterator[Spawner]:
    spawner = Spawner()
    spawner.start()
    yield spawner
    spawner.stop()


@pytest.fixture(scope="session")
def rtsp_port() -> Iterator[int]:
    with subprocess.Popen(["/usr/bin/python3", "-c", SERVER], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        # This client keeps the factory running, like a camera that always streams: a restart takes a second.
        keep = ["ffmpeg", "-v", "quiet", "-nostdin", "-rtsp_transport", "tcp", "-i", f"rtsp://127.0.0.1:{port}/plain"]
        keep += ["-c", "copy", "-progress", "pipe:1", "-stats_period", "1", "-f", "null", "-"]
        with subprocess.Popen(keep, stdout=subprocess.PIPE) as keeper:
            assert keeper.stdout is not None
            # Two clients of a shared factory that is just starting can crash GStreamer's server (1.22).
            assert keeper.stdout.readline()
            yield port
            keeper.kill()
        server.kill()


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
        playlist_segments=4,
        min_free_bytes=0,
    )


MakeManager = Callable[..., StreamManager]


@pytest.fixture
def make_manager(settings: Settings, spawner: Spawner, device: Device) -> Iterator[MakeManager]:
    made: list[StreamManager] = []

    def make(
        *, ffmpeg: Callable[[], Path] | None = None, known_codec: str | None = None, **changed: object
    ) -> StreamManager:
        manager = StreamManager(
            settings=replace(settings, **changed),  # type: ignore[arg-type]  # any setting, by name
            clock=SystemClock(),
            spawner=spawner,
            open_feed=device.open_feed,
            resolve_source=device.resolve,
            request_key_frame=device.request_key_frame,
            note_stream=device.note_stream,
            known_video=lambda _camera_id, _token: VideoFormat(known_codec) if known_codec else None,
            ffmpeg=ffmpeg or find_ffmpeg,
        )
        manager.start_rooms()
        made.append(manager)
        return manager

    yield make
    for manager in made:
        manager.stop_rooms()


@pytest.fixture
def running(make_manager: MakeManager) -> Callable[..., StreamManager]:
    """Return a function that makes a manager with one running session."""

    def make(**changed: object) -> StreamManager:
        manager = make_manager(**changed)
        manager.start(1, TOKEN)
        assert until(lambda: is_running(manager))
        return manager

    return make


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses between retries from seconds to fractions of a second."""
    monkeypatch.setattr("sessions.backoff.FIRST_S", 0.05)
    monkeypatch.setitem(LOOK_AGAIN_S, "storage_full", 0.3)


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes a shell script to use in place of ffmpeg; `$folder` is the session's folder."""

    def write(text: str) -> Path:
        path = tmp_path / "fake-ffmpeg"
        path.write_text(f'#!/bin/sh\nfor last; do :; done\nfolder=$(dirname "$last")\n{text}\n')
        path.chmod(0o700)
        return path

    return write


CANARY = "canary-password-7291"


@dataclass
class House:
    """A stream manager over a real gateway whose sources are paths of the test's RTSP server."""

    manager: StreamManager
    gateway: RtspGateway
    port: int

    def source(self, camera_id: int, path: str) -> StreamSource:
        uri = f"rtsp://127.0.0.1:{self.port}/{path}"
        return StreamSource(camera_id, path, uri, f"camera{camera_id}", Credential("admin", Secret(CANARY)))


@pytest.fixture
def house(settings: Settings, spawner: Spawner, rtsp_port: int) -> Iterator[House]:
    clock = SystemClock()
    gateway = RtspGateway(login_gate=LoginGate(clock), clock=clock, settings=settings)
    gateway.start()
    made: list[House] = []
    manager = StreamManager(
        settings=settings,
        clock=clock,
        spawner=spawner,
        open_feed=gateway.open_feed,
        resolve_source=lambda camera_id, path: made[0].source(camera_id, path),
    )
    made.append(House(manager, gateway, rtsp_port))
    manager.start_rooms()
    yield made[0]
    manager.stop_rooms()
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

    def no_feed(*_: object) -> NoReturn:
        raise AssertionError("a replay opens no live feed")

    def make(*, replay_places: Callable[[int], int] | None = None, **changed: object) -> StreamManager:
        manager = StreamManager(
            settings=replace(settings, **changed),  # type: ignore[arg-type]  # any setting, by name
            clock=SystemClock(),
            spawner=spawner,
            open_feed=no_feed,
            resolve_source=no_feed,
            find_replay=recorder.find,
            find_recorded=recorder.recorded if recorder.others else nothing_known,
            replay_places=replay_places,
            open_replay=recorder.open,
            make_segments=make_segments if recorder.pictures else lambda *_: ThinMaker(),
        )
        manager.start_rooms()
        made.append(manager)
        return manager

    yield make
    for manager in made:
        manager.stop_rooms()
    assert recorder.open_lines() == 0


@pytest.fixture
def replays(make_replays: MakeManager) -> StreamManager:
    return make_replays()
