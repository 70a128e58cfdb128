"""Fixtures of the stream tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.records import VideoFormat
from core.settings import Settings
from media.ffmpeg import find_ffmpeg
from media.process import Spawner
from stream_manager import StreamManager
from tests.streams.thin_device import SERVER, Device


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
        yield int(server.stdout.readline())
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
        segment_s=1.0,
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
            known_video=lambda _camera_id, _token: VideoFormat(known_codec) if known_codec else None,
            ffmpeg=ffmpeg or find_ffmpeg,
        )
        manager.start_rooms()
        made.append(manager)
        return manager

    yield make
    for manager in made:
        manager.stop_rooms()
