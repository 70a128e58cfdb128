"""The habits of a device: their ends, and the doubts that are one event."""

from __future__ import annotations

import pytest

from core.records import RtspHabits
from media.rtsp.client.habits import KEEP_ALIVE, LOGIN, TRANSPORT, DeviceHabits, HabitStore
from tests.hand_clock import HandClock

HOUR = 3600
STREAM, OTHER = "rtsp://10.0.0.9/1", "rtsp://10.0.0.9/2"
REASON = "the device refuses its track"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def habits(clock: HandClock) -> DeviceHabits:
    return DeviceHabits(clock)


def test_the_health_card_shows_guesses_and_what_was_left_out() -> None:
    store = HabitStore(HandClock())
    habits = store.of("camera1", "rtsp://cam:554")
    habits.worked(KEEP_ALIVE, "GET_PARAMETER")
    assert store.checks("camera1") == (), "the usual guess"
    habits.failed(KEEP_ALIVE, "GET_PARAMETER")
    habits.worked(KEEP_ALIVE, "OPTIONS")
    habits.note_codec("rtsp://cam:554/1", "hevc", "h264")
    habits.audio.failed("rtsp://cam:554/1", "The device refuses it.")
    habits.tunnel.worked(is_only_way=True)
    lines = {(check.name, check.outcome): check.detail for check in store.checks("camera1")}
    assert lines["RTSP: keep-alive", "guessed"] == "OPTIONS works"
    assert lines["RTSP: codec", "repaired"] == "described as hevc, sent as h264"
    assert lines["RTSP: audio", "skipped"] == "The device refuses it."
    assert ("RTSP: over HTTP", "guessed") in lines
    assert store.checks("camera2") == ()


def test_the_law_of_each_track_is_remembered(habits: DeviceHabits) -> None:
    law = habits.audio.law(STREAM, "pcm_mulaw")
    law.of(bytes(160), 8)  # the static type of A-law
    assert habits.audio.law(STREAM, "pcm_mulaw") is law
    assert habits.audio.law(OTHER, "pcm_mulaw").law == "pcm_mulaw"
    assert habits.audio.law(STREAM, "pcm_alaw").law == "pcm_alaw", "the camera describes something else now"
    timed = "rtsp://10.0.0.9/playback?channel=1&starttime={}&endtime={}"
    law = habits.audio.law(timed.format("2026_11_22_10_00_00", "2026_11_22_11_00_00"), "pcm_mulaw")
    assert habits.audio.law(timed.format("2026_11_22_10_30_00", "2026_11_22_12_00_00"), "pcm_mulaw") is law
    law.of(bytes(160), 8)
    [check] = habits.checks()
    assert (check.name, check.detail) == ("RTSP: codec", "described as pcm_mulaw, sent as pcm_alaw")


def test_streams_that_end_together_raise_one_doubt(habits: DeviceHabits, clock: HandClock) -> None:
    habits.worked(KEEP_ALIVE, "OPTIONS")
    for _ in range(4):
        habits.doubt(KEEP_ALIVE, "OPTIONS")
        clock.move(seconds=2)
    assert not habits.has_failed(KEEP_ALIVE, "OPTIONS")
    clock.move(seconds=10)
    habits.doubt(KEEP_ALIVE, "OPTIONS")
    assert habits.has_failed(KEEP_ALIVE, "OPTIONS")


def test_a_doubt_ends_after_an_hour(habits: DeviceHabits, clock: HandClock) -> None:
    habits.doubt(KEEP_ALIVE, "OPTIONS")
    assert habits.has_failed(KEEP_ALIVE, "OPTIONS")
    clock.move(seconds=HOUR)
    assert not habits.has_failed(KEEP_ALIVE, "OPTIONS")


def test_a_short_lifetime_is_forgotten_after_half_a_day(habits: DeviceHabits, clock: HandClock) -> None:
    assert habits.lifetime_s == float("inf")
    habits.ended_early(7.0)
    clock.move(seconds=11 * HOUR)
    assert habits.lifetime_s == 7.0
    clock.move(seconds=HOUR)
    assert habits.lifetime_s == float("inf")


def test_patience_for_media_grows_up_to_a_minute_and_ends_after_an_hour(habits: DeviceHabits, clock: HandClock) -> None:
    limits_s = []
    for _ in range(5):
        limits_s.append(habits.patience_s(STREAM, 10.0))
        habits.no_media_came(STREAM)
    assert limits_s == [10.0, 20.0, 40.0, 60.0, 60.0]
    assert habits.patience_s(OTHER, 10.0) == 10.0
    assert habits.patience_s(STREAM, 120.0) == 120.0
    clock.move(seconds=HOUR)
    assert habits.patience_s(STREAM, 10.0) == 10.0


# -- the tunnel ------------------------------------------------------------------------------------


def test_a_tunnel_goes_first_for_an_hour_if_it_is_the_only_way(habits: DeviceHabits, clock: HandClock) -> None:
    habits.tunnel.worked(is_only_way=True)
    assert habits.tunnel.goes_first
    clock.move(seconds=HOUR - 1)
    habits.tunnel.worked(is_only_way=False)
    clock.move(seconds=1)
    assert not habits.tunnel.goes_first, "the RTSP port is tried again, even if the tunnel works all the time"


