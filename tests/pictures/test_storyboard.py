"""Storyboards of recorders of every make: each picture is within one group of pictures of its time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archive.records import from_ms
from core.recordings import ReplayAbilities
from pictures.views import GridPicture, PictureState
from tests.media.rtsp.replay.simulated import spans
from tests.patience import until
from tests.pictures.simulated_camera import PicturesHarness, burnt_times

pytestmark = pytest.mark.slow

GOP_S = 1.0
MAKES = ("conformant", "dahua-like", "hikvision-like", "uniview-like", "axis-like", "no-replay-headers")


def assert_true_times(
    harness: PicturesHarness, shown: tuple[GridPicture, ...], channel: int = 1, *, is_confirmed: bool = True
) -> None:
    """Compare the time burnt into each picture with the time of its place, and with the time that the grid tells."""
    assert {item.state for item in shown} == {PictureState.READY}
    burnt = burnt_times([harness.jpeg(item.time, channel) for item in shown])
    assert len(burnt) == len(shown)
    for item, burnt_s in zip(shown, burnt, strict=True):
        assert abs(item.time.timestamp() - burnt_s) <= GOP_S, item
        if is_confirmed:
            assert item.picture_time is not None
            assert item.picture_time.timestamp() == pytest.approx(burnt_s, abs=0.1)


@pytest.mark.parametrize("make", MAKES)
def test_each_picture_is_within_one_group_of_its_time(open_pictures: Callable[..., PicturesHarness], make: str) -> None:
    harness = open_pictures(make)
    start_s = harness.recorded_s()
    assert_true_times(harness, harness.finished(start_s, start_s + 300, 10))
    is_plain = make == "no-replay-headers"
    until(lambda: is_plain or harness.cameras.abilities.honours_frames)  # known at the end of the run
    assert harness.cameras.abilities.honours_frames is (None if is_plain else True)
    assert harness.cameras.abilities.beats_real_time is None, "key frames alone do not show it"


@pytest.mark.stress
@pytest.mark.parametrize("make", MAKES)
def test_all_360_pictures_of_an_hour_are_true(open_pictures: Callable[..., PicturesHarness], make: str) -> None:
    harness = open_pictures(make)
    start_s = harness.recorded_s()
    shown = harness.finished(start_s, start_s + 3600, 10)
    assert len(shown) == 360
    assert_true_times(harness, shown)


def test_a_recorder_that_ignores_frames_still_gives_right_pictures(
    open_pictures: Callable[..., PicturesHarness],
) -> None:
    harness = open_pictures("dahua-like")
    harness.recorder.fault("replay_requests", "no_frames")
    start_s = harness.recorded_s()
    shown = harness.finished(start_s, start_s + 300, 10)
    sent_bytes = sum(session["sent_bytes"] for session in harness.recorder.get("/replay")["sessions"])
    assert 0 < sent_bytes <= 200_000 * len(shown)
    assert_true_times(harness, shown)
    until(lambda: harness.cameras.abilities.honours_frames is False)


def test_a_recorder_that_ignores_frames_and_seeks_gives_twelve_an_hour(
    open_pictures: Callable[..., PicturesHarness],
) -> None:
    harness = open_pictures("hikvision-like")
    harness.cameras.abilities = ReplayAbilities("onvif", seeks_in_session=False, honours_frames=False)
    harness.recorder.fault("replay_requests", "no_frames")
    start_s = harness.recorded_s()
    shown = harness.finished(start_s, start_s + 1200, 60)
    ready = tuple(item for item in shown if item.state is PictureState.READY)
    assert [item.time.timestamp() - start_s for item in ready] == [0, 300, 600, 900]
    assert {item.state for item in shown} == {PictureState.READY, PictureState.MISSING}
    assert_true_times(harness, ready)


@pytest.mark.parametrize(("step_s", "length_s"), [(1, 40), (60, 1200), (600, 7200)])
def test_every_grid_has_true_pictures(pictures: PicturesHarness, step_s: int, length_s: int) -> None:
    start_s = pictures.recorded_s(length_s=length_s)
    shown = pictures.finished(start_s, start_s + length_s, step_s)
    assert len(shown) == length_s // step_s
    assert_true_times(pictures, shown)


def test_one_play_brings_the_first_pictures_of_an_hour(pictures: PicturesHarness) -> None:
    """Every sixteenth of ten seconds, of a recorder that has not shown yet whether it honours Frames."""
    start_s = pictures.recorded_s()
    times = range(start_s, start_s + 3600, 160)
    assert pictures.cameras.abilities.honours_frames is None
    found = pictures.recordings.coverage(1, from_ms(1000 * start_s), from_ms(1000 * start_s + 1000), channel=1)
    source = pictures.manager._tools.open_source(1, found.channels[0].spans[0].recording_token or "")
    try:
        assert source.plays_runs(160)
        placed = list(source.frames_of_run(times, 160, lambda: False))
    finally:
        source.close()
    assert [time_s for time_s, frame in placed if frame is not None] == list(times)


def test_h265_has_true_pictures(pictures: PicturesHarness) -> None:
    start_s = pictures.recorded_s(2)
    assert_true_times(pictures, pictures.finished(start_s, start_s + 100, 10, channel=2), channel=2)


def test_times_of_a_device_with_a_wrong_clock_are_true(pictures: PicturesHarness) -> None:
    start_s = pictures.recorded_s() - 3600
    pictures.recordings.correction_s = 3600.0
    shown = pictures.finished(start_s, start_s + 100, 10)
    burnt = burnt_times([pictures.jpeg(item.time) for item in shown])
    for item, burnt_s in zip(shown, burnt, strict=True):
        assert item.picture_time is not None
        assert item.picture_time.timestamp() == pytest.approx(burnt_s - 3600, abs=0.1)
        assert abs(item.time.timestamp() + 3600 - burnt_s) <= GOP_S


def test_a_gap_is_not_asked(pictures: PicturesHarness) -> None:
    (_, gap_s), *_ = [span for span in spans(pictures.recorder, 1) if span[1] - span[0] > 600]
    begin_s = int(gap_s) - 60 - int(gap_s) % 10
    shown = pictures.finished(begin_s, begin_s + 120, 10)
    for item in shown:
        is_kept = item.time.timestamp() < gap_s
        assert item.state is (PictureState.READY if is_kept else PictureState.NOT_RECORDED)
    kept = tuple(item for item in shown if item.state is PictureState.READY)
    assert_true_times(pictures, kept)


def test_the_last_picture_before_a_gap_needs_no_frame_behind_it(pictures: PicturesHarness) -> None:
    """The key frames lie 0.4 s before the times, and no recorder tells that its key frames end here."""
    pictures.recordings.correction_s = 0.4
    (_, gap_s), *_ = [span for span in spans(pictures.recorder, 1) if span[1] - span[0] > 600]
    begin_s = int(gap_s) - 100 - int(gap_s) % 10
    shown = pictures.finished(begin_s, gap_s - 0.4, 10)
    assert_true_times(pictures, shown, is_confirmed=False)
    until(lambda: pictures.cameras.abilities.honours_frames)
    assert pictures.recordings.opened == 1


@pytest.mark.parametrize("stamps", ["zero", "local", "present", "standing", "all_bits", "no_cseq"])
def test_wrong_stamps_make_no_wrong_picture(pictures: PicturesHarness, stamps: str) -> None:
    pictures.recorder.fault("replay_stamps", stamps)
    start_s = pictures.recorded_s()
    shown = pictures.finished(start_s, start_s + 200, 10)
    assert_true_times(pictures, shown, is_confirmed=stamps in ("all_bits", "no_cseq"))
