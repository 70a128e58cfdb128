"""Replays over sockets: a viewer receives parts as they arrive instead of fetching segments."""

from __future__ import annotations

import contextlib
import re
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from core.errors import CameraUnreachable, InvalidRequest, NotFound
from core.records import AudioFormat, StreamState, VideoFormat
from core.settings import Settings
from media.codecs.access_unit import AccessUnit
from media.ffmpeg import find_ffmpeg
from sessions.replay.broadcast import (
    REQUESTED_AHEAD_S,
    ReplayEnd,
    ReplayInit,
    ReplayListener,
    ReplayPart,
    SegmentsOnly,
)
from stream_manager import StreamManager
from tests.media.encoded import encoded
from tests.patience import stays, until
from tests.sessions.replay.replaying import HOUR_S, NIGHT, NIGHT_S, at, text_of, times_of
from tests.sessions.replay.thin_recorder import CLOCK_RATE, FPS, ThinLine, ThinRecorder
from tests.sessions.replay.viewer import Viewer, watched
from tests.sessions.thin_device import MakeManager

LIMIT = 64 * 1024 * 1024
ROOT = Path(__file__).parents[3]


def frames(tmp_path: Path, content: bytes) -> int:
    (tmp_path / "film.mp4").write_bytes(content)
    command = [str(find_ffmpeg()), "-v", "warning", "-xerror", "-i", str(tmp_path / "film.mp4"), "-map", "0:v"]
    run = subprocess.run([*command, "-f", "framemd5", "-"], capture_output=True, text=True, check=True)
    assert not run.stderr
    return sum(not line.startswith("#") for line in run.stdout.splitlines())


def test_a_viewer_that_joins_right_after_the_start_gets_everything(
    real: ThinRecorder, make_replays: MakeManager, tmp_path: Path
) -> None:
    real.spans = [(NIGHT_S, NIGHT_S + 8)]
    _, _, viewer = watched(make_replays(), 2.0)
    until(partial(viewer.ended, 1))
    [init] = viewer.inits(1)
    assert (init.offset_s, init.video.codec, init.audio and init.audio.codec) == (0.0, "h264", "flac")
    assert init.codecs.startswith("avc1.")
    assert init.codecs.endswith(",flac")
    parts = viewer.parts(1)
    assert (parts[0].start_s, parts[0].is_key, viewer.taken(1)[0]) == (0.0, True, 2.0)
    assert all(taken - part.start_s == pytest.approx(2.0) for part, taken in zip(parts, viewer.taken(1), strict=True))
    assert frames(tmp_path, init.data + b"".join(part.data for part in parts)) == 6 * FPS
    assert isinstance(viewer.news[0], ReplayInit)
    assert viewer.news[-1] == ReplayEnd(1)


def test_audio_that_fragments_cannot_hold_is_left_out(
    real: ThinRecorder, make_replays: MakeManager, tmp_path: Path
) -> None:
    real.spans, real.audio = [(NIGHT_S, NIGHT_S + 8)], AudioFormat("adpcm_g722", 16_000, 1)
    manager = make_replays()
    stream_id, _, viewer = watched(manager, 2.0)
    until(partial(viewer.ended, 1))
    [init] = viewer.inits(1)
    assert init.audio is None
    assert "," not in init.codecs
    assert frames(tmp_path, init.data + b"".join(part.data for part in viewer.parts(1))) == 6 * FPS
    assert manager.session_view(stream_id).audio is None


def test_the_segments_hold_the_same_data_as_the_sent_parts(real: ThinRecorder, replays: StreamManager) -> None:
    real.spans = [(NIGHT_S, NIGHT_S + 8)]
    view, viewer_id = replays.start_replay(1, "Rec0", at(0))
    viewer = Viewer()
    replays.watch_replay(view.stream_id, viewer_id, viewer)
    until(partial(viewer.ended, 1))
    names = [line for line in text_of(replays, view).splitlines() if line.endswith(".m4s")]
    segments = b"".join(replays.segment_path(view.stream_id, name).read_bytes() for name in names)
    assert segments == b"".join(part.data for part in viewer.parts(1))


