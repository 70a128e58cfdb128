"""The picture manager: single pictures, the cache, its ends, and the place that viewers get."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import DeviceError, InvalidRequest, NotFound, StorageFull
from media.process import Spawner
from media.rtsp.client.connection import ReadLimit
from media.rtsp.client.errors import TooManyBytes
from pictures.views import PictureState
from tests.media.rtsp.replay.listening import Listener
from tests.media.rtsp.replay.simulated import source_of, spans
from tests.patience import promised, settled, until
from tests.pictures.simulated_camera import PicturesHarness, burnt_times

pytestmark = pytest.mark.slow


def utc(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)


def single(harness: PicturesHarness, time_s: float, channel: int = 1) -> bytes:
    """Return one picture, as the page that points at it does."""

    def made() -> bytes | None:
        picture = harness.manager.picture(1, channel, utc(time_s), 1.0)
        return None if picture is None else picture.jpeg

    return until(made) or b""


def plays_of(harness: PicturesHarness) -> int:
    return sum(session["plays"] for session in harness.recorder.get("/replay")["sessions"])


def until_plays(harness: PicturesHarness, start_s: float, end_s: float, *, count: int) -> None:
    """Ask for a grid until the recorder has had so many PLAYs, because a request counts for two seconds only."""
    until(lambda: harness.grid(start_s, end_s, 10) and plays_of(harness) >= count)


def test_a_single_picture_shows_its_moment(pictures: PicturesHarness) -> None:
    start_s = pictures.recorded_s()
    for time_s in (start_s + 7, start_s + 1234, start_s + 55):
        [burnt_s] = burnt_times([single(pictures, time_s)])
        assert time_s - 1.0 <= burnt_s <= time_s
    assert plays_of(pictures) == 3
    assert pictures.recordings.opened == 1


def test_a_single_picture_comes_before_those_of_a_grid(pictures: PicturesHarness) -> None:
    start_s = pictures.recorded_s()
    until_plays(pictures, start_s, start_s + 3600, count=3)
    single(pictures, start_s + 3591)
    shown = pictures.grid(start_s, start_s + 3600, 10)
    assert sum(item.state is PictureState.PENDING for item in shown) > 100


def test_a_second_look_asks_no_device_also_after_a_restart(
    pictures: PicturesHarness, spawner: Spawner, tmp_path: Path
) -> None:
    start_s = pictures.recorded_s()
    first = pictures.finished(start_s, start_s + 200, 10)
    jpegs = [pictures.jpeg(item.time) for item in first]
    pictures.stop()
    again = PicturesHarness(pictures.recorder, tmp_path / "data", spawner)
    try:
        assert again.grid(start_s, start_s + 200, 10) == first
        assert [again.jpeg(item.time) for item in first] == jpegs
        assert again.recordings.opened == 0
        coarse = again.grid(start_s, start_s + 200, 60)
        assert {item.state for item in coarse} == {PictureState.READY}, "a coarse grid shares the times of a fine one"
    finally:
        again.stop()


def test_pictures_go_with_their_camera(pictures: PicturesHarness) -> None:
    start_s = pictures.recorded_s()
    pictures.finished(start_s, start_s + 100, 10)
    folder = pictures.settings.data_dir / "pictures"
    assert list(folder.iterdir())
    pictures.manager.forget_camera(1)
    assert not list(folder.iterdir())
    until(lambda: pictures.recorder.get("/replay")["sessions"] == [])
    assert not settled(lambda: list(folder.iterdir()))


def test_the_making_ends_when_the_requests_end(pictures: PicturesHarness) -> None:
    start_s = pictures.recorded_s()
    until_plays(pictures, start_s, start_s + 3600, count=1)
    until(lambda: not any(session["playing"] for session in pictures.recorder.get("/replay")["sessions"]))
    ready = settled(lambda: [item.state for item in pictures.grid(start_s, start_s + 10, 10)])
    assert ready == [PictureState.READY]


def test_the_place_is_given_back_after_a_while(pictures: PicturesHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pictures.worker.LINGER_S", 0.5)
    start_s = pictures.recorded_s()
    pictures.finished(start_s, start_s + 100, 10)
    until(lambda: pictures.recorder.get("/replay")["sessions"] == [])


def test_a_viewer_gets_the_place_and_the_pictures_go_on_later(pictures: PicturesHarness) -> None:
    start_s = pictures.recorded_s()
    watched, other = pictures.gateway.open_replay(source_of(pictures.recorder, 3)), Listener()
    watched.play(start_s, other)
    other.until_pictures(1)
    until_plays(pictures, start_s, start_s + 1200, count=3)
    viewer, shown = pictures.gateway.open_replay(source_of(pictures.recorder, 4)), Listener()
    with promised(1.0):
        viewer.play(start_s, shown)
        shown.until_pictures(1)
    assert {item.state for item in pictures.grid(start_s, start_s + 1200, 10)} >= {PictureState.PENDING}
    viewer.close(5.0)
    done = pictures.finished(start_s, start_s + 1200, 10)
    assert {item.state for item in done} == {PictureState.READY}
    assert not other.errors
    watched.close(5.0)


def test_a_recorder_that_is_gone_leaves_no_picture_pending(pictures: PicturesHarness) -> None:
    start_s = pictures.recorded_s()
    pictures.recorder.fault("drop_connections")
    shown = pictures.finished(start_s, start_s + 100, 10)
    assert {item.state for item in shown} == {PictureState.MISSING}
    with pytest.raises(DeviceError):
        pictures.manager.picture(1, 1, utc(start_s), 5.0)


def test_a_full_disk_is_told_by_the_error_of_a_picture(open_pictures: Callable[..., PicturesHarness]) -> None:
    pictures = open_pictures(min_free_bytes=2**60)
    start_s = pictures.recorded_s()
    with pytest.raises(StorageFull):
        until(lambda: pictures.manager.picture(1, 1, utc(start_s), 1.0))
    assert {item.state for item in pictures.grid(start_s, start_s + 20, 10)} == {PictureState.MISSING}


def test_a_time_without_a_recording_is_not_found(pictures: PicturesHarness) -> None:
    (_, gap_s), *_ = [span for span in spans(pictures.recorder, 1) if span[1] - span[0] > 600]
    with pytest.raises(NotFound) as caught:
        pictures.manager.picture(1, 1, utc(gap_s + 60))
    assert caught.value.code == "no_recording"


@pytest.mark.parametrize(
    ("start_s", "end_s", "step_s", "field"),
    [(100, 100, 10, "end_time"), (100, 50, 10, "end_time"), (0, 15_010, 10, "end_time"), (0, 10, 7, "step_s")],
)
def test_an_impossible_grid_is_refused(
    pictures: PicturesHarness, start_s: int, end_s: int, step_s: int, field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        pictures.grid(start_s, end_s, step_s)
    assert [error.field for error in caught.value.errors] == [field]


def test_an_unknown_channel_is_not_found(pictures: PicturesHarness) -> None:
    with pytest.raises(NotFound):
        pictures.grid(0, 10, 10, channel=9)
    with pytest.raises(NotFound):
        pictures.manager.picture(1, 9, utc(0))


def test_a_restart_of_the_recorder_costs_no_picture(
    open_pictures: Callable[..., PicturesHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pictures.worker._FAILED_S", 0.5)
    pictures = open_pictures("axis-like")
    start_s = pictures.recorded_s()
    until_plays(pictures, start_s, start_s + 600, count=1)
    pictures.recorder.fault("reboot", for_s=1.0)
    until(lambda: {item.state for item in pictures.finished(start_s, start_s + 600, 10)} == {PictureState.READY})


def test_a_recorder_that_sends_far_too_much_fails_its_channel(
    pictures: PicturesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pictures.source._PLAY_LIMIT", ReadLimit(500, 20e6))
    start_s = pictures.recorded_s()
    with pytest.raises(TooManyBytes):
        until(lambda: pictures.manager.picture(1, 1, utc(start_s), 1.0))
    assert {item.state for item in pictures.grid(start_s, start_s + 20, 10)} == {PictureState.MISSING}
    until(lambda: pictures.recorder.get("/replay")["sessions"] == [])
    [line] = [check for check in pictures.cameras.abilities.checks() if "stops at the end" in check.name]
    assert line.outcome == "no"
    monkeypatch.undo()
    single(pictures, start_s, channel=2)
    pictures.finished(start_s, start_s + 20, 10, channel=2)
    until(lambda: pictures.cameras.abilities.keeps_to_requests, what="a play within its limit")
