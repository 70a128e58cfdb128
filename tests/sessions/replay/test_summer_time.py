"""A playback of a recorder that keeps local time, over the end and the beginning of summer time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from sessions.view import StreamView
from stream_manager import StreamManager
from tests.patience import until
from tests.sessions.replay.local_recorder import MARCH, OCTOBER, LocalRecorder, local_recorder
from tests.sessions.replay.replaying import text_of
from tests.sessions.replay.thin_recorder import ThinRecorder
from tests.sessions.thin_device import MakeManager

ENDED = "#EXT-X-ENDLIST\n"


@pytest.fixture(params=[OCTOBER, MARCH], ids=["an hour twice", "an hour missing"])
def change(request: pytest.FixtureRequest) -> datetime:
    moment: datetime = request.param
    return moment


@pytest.fixture
def recorder(change: datetime) -> ThinRecorder:
    return local_recorder(change)


@pytest.fixture
def replays(make_replays: MakeManager) -> StreamManager:
    return make_replays()


def play(manager: StreamManager, start: datetime, end: datetime) -> StreamView:
    return manager.start_replay(1, "Rec0", start, end_utc=end)[0]


def times(manager: StreamManager, view: StreamView, change: datetime) -> list[float]:
    """Return the start of each segment, in seconds after the change."""
    until(lambda: text_of(manager, view).endswith(ENDED), what="the end of the playback")
    found = re.findall("DATE-TIME:(.*)", text_of(manager, view))
    return [round((datetime.fromisoformat(item) - change).total_seconds(), 1) for item in found]


def test_a_playback_goes_on_over_the_change_in_true_time(
    replays: StreamManager, recorder: LocalRecorder, change: datetime
) -> None:
    view = play(replays, change - timedelta(seconds=6), change + timedelta(seconds=6))
    found = times(replays, view, change)
    assert found[0] == -6.0
    assert found[-1] >= 3.0
    assert all(0.0 < later - earlier <= 3.0 for earlier, later in pairwise(found))
    first, second = recorder.plays[:2]
    is_later = change == MARCH
    assert round(first - change.timestamp()) == (3600 if is_later else 7200) - 6
    assert round(second - change.timestamp()) == (7200 if is_later else 3600)
    assert len(recorder.lines) == 1, "the same session with the recorder"


def test_a_seek_behind_the_change_asks_for_the_other_local_time(
    replays: StreamManager, recorder: LocalRecorder, change: datetime
) -> None:
    view = play(replays, change - timedelta(seconds=6), change + timedelta(seconds=6))
    times(replays, view, change)
    found = replays.seek_replay(view.stream_id, change + timedelta(seconds=4))
    assert found.start_time == change + timedelta(seconds=4)
    assert found.time_confirmed is (change == MARCH), "an hour that comes twice is not certain"
