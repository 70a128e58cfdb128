"""Replay connections to the simulator in every make; the time of each frame is read from the frame."""

from __future__ import annotations

import random
import time
from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import CameraBusy
from media.codecs.access_unit import AUDIO
from media.rtsp.gateway import RtspGateway
from tests.media.rtsp.replay.listening import Listener, times_in
from tests.media.rtsp.replay.simulated import GOP_S, source_of, spans, steps
from tests.patience import until
from tests.simulator.process import Makes, Simulator

MAKES = ("conformant", "dahua-like", "hikvision-like", "uniview-like", "axis-like", "no-replay-headers")


@pytest.mark.parametrize("make", MAKES)
def test_each_of_ten_seeks_shows_the_requested_time(recorders: Makes, gateway: RtspGateway, make: str) -> None:
    recorder = recorders[make]
    kept = [span for span in spans(recorder, 1) if span[1] - span[0] > 60]
    line = gateway.open_replay(source_of(recorder))
    rng = random.Random(make)
    for _ in range(10):
        start_s, end_s = rng.choice(kept)
        asked_s = rng.uniform(start_s, end_s - 30)
        listener = Listener()
        line.play(asked_s, listener)
        first = listener.until_pictures(1)[0]
        assert first.is_key
        [shown_s] = times_in(listener)
        assert asked_s - GOP_S <= shown_s <= asked_s
        if make != "no-replay-headers":
            assert first.device_s == pytest.approx(shown_s, abs=0.01)
    abilities = line.abilities()
    line.close()
    assert abilities.method == ("plain" if make == "no-replay-headers" else "onvif")
    assert abilities.seeks_in_session is (make != "hikvision-like")


def test_a_pause_does_not_make_a_real_time_recorder_fast(recorders: Makes, gateway: RtspGateway) -> None:
    recorder = recorders["uniview-like"]
    until(lambda: recorder.get("/replay")["sessions"] == [], what="the end of earlier sessions")
    connection, listener = gateway.open_replay(source_of(recorder)), Listener()
    connection.play(spans(recorder, 1)[0][0] + 10, listener)
    until(lambda: connection.abilities().beats_real_time is False)
    connection.pause()
    until(lambda: not recorder.get("/replay")["sessions"][0]["playing"])
    count = len(listener.pictures())
    connection.resume()
    listener.until_pictures(count + 10)  # two seconds, in which the speed is judged several times
    assert connection.abilities().beats_real_time is False
    connection.close()


def test_a_fast_recorder_is_known_by_the_time_it_is_paused(recorder: Simulator, gateway: RtspGateway) -> None:
    connection, listener = gateway.open_replay(source_of(recorder)), Listener()
    connection.play(spans(recorder, 1)[0][0] + 10, listener)
    listener.until_pictures(60)  # twelve seconds of the recording
    connection.pause()
    until(lambda: not recorder.get("/replay")["sessions"][0]["playing"])
    assert connection.abilities().beats_real_time is True
    connection.close()


def test_h265_is_replayed_too(recorder: Simulator, gateway: RtspGateway) -> None:
    start_s, end_s = spans(recorder, 2)[0]
    asked_s = (start_s + end_s) / 2
    line, listener = gateway.open_replay(source_of(recorder, 2)), Listener()
    line.play(asked_s, listener)
    listener.until_pictures(12)
    assert listener.descriptions[0][0].codec == "hevc"
    shown = times_in(listener, 12)
    assert asked_s - GOP_S <= shown[0] <= asked_s
    assert steps(shown) == pytest.approx([0.2] * 11, abs=0.01)
    line.close()


def test_playback_continues_after_a_gap_with_a_discontinuity(recorder: Simulator, gateway: RtspGateway) -> None:
    (_, gap_s), (goes_on_s, _), *_ = [span for span in spans(recorder, 1) if span[1] - span[0] > 60]
    line, listener = gateway.open_replay(source_of(recorder)), Listener()
    line.play(gap_s - 5, listener)
    pictures = listener.until_pictures(60)
    times = listener.times()
    place = next(index for index, at_s in enumerate(times) if at_s >= gap_s)
    assert times[place - 1] == pytest.approx(gap_s - 0.2, abs=0.01)
    assert times[place] == pytest.approx(goes_on_s, abs=0.01)
    assert pictures[place - 1].ends_section
    assert pictures[place].is_discontinuous
    assert pictures[place].is_key
    line.close()


def test_a_time_in_a_gap_leads_to_the_next_span(recorder: Simulator, gateway: RtspGateway) -> None:
    (_, gap_s), (goes_on_s, _), *_ = [span for span in spans(recorder, 1) if span[1] - span[0] > 60]
    line, listener = gateway.open_replay(source_of(recorder)), Listener()
    line.play(gap_s + 60, listener)
    assert listener.until_pictures(1)[0].device_s == pytest.approx(goes_on_s, abs=0.01)
    line.close()


