"""Pictures from GStreamer's ONVIF replay server, each with its burnt-in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from core.archive import Origin
from core.recordings import ReplaySource, SpanState
from media.process import Spawner
from pictures.views import PictureState
from recordings.matching import MatchedBy
from recordings.views import ChannelCoverage, ChannelSpan, Coverage
from tests.media.rtsp.gstreamer_server import gstreamer_server
from tests.media.rtsp.replay.listening import recording
from tests.media.rtsp.replay.test_gstreamer import NIGHT_S, PEER
from tests.patience import until
from tests.pictures.simulated_camera import PicturesHarness, SimulatedRecordings, burnt_times
from tests.simulator.process import Simulator

pytestmark = pytest.mark.gstreamer
GOP_S = 1.0


class EndlessRecording(SimulatedRecordings):
    """The one recording of GStreamer's server: it begins in 1900 and never ends."""

    port = 0

    def coverage(
        self,
        camera_id: int,
        start: datetime,
        end: datetime,
        *,
        channel: int | None = None,
        with_events: bool = True,
        prefers_sub: bool = False,
        only_sure: bool = False,
        source: Origin | None = None,
    ) -> Coverage:
        span = ChannelSpan(start, end, SpanState.RECORDED, "Rec1")
        row = ChannelCoverage(1, "", MatchedBy.ONLY_CHANNEL, "Rec1", (span,), (), False)
        return Coverage((row,), None, False, True, 0.0, None)

    def replay_source(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        return recording(f"rtsp://127.0.0.1:{self.port}/recording", token=recording_token), 0.0


@pytest.fixture
def harness(tmp_path: Path, spawner: Spawner) -> Iterator[PicturesHarness]:
    """GStreamer 1.22 aborts at a PLAY before the first frame of the PLAY before it: the server starts again then."""
    with gstreamer_server(PEER) as server:
        made = PicturesHarness(cast(Simulator, SimpleNamespace()), tmp_path, spawner, EndlessRecording)
        cast(EndlessRecording, made.recordings).port = server.port
        yield made
        made.stop()


def assert_true_times(harness: PicturesHarness, step_s: int, count: int) -> None:
    start_s = int(NIGHT_S) // 600 * 600
    shown = harness.finished(start_s, start_s + count * step_s, step_s)
    assert [item.state for item in shown] == [PictureState.READY] * count
    burnt = burnt_times([harness.jpeg(item.time) for item in shown], height=240)
    for item, burnt_s in zip(shown, burnt, strict=True):
        assert abs(item.time.timestamp() - burnt_s) <= GOP_S
        assert item.picture_time is not None
        assert item.picture_time.timestamp() == pytest.approx(burnt_s, abs=0.11)


@pytest.mark.parametrize("step_s", [10, 600])
def test_each_picture_of_gstreamer_is_within_one_group_of_its_time(harness: PicturesHarness, step_s: int) -> None:
    assert_true_times(harness, step_s, 24)


@pytest.mark.stress
def test_all_360_pictures_of_an_hour_of_gstreamer_are_true(harness: PicturesHarness) -> None:
    assert_true_times(harness, 10, 360)


def test_gstreamer_gives_a_single_picture_behind_the_end_of_a_run(harness: PicturesHarness) -> None:
    start_s = int(NIGHT_S) // 600 * 600
    harness.finished(start_s, start_s + 100, 10)
    later = datetime.fromtimestamp(start_s + 3007, UTC)
    picture = until(lambda: harness.manager.picture(1, 1, later, 1.0))
    assert picture is not None
    [burnt_s] = burnt_times([picture.jpeg], height=240)
    assert abs(later.timestamp() - burnt_s) <= GOP_S
