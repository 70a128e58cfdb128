"""Runs of key frames alone, for thin links."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import pytest

from core.records import AudioFormat
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from sessions.replay.key_frames import KeyFrameFilter
from stream_manager import StreamManager
from tests.patience import until
from tests.sessions.replay.replaying import NIGHT_S, at, pictures_in, segments_of, text_of, times_of
from tests.sessions.replay.thin_recorder import ThinRecorder
from tests.sessions.replay.viewer import watched

RATE = 90_000
FRAME = re.compile(rb"[\x65\x41](\d+\.\d)\|")


def unit(at_s: float, *, is_key: bool = False, track: int = VIDEO) -> AccessUnit:
    return AccessUnit(track, (b"x",), round(at_s * RATE), RATE, is_key, at_s)


def test_a_seek_may_ask_for_key_frames_alone_and_back(recorder: ThinRecorder, replays: StreamManager) -> None:
    recorder.spans, recorder.audio = [(NIGHT_S, NIGHT_S + 20)], AudioFormat("pcm_alaw", 8000, 1)
    stream_id, _, viewer = watched(replays)
    until(lambda: viewer.reached_s(1) > 2)
    sought = replays.seek_replay(stream_id, at(5), key_frames_only=True)
    assert sought.start_time == at(5)
    until(partial(viewer.ended, 2))
    assert [init.audio for init in viewer.inits(2)] == [None]
    assert viewer.taken(2) == [5.0, 6.0, *(float(second) for second in range(8, 20, 2))]
    data = b"".join(part.data for part in viewer.parts(2))
    assert [round(float(time) - NIGHT_S) for time in FRAME.findall(data)] == list(range(5, 20))
    assert all(part.is_key for part in viewer.parts(2))
    replays.seek_replay(stream_id, at(5))
    until(partial(viewer.ended, 3))
    assert len(viewer.taken(3)) > len(viewer.taken(2))


def test_a_replay_may_begin_with_key_frames_alone(recorder: ThinRecorder, replays: StreamManager) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 6), (NIGHT_S + 100, NIGHT_S + 104)]
    view, _ = replays.start_replay(1, "Rec0", at(0), key_frames_only=True)
    until(lambda: "ENDLIST" in text_of(replays, view))
    text = text_of(replays, view)
    shown = [time for name in segments_of(text) for time in pictures_in(replays.segment_path(view.stream_id, name))]
    assert shown == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 100.0, 101.0, 102.0, 103.0]
    assert 100.0 in times_of(text)
    assert text.count("EXT-X-DISCONTINUITY\n") == 1


def test_key_frames_ten_seconds_apart_are_no_gap() -> None:
    keys = KeyFrameFilter()
    units = [unit(at_s / 5, is_key=at_s % 50 == 0) for at_s in range(101)]
    kept = [one for one in map(keys.kept, units) if one is not None]
    assert [(one.device_s, one.is_discontinuous) for one in kept] == [(0.0, False), (10.0, False), (20.0, False)]


def test_audio_is_left_out() -> None:
    assert KeyFrameFilter().kept(unit(0.0, is_key=True, track=AUDIO)) is None


@pytest.mark.parametrize("sign", ["step", "mark", "end of a section"])
def test_a_gap_before_a_left_out_frame_is_marked_at_the_next_key_frame(sign: str) -> None:
    keys = KeyFrameFilter()
    assert keys.kept(unit(0.0, is_key=True)) is not None
    assert keys.kept(replace(unit(0.2), ends_section=sign == "end of a section")) is None
    later_s = 7.0 if sign == "step" else 1.0
    assert keys.kept(replace(unit(later_s), is_discontinuous=sign == "mark")) is None
    marked = keys.kept(unit(later_s + 0.2, is_key=True))
    assert marked is not None
    assert marked.is_discontinuous
    following = keys.kept(unit(later_s + 0.4, is_key=True))
    assert following is not None
    assert not following.is_discontinuous