def test_a_seek_begins_a_run_and_no_older_part_follows(real: ThinRecorder, replays: StreamManager) -> None:
    stream_id, _, viewer = watched(replays)
    until(lambda: viewer.reached_s(1) > 2)
    sought = replays.seek_replay(stream_id, at(1800))
    assert sought.start_time == at(1800)
    until(lambda: viewer.reached_s(2) > 2)
    assert viewer.taken(2)[0] == 1800.0
    runs = [one.run for one in viewer.news]
    assert runs == sorted(runs)
    assert isinstance(next(one for one in viewer.news if one.run == 2), ReplayInit)


def test_a_late_viewer_misses_the_start_and_gets_parts_after_a_seek(real: ThinRecorder, replays: StreamManager) -> None:
    stream_id, viewer_id, first = watched(replays)
    until(lambda: first.reached_s(1) > 2)
    again = Viewer()
    assert not replays.watch_replay(stream_id, viewer_id, again)
    replays.seek_replay(stream_id, at(600))
    until(lambda: again.reached_s(2) > 2)
    assert again.taken(2)[0] == 600.0
    assert not first.parts(2), "the same viewer is not sent it twice"


def test_parts_without_a_viewer_are_dropped_beyond_a_limit(real: ThinRecorder, replays: StreamManager) -> None:
    view, viewer_id = replays.start_replay(1, "Rec0", at(0))
    text_of(replays, view)
    real.pictures = tuple((part + bytes(400_000),) for (part, *_) in real.pictures)
    sought = replays.seek_replay(view.stream_id, at(60))
    until(lambda: len(times_of(text_of(replays, sought))) > 4)  # more than 8 MB
    assert not replays.watch_replay(view.stream_id, viewer_id, Viewer())


def test_server_and_page_agree_how_far_ahead_a_page_requests() -> None:
    engine = (ROOT / "static/js/components/run-engine.js").read_text()
    assert re.findall(r"^const REQUESTED_AHEAD_S = (\d+);", engine, re.MULTILINE) == [f"{REQUESTED_AHEAD_S:.0f}"]


@pytest.mark.slow
def test_the_recorder_is_paused_at_the_wanted_position(real: ThinRecorder, replays: StreamManager) -> None:
    stream_id, viewer_id, viewer = watched(replays)
    [line] = wait_for_connections(real)
    until(lambda: line.is_paused and viewer.reached_s(1) > REQUESTED_AHEAD_S - 2)
    assert viewer.reached_s(1) < REQUESTED_AHEAD_S + 5
    replays.request_replay_until(stream_id, viewer_id, 1, 60.0)
    until(lambda: viewer.reached_s(1) > 57)
    until(lambda: line.is_paused)
    assert viewer.reached_s(1) < 65
    replays.request_replay_until(stream_id, viewer_id, 7, 400.0)  # of a run that does not exist
    stays(lambda: viewer.reached_s(1) <= 80, 1.0)


def test_a_slow_viewer_pauses_the_recorder(real: ThinRecorder, replays: StreamManager) -> None:
    real.pictures = tuple((part + bytes(400_000),) for (part, *_) in real.pictures)
    real.silent = True  # until the viewer has joined: without one, the recorder is not held back by bytes
    view, viewer_id = replays.start_replay(1, "Rec0", at(0))
    viewer = Viewer(is_slow=True)
    assert replays.watch_replay(view.stream_id, viewer_id, viewer)
    real.silent = False
    [line] = wait_for_connections(real)
    until(lambda: line.sent > 0 and line.is_paused)
    assert line.sent < REQUESTED_AHEAD_S * FPS, "it is held back by bytes, not by time"
    assert len(viewer.parts(1)) <= 1, "one may have been on its way"
    viewer.is_slow = False
    replays.seek_replay(view.stream_id, at(60))
    until(lambda: viewer.reached_s(2) > REQUESTED_AHEAD_S - 2)


def wait_for_connections(recorder: ThinRecorder) -> list[ThinLine]:
    until(lambda: bool(recorder.lines))
    return list(recorder.lines)