def test_a_tunnel_for_one_stream_stays_the_second_way(habits: DeviceHabits) -> None:
    habits.tunnel.worked(is_only_way=False)
    assert not habits.tunnel.goes_first


def test_a_tunnel_that_has_worked_fails_twice_before_it_is_left_out(habits: DeviceHabits, clock: HandClock) -> None:
    habits.tunnel.worked(is_only_way=True)
    for _ in range(4):  # four streams at the same moment
        habits.tunnel.failed(is_refused=True)
    assert not habits.tunnel.is_left_out
    assert not habits.tunnel.goes_first
    clock.move(seconds=20)
    habits.tunnel.failed(is_refused=True)
    assert habits.tunnel.is_left_out
    clock.move(seconds=300)
    assert not habits.tunnel.is_left_out


@pytest.mark.parametrize(("is_refused", "seconds"), [(True, 300), (False, 30)])
def test_a_web_server_is_left_alone_for_a_while(
    habits: DeviceHabits, clock: HandClock, is_refused: bool, seconds: int
) -> None:
    habits.tunnel.failed(is_refused=is_refused)
    clock.move(seconds=seconds - 1)
    assert habits.tunnel.is_left_out
    clock.move(seconds=1)
    assert not habits.tunnel.is_left_out


# -- audio -----------------------------------------------------------------------------------------


def test_failed_audio_costs_its_own_stream_ten_minutes(habits: DeviceHabits, clock: HandClock) -> None:
    habits.audio.failed(STREAM, REASON)
    assert habits.audio.left_out(STREAM) == REASON
    assert habits.audio.left_out(OTHER) == ""
    clock.move(seconds=600)
    assert habits.audio.left_out(STREAM) == ""


def test_the_second_doubt_in_a_row_leaves_the_audio_out(habits: DeviceHabits) -> None:
    habits.audio.doubt(STREAM, REASON)
    assert habits.audio.left_out(STREAM) == ""
    habits.audio.worked(STREAM)
    habits.audio.doubt(STREAM, REASON)
    assert habits.audio.left_out(STREAM) == ""
    habits.audio.doubt(STREAM, REASON)
    assert habits.audio.left_out(STREAM) == REASON


def test_audio_that_plays_again_is_not_left_out(habits: DeviceHabits) -> None:
    habits.audio.failed(STREAM, REASON)
    habits.audio.worked(STREAM)
    assert habits.audio.left_out(STREAM) == ""


def test_the_audio_of_many_addresses_is_remembered_within_a_limit(habits: DeviceHabits) -> None:
    for number in range(1000):
        habits.audio.failed(f"{STREAM}/{number}", REASON)
        habits.audio.doubt(f"{OTHER}/{number}", REASON)
    assert habits.audio.left_out(f"{STREAM}/0") == ""
    assert habits.audio.left_out(f"{STREAM}/999") == REASON


# -- for the next start ----------------------------------------------------------------------------


def test_stored_habits_are_those_of_the_last_session(clock: HandClock) -> None:
    stored: dict[str, tuple[RtspHabits, ...]] = {}
    before = HabitStore(clock, stored.__setitem__).of("camera1", "rtsp://cam:554")
    assert not stored, "nothing is known"
    before.worked(LOGIN, "Basic")
    before.failed(KEEP_ALIVE, "GET_PARAMETER")
    before.failed(TRANSPORT, "TCP", for_s=HOUR)
    before.ended_early(7.0)
    before.tunnel.worked(is_only_way=True)
    clock.move(seconds=HOUR / 2)
    clock.passed_s -= 100_000.0  # another machine
    after = HabitStore(clock, stored.__setitem__).of("camera1", "rtsp://cam:554", stored["camera1"])
    assert after.order(LOGIN, ("MD5", "Basic")) == ["Basic", "MD5"]
    assert after.order(KEEP_ALIVE, ("GET_PARAMETER", "OPTIONS")) == ["OPTIONS", "GET_PARAMETER"]
    assert (after.lifetime_s, after.tunnel.goes_first) == (7.0, True)
    assert after.has_failed(TRANSPORT, "TCP")
    clock.move(seconds=HOUR / 2)
    assert not after.has_failed(TRANSPORT, "TCP"), "its hour is over"
    clock.move(seconds=11 * HOUR)
    assert after.lifetime_s == float("inf")
    assert after.has_failed(KEEP_ALIVE, "GET_PARAMETER")


def test_habits_are_stored_when_they_change_and_with_other_addresses(clock: HandClock) -> None:
    told: list[tuple[RtspHabits, ...]] = []
    store = HabitStore(clock, lambda device_key, habits: told.append(habits))
    other = RtspHabits("rtsp://cam:8554", worked=((LOGIN, "MD5"),))
    for _ in range(3):
        habits = store.of("camera1", "rtsp://cam:554", (other,))
        habits.worked(LOGIN, "Basic")
    assert told == [(other, RtspHabits("rtsp://cam:554", worked=((LOGIN, "Basic"),)))]
    habits.worked(LOGIN, "MD5")
    habits.failed(LOGIN, "MD5")
    habits.tunnel.failed(is_refused=True)
    assert len(told) == 3, "no failure of a tunnel is stored"
