"""Replay connections to the simulator with the faults of recorders; the time of each frame is read from the frame."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from media.rtsp.gateway import RtspGateway
from media.rtsp.replay.interface import ReplayConnection
from tests.media.rtsp.replay.listening import Listener, times_in
from tests.media.rtsp.replay.simulated import GOP_S, source_of, spans, steps
from tests.patience import LIMIT_S, settled, until
from tests.simulator.process import Makes, Simulator

pytestmark = pytest.mark.programs


@pytest.fixture
def connection(recorder: Simulator, gateway: RtspGateway) -> Iterator[ReplayConnection]:
    opened = gateway.open_replay(source_of(recorder))
    yield opened
    opened.close(wait_s=LIMIT_S)


def place(recorder: Simulator) -> float:
    """Return a time with an hour of recording behind it."""
    return next(start_s for start_s, end_s in spans(recorder, 1) if end_s - start_s > 3700) + 10.4


@pytest.mark.parametrize(
    ("stamps", "is_confirmed", "tells_times"),
    [
        ("zero", False, False),
        ("local", True, True),
        ("present", False, False),
        ("standing", None, None),
        ("all_bits", True, True),
        ("no_cseq", True, True),
    ],
)
def test_each_seek_is_labelled_with_the_time_of_its_frames(
    recorder: Simulator,
    connection: ReplayConnection,
    stamps: str,
    is_confirmed: bool | None,
    tells_times: bool | None,
) -> None:
    recorder.fault("replay_stamps", stamps)
    start_s = place(recorder)
    for number in range(4):
        asked_s = start_s + 700 * number + 0.3
        listener = Listener()
        connection.play(asked_s, listener)
        pictures = listener.until_pictures(20)
        [shown_s] = times_in(listener)
        assert asked_s - GOP_S <= shown_s <= asked_s
        assert listener.times()[:20] == pytest.approx([shown_s + 0.2 * index for index in range(20)], abs=0.01)
        assert not any(unit.is_discontinuous for unit in pictures[1:20])
        assert not any(unit.ends_section for unit in pictures[:20])
        if is_confirmed is not None:
            assert {unit.is_time_confirmed for unit in pictures[:20]} == {is_confirmed}
    if tells_times is not None:
        until(lambda: connection.abilities().has_times is tells_times)


def test_standing_stamps_are_not_confirmed(recorder: Simulator, connection: ReplayConnection) -> None:
    recorder.fault("replay_stamps", "standing")
    listener = Listener()
    connection.play(place(recorder), listener)
    pictures = listener.until_pictures(40)
    assert steps(listener.times()[:40]) == pytest.approx([0.2] * 39, abs=0.01)
    assert not pictures[39].is_time_confirmed


@pytest.mark.parametrize("requests", ["whole_seconds", "no_options"])
def test_a_play_is_repeated_in_a_form_that_the_recorder_understands(
    recorder: Simulator, connection: ReplayConnection, requests: str
) -> None:
    recorder.fault("replay_requests", requests)
    for number in range(3):
        asked_s = place(recorder) + 300 * number
        listener = Listener()
        connection.play(asked_s, listener)
        listener.until_pictures(1)
        [shown_s] = times_in(listener)
        assert asked_s - 1 - GOP_S <= shown_s <= asked_s
    assert connection.abilities().method == "onvif"
    assert [session["plays"] for session in recorder.get("/replay")["sessions"]] == [3]


@pytest.mark.slow
def test_a_recorder_that_ignores_immediate_plays_the_new_position(
    recorder: Simulator, connection: ReplayConnection
) -> None:
    recorder.fault("replay_requests", "no_immediate")
    start_s = place(recorder)
    for number in range(4):
        listener = Listener()
        connection.play(start_s + 700 * number, listener)
        listener.until_pictures(3)
        [shown_s] = times_in(listener)
        assert start_s + 700 * number - GOP_S <= shown_s <= start_s + 700 * number
    assert [session["plays"] for session in recorder.get("/replay")["sessions"]] == [3], (
        "the second one needed another session"
    )


@pytest.mark.slow
def test_media_before_a_late_answer_is_shown(recorder: Simulator, connection: ReplayConnection) -> None:
    recorder.fault("replay_requests", "late")
    asked_s, listener = place(recorder), Listener()
    connection.play(asked_s, listener)
    listener.until_pictures(10)
    [shown_s] = times_in(listener)
    assert asked_s - GOP_S <= shown_s <= asked_s
    assert listener.times()[0] == pytest.approx(shown_s, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("requests", ["no_pause", "never_paused"])
def test_a_recorder_that_does_not_pause_is_held_back(
    recorder: Simulator, connection: ReplayConnection, requests: str
) -> None:
    recorder.fault("replay_requests", requests)
    listener = Listener()
    connection.play(place(recorder), listener)
    listener.until_pictures(10)
    connection.pause()
    settled(lambda: len(listener.units))
    assert until(lambda: recorder.get("/replay")["sessions"][0]["playing"])
    connection.resume()
    listener.until_pictures(len(listener.pictures()) + 10)
    assert steps(listener.times()) == pytest.approx([0.2] * (len(listener.times()) - 1), abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "rtsp_timeout_s"), [("silent", 3.0), ("bye", LIMIT_S), ("notice", LIMIT_S), ("close", LIMIT_S)]
)
def test_the_end_of_a_recording_is_an_end_however_it_is_told(recorders: Makes, gateway: RtspGateway, end: str) -> None:
    """The recording has ended before: one that grows has no end yet."""
    recorder = recorders["many-recordings"]
    recorder.fault("replay_end", end)
    six_hours_s = 6 * 3600
    present_s = time.time() // six_hours_s * six_hours_s  # start of the present recording
    at_s = max(min(end_s, present_s) for start_s, end_s in spans(recorder, 1) if start_s < present_s)
    part = datetime.fromtimestamp((at_s - 1) // six_hours_s * six_hours_s, UTC)
    source = source_of(recorder)
    uri = f"{source.uri}&recordingid=RecordMediaProfile00000{part:_%Y%m%d%H}"
    connection, listener = gateway.open_replay(replace(source, uri=uri)), Listener()
    connection.play(at_s - 20, listener)
    until(lambda: listener.ends or listener.errors)
    assert (listener.ends, listener.errors) == (["end_of_recording"], [])
    assert at_s - 5 < listener.times()[-1] < at_s
    assert steps(listener.times()) == pytest.approx([0.2] * (len(listener.times()) - 1), abs=0.01)
    connection.close()
    recorder.clear()


def test_the_requested_end_stops_the_recorder(recorder: Simulator, connection: ReplayConnection) -> None:
    start_s = place(recorder)
    listener = Listener()
    connection.play(start_s, listener, end_device_s=start_s + 20)
    until(lambda: listener.ends)
    until(lambda: not recorder.get("/replay")["sessions"][0]["playing"])
    assert start_s + 19 < listener.times()[-1] < start_s + 20


@pytest.mark.parametrize("fast", [True, False])
def test_key_frames_are_as_far_apart_as_requested(
    recorder: Simulator, connection: ReplayConnection, fast: bool
) -> None:
    count = 12 if fast else 2
    listener = Listener()
    connection.play(place(recorder), listener, key_frames_only=True, key_frames_ms=10_000, fast=fast)
    pictures = listener.until_pictures(count)
    assert all(unit.is_key for unit in pictures)
    assert steps(listener.times()[:count]) == pytest.approx([10.0] * (count - 1), abs=0.01)


@pytest.mark.slow
def test_seeks_in_key_frames_only_show_no_old_frame(recorder: Simulator, connection: ReplayConnection) -> None:
    start_s = place(recorder)
    for number in range(16):
        asked_s = start_s + (number * 37 % 41) * 60
        listener = Listener()
        connection.play(asked_s, listener, key_frames_only=True, key_frames_ms=2000)
        assert listener.until_pictures(1)[0].device_s == pytest.approx(asked_s, abs=GOP_S)
        [shown_s] = times_in(listener)
        assert asked_s - GOP_S <= shown_s <= asked_s


@pytest.mark.slow
@pytest.mark.parametrize("stamps", ["zero", "local", "standing", "present", "other_year", "no_cseq"])
def test_no_frame_is_repeated_or_mislabelled_after_pauses(
    recorder: Simulator, connection: ReplayConnection, stamps: str
) -> None:
    recorder.fault("replay_stamps", stamps)
    recorder.fault("replay_requests", "echoes_range")
    listener = Listener()
    connection.play(place(recorder) // 1 + GOP_S, listener)
    for _ in range(4):
        listener.until_pictures(len(listener.pictures()) + 12)
        connection.pause()
        settled(lambda: len(listener.units), 0.3)
        connection.resume()
    count = len(listener.until_pictures(len(listener.pictures()) + 12))
    shown = times_in(listener, count)
    assert steps(shown) == pytest.approx([0.2] * (count - 1), abs=0.01)
    assert listener.times()[:count] == pytest.approx(shown, abs=0.01)