def test_a_broken_connection_neither_loses_nor_repeats_frames(
    real: ThinRecorder, make_replays: MakeManager, tmp_path: Path
) -> None:
    real.spans = [(NIGHT_S, NIGHT_S + 9)]
    real.fails_after = [(4 * FPS + 5, CameraUnreachable("Gone."))]
    stream_id, _, viewer = watched(manager := make_replays())
    until(partial(viewer.ended, 1))
    first, second = viewer.inits(1)
    assert first.offset_s == 0.0
    place = viewer.news.index(second)
    kept = [one for one in viewer.news[:place] if isinstance(one, ReplayPart) and one.start_s < second.offset_s - 0.001]
    after = [one for one in viewer.news[place:] if isinstance(one, ReplayPart)]
    assert after[0].start_s == pytest.approx(second.offset_s)
    assert (after[0].recorded_utc - NIGHT).total_seconds() == pytest.approx(second.offset_s)
    count = frames(tmp_path, first.data + b"".join(part.data for part in kept))
    assert count + frames(tmp_path, second.data + b"".join(part.data for part in after)) == 9 * FPS
    assert manager.session_view(stream_id).status is StreamState.RUNNING


def test_sent_segments_are_deleted_beyond_the_disk_limit(
    real: ThinRecorder, make_replays: MakeManager, settings: Settings
) -> None:
    real.pictures = tuple((part + bytes(200_000),) for (part, *_) in real.pictures)
    replays = make_replays(replay_session_bytes=LIMIT)
    real.silent = True  # until the viewer has joined: only a few of these frames are held for it
    stream_id, viewer_id, viewer = watched(replays)
    real.silent = False
    folder = settings.streams_dir / stream_id
    for second in range(50, 210, 20):
        replays.request_replay_until(stream_id, viewer_id, 1, float(second))
        until(partial(reached, viewer, second - 16.0))
    assert size_of(folder) < 1.2 * LIMIT
    assert viewer.reached_s(1) * FPS * 200_000 > 1.5 * LIMIT, "it is more than fits"


def size_of(folder: Path) -> int:
    """Return the bytes of all files. The session may delete some of them meanwhile."""
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def reached(viewer: Viewer, until_s: float) -> bool:
    return viewer.reached_s(1) >= until_s


def test_a_gap_takes_no_playing_time_and_keeps_true_times(real: ThinRecorder, make_replays: MakeManager) -> None:
    real.spans = [(NIGHT_S, NIGHT_S + 4), (NIGHT_S + HOUR_S, NIGHT_S + HOUR_S + 4)]
    _, _, viewer = watched(make_replays())
    until(partial(viewer.ended, 1))
    behind = next(part for part in viewer.parts(1) if (part.recorded_utc - NIGHT).total_seconds() >= HOUR_S)
    assert behind.start_s == pytest.approx(4.0)
    assert behind.is_key
    assert (behind.recorded_utc - NIGHT).total_seconds() == HOUR_S


