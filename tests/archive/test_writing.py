"""The archive's writer turns units into files, stretches, and rows that never promise too much."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.clock_guard import ClockGuard
from archive.index import ArchiveIndex
from archive.records import FileState, VolumeState, to_ms
from archive.volume import sync_folder
from core.archive import GapReason, Origin, RecordedQuality, StreamKey
from core.errors import StorageFull
from core.records import AudioFormat
from media.archive.file_reader import ArchiveFile
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from tests.archive.recording import STREAM, Recording, all_files, frames_in, same
from tests.media.archive.archived import description


def test_everything_is_in_the_files_with_its_time(recording: Recording) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 20)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    assert recording.is_all_stored()
    (stretch,) = recording.stretches()
    assert (stretch.end - stretch.start).total_seconds() == pytest.approx(20, abs=0.01)
    assert (stretch.origin, stretch.end_reason) == (Origin.SERVER, GapReason.SWITCHED_OFF)


def test_files_end_at_borders_of_utc_and_rotation_loses_no_picture(recording: Recording) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 200)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    files = recording.files()
    assert recording.is_all_stored()
    assert len(recording.stretches()) == 1
    assert len(files) >= 4
    assert {it.state for it in files} == {FileState.CLOSED}
    for before, after in itertools.pairwise(files):
        assert before.end_ms == after.start_ms
    for file in files:
        with ArchiveFile.open(recording.path(file)) as opened:
            assert opened.index() is not None
            assert opened.fragments()[0].is_key
    # All borders lie within one group of pictures (1 s) after the same second of a minute.
    seconds = {file.start_ms % 60_000 // 1000 for file in files[1:]}
    assert max(seconds) - min(seconds) <= 1


def test_files_are_as_short_as_their_rule_says_from_the_next_one_on(recording: Recording) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 130)
    stream.limit_files(20.0)
    recording.frames(stream, 60)
    stream.limit_files(None)
    recording.frames(stream, 200)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    lengths = [(it.end_ms - it.start_ms) / 1000 for it in recording.files()]
    assert 2 <= sum(19 <= it <= 21 for it in lengths) <= 3
    assert sum(59 <= it <= 61 for it in lengths) >= 3
    assert max(lengths) <= 61
    assert len(recording.stretches()) == 1
    assert recording.is_all_stored()


def test_streams_do_not_rotate_together(recording: Recording) -> None:
    borders = set()
    for channel in range(1, 9):
        key = StreamKey(1, channel, RecordedQuality.MAIN)
        stream = recording.open_stream(key)
        recording.frames(stream, 70)
        stream.finish(GapReason.SWITCHED_OFF)
        recording.flush()
        borders.add(recording.files(key)[1].start_ms % 60_000 // 1000)
    assert len(borders) >= 6


def test_a_file_is_named_by_its_first_picture_in_utc(recording: Recording) -> None:
    recording.clock.now = datetime(2026, 10, 25, 0, 59, 58, 250_000, UTC)  # the hour that is doubled in Europe
    recording.frames(recording.open_stream(), 3)
    recording.flush()
    assert all_files(recording.folders[0]) == {"1/3-main/2026-10-25/005958_250.mp4"}


def test_only_the_user_of_the_app_can_read_recordings(recording: Recording) -> None:
    recording.frames(recording.open_stream(), 3)
    for path in recording.folders[0].rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert recording.folders[0].stat().st_mode & 0o077 == 0


def test_new_parameter_sets_begin_a_file_in_the_same_stretch(recording: Recording) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 5)
    stream.on_description(replace(description(), audio=AudioFormat("pcm_alaw", 8000, 1)))
    recording.frames(stream, 5)
    recording.flush()
    assert len(recording.files()) == 2
    assert len(recording.stretches()) == 1
    assert len(recording.stored()) == 45  # of the last second, the group is not complete yet


def test_the_same_description_again_begins_no_file(recording: Recording) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 5)
    stream.on_description(description())
    recording.frames(stream, 5)
    recording.flush()
    assert len(recording.files()) == 1


def test_an_end_and_a_new_description_begin_another_stretch(recording: Recording) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 5)
    stream.on_end(GapReason.DEVICE_AWAY)
    recording.clock.move(seconds=7)
    stream.on_description(description())
    recording.frames(stream, 5)
    stream.on_end(GapReason.PAUSED)
    recording.flush()
    first, second = recording.stretches()
    assert (first.end_reason, second.end_reason) == (GapReason.DEVICE_AWAY, GapReason.PAUSED)
    assert (second.start - first.end).total_seconds() == pytest.approx(7, abs=0.25)
    assert recording.is_all_stored()


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_step_of_the_clock_begins_a_stretch_and_both_stay(recording: Recording, step: timedelta) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 70)
    recording.clock.now += step
    recording.frames(stream, 70)
    stream.on_end(GapReason.SWITCHED_OFF)
    recording.flush()
    stretches = sorted(recording.stretches(), key=lambda it: it.end_reason is GapReason.SWITCHED_OFF)
    assert [it.end_reason for it in stretches] == [GapReason.CLOCK_STEPPED, GapReason.SWITCHED_OFF]
    for stretch in stretches:
        assert (stretch.end - stretch.start).total_seconds() == pytest.approx(70, abs=0.3)
    assert same(sorted(recording.stored()), sorted(recording.sent[STREAM]))


def test_the_same_time_twice_makes_two_files(recording: Recording) -> None:
    stream = recording.open_stream()
    begin = recording.clock.now
    for _ in range(2):
        recording.clock.now = begin
        recording.frames(stream, 5)
        stream.on_end(GapReason.CLOCK_STEPPED)
        recording.flush()
    names = {Path(name).name for name in all_files(recording.folders[0])}
    assert names == {"120000_000.mp4", "120000_000-1.mp4"}
    assert len(recording.files()) == 2
    assert len(recording.stored()) == 50


def frame_at(at_s: float, arrived_s: float) -> AccessUnit:
    return AccessUnit(VIDEO, (b"\x41",), 0, 90_000, arrived_s=arrived_s)


@pytest.mark.parametrize(
    ("origin", "step_s", "waited_s", "reason"),
    [
        (Origin.SERVER, 0.2, 0.2, None),
        (Origin.SERVER, -0.2, 0.2, None),
        (Origin.SERVER, 20.0, 20.0, None),
        (Origin.SERVER, 40.0, 40.0, GapReason.STALLED),
        (Origin.SERVER, 3600.0, 0.2, GapReason.CLOCK_STEPPED),
        (Origin.SERVER, -3600.0, 0.2, GapReason.CLOCK_STEPPED),
        (Origin.DEVICE, 0.2, 0.0, None),
        (Origin.DEVICE, 6.0, 0.0, GapReason.UNKNOWN),
        (Origin.DEVICE, -6.0, 0.0, GapReason.UNKNOWN),
    ],
)
def test_jumps_between_frames_have_a_reason(
    origin: Origin, step_s: float, waited_s: float, reason: GapReason | None
) -> None:
    guard = ClockGuard(origin)
    assert guard.jump_before(frame_at(100.0, 50.0), 100.0) is None
    assert guard.jump_before(AccessUnit(AUDIO, (b"a",), 0, 8000), 1.0) is None
    assert guard.jump_before(frame_at(100.0 + step_s, 50.0 + waited_s), 100.0 + step_s) is reason


def test_units_before_a_key_frame_and_after_the_end_are_ignored(recording: Recording) -> None:
    stream = recording.open_stream()
    recording.frame(stream, is_key=False)
    recording.frames(stream, 3)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.frames(stream, 3)
    recording.flush()
    assert same(recording.stored(), recording.sent[STREAM][1:16])


def test_video_that_no_file_can_hold_is_told_once(recording: Recording, caplog: pytest.LogCaptureFixture) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 5)
    stream.on_description(replace(description(), parameter_sets=(b"\x67\x01",)))
    recording.frames(stream, 10)
    assert stream.problem is GapReason.UNSUPPORTED
    assert recording.volume.state is VolumeState.OK
    assert caplog.text.count("camera 1, channel 3") == 1
    stream.on_description(description())
    recording.frames(stream, 5)
    assert stream.problem is None
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    assert [it.end_reason for it in recording.stretches()] == [GapReason.UNSUPPORTED, GapReason.SWITCHED_OFF]


def test_a_backfilled_stretch_has_its_origin_and_correction(recording: Recording) -> None:
    stream = recording.open_stream(origin=Origin.DEVICE, clock_correction_s=2.0)
    recording.frames(stream, 3)
    stream.finish(GapReason.UNKNOWN)
    recording.flush()
    day = timedelta(days=1)
    (stretch,) = recording.index.indexed_stretches([STREAM], recording.clock.now - day, recording.clock.now + day)
    assert (stretch.origin, stretch.clock_correction_s) == (Origin.DEVICE, 2.0)


# ---- flush, then index ---------------------------------------------------------------------------


def test_rows_are_committed_after_the_files_are_on_the_disk(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records the order of fdatasync, fsync of folders and commits; a commit before a flush fails the test."""
    calls: list[str] = []

    def noted(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def do(*args: Any) -> object:
            calls.append(name)
            return call(*args)

        return do

    monkeypatch.setattr(os, "fdatasync", noted("file", os.fdatasync))
    monkeypatch.setattr("archive.open_file.sync_folder", noted("folder", sync_folder))
    monkeypatch.setattr(ArchiveIndex, "commit", noted("commit", ArchiveIndex.commit))
    stream = recording.open_stream()
    for _ in range(3):
        recording.frames(stream, 5)
        recording.writer.flush()
    assert calls.count("commit") >= 3
    assert calls.count("folder") == 4  # those of the camera, the stream, the day, and the one of the file
    assert calls.index("folder") < calls.index("file") < calls.index("commit")
    for before, after in itertools.pairwise(calls):
        if after == "commit":
            assert before == "file"


def test_a_row_never_promises_more_than_was_flushed(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: dict[int, int] = {}
    sync = os.fdatasync

    def note_size(descriptor: int) -> None:
        sync(descriptor)
        status = os.fstat(descriptor)
        sizes[status.st_ino] = status.st_size

    monkeypatch.setattr(os, "fdatasync", note_size)
    stream = recording.open_stream()
    for _ in range(90):
        recording.frames(stream, 1)
        for file in recording.files():
            assert file.size_bytes <= sizes[recording.path(file).stat().st_ino]
    assert len(recording.files()) >= 2


def test_a_flush_comes_every_ten_seconds_and_tells_how_far_it_got(recording: Recording) -> None:
    stream = recording.open_stream()
    begin_ms = to_ms(recording.clock.now)
    assert stream.written_until_utc_s() is None
    recording.frames(stream, 60)
    until_s = stream.written_until_utc_s()
    assert until_s is not None
    assert 47 <= until_s - begin_ms / 1000 <= 60
    assert stream.problem is None


def test_rows_of_a_commit_that_failed_come_with_the_next_one(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise StorageFull("no space")

    stream = recording.open_stream()
    recording.frames(stream, 5)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.run()
    with monkeypatch.context() as patch:
        patch.setattr(ArchiveIndex, "commit", refuse)
        with pytest.raises(StorageFull):
            recording.writer.flush()
    assert recording.files() == []
    assert stream.written_until_utc_s() is None, "nothing is written before its row"
    recording.writer.flush()
    assert stream.written_until_utc_s() == recording.files()[-1].end_ms / 1000
    assert recording.is_all_stored()
    assert recording.stretches()[0].end_reason is GapReason.SWITCHED_OFF


@pytest.mark.slow
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("frames"), st.integers(1, 90)),
            st.tuples(st.just("end"), st.integers(0, 40)),
            st.tuples(st.just("sound"), st.booleans()),
            st.tuples(st.just("drift"), st.floats(-0.4, 0.4)),
            st.tuples(st.just("flush"), st.just(0)),
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_picture_is_lost_or_doubled_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, float]]
) -> None:
    recording = Recording(tmp_path_factory.mktemp("any"))
    stream = recording.open_stream()
    for step, value in steps:
        if step == "frames":
            recording.frames(stream, value)
        elif step == "end":
            stream.on_end(GapReason.DEVICE_AWAY)
            recording.clock.move(seconds=value)
        elif step == "sound":
            audio = AudioFormat("pcm_alaw", 8000, 1) if value else None
            stream.on_description(replace(description(), audio=audio))
        elif step == "drift":
            recording.clock.now += timedelta(seconds=value)
        else:
            recording.flush()
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    if STREAM in recording.sent:
        stored = sorted(data for file in recording.files() for data, _ in frames_in(recording.path(file)))
        assert stored == sorted(data for data, _ in recording.sent[STREAM])
    covered = sum((it.end - it.start).total_seconds() for it in recording.stretches())
    files = sum(it.end_ms - it.start_ms for it in recording.files()) / 1000
    assert covered == pytest.approx(files, abs=2.0 * len(steps) + 1)
    recording.close()
