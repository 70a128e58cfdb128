"""Runs of the recording of the sub stream, for thin links."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest

from core.recordings import ReplayQuality
from stream_manager import StreamManager
from tests.patience import until
from tests.sessions.replay.replaying import HOUR_S, NIGHT_S, at, name_of, play
from tests.sessions.replay.thin_recorder import ThinRecorder
from tests.sessions.replay.viewer import watched


@pytest.fixture
def with_sub(recorder: ThinRecorder) -> ThinRecorder:
    """The recorder with a sub recording of the first 20 s; the main one has 45 s."""
    recorder.spans = [(NIGHT_S, NIGHT_S + 45)]
    recorder.others, recorder.subs = {"Sub0": [(NIGHT_S, NIGHT_S + 20)]}, {"Sub0"}
    return recorder


def tokens(recorder: ThinRecorder) -> list[str]:
    """Return the recordings that were opened, one after another."""
    return [line.recording_token for line in recorder.lines]


def test_a_seek_may_ask_for_the_sub_recording_and_back(with_sub: ThinRecorder, replays: StreamManager) -> None:
    # Neither recording may end while this thread waits for a turn: the run would go on in the other one.
    with_sub.spans = with_sub.others["Sub0"] = [(NIGHT_S, NIGHT_S + HOUR_S)]
    stream_id, _, viewer = watched(replays)
    until(lambda: viewer.reached_s(1) > 2)
    view = replays.session_view(stream_id)
    assert (view.replay_quality, view.has_sub_recording) == (ReplayQuality.FULL, True)
    sought = replays.seek_replay(stream_id, at(5), quality=ReplayQuality.SUB)
    assert (sought.start_time, sought.replay_quality, sought.recording_token) == (at(5), ReplayQuality.SUB, "Sub0")
    until(lambda: viewer.reached_s(2) > 2)
    sought = replays.seek_replay(stream_id, at(8))
    assert (sought.start_time, sought.replay_quality, sought.recording_token) == (at(8), ReplayQuality.FULL, "Rec0")
    assert sought.has_sub_recording
    assert tokens(with_sub) == ["Rec0", "Sub0", "Rec0"]
    assert [line.is_closed for line in with_sub.lines] == [True, True, False]


def test_where_the_sub_recording_ends_the_full_one_goes_on(with_sub: ThinRecorder, replays: StreamManager) -> None:
    with_sub.crosses_gaps = False
    stream_id, _, viewer = watched(replays)
    replays.seek_replay(stream_id, at(10), quality=ReplayQuality.SUB)
    until(partial(viewer.ended, 2))
    view = replays.session_view(stream_id)
    assert (view.replay_quality, view.recording_token) == (ReplayQuality.FULL, "Rec0")
    taken = viewer.taken(2)
    assert (taken[0], taken[-1] > 43) == (10.0, True)
    assert max(later - earlier for earlier, later in pairwise(taken)) < 2


def test_without_a_sub_recording_of_that_time_the_full_one_plays(
    with_sub: ThinRecorder, replays: StreamManager
) -> None:
    view, _ = replays.start_replay(1, "Rec0", at(40), quality=ReplayQuality.SUB)
    until(lambda: replays.session_view(view.stream_id).has_sub_recording is not None)
    now = replays.session_view(view.stream_id)
    assert (now.replay_quality, now.has_sub_recording, now.recording_token) == (ReplayQuality.FULL, False, "Rec0")
    with_sub.others = {}
    view = play(replays)
    until(lambda: replays.session_view(view.stream_id).has_sub_recording is False)
    assert name_of(view) == "run1.m3u8"