def test_frames_without_a_time_follow_the_requested_time(
    real: ThinRecorder, make_replays: MakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit_of = ThinLine._unit
    monkeypatch.setattr(ThinLine, "_unit", lambda *args, **more: replace(unit_of(*args, **more), device_s=None))
    real.spans = [(NIGHT_S, NIGHT_S + 8)]
    _, _, viewer = watched(make_replays(), 2.0)
    until(partial(viewer.ended, 1))
    assert viewer.taken(1) == pytest.approx([2.0 + part.start_s for part in viewer.parts(1)], abs=0.1)


def test_a_viewer_that_left_receives_nothing(real: ThinRecorder, replays: StreamManager) -> None:
    del real
    stream_id, viewer_id, viewer = watched(replays)
    other: ReplayListener = Viewer()
    replays.unwatch_replay(stream_id, viewer_id, other)  # a listener that never joined
    until(lambda: viewer.reached_s(1) > 15)
    replays.unwatch_replay(stream_id, viewer_id, viewer)
    count = len(viewer.news)
    replays.seek_replay(stream_id, at(600))
    assert len(viewer.news) == count
    assert replays.stop_session(stream_id, viewer_id) is StreamState.STOPPED


@pytest.mark.slow
def test_a_joined_page_counts_as_a_viewer_while_the_recorder_is_silent(
    real: ThinRecorder, make_replays: MakeManager
) -> None:
    real.silent = True
    replays = make_replays(idle_end_s=0.3)
    stream_id, viewer_id, viewer = watched(replays)
    stays(lambda: replays.session_view(stream_id).status is not StreamState.STOPPED, 1.0)
    real.silent = False
    until(lambda: viewer.reached_s(1) > 2)
    replays.unwatch_replay(stream_id, viewer_id, viewer)
    until(lambda: replays.session_view(stream_id).status is StreamState.STOPPED)


@pytest.mark.parametrize("order", [(0, 3, 1, 2), (0, 2, 1)], ids=["IPBB", "IPB"])
def test_reordered_frames_count_their_true_length_of_the_wanted_time(
    real: ThinRecorder, replays: StreamManager, monkeypatch: pytest.MonkeyPatch, order: tuple[int, ...]
) -> None:
    unit_of = ThinLine._unit

    def reordered(self: ThinLine, second: float, place: int, ticks: int, *, is_seam: bool) -> AccessUnit:
        group, within = divmod(place, len(order))
        shown = group * len(order) + order[within]
        unit = unit_of(self, second, place, ticks, is_seam=is_seam)
        return replace(unit, ticks=ticks + shown * CLOCK_RATE // FPS, device_s=second + shown / FPS)

    monkeypatch.setattr(ThinLine, "_unit", reordered)
    stream_id, viewer_id, viewer = watched(replays)
    for second in range(40, 160, 10):
        replays.request_replay_until(stream_id, viewer_id, 1, float(second))
        until(partial(reached, viewer, second - 22.0))


def test_short_gaps_do_not_count_for_the_wanted_time(
    real: ThinRecorder, replays: StreamManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten seconds of video, a gap of four seconds, and so on; the RTP timestamps have the gaps too."""
    unit_of = ThinLine._unit

    def with_gaps(self: ThinLine, second: float, place: int, ticks: int, *, is_seam: bool) -> AccessUnit:
        gaps, within = divmod(int(second - NIGHT_S), 10)
        unit = unit_of(self, second, place, ticks + gaps * 4 * CLOCK_RATE, is_seam=within == 0 and gaps > 0)
        return replace(unit, device_s=(unit.device_s or 0.0) + 4 * gaps)

    monkeypatch.setattr(ThinLine, "_unit", with_gaps)
    stream_id, viewer_id, viewer = watched(replays)
    for second in range(40, 160, 10):
        replays.request_replay_until(stream_id, viewer_id, 1, float(second))
        until(partial(reached, viewer, second - 18.0))


def test_a_replay_that_needs_encoding_sends_segments_only(recorder: ThinRecorder, make_replays: MakeManager) -> None:
    film = encoded("hevc")
    recorder.video, recorder.pictures, recorder.parameter_sets = VideoFormat("hevc"), film.pictures[:FPS], film.sets
    _, _, viewer = watched(make_replays())
    until(lambda: SegmentsOnly(1) in viewer.news)
    assert not viewer.inits(1)
    assert not viewer.parts(1)


def test_live_and_ended_sessions_cannot_be_watched_as_replays(real: ThinRecorder, replays: StreamManager) -> None:
    del real
    with pytest.raises(NotFound):
        replays.watch_replay("1-r-nothing", "v", Viewer())
    live, _, _ = replays.start_hls(1, "Profile1")
    for call in (replays.watch_replay, replays.unwatch_replay):
        with pytest.raises(InvalidRequest):
            call(live.stream_id, "v", Viewer())
    stream_id, viewer_id, _ = watched(replays)
    replays.stop_session(stream_id)
    with pytest.raises(NotFound):
        replays.request_replay_until(stream_id, viewer_id, 1, 20.0)
