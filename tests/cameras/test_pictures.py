"""Stream addresses, key frames and snapshots."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cameras.records import CameraChange, CameraDraft, TimedSnapshot
from cameras.snapshot_cache import SnapshotCache
from core.clock import SystemClock
from core.errors import (
    CameraAuthFailed,
    CameraBadAnswer,
    CameraNoSignal,
    CameraUnreachable,
    DeviceError,
    NotFound,
)
from core.records import CameraStatus, StreamSource
from core.secrets import Secret
from onvif_manager import OnvifManager
from tests.cameras.doubles import JPEG, CameraHarness, channel, no_snapshots
from tests.patience import LIMIT_S, promised, until

MAIN, SUB, SECOND = "MediaProfile00000", "MediaProfile00001", "MediaProfile00100"
FRAME = b"\xff\xd8\xff\xdb a frame of the stream \xff\xd9"


def online(harness: CameraHarness, manager: OnvifManager) -> int:
    camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    return camera_id


def test_a_stream_source_holds_all_a_session_needs(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    camera_id = online(harness, manager)
    source = manager.stream_source(camera_id, SECOND)
    assert source.uri == f"rtsp://cam:554/{SECOND}"
    assert (source.device_key, source.credential.username) == ("camera1", "admin")
    assert source.credential.password == Secret("right")
    assert source.video is not None
    assert source.video.codec == "h264"
    assert manager.stream_source(camera_id, SECOND) == source
    assert device.uris == 1, "the second time it comes from memory"


def test_a_refresh_and_an_edit_read_the_stream_uri_again(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    camera_id = online(harness, manager)
    manager.stream_source(camera_id, MAIN)
    manager.refresh(camera_id)
    manager.wait_first_connection(camera_id, LIMIT_S)
    manager.stream_source(camera_id, MAIN)
    manager.update_camera(camera_id, CameraChange(password=Secret("right")))
    manager.wait_first_connection(camera_id, LIMIT_S)
    manager.stream_source(camera_id, MAIN)
    assert device.uris == 3


def test_an_unknown_media_profile_is_refused_without_asking_the_device(
    harness: CameraHarness, manager: OnvifManager
) -> None:
    device = harness.device()
    camera_id = online(harness, manager)
    for token in ("nonsense", "", "a/../b", "\ud800"):
        with pytest.raises(NotFound):
            manager.stream_source(camera_id, token)
        with pytest.raises(NotFound):
            harness.snapshot(camera_id, token)
        with pytest.raises(NotFound):
            manager.request_key_frame(camera_id, token)
    assert (device.uris, device.snapshots, device.key_frames) == (0, 0, 0)


def test_a_stream_source_waits_for_a_connecting_camera(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device(takes_s=0.2)
    camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
    assert manager.stream_source(camera_id, MAIN).uri.endswith(MAIN)


def test_a_refused_camera_is_not_asked_for_a_stream_source(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device(password="another")
    camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("wrong"), 80)).id
    harness.wait_status(camera_id, CameraStatus.AUTH_FAILED)
    with promised(1.0):
        for _ in range(16):
            with pytest.raises(CameraAuthFailed):
                manager.stream_source(camera_id, MAIN)
            with pytest.raises(CameraAuthFailed):
                harness.snapshot(camera_id)
    assert device.logins == 1


def test_a_request_brings_the_next_attempt_of_a_camera_forward(harness: CameraHarness) -> None:
    harness.pace = replace(harness.pace, first_retry_s=60.0, longest_retry_s=60.0, early_retry_after_s=0.0)
    device = harness.device(problem=CameraUnreachable("The device does not answer."))
    with harness.running() as manager:
        camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
        harness.wait_status(camera_id, CameraStatus.OFFLINE)
        with pytest.raises(CameraUnreachable):
            manager.stream_source(camera_id, MAIN)
        device.problem = None
        assert manager.stream_source(camera_id, MAIN).uri.endswith(MAIN)


def test_many_requests_for_a_dead_camera_cause_few_attempts(harness: CameraHarness) -> None:
    harness.pace = replace(harness.pace, first_retry_s=60.0, longest_retry_s=60.0, early_retry_after_s=LIMIT_S)
    device = harness.device(problem=CameraUnreachable("The device does not answer."))
    with harness.running() as manager:
        camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
        harness.wait_status(camera_id, CameraStatus.OFFLINE)
        for _ in range(20):
            with pytest.raises(CameraUnreachable):
                manager.stream_source(camera_id, MAIN)
        assert device.opens == 1


def test_a_failed_call_brings_the_next_check_forward(harness: CameraHarness) -> None:
    harness.pace = replace(harness.pace, check_s=60.0)
    device = harness.device()
    with harness.running() as manager:
        camera_id = online(harness, manager)
        device.problem = CameraUnreachable("The device does not answer.")
        with pytest.raises(CameraUnreachable):
            manager.stream_source(camera_id, MAIN)
        harness.wait_status(camera_id, CameraStatus.OFFLINE)


def test_a_key_frame_is_requested_from_the_device(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    manager.request_key_frame(online(harness, manager), MAIN)
    assert device.key_frames == 1


def test_a_snapshot_is_taken_by_the_device(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device()
    taken = harness.snapshot(online(harness, manager), MAIN)
    assert taken.jpeg == JPEG
    assert abs((SystemClock().now_utc() - taken.taken_at).total_seconds()) < 5


@pytest.mark.parametrize(
    "problem", [no_snapshots(), CameraBadAnswer("This is no JPEG."), DeviceError("The device refuses GetSnapshotUri.")]
)
def test_a_missing_snapshot_is_replaced_by_a_frame_of_the_stream(harness: CameraHarness, problem: DeviceError) -> None:
    sources: list[StreamSource] = []

    def frame(source: StreamSource) -> bytes:
        sources.append(source)
        return FRAME

    harness.frame = frame
    device = harness.device(snapshot_problem=problem)
    with harness.running() as manager:
        camera_id = online(harness, manager)
        assert harness.snapshot(camera_id, SUB).jpeg == FRAME
        assert harness.snapshot(camera_id, SUB).jpeg == FRAME
        assert [source.profile_token for source in sources] == [SUB, SUB]
        assert device.snapshots == 1


def test_a_channel_without_frames_is_marked_until_it_sends_one(harness: CameraHarness) -> None:
    problem: list[DeviceError] = [CameraNoSignal("The channel sends no pictures.")]

    def frame(source: StreamSource) -> bytes:
        if problem:
            raise problem[0]
        return FRAME

    harness.frame = frame
    harness.device(snapshot_problem=no_snapshots())
    with harness.running() as manager:
        camera_id = online(harness, manager)
        with pytest.raises(CameraNoSignal):
            harness.snapshot(camera_id, SECOND)
        marked = manager.channels(camera_id)[1].problem
        assert marked is not None
        assert marked.code == "camera_no_signal"
        problem.clear()
        harness.snapshot(camera_id, SECOND)
        assert manager.channels(camera_id)[1].problem is None


def test_a_snapshot_must_be_a_jpeg(harness: CameraHarness) -> None:
    harness.frame = lambda source: b"<html>no picture</html>"
    harness.device(jpeg=b"<html>log in</html>")
    with harness.running() as manager:
        camera_id = online(harness, manager)
        with pytest.raises(CameraBadAnswer):
            harness.snapshot(camera_id, MAIN)
        assert manager.last_snapshot(camera_id, MAIN) is None


def test_simultaneous_requests_share_one_snapshot(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    camera_id = online(harness, manager)
    device.takes_s = LIMIT_S
    taken: list[TimedSnapshot] = []
    threads = [threading.Thread(target=lambda: taken.append(harness.snapshot(camera_id, MAIN))) for _ in range(12)]
    for thread in threads:
        thread.start()
    until(lambda: harness.snapshots._running.waiting == 11)
    device.release.set()
    for thread in threads:
        thread.join()
    assert len(taken) == 12
    assert device.snapshots == 1


def test_requests_that_share_a_snapshot_share_its_error(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    camera_id = online(harness, manager)
    device.takes_s, device.snapshot_problem = LIMIT_S, CameraAuthFailed("No.")
    errors: list[Exception] = []

    def ask() -> None:
        try:
            harness.snapshot(camera_id, MAIN)
        except CameraAuthFailed as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: harness.snapshots._running.waiting == 3)
    device.release.set()
    for thread in threads:
        thread.join()
    assert (len(errors), device.snapshots) == (4, 1)


def test_the_last_snapshot_survives_a_restart(harness: CameraHarness) -> None:
    device = harness.device()
    with harness.running() as manager:
        camera_id = online(harness, manager)
        assert manager.last_snapshot(camera_id) is None
        taken = harness.snapshot(camera_id, SUB)
        assert manager.last_snapshot(camera_id, SUB) == taken
    device.problem = CameraUnreachable("gone")
    with harness.running() as manager:
        last = manager.last_snapshot(camera_id, SUB)
        assert last is not None
        assert last.jpeg == taken.jpeg
        assert abs((last.taken_at - taken.taken_at).total_seconds()) < 0.01
        assert manager.last_snapshot(camera_id, MAIN) == last, "better the sub stream's than none"
        assert manager.last_snapshot(camera_id) == last
        assert manager.last_snapshot(camera_id, SECOND) is None


def test_a_cameras_snapshot_is_of_its_first_visible_channel(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device(channels=(channel(1), channel(2)))
    camera_id = online(harness, manager)
    device.jpeg = JPEG + b"1"
    harness.snapshot(camera_id, MAIN)
    device.jpeg = JPEG + b"2"
    harness.snapshot(camera_id, SECOND)
    last = manager.last_snapshot(camera_id)
    assert last is not None
    assert last.jpeg == JPEG + b"1"
    manager.update_channel(camera_id, 1, hidden=True)
    last = manager.last_snapshot(camera_id)
    assert last is not None
    assert last.jpeg == JPEG + b"2"


def test_a_new_address_drops_the_old_snapshots(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device()
    harness.device("new")
    camera_id = online(harness, manager)
    harness.snapshot(camera_id, MAIN)
    manager.update_camera(camera_id, CameraChange(host="new", password=Secret("right")))
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    assert manager.last_snapshot(camera_id, MAIN) is None


def snapshot_of(size_bytes: int) -> TimedSnapshot:
    return TimedSnapshot(JPEG + b"x" * (size_bytes - len(JPEG)), SystemClock().now_utc())


def test_the_cache_keeps_its_limits_by_dropping_the_oldest(tmp_path: Path) -> None:
    cache = SnapshotCache(tmp_path, disk_bytes=10_000, memory_bytes=3_000)
    cache.open([1])
    for number in range(30):
        cache.put(1, f"token{number}", snapshot_of(1_000))
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) == 10_000
    assert [number for number in range(30) if cache.get(1, f"token{number}")] == list(range(20, 30))


def test_the_cache_accepts_any_token(tmp_path: Path) -> None:
    cache = SnapshotCache(tmp_path)
    cache.open([1])
    tokens = ["../../etc/passwd", "a/b", "", "x" * 10_000, "\x00", "\ud800", "A", "a"]
    for number, token in enumerate(tokens):
        cache.put(1, token, snapshot_of(100 + number))
    for number, token in enumerate(tokens):
        kept = cache.get(1, token)
        assert kept is not None
        assert len(kept.jpeg) == 100 + number
    assert len(list(tmp_path.iterdir())) == len(tokens)


def test_the_cache_deletes_files_that_belong_to_no_camera(tmp_path: Path) -> None:
    cache = SnapshotCache(tmp_path)
    cache.open([1, 2])
    cache.put(1, "a", snapshot_of(100))
    cache.put(2, "a", snapshot_of(100))
    (tmp_path / ".camera1_half.jpg").write_bytes(b"half")
    (tmp_path / "notes.txt").write_bytes(b"?")
    again = SnapshotCache(tmp_path)
    again.open([2])
    assert again.get(1, "a") is None
    assert again.get(2, "a") is not None
    assert len(list(tmp_path.iterdir())) == 1


def test_a_cache_that_cannot_write_keeps_snapshots_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "in the way").write_bytes(b"")
    cache = SnapshotCache(tmp_path / "in the way")
    cache.open([1])
    cache.put(1, "a", snapshot_of(100))
    cache.put(1, "b", snapshot_of(100))
    assert cache.get(1, "a") is not None
    assert len([record for record in caplog.records if "cannot be kept" in record.message]) == 1


def test_a_snapshot_deleted_from_disk_is_missing(harness: CameraHarness) -> None:
    harness.device()
    with harness.running() as manager:
        camera_id = online(harness, manager)
        harness.snapshot(camera_id, MAIN)
    with harness.running() as again:
        for file in (harness.settings.data_dir / "cache" / "snapshots").iterdir():
            file.unlink()
        assert again.last_snapshot(camera_id, MAIN) is None
        until(lambda: again.get_camera(camera_id).status is CameraStatus.ONLINE)
