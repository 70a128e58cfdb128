"""Runs of small video that the app encodes of a recording, for thin links."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from core.errors import AppError, CameraUnsupported, LimitReached
from core.recordings import ReplayQuality
from core.records import VideoFormat
from media.commands import SMALL_KBPS, small_segment_command
from sessions.replay.small_frames import check_small_recording
from tests.media.encoded import FPS as FILM_FPS
from tests.media.encoded import encoded
from tests.patience import LIMIT_S, until
from tests.sessions.replay.replaying import NIGHT_S, at, segments_of, text_of, times_of
from tests.sessions.replay.thin_recorder import ThinRecorder
from tests.sessions.replay.viewer import Viewer, watched
from tests.sessions.thin_device import MakeManager

pytestmark = pytest.mark.programs

SMALL = ReplayQuality.SMALL


def shown_frames(folder: Path, init: bytes, parts: bytes) -> list[float]:
    """Decode fragments; return the time of each frame in them."""
    whole = folder / "whole.mp4"
    whole.write_bytes(init + parts)
    ask = ["ffprobe", "-v", "error", "-show_entries", "frame=pts_time", "-of", "csv=p=0", str(whole)]
    found = subprocess.run(ask, check=True, capture_output=True, text=True)
    assert found.stderr == ""
    return [float(line.strip(",")) for line in found.stdout.split()]


def media_of(viewer: Viewer, run: int) -> tuple[bytes, bytes]:
    (init,) = viewer.inits(run)
    return init.data, b"".join(part.data for part in viewer.parts(run))


@pytest.fixture
def minute(real: ThinRecorder) -> ThinRecorder:
    real.spans = [(NIGHT_S, NIGHT_S + 60)]
    return real


def test_a_seek_may_ask_for_small_video_and_back(
    minute: ThinRecorder, make_replays: MakeManager, tmp_path: Path
) -> None:
    replays = make_replays(max_transcodes=1)
    stream_id, viewer_id, viewer = watched(replays)
    until(lambda: viewer.reached_s(1) > 2)
    sought = replays.seek_replay(stream_id, at(5), quality=SMALL)
    assert (sought.start_time, sought.replay_quality) == (at(5), SMALL)
    replays.request_replay_until(stream_id, viewer_id, 2, 100.0)
    until(partial(viewer.ended, 2))
    (init,) = viewer.inits(2)
    assert (init.audio, init.video.codec, init.codecs.startswith("avc1.")) == (None, "h264", True)
    view = replays.session_view(stream_id)
    assert (view.transcoding, view.audio_left_out) == (True, "it does not come with small video")
    times = shown_frames(tmp_path, *media_of(viewer, 2))
    assert times == pytest.approx([number / 5 for number in range(5 * 55)], abs=0.002), "no frame is lost or late"
    taken = viewer.taken(2)
    assert taken[0] == 5.0
    assert taken[-1] == pytest.approx(59.6, abs=0.3)
    steps = {round(part.start_s + 5.0 - at_s, 2) for part, at_s in zip(viewer.parts(2), taken, strict=True)}
    assert steps == {0.0}, "each part has the time of its frames"
    replays.seek_replay(stream_id, at(8))
    until(lambda: viewer.reached_s(3) > 2)
    view = replays.session_view(stream_id)
    assert (view.transcoding, view.replay_quality, view.audio is not None) == (False, ReplayQuality.FULL, True)
    other, _ = replays.start_replay(1, "Rec0", at(0), quality=SMALL)  # the place of the encoder is free again
    assert text_of(replays, other)
    assert not list((tmp_path / "streams" / stream_id).glob("small_source*"))


def test_small_video_is_small(recorder: ThinRecorder, make_replays: MakeManager) -> None:
    film = encoded("h264", 6, "1280x720")
    recorder.pictures, recorder.parameter_sets = film.pictures[:5], film.sets
    recorder.video = VideoFormat("h264", 1280, 720, float(FILM_FPS))
    recorder.spans = [(NIGHT_S, NIGHT_S + 30)]
    replays = make_replays()
    view, viewer_id = replays.start_replay(1, "Rec0", at(0), quality=SMALL)
    viewer = Viewer()
    replays.watch_replay(view.stream_id, viewer_id, viewer)
    until(partial(viewer.ended, 1))
    (init,) = viewer.inits(1)
    assert (init.video.width, init.video.height) == (480, 270)
    kbps = sum(len(part.data) for part in viewer.parts(1)) * 8 / 1000 / 30
    assert 0 < kbps < 1.2 * SMALL_KBPS


def test_small_video_has_a_playlist_and_marks_gaps(minute: ThinRecorder, make_replays: MakeManager) -> None:
    minute.spans = [(NIGHT_S, NIGHT_S + 6), (NIGHT_S + 100, NIGHT_S + 104)]
    replays = make_replays()
    view, _ = replays.start_replay(1, "Rec0", at(0), quality=SMALL)
    until(lambda: "ENDLIST" in text_of(replays, view))
    text = text_of(replays, view)
    assert 100.0 in times_of(text)
    assert text.count("EXT-X-DISCONTINUITY\n") == 1
    assert all(replays.segment_path(view.stream_id, name).stat().st_size for name in segments_of(text))


def test_small_video_of_h265_plays_on_sockets(recorder: ThinRecorder, make_replays: MakeManager) -> None:
    film = encoded("hevc")
    recorder.pictures, recorder.parameter_sets = film.pictures[:5], film.sets
    recorder.video = replace(recorder.video, codec="hevc")
    recorder.spans = [(NIGHT_S, NIGHT_S + 10)]
    copied = make_replays()
    _, _, viewer = watched(copied)
    until(partial(viewer.ended, 1))
    assert viewer.inits(1) == [], "the full recording is encoded segment by segment"
    copied.stop()
    replays = make_replays()
    view, viewer_id = replays.start_replay(1, "Rec0", at(0), quality=SMALL)
    viewer = Viewer()
    replays.watch_replay(view.stream_id, viewer_id, viewer)
    until(partial(viewer.ended, 1))
    assert [init.video.codec for init in viewer.inits(1)] == ["h264"]


def test_small_video_is_refused_without_a_place_for_an_encoder(minute: ThinRecorder, make_replays: MakeManager) -> None:
    replays = make_replays(max_transcodes=1)
    replays.start_replay(1, "Rec0", at(0), quality=SMALL)
    stream_id, _, viewer = watched(replays)
    until(lambda: viewer.reached_s(1) > 2)
    until(lambda: replays.list_sessions()[0].video is not None)
    with pytest.raises(LimitReached) as caught:
        replays.seek_replay(stream_id, at(5), quality=SMALL)
    assert caught.value.code == "transcode_limit"
    sought = replays.seek_replay(stream_id, at(5), quality=SMALL, key_frames_only=True)
    assert sought.replay_quality is ReplayQuality.FULL, "key frames alone need no encoder"


@pytest.mark.usefixtures("impatient")
def test_an_encoder_that_fails_is_reported(
    minute: ThinRecorder, make_replays: MakeManager, script: Callable[[str], Path]
) -> None:
    replays = make_replays(ffmpeg=str(script("exit 1")))
    view, _ = replays.start_replay(1, "Rec0", at(0), quality=SMALL)
    with pytest.raises(AppError) as caught:
        replays.playlist(view.stream_id, "run1.m3u8", LIMIT_S)
    assert caught.value.code == "ffmpeg_failed"


def test_a_session_that_ends_does_not_wait_for_its_encoder(
    minute: ThinRecorder, make_replays: MakeManager, script: Callable[[str], Path]
) -> None:
    replays = make_replays(ffmpeg=str(script("exec sleep 60")))
    view, _ = replays.start_replay(1, "Rec0", at(0), quality=SMALL)
    spawner = replays._context.spawner
    until(spawner.running)
    replays.stop_session(view.stream_id)
    until(lambda: not spawner.running())


def test_large_recordings_become_no_small_video() -> None:
    check_small_recording(VideoFormat("h264", 3840, 2160))
    check_small_recording(VideoFormat("hevc"))
    with pytest.raises(CameraUnsupported):
        check_small_recording(VideoFormat("hevc", 7680, 4320))


def test_the_command_accepts_only_our_own_file() -> None:
    for name in ("a|b.mp4", "http://x/a.mp4", "../a.mp4", "-i"):
        with pytest.raises(ValueError, match="name"):
            small_segment_command(Path("/ffmpeg"), name)


def test_small_video_goes_on_where_the_format_changes(minute: ThinRecorder, make_replays: MakeManager) -> None:
    replays = make_replays()
    view, viewer_id = replays.start_replay(1, "Rec0", at(0), quality=SMALL)
    viewer = Viewer()
    replays.watch_replay(view.stream_id, viewer_id, viewer)
    until(lambda: minute.lines and minute.lines[0].is_paused)  # it describes the media again when it goes on
    film = encoded("h264", size="320x240")
    minute.pictures, minute.parameter_sets = film.pictures[:5], film.sets
    replays.request_replay_until(view.stream_id, viewer_id, 1, 100.0)
    until(partial(viewer.ended, 1))
    assert [init.video.height for init in viewer.inits(1)] == [180, 240]
    starts = [part.start_s for part in viewer.parts(1)]
    assert starts == sorted(starts)
    assert all(
        at_s - part.start_s == pytest.approx(0, abs=0.01)
        for part, at_s in zip(viewer.parts(1), viewer.taken(1), strict=True)
    )
