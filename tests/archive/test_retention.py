"""The retention deletes files and their rows, in the right order, and stops recordings where it must not delete."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive import retention as retention_module
from archive.clock_doubt import ClockDoubt
from archive.floors import floor_of
from archive.records import VolumeState, from_ms
from archive.retention import ONLY_KEPT
from core.access import LOCAL
from core.stop_signal import StopSignal
from tests.archive.stored import DISK_BYTES, StoredArchive, stream_of, volume_module
from tests.patience import LIMIT_S, promised, until

Make = Callable[..., StoredArchive]


def test_an_old_file_goes_with_its_row_its_stretch_and_its_folder(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=1.0)
    old, _ = archive.record(stream_of(), [50, 2])
    assert archive.retention.run_pass() == 1
    assert archive.hours_left() == [2]
    assert not archive.path(old).parent.exists()
    (stretch,) = archive.index.stretches([stream_of()], from_ms(0), archive.clock.now)
    assert stretch.start == archive.clock.now - timedelta(hours=2)
    assert archive.index.trash(1) == []


def test_a_kept_range_stays_until_its_time_is_over(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=1.0)
    archive.record(stream_of(), [50, 49, 48])
    archive.keep(49, 48.95, until=archive.clock.now + timedelta(hours=5))
    archive.retention.run_pass()
    assert archive.hours_left() == [49]
    archive.clock.move(hours=5)
    archive.retention.run_pass()
    assert archive.hours_left() == []


def test_damaged_files_are_deleted_like_recordings(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=1.0, limit_days=3.0)
    paths = []
    for file in archive.record(stream_of(), [80, 50, 48, 2]):
        paths.append(archive.path(file).rename(archive.path(file).with_suffix(".mp4.damaged")))
        archive.index.note_damaged(file.key, 1000)
    archive.keep(90, 47)
    archive.retention.run_pass()
    assert [path.exists() for path in paths] == [False, True, True, True], "the limit by law wins"
    for kept in archive.kept.ranges():
        archive.kept.release(kept.id, LOCAL)
    archive.retention.run_pass()
    assert [path.exists() for path in paths] == [False, False, False, True]
    archive.retention.delete_camera(1)
    archive.retention.run_pass()
    archive.retention.run_pass()
    assert not any(path.exists() for path in paths)
    assert archive.index.damaged() == {}


def test_a_damaged_file_makes_space_on_a_full_disk(archive: StoredArchive) -> None:
    archive.set_rule()
    (damaged, _) = archive.record(stream_of(), [3, 2], size_bytes=DISK_BYTES // 2 - 1000)
    path = archive.path(damaged).rename(archive.path(damaged).with_suffix(".mp4.damaged"))
    archive.index.note_damaged(damaged.key, damaged.size_bytes)
    archive.retention.run_pass()
    assert not path.exists()
    assert archive.hours_left() == [2]


def test_a_limit_by_law_wins_over_a_kept_range(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=30.0, limit_days=3.0)
    archive.record(stream_of(), [73, 71])
    archive.keep(80, 1)
    archive.retention.run_pass()
    assert archive.hours_left() == [71]


def test_a_clock_that_jumps_deletes_nothing_for_a_quarter_of_an_hour(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=30.0, limit_days=35.0)
    archive.record(stream_of(), [50, 2])
    archive.keep(50, 49, until=archive.clock.now + timedelta(days=20))
    archive.retention.run_pass()
    archive.clock.now += timedelta(days=60)
    for _ in range(14):
        assert archive.retention.run_pass() == 0
        archive.clock.move(minutes=1)
    archive.clock.now -= timedelta(days=60)  # set right again
    for _ in range(20):
        assert archive.retention.run_pass() == 0
        archive.clock.move(minutes=1)
    assert len(archive.kept.ranges()) == 1
    archive.clock.now += timedelta(days=60)  # this time it stays
    archive.retention.run_pass()
    archive.clock.move(minutes=16)
    assert archive.retention.run_pass() == 2


def test_space_is_made_also_while_the_clock_is_in_doubt(archive: StoredArchive) -> None:
    archive.set_rule()
    archive.record(stream_of(), [9, 8, 7], size_bytes=33_000)
    archive.disks.other_bytes[archive.volume.folder] = -40_000
    archive.retention.run_pass()
    archive.clock.now += timedelta(days=60)
    archive.disks.other_bytes.clear()
    assert archive.retention.run_pass() >= 1


def test_after_a_long_time_off_nothing_goes_by_age_at_first(archive: StoredArchive) -> None:
    doubt = ClockDoubt(archive.clock)
    doubt.note_off((archive.clock.now - timedelta(hours=20), archive.clock.now))
    assert not doubt.holds()
    doubt.note_off((archive.clock.now - timedelta(hours=30), archive.clock.now))
    assert doubt.holds()
    archive.clock.move(minutes=16)
    assert not doubt.holds()


def test_a_limit_by_law_tells_others_to_forget_the_same_time(archive: StoredArchive) -> None:
    told: list[tuple[int, int, datetime]] = []
    archive.retention.on_limit(lambda *limit: told.append(limit))
    archive.set_rule(limit_days=3.0)
    archive.set_rule(2, keep_days=3.0)
    for camera_id in (1, 2):
        archive.record(stream_of(camera_id), [80, 75, 71])
    archive.retention.run_pass()
    archive.retention.run_pass()
    assert told == [(1, 1, archive.clock.now - timedelta(days=3))]


def test_a_range_that_is_kept_during_a_pass_stays(archive: StoredArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.set_rule(keep_days=1.0)
    archive.record(stream_of(), [50, 49])
    tell = archive.retention._tell_volumes

    def keep_meanwhile(*args: Any) -> None:
        archive.keep(50, 49.9)
        tell(*args)

    monkeypatch.setattr(archive.retention, "_tell_volumes", keep_meanwhile)
    assert archive.retention.run_pass() == 1
    assert archive.hours_left() == [50]


def test_the_oldest_files_go_when_the_disk_is_nearly_full(archive: StoredArchive) -> None:
    archive.set_rule(1)
    archive.set_rule(2)
    archive.record(stream_of(1), [9, 7, 5], size_bytes=20_000)
    archive.record(stream_of(2), [8, 6], size_bytes=20_000)
    archive.retention.run_pass()
    # An hour of inflow: 40 000 of the disk's 100 000 bytes in nine hours make 11 111; 20 000 must go.
    assert archive.hours_left(1) == [7, 5]
    assert archive.hours_left(2) == [8, 6]
    assert archive.disks.space(archive.volume.folder).free_bytes >= archive.volume.floor_bytes


def test_nothing_goes_above_the_floor(archive: StoredArchive) -> None:
    archive.set_rule(1)
    archive.record(stream_of(1), [9, 7, 5], size_bytes=10_000)
    assert archive.retention.run_pass() == 0
    assert archive.volume.floor_bytes == 5000


@pytest.mark.parametrize(
    ("size", "inflow_per_day", "setting", "floor"),
    [
        (1000, 0, 0, 50),
        (1000, 0, 200, 200),
        (1000, 2400, 10, 100),
        (1000, 0, 5000, 500),
    ],
)
def test_the_floor_is_the_largest_of_three_and_half_of_a_small_disk(
    size: int, inflow_per_day: float, setting: int, floor: int
) -> None:
    assert floor_of(size, inflow_per_day, setting) == floor


def test_recording_stops_on_a_disk_with_only_kept_footage(archive: StoredArchive) -> None:
    archive.set_rule(1)
    archive.record(stream_of(1), [9, 8, 7], size_bytes=33_000)
    kept = archive.keep(10, 1)
    archive.retention.run_pass()
    assert archive.hours_left() == [9, 8, 7]
    assert (archive.volume_state(), archive.volume.detail) == (VolumeState.FULL, ONLY_KEPT)
    assert archive.volumes.first_usable() is None

    # The files that the writer closes now are too few: to delete them would not let the recording go on for long.
    archive.record(stream_of(1), [0.5], size_bytes=500)
    archive.retention.run_pass()
    assert archive.hours_left() == [9, 8, 7, 0]
    assert archive.volume_state() is VolumeState.FULL

    archive.kept.release(kept.id, LOCAL)
    archive.retention.run_pass()
    archive.retention.run_pass()
    assert archive.volume_state() is VolumeState.OK
    assert archive.hours_left()[-1] == 0


def test_a_disk_that_other_files_fill_is_used_again_when_they_go(archive: StoredArchive) -> None:
    archive.disks.other_bytes[archive.volume.folder] = DISK_BYTES
    archive.retention.run_pass()
    assert archive.volume_state() is VolumeState.FULL
    assert "not with recordings" in archive.volume.detail
    archive.disks.other_bytes.clear()
    archive.retention.run_pass()
    assert archive.volume_state() is VolumeState.OK


def test_a_file_that_is_played_stays_for_a_minute(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=1.0)
    (played, _) = archive.record(stream_of(), [50, 49])
    with archive.open_files.reading(archive.path(played)):
        archive.retention.run_pass()
        assert archive.hours_left() == [50]
        archive.clock.move(seconds=59)
        archive.retention.run_pass()
        assert archive.hours_left() == [50]
        archive.clock.move(seconds=2)
        with archive.path(played).open("rb") as reader:
            archive.retention.run_pass()
            assert archive.hours_left() == []
            assert len(reader.read()) == 1000  # a reader that goes on loses nothing


def test_a_file_that_was_played_goes_at_the_next_pass(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=1.0)
    (played,) = archive.record(stream_of(), [50])
    with archive.open_files.reading(archive.path(played)):
        assert archive.retention.run_pass() == 0
    assert archive.retention.run_pass() == 1


def test_other_files_make_space_while_the_oldest_is_played(archive: StoredArchive) -> None:
    archive.set_rule()
    played, *_ = archive.record(stream_of(), [9, 7, 5], size_bytes=32_000)
    with archive.open_files.reading(archive.path(played)):
        archive.retention.run_pass()
    assert archive.hours_left() == [9, 5]


def test_a_disk_that_hangs_delays_no_other(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_module, "_DISK_TIMEOUT_S", 0.2)
    archive = make(volumes=2)
    archive.set_rule(keep_days=1.0)
    (stuck,) = archive.record(stream_of(), [50])
    archive.record(stream_of(), [49], volume_id=2)
    answers = threading.Event()

    def space(folder: Path) -> object:
        assert folder != archive.volume.folder or answers.wait(LIMIT_S)
        return archive.disks.space(folder)

    monkeypatch.setattr(volume_module, "_space", space)
    until(lambda: archive.retention.run_pass() == 1, what="the file on the other disk")
    assert archive.hours_left() == [50]
    answers.set()
    until(lambda: archive.retention.run_pass() == 1, what="the disk answers again")
    assert not archive.path(stuck).exists()


def test_space_is_made_only_if_no_volume_has_some(make: Make) -> None:
    archive = make(volumes=2)
    archive.set_rule()
    archive.disks.other_bytes[archive.volume.folder] = 66_000
    archive.record(stream_of(), [9, 8, 7], size_bytes=10_000)
    archive.retention.run_pass()
    assert archive.hours_left() == [9, 8, 7]
    first, second = archive.volumes.all()
    assert (first.is_short, second.is_short) == (True, False)

    archive.disks.other_bytes[second.folder] = 66_000
    archive.record(stream_of(), [6, 5, 4], size_bytes=10_000, volume_id=2)
    archive.clock.move(minutes=10)
    archive.retention.run_pass()
    # Both are short: the oldest footage of the archive goes, and its volume takes the next files.
    assert archive.hours_left() == [8, 7, 6, 5, 4]
    archive.retention.run_pass()
    assert (first.is_short, second.is_short) == (False, True)


def test_far_below_the_floor_space_is_made_beside_an_empty_volume(make: Make) -> None:
    archive = make(volumes=2)
    archive.set_rule()
    archive.record(stream_of(), [9, 8, 7], size_bytes=32_000)
    archive.disks.other_bytes[archive.volume.folder] = 3000
    archive.retention.run_pass()
    assert archive.hours_left() == [8, 7]


def test_a_volume_that_the_settings_left_gives_no_space(archive: StoredArchive) -> None:
    archive.set_rule(limit_days=1.0)
    archive.record(stream_of(), [26, 9, 8], size_bytes=33_000)
    archive.volume.is_former = True
    archive.retention.run_pass()
    assert archive.hours_left() == [9, 8]  # only the limit counts there
    archive.disks.other_bytes[archive.volume.folder] = DISK_BYTES
    archive.retention.run_pass()
    assert archive.hours_left() == [9, 8]


@pytest.mark.slow
def test_at_most_twenty_files_go_in_a_second(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=1.0)
    archive.record(stream_of(), [50 + number / 6 for number in range(25)], size_bytes=10)
    times: list[int] = []
    pause = archive.retention._is_stopping.wait

    class Pauses(StopSignal):
        def wait(self, timeout_s: float | None = None) -> bool:
            times.append(len(archive.hours_left()))
            assert timeout_s == 1.0
            return pause(timeout_s)

    archive.retention._is_stopping = Pauses()
    assert archive.retention.run_pass() == 25
    assert times == [5]


def test_the_thread_deletes_and_stops_within_two_seconds(
    archive: StoredArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_module, "PASS_EVERY_S", 3600.0)
    archive.set_rule(keep_days=1.0)
    archive.record(stream_of(), [50])
    archive.retention.start()
    until(lambda: not archive.index.totals(), what="the first pass")
    archive.record(stream_of(), [49])
    archive.retention.wake()
    until(lambda: not archive.index.totals(), what="the pass after wake()")
    with promised(2.0):
        archive.retention.stop()
    archive.retention.stop()
    assert archive.hours_left() == []
