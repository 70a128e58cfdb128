"""H.265 for players without it: each segment is encoded to H.264 on request, and the segments still fit together."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.errors import AppError, NotFound, Unavailable
from core.records import AudioFormat, StreamState, VideoFormat
from core.settings import Settings
from media.commands import recode_segment_command
from media.process import Spawner, SupervisedProcess
from sessions.replay.encoder import SegmentEncoder, split_init, unencoded_name
from stream_manager import StreamManager
from tests.media.encoded import encoded
from tests.patience import LIMIT_S, until
from tests.sessions.replay.thin_recorder import FPS, ThinRecorder
from tests.sessions.stand_ins import NoCameras, ThinRecordings, ThinReplays

pytestmark = pytest.mark.programs

HEVC = VideoFormat("hevc", 320, 180, float(FPS))
NIGHT = datetime(2026, 11, 22, 2, 0, 0, tzinfo=UTC)
SEGMENTS = 4


@pytest.fixture(scope="session")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """H.265 with B-frames and FLAC, cut into two-second segments by ffmpeg."""
    folder = tmp_path_factory.mktemp("hevc")
    make = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=s=320x180:r={FPS}", "-f", "lavfi"]
    make += ["-i", "sine=r=8000", "-t", str(2 * SEGMENTS), "-c:v", "libx265", "-preset", "ultrafast", "-x265-params"]
    make += ["keyint=10:min-keyint=10:scenecut=0:bframes=2:log-level=error", "-tag:v", "hvc1", "-c:a", "flac"]
    make += ["-strict", "-2", "-f", "hls", "-hls_segment_type", "fmp4", "-hls_time", "2", "-hls_list_size", "0"]
    make += ["-hls_fmp4_init_filename", "init.mp4", "-hls_segment_filename", "%d.m4s", "out.m3u8"]
    subprocess.run(make, cwd=folder, check=True)
    return folder


@pytest.fixture
def folder(pieces: Path, tmp_path: Path) -> Path:
    shutil.copy(pieces / "init.mp4", tmp_path / "run1_init0.hevc.mp4")
    for number in range(SEGMENTS):
        shutil.copy(pieces / f"{number}.m4s", tmp_path / f"run1_{number}.hevc.m4s")
    return tmp_path


@pytest.fixture
def encoder(folder: Path, spawner: Spawner) -> SegmentEncoder:
    encoder = SegmentEncoder(spawner, "", folder)
    for number in range(SEGMENTS):
        encoder.note(f"run1_{number}.m4s", "run1_init0.mp4")
    return encoder


def probe(folder: Path, *names: str) -> list[tuple[str, float]]:
    """Return (media type, time in s) of each packet, sorted."""
    whole = folder / "whole.mp4"
    whole.write_bytes(b"".join((folder / name).read_bytes() for name in names))
    ask = ["ffprobe", "-v", "error", "-show_entries", "packet=codec_type,pts_time", "-of", "csv=p=0", str(whole)]
    text = subprocess.run(ask, check=True, capture_output=True, text=True).stdout
    rows = [line.split(",")[:2] for line in text.split()]
    return sorted((kind, float(time)) for kind, time in rows)


def codec_of(folder: Path, *names: str) -> str:
    whole = folder / "whole.mp4"
    whole.write_bytes(b"".join((folder / name).read_bytes() for name in names))
    ask = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=codec_name", "-of", "csv=p=0"]
    return subprocess.run([*ask, str(whole)], check=True, capture_output=True, text=True).stdout.strip()


def test_segments_encoded_in_any_order_fit_one_init_section(encoder: SegmentEncoder, folder: Path) -> None:
    encoder.make("run1_2.m4s")
    init = (folder / "run1_init0.mp4").read_bytes()
    for number in (0, 3, 1):
        encoder.make(f"run1_{number}.m4s")
        assert (folder / "run1_init0.mp4").read_bytes() == init
    made = ["run1_init0.mp4", *(f"run1_{number}.m4s" for number in range(SEGMENTS))]
    assert codec_of(folder, *made) == "h264"
    assert probe(folder, *made) == probe(folder, *map(unencoded_name, made))
    decode = ["ffmpeg", "-v", "error", "-i", str(folder / "whole.mp4"), "-f", "null", "-"]
    assert subprocess.run(decode, check=True, capture_output=True, text=True).stderr == ""


def test_the_init_section_is_made_with_its_first_segment(encoder: SegmentEncoder, folder: Path) -> None:
    encoder.make("run1_init0.mp4")
    assert (folder / "run1_init0.mp4").is_file()
    assert (folder / "run1_0.m4s").is_file()


def test_concurrent_requests_for_a_segment_cost_one_encoding(
    folder: Path, spawner: Spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    spawn = spawner.spawn

    def count(argv: Sequence[str], *, name: str, **options: Any) -> SupervisedProcess:
        started.append(name)
        return spawn(argv, name=name, **options)

    monkeypatch.setattr(spawner, "spawn", count)
    encoder = SegmentEncoder(spawner, "", folder)
    encoder.note("run1_0.m4s", "run1_init0.mp4")
    with ThreadPoolExecutor(4) as players:
        list(players.map(encoder.make, ["run1_0.m4s"] * 4))
    assert started == ["ffmpeg run1_0.m4s"]


def test_unknown_names_are_not_encoded(encoder: SegmentEncoder, folder: Path) -> None:
    before = sorted(folder.iterdir())
    for name in ("run1_9.m4s", "run2_init0.mp4", "../run1_0.m4s", "run1_0.hevc.m4s", ""):
        encoder.make(name)
    encoder.forget(("run1_0.m4s",))
    encoder.make("run1_0.m4s")
    assert sorted(folder.iterdir()) == before


def test_a_damaged_segment_raises_ffmpeg_failed(encoder: SegmentEncoder, folder: Path) -> None:
    (folder / "run1_1.hevc.m4s").write_bytes(b"\0" * 5000)
    with pytest.raises(Unavailable) as caught:
        encoder.make("run1_1.m4s")
    assert caught.value.code == "ffmpeg_failed"
    encoder.make("run1_2.m4s")
    assert (folder / "run1_2.m4s").is_file()


def test_close_ends_a_running_ffmpeg(folder: Path, spawner: Spawner, script: Callable[[str], Path]) -> None:
    slow = script("exec sleep 60")
    encoder = SegmentEncoder(spawner, str(slow), folder)
    encoder.note("run1_0.m4s", "run1_init0.mp4")
    waiting = threading.Thread(target=encoder.make, args=("run1_0.m4s",))
    waiting.start()
    until(lambda: len(spawner.running()) == 1)
    encoder.close()
    waiting.join(LIMIT_S)
    assert not waiting.is_alive()
    assert not spawner.running()
    encoder.make("run1_0.m4s")
    assert not (folder / "run1_0.m4s").exists()


def test_an_init_section_ends_where_the_first_fragment_begins() -> None:
    box = b"\0\0\0\x08ftyp\0\0\0\x0cmoovABCD"
    assert split_init(box + b"\0\0\0\x08moof\0\0\0\x08mdat") == (box, b"\0\0\0\x08moof\0\0\0\x08mdat")
    for broken in (b"", box, b"\0\0\0\0moov" + box, b"\0\0\xff\xffmoov", b"abc"):
        assert split_init(broken) is None


def test_the_command_accepts_only_our_own_file_names() -> None:
    for name in ("a|b.hevc.m4s", "http://x/.hevc.m4s", "run1_0.m4s", "-i.hevc.m4s", "../run1_0.hevc.m4s"):
        with pytest.raises(ValueError, match="names"):
            recode_segment_command(Path("/ffmpeg"), "run1_init0.hevc.mp4", name)


@pytest.fixture
def manager(settings: Settings, spawner: Spawner) -> StreamManager:
    start_s = NIGHT.timestamp()
    film = encoded("hevc")
    recorder = ThinRecorder([(start_s, start_s + 2 * SEGMENTS)], HEVC, AudioFormat("pcm_alaw", 8000, 1))
    recorder.pictures, recorder.parameter_sets = film.pictures[:FPS], film.sets
    manager = StreamManager(
        replace(settings, max_transcodes=1),
        SystemClock(),
        spawner,
        ThinReplays(recorder),
        NoCameras(),
        ThinRecordings(recorder),
    )
    manager.start()
    return manager


def is_complete(manager: StreamManager, stream_id: str) -> bool:
    return "ENDLIST" in manager.playlist(stream_id, "run1.m3u8", LIMIT_S)


def test_a_player_without_h265_gets_h264_and_others_the_original(manager: StreamManager, settings: Settings) -> None:
    transcoded, _ = manager.start_replay(1, "Rec0", NIGHT)
    copied, _ = manager.start_replay(1, "Rec0", NIGHT, accept=("h264", "hevc"))
    try:
        for view, codec in ((transcoded, "h264"), (copied, "hevc")):
            until(partial(is_complete, manager, view.stream_id))
            paths = [manager.segment_path(view.stream_id, name) for name in ("run1_init0.mp4", "run1_1.m4s")]
            assert codec_of(paths[0].parent, *(path.name for path in paths)) == codec
            status = manager.session_view(view.stream_id)
            assert status.video is not None
            assert status.audio is not None
            assert (status.video.codec, status.audio.codec) == (codec, "flac")
            assert (status.transcoding, status.source_codec) == (codec == "h264", "hevc")
        with pytest.raises(NotFound):
            manager.segment_path(transcoded.stream_id, "run1_1.hevc.m4s")
    finally:
        manager.stop()


def test_a_replay_beyond_the_transcode_limit_gets_an_error(manager: StreamManager, spawner: Spawner) -> None:
    first, _ = manager.start_replay(1, "Rec0", NIGHT)
    try:
        manager.playlist(first.stream_id, "run1.m3u8", LIMIT_S)
        second, _ = manager.start_replay(1, "Rec0", NIGHT)
        with pytest.raises(AppError) as caught:
            manager.playlist(second.stream_id, "run1.m3u8", LIMIT_S)
        assert caught.value.code == "transcode_limit"
        manager.stop_session(first.stream_id)
        assert manager.seek_replay(second.stream_id, NIGHT).playlist_url.endswith("run2.m3u8")
        until(lambda: manager.session_view(second.stream_id).status is StreamState.RUNNING)
    finally:
        manager.stop()