def test_playback_of_a_growing_recording_ends_at_now(recorder: Simulator, gateway: RtspGateway) -> None:
    line, listener = gateway.open_replay(source_of(recorder)), Listener()
    began_s = time.time()
    line.play(began_s - 20, listener)
    until(lambda: listener.ends)
    assert listener.ends == ["end_of_recording"]
    assert began_s - 5 < listener.times()[-1] < time.time()
    line.close()


def test_the_audio_of_a_channel_is_replayed(recorder: Simulator, gateway: RtspGateway) -> None:
    line, listener = gateway.open_replay(source_of(recorder)), Listener()
    line.play(spans(recorder, 1)[0][0] + 10, listener)
    listener.until_pictures(25)
    sounds = [unit for unit in listener.units if unit.track == AUDIO]
    audio = listener.descriptions[0][1]
    assert audio is not None
    assert audio.codec == "pcm_alaw"
    assert len(sounds) > 90  # 40 ms each
    assert [later.ticks - earlier.ticks for earlier, later in pairwise(sounds)] == [320] * (len(sounds) - 1)
    line.close()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("g722", "the app does not play G.722 in recordings"), ("unknown_codec", "the app does not support AMR")],
)
def test_audio_that_no_browser_plays_leaves_the_picture(
    recorder: Simulator, gateway: RtspGateway, kind: str, reason: str
) -> None:
    recorder.fault("audio", kind)
    line, listener = gateway.open_replay(source_of(recorder)), Listener()
    line.play(spans(recorder, 1)[0][0] + 10, listener)
    pictures = listener.until_pictures(25)
    assert listener.left_out == [reason]
    assert len(pictures) == len(listener.units), "there is no audio"
    line.close()


def test_two_recordings_play_at_a_time_and_a_third_is_refused(recorder: Simulator, gateway: RtspGateway) -> None:
    asked_s = spans(recorder, 3)[0][0] + 10
    lines = [gateway.open_replay(source_of(recorder, channel)) for channel in (1, 3, 4)]
    listeners = [Listener() for _ in lines]
    for line, listener in zip(lines[:2], listeners, strict=False):
        line.play(asked_s, listener)
        listener.until_pictures(2)
    lines[2].play(asked_s, listeners[2])
    until(lambda: listeners[2].errors)
    assert isinstance(listeners[2].errors[0], CameraBusy)
    for line in lines:
        line.close()
    until(lambda: recorder.get("/replay")["sessions"] == [])


def test_slow_seeks_stay_in_the_open_session(recorder: Simulator, gateway: RtspGateway) -> None:
    recorder.fault("replay_seek_delay", 0.8)  # longer than the gateway's check interval, which must not give up
    asked_s = spans(recorder, 1)[0][0] + 10
    line = gateway.open_replay(source_of(recorder))
    for number in range(4):
        listener = Listener()
        line.play(asked_s + 100 * number, listener)
        listener.until_pictures(1)
    assert [session["plays"] for session in recorder.get("/replay")["sessions"]] == [4]
    line.close()


def test_only_key_frames_are_sent_on_request(recorder: Simulator, gateway: RtspGateway) -> None:
    line, listener = gateway.open_replay(source_of(recorder)), Listener()
    line.play(spans(recorder, 1)[0][0] + 10, listener, key_frames_only=True)
    pictures = listener.until_pictures(30)
    assert all(unit.is_key for unit in pictures)
    assert steps(listener.times()[:30]) == pytest.approx([1.0] * 29, abs=0.01)
    line.close()


def test_a_recorder_that_honours_frames_is_known_by_four(recorder: Simulator, gateway: RtspGateway) -> None:
    line, listener = gateway.open_replay(source_of(recorder)), Listener()
    line.play(spans(recorder, 1)[0][0] + 10, listener, key_frames_only=True, key_frames_ms=10_000)
    listener.until_pictures(4)
    until(lambda: line.abilities().honours_frames is True)
    line.close()


def test_a_recorder_that_ignores_frames_is_known_by_two(recorder: Simulator, gateway: RtspGateway) -> None:
    recorder.fault("replay_requests", "no_frames")
    line, listener = gateway.open_replay(source_of(recorder)), Listener()
    line.play(spans(recorder, 1)[0][0] + 10, listener, key_frames_only=True, key_frames_ms=10_000)
    listener.until_pictures(2)
    until(lambda: line.abilities().honours_frames is False)
    line.close()


def test_a_clip_of_the_main_stream_can_be_replayed(tmp_path: Path, gateway: RtspGateway) -> None:
    recorder = Simulator(tmp_path, "--channels", "1", "--replay-clip")
    try:
        line, listener = gateway.open_replay(source_of(recorder)), Listener()
        line.play(spans(recorder, 1)[0][0] + 10, listener)
        listener.until_pictures(100)
        assert (listener.descriptions[0][0].width, listener.descriptions[0][0].height) == (640, 360)
        times = listener.times()
        assert steps(times) == pytest.approx([0.04] * (len(times) - 1), abs=0.01)
        line.close()
    finally:
        recorder.stop()
