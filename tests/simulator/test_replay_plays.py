"""A PLAY while another one is playing (ONVIF Streaming, "Immediate"; RFC 2326, 10.5 and 10.6)."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from tests.patience import LIMIT_S, promised
from tests.simulator.process import Simulator
from tests.simulator.rtsp_client import Answer, RtspClient

_REQUIRE = {"Require": "onvif-replay"}
_NTP_EPOCH_S = 2_208_988_800
HOUR_S = 3600.0
_LOOP_S = 32  # of the pretend recorder's full profile: 16 groups of 2 s


class Replay(RtspClient):
    """A replay session of channel 1; ranges are seconds after `base_s`, a time with a recording."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(f"rtsp://127.0.0.1:{simulator.rtsp_port}/cam/replay?channel=1&proto=Onvif")
        self.base_s = float(int(time.time() - HOUR_S / 2))
        assert self.ask("DESCRIBE", headers={"Accept": "application/sdp", **_REQUIRE}).status == 200
        transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
        answer = self.ask("SETUP", f"{self.url}/trackID=0", headers={**transport, **_REQUIRE})
        self.session = answer.header("session").partition(";")[0]

    def play_range(self, start_s: float, end_s: float, **more: str) -> Answer:
        start, end = (
            datetime.fromtimestamp(self.base_s + at, UTC).strftime("%Y%m%dT%H%M%SZ") for at in (start_s, end_s)
        )
        answer = self.ask("PLAY", headers={"Range": f"clock={start}-{end}", **_REQUIRE, **more})
        assert answer.status == 200
        return answer

    def times(self, for_s: float = LIMIT_S) -> Iterator[float]:
        """The times of the frames that arrive, in seconds after `base_s`, from the header extension (0xABAC)."""
        for packet in self.packets(for_s):
            if packet.channel == 0 and packet.data[0] & 0x10:
                profile, _, seconds, fraction = struct.unpack(">HHII", packet.data[12:24])
                assert profile == 0xABAC
                yield round(seconds + fraction / 2**32 - _NTP_EPOCH_S - self.base_s, 1)

    def times_until(self, last_s: float) -> list[float]:
        """The times of all frames up to `last_s`, and of those that follow within a second."""
        found = []
        for at_s in self.times():
            found.append(at_s)
            if at_s == last_s:
                break
        return [*found, *self.times(1.0)]


@pytest.fixture
def replay(simulator: Simulator) -> Iterator[Replay]:
    with Replay(simulator) as client:
        yield client


def second(start_s: int) -> list[float]:
    """The times of the five frames of a second."""
    return [round(start_s + number / 5, 1) for number in range(5)]


def test_an_immediate_play_replaces_the_present_one(replay: Replay) -> None:
    replay.play_range(0, 60)
    assert next(replay.times()) == 0.0
    replay.play_range(100, 101, Immediate="yes")
    replay.waiting.clear()  # frames of the first play, which the recorder sent before its answer
    assert replay.times_until(100.8) == second(100)


@pytest.mark.parametrize("more", [{}, {"Immediate": "no"}])
def test_any_other_play_waits_for_the_end_of_the_present_one(replay: Replay, more: dict[str, str]) -> None:
    replay.play_range(0, 2, Immediate="yes")
    replay.play_range(100, 101, **more)
    replay.play_range(200, 201, **more)
    assert replay.times_until(200.8) == [*second(0), *second(1), *second(100), *second(200)]


def test_an_immediate_play_and_a_pause_drop_waiting_plays(replay: Replay) -> None:
    replay.play_range(0, 60)
    replay.play_range(100, 101)
    replay.play_range(200, 201, Immediate="yes")
    times = replay.times_until(200.8)
    assert 100.0 not in times
    assert times[-5:] == second(200)
    replay.play_range(0, 4)
    replay.play_range(100, 101)
    assert replay.ask("PAUSE", headers=_REQUIRE).status == 200
    assert 100.0 not in replay.times(4.5)


def test_a_play_without_a_range_has_no_effect_while_playing(replay: Replay) -> None:
    replay.play_range(0, 4)
    assert replay.ask("PLAY", headers=_REQUIRE).status == 200
    assert replay.times_until(3.8) == [*second(0), *second(1), *second(2), *second(3)]


def test_a_play_after_a_pause_begins_immediately(replay: Replay) -> None:
    replay.play_range(0, 60)
    assert replay.ask("PAUSE", headers=_REQUIRE).status == 200
    list(replay.times(0.3))
    replay.play_range(100, 101)
    assert replay.times_until(100.8) == second(100)


def test_describe_does_not_wait_for_the_whole_loop(tmp_path: Path) -> None:
    # On a busy machine the frames take more than the usual minute, in which this client sends nothing.
    options = ("--channels", "1", "--replay-clip", "--session-timeout-s", "600")
    simulator = Simulator(tmp_path, *options, profile="full")
    try:
        with Replay(simulator) as replay:
            assert not [*tmp_path.glob("*.h264")], "the rest is still being encoded"
            replay.base_s -= replay.base_s % _LOOP_S  # the part that is encoded first
            replay.play_range(0, 2)
            expected = [round(place / 25, 1) for place in range(50)]
            assert [*islice(replay.times(4 * LIMIT_S), 50)] == expected
    finally:
        simulator.stop()


def test_the_recorder_ends_quickly_while_it_encodes(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path, "--channels", "1", "--replay-clip", profile="full")
    try:
        with Replay(simulator) as replay:
            replay.play_range(0, 2)
            assert not [*tmp_path.glob("*.h264")], "the rest is still being encoded"
            with promised(5):
                assert simulator.stop() == 0
    finally:
        simulator.kill()
