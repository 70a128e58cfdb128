"""The storage page's view: space, forecast and shares, from the index and the disks."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from archive import storage_report as report_module
from archive.records import VolumeState
from archive.storage_report import StorageReport
from archive.storage_view import ChannelUse, NextToGo, StorageView
from archive.volume import MARKER
from core.archive import RecordedQuality, RecordingMode, RecordingRule, WeekSpan
from tests.archive.indexed import DAY_MS, MINUTE_MS, NOW_MS, add_files
from tests.archive.stored import DISK_BYTES, StoredArchive, stream_of
from tests.patience import LIMIT_S, PATIENCE, Slowness

Make = Callable[..., StoredArchive]
EVERY_HOUR = [*range(48, 0, -1)]
FLOOR = DISK_BYTES // 20


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_module, "_DISK_TIMEOUT_S", LIMIT_S)


def view_of(archive: StoredArchive) -> StorageView:
    min_free_bytes = archive.settings.archive_min_free_bytes
    return StorageReport(archive.parts, archive.clock, min_free_bytes=min_free_bytes).view()


def channel_of(view: StorageView, camera_id: int = 1) -> ChannelUse:
    (found,) = [one for one in view.channels if one.camera_id == camera_id]
    return found


def test_a_channel_is_told_the_days_that_fit(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=30.0)
    archive.record(stream_of(), EVERY_HOUR, size_bytes=300)
    found = channel_of(view_of(archive))
    # 24 files a day, 7200 bytes; 95 000 bytes may be used.
    assert found.inflow_bytes_per_day == 7200
    assert found.wished_days == 30.0
    assert found.expected_days == pytest.approx((DISK_BYTES - FLOOR) / 7200)
    assert (found.size_bytes, found.kept_bytes) == (48 * 300, 0)
    assert found.oldest == archive.clock.now - timedelta(hours=48)
    assert found.newest == archive.clock.now - timedelta(minutes=50)


def test_a_volume_tells_when_it_is_full_and_what_goes_then(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=30.0)
    archive.record(stream_of(), EVERY_HOUR, size_bytes=300)
    (found,) = view_of(archive).volumes
    assert found.state is VolumeState.OK
    assert (found.size_bytes, found.used_bytes) == (DISK_BYTES, 14_400)
    assert (found.free_bytes, found.floor_bytes) == (DISK_BYTES - 14_400, FLOOR)
    assert found.full_at is not None
    days = (found.full_at - archive.clock.now) / timedelta(days=1)
    assert days == pytest.approx((DISK_BYTES - 14_400 - FLOOR) / 7200)
    begin = archive.clock.now - timedelta(hours=48)
    assert found.next_to_go == NextToGo(1, 1, begin, begin + timedelta(minutes=10))


def test_limits_that_fit_never_fill_the_volume(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=3.0, limit_days=5.0)
    archive.record(stream_of(), EVERY_HOUR, size_bytes=300)
    view = view_of(archive)
    assert view.volumes[0].full_at is None
    found = channel_of(view)
    assert (found.wished_days, found.expected_days, found.limit_days) == (3.0, 3.0, 5.0)


def test_a_full_volume_is_full_now(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=30.0)
    archive.record(stream_of(), EVERY_HOUR, size_bytes=2000)
    assert view_of(archive).volumes[0].full_at == archive.clock.now


def test_kept_footage_takes_space_from_the_forecast(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=30.0)
    archive.record(stream_of(), EVERY_HOUR, size_bytes=300)
    archive.keep(48, 38.5)
    view = view_of(archive)
    found = channel_of(view)
    assert found.kept_bytes == view.volumes[0].kept_bytes == 10 * 300
    assert found.expected_days == pytest.approx((DISK_BYTES - FLOOR - 3000) / 7200)
    assert found.oldest == archive.clock.now - timedelta(hours=38)
    assert view.volumes[0].next_to_go is not None


def test_a_rule_without_recordings_is_in_the_list(archive: StoredArchive) -> None:
    archive.set_rule(2, keep_days=7.0)
    found = channel_of(view_of(archive), 2)
    assert (found.size_bytes, found.oldest, found.newest) == (0, None, None)
    assert (found.inflow_bytes_per_day, found.wished_days, found.expected_days) == (0, 7.0, None)


def test_recordings_of_a_rule_that_is_off_bring_no_inflow(archive: StoredArchive) -> None:
    archive.rules.set_rule(1, 1, RecordingRule(mode=RecordingMode.OFF, keep_days=None))
    archive.record(stream_of(), EVERY_HOUR, size_bytes=300)
    view = view_of(archive)
    assert channel_of(view).inflow_bytes_per_day == 0
    assert channel_of(view).size_bytes == 14_400
    assert view.volumes[0].full_at is None


def test_a_new_recording_has_an_inflow_within_ten_seconds(archive: StoredArchive) -> None:
    archive.set_rule()
    assert channel_of(view_of(archive)).inflow_bytes_per_day == 0
    archive.record(stream_of(), [0.5], size_bytes=1000)
    archive.clock.move(seconds=10)
    assert channel_of(view_of(archive)).inflow_bytes_per_day == pytest.approx(1000 * 48, rel=0.01)


KBPS = 1
KBPS_A_DAY = 125 * 86_400  # bytes


def test_the_bit_rate_of_the_camera_counts_until_a_day_is_recorded(archive: StoredArchive) -> None:
    archive.cameras.kbps = {"main": KBPS}
    archive.set_rule()
    view = view_of(archive)
    assert channel_of(view).inflow_bytes_per_day == view.volumes[0].inflow_bytes_per_day == KBPS_A_DAY
    assert channel_of(view).expected_days == pytest.approx(DISK_BYTES / 2 / KBPS_A_DAY, rel=0.01)
    archive.record(stream_of(), [23, 20], size_bytes=300)
    archive.clock.move(seconds=10)
    view = view_of(archive)
    assert channel_of(view).inflow_bytes_per_day == view.volumes[0].inflow_bytes_per_day == KBPS_A_DAY
    archive.clock.move(hours=2)
    assert channel_of(view_of(archive)).inflow_bytes_per_day < 700, "it is measured over a day"


def test_the_bit_rate_counts_again_after_a_day_without_recordings(archive: StoredArchive) -> None:
    archive.cameras.kbps = {"main": KBPS}
    archive.set_rule()
    for hours_ago in (200, 100, 1):
        archive.record(stream_of(), [hours_ago], size_bytes=300)
    assert channel_of(view_of(archive)).inflow_bytes_per_day == KBPS_A_DAY


def test_a_faster_stream_than_the_camera_says_counts_as_it_is(archive: StoredArchive) -> None:
    archive.cameras.kbps = {"main": KBPS}
    archive.set_rule()
    archive.record(stream_of(), [1], size_bytes=1_000_000)
    assert channel_of(view_of(archive)).inflow_bytes_per_day == pytest.approx(24_000_000, rel=0.01)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"mode": RecordingMode.SCHEDULE, "schedule": (WeekSpan(0, 0, 1440), WeekSpan(0, 720, 1440))}, KBPS_A_DAY / 7),
        ({"mode": RecordingMode.EVENTS}, 0),
        ({"qualities": (RecordedQuality.MAIN, RecordedQuality.SUB)}, 3 * KBPS_A_DAY),
        ({"qualities": (RecordedQuality.SUB,)}, 2 * KBPS_A_DAY),
    ],
)
def test_the_expected_inflow_follows_the_rule(archive: StoredArchive, rule: dict[str, Any], expected: float) -> None:
    archive.cameras.kbps = {"main": KBPS, "sub": 2 * KBPS}
    archive.set_rule(**rule)
    assert channel_of(view_of(archive)).inflow_bytes_per_day == pytest.approx(expected, abs=1)


def test_a_stream_that_the_rule_left_brings_no_inflow(archive: StoredArchive) -> None:
    archive.set_rule(qualities=(RecordedQuality.SUB,))
    archive.record(stream_of(quality="main"), EVERY_HOUR, size_bytes=300)
    # The channel has no sub stream yet, so its main stream counts.
    assert channel_of(view_of(archive)).inflow_bytes_per_day == 7200
    archive.record(stream_of(quality="sub"), EVERY_HOUR, size_bytes=30)
    archive.clock.move(minutes=6)
    assert channel_of(view_of(archive)).inflow_bytes_per_day == 23 * 30  # files of the last 24 hours


def test_main_and_sub_stream_are_one_channel(archive: StoredArchive) -> None:
    archive.record(stream_of(quality="main"), [3, 2])
    archive.record(stream_of(quality="sub"), [5])
    found = channel_of(view_of(archive))
    assert found.size_bytes == 3000
    assert found.oldest == archive.clock.now - timedelta(hours=5)


def test_a_volume_that_does_not_answer_has_no_forecast(make: Make) -> None:
    archive = make(volumes=2)
    archive.set_rule(keep_days=30.0)
    archive.record(stream_of(), EVERY_HOUR, size_bytes=300)
    (archive.volume.folder / MARKER).unlink()
    archive.volume.check()
    first, second = view_of(archive).volumes
    assert first.state is VolumeState.GONE
    assert first.detail
    assert (first.size_bytes, first.free_bytes, first.full_at) == (None, None, None)
    assert first.used_bytes == 14_400
    assert second.free_bytes == DISK_BYTES


def test_the_second_volume_fills_after_the_first(make: Make) -> None:
    archive = make(volumes=2)
    archive.set_rule()
    archive.record(stream_of(), EVERY_HOUR, size_bytes=300)
    first, second = view_of(archive).volumes
    assert first.full_at is not None
    assert second.full_at is not None
    assert second.full_at - first.full_at == pytest.approx(timedelta(days=95_000 / 7200), abs=timedelta(seconds=1))


@pytest.mark.slow
def test_a_view_of_64_cameras_and_30_days_takes_100_ms_of_cpu(archive: StoredArchive) -> None:
    ages = range(30 * 144, 0, -1)
    for camera_id in range(1, 65):
        starts_ms = [NOW_MS - age * 10 * MINUTE_MS for age in ages]
        add_files(archive.index, stream_of(camera_id), starts_ms, size_bytes=1)
    assert NOW_MS - min(starts_ms) == 30 * DAY_MS
    took_s = []
    with Slowness() as machine:
        for _ in range(4):
            archive.clock.move(minutes=6)  # the inflow is measured again
            began_s = time.thread_time()
            assert len(view_of(archive).channels) == 64
            took_s.append(time.thread_time() - began_s)
        assert min(took_s) < 0.1 * machine.factor() * PATIENCE
