"""Device time on our clock: hours of drift, bursts, jitter, jumps and false reports."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from media.rtsp.live.timeline import TrackClock, WallClock

RATE = 90_000
MASK = 0xFFFFFFFF


class Device:
    """Sends frames; its clock runs `ppm` fast, and the network delays each frame by a given time."""

    def __init__(self, clock: TrackClock, *, ppm: float = 0.0, fps: float = 25.0, rate: int = RATE) -> None:
        self.clock = clock
        self.ppm = ppm
        self.fps = fps
        self.rate = rate
        self.now_s = 1000.0
        self.origin = 0xFFFFF000
        self.captured_s = 0.0
        self.placed: list[tuple[float, float]] = []  # captured by our clock, placed

    def timestamp(self) -> int:
        return self.origin + int(self.captured_s * (1 + self.ppm / 1e6) * self.rate) & MASK

    def send(self, delay_s: float = 0.0, *, leader: TrackClock | None = None) -> float:
        place_s = self.clock.place(self.timestamp(), self.now_s + self.captured_s + delay_s)
        self.placed.append((self.now_s + self.captured_s, place_s))
        before_s = self.captured_s
        self.captured_s += 1 / self.fps
        if int(before_s * 2) != int(self.captured_s * 2):
            self.clock.slew(0.5, leader)
        return place_s


@pytest.mark.parametrize("ppm", [-200, 150, 500])
def test_times_are_right_and_monotonic_after_hours_of_drift(ppm: int) -> None:
    device = Device(TrackClock(RATE), ppm=ppm, fps=5)
    chance = random.Random(1)
    last_s, worst_s = 0.0, 0.0
    for _ in range(3 * 3600 * 5):
        place_s = device.send(chance.expovariate(1 / 0.02))
        assert place_s > last_s
        last_s = place_s
        captured_s = device.placed[-1][0]
        worst_s = max(worst_s, abs(device.clock.arrived_s_of(place_s) - captured_s))
    assert worst_s < 0.15


def test_a_time_once_returned_does_not_change() -> None:
    device = Device(TrackClock(RATE), ppm=300, fps=5)
    chance = random.Random(2)
    given: list[tuple[float, float]] = []
    for _ in range(5 * 600):
        place_s = device.send(chance.uniform(0, 0.4))
        given.append((place_s, device.clock.arrived_s_of(place_s)))
    assert all(device.clock.arrived_s_of(place_s) == answer for place_s, answer in given)


def test_frames_buffered_by_the_device_are_older_than_their_arrival() -> None:
    clock = TrackClock(RATE)
    places = [clock.place(int(number / 25 * RATE), 100 + number * 0.001) for number in range(50)]  # 2 s in 50 ms
    assert not clock.is_settled
    for number in range(50, 60):
        clock.place(int(number / 25 * RATE), 100 + (number - 49) / 25)
    assert clock.is_settled
    assert clock.time_of(int(50 / 25 * RATE)) == pytest.approx(100.04, abs=0.01)
    assert clock.time_of(0) == pytest.approx(98.04, abs=0.01)
    assert places[0] == 100.0


def test_a_network_pause_does_not_shift_later_frames() -> None:
    device = Device(TrackClock(RATE))
    for number in range(2000):
        in_pause = 500 <= number < 600  # these four seconds arrive together at their end
        device.send((600 - number) / 25 if in_pause else 0.0)
    captured_s, place_s = device.placed[-1]
    assert device.clock.arrived_s_of(place_s) == pytest.approx(captured_s, abs=0.05)
    assert [b > a for (_, a), (_, b) in zip(device.placed, device.placed[1:], strict=False)].count(False) == 0


@pytest.mark.parametrize("jump_s", [-7200.0, -3.0, 5.0, 86400.0])
def test_a_jump_of_the_devices_clock_is_bridged(jump_s: float) -> None:
    device = Device(TrackClock(RATE))
    for number in range(500):
        if number == 250:
            device.origin += int(jump_s * RATE)
        device.send()
    steps = [b - a for (_, a), (_, b) in zip(device.placed, device.placed[1:], strict=False)]
    assert all(0 < step < 0.1 for step in steps)
    captured_s, place_s = device.placed[-1]
    assert device.clock.arrived_s_of(place_s) == pytest.approx(captured_s, abs=0.05)


def test_b_frames_keep_their_distances() -> None:
    clock = TrackClock(RATE)
    order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    for group in range(30):
        for index, number in enumerate(order[1:]):
            shown = group * 9 + number
            clock.place(shown * 3600, 100 + (group * 9 + index) / 25)
    a, b = clock.time_of(29 * 9 * 3600), clock.time_of((29 * 9 + 1) * 3600)
    assert b - a == pytest.approx(0.04)


def test_audio_follows_sender_reports_instead_of_its_arrival() -> None:
    video, audio = TrackClock(RATE), TrackClock(8000)
    for number in range(100):
        arrived_s = 50 + number / 25
        video.place(number * 3600, arrived_s)
        audio.place(number * 320, arrived_s + 0.3)  # gathered and sent late
    video.report(0, 5000.0)
    audio.report(0, 5000.0)
    for number in range(100, 25 * 300):
        arrived_s = 50 + number / 25
        video.place(number * 3600 & MASK, arrived_s)
        audio.place(number * 320 & MASK, arrived_s + 0.3)
        if number % 12 == 0:
            video.slew(0.48)
            audio.slew(0.48, video)
    apart_s = audio.time_of(number * 320 & MASK) - video.time_of(number * 3600 & MASK)
    assert apart_s == pytest.approx(0.0, abs=0.03)


def test_impossible_sender_reports_are_ignored() -> None:
    video, audio = TrackClock(RATE), TrackClock(8000)
    for number in range(3000):
        arrived_s = 50 + number / 25
        video.place(number * 3600, arrived_s)
        audio.place(number * 320, arrived_s)
        if number % 25 == 0:
            video.report(number * 3600, 5000 + number / 25)
            audio.report(number * 320, 9000 + number / 25)
            video.slew(1.0)
            audio.slew(1.0, video)
    assert audio.time_of(number * 320) - video.time_of(number * 3600) == pytest.approx(0.0, abs=0.03)


class StoppedClock:
    def __init__(self) -> None:
        self.wall_utc = datetime(2026, 11, 23, tzinfo=UTC)
        self.seconds = 10.0

    def now_utc(self) -> datetime:
        return self.wall_utc

    def monotonic_s(self) -> float:
        return self.seconds


def test_a_step_of_the_wall_clock_affects_only_later_times() -> None:
    clock = StoppedClock()
    wall = WallClock(clock)
    before = wall.utc_of(10.0)
    clock.seconds += 60
    clock.wall_utc += timedelta(seconds=60, hours=1)
    wall.tick()
    assert wall.utc_of(10.0) == before == datetime(2026, 11, 23, tzinfo=UTC)
    assert wall.utc_of(80.0) == datetime(2026, 11, 23, 1, 1, 10, tzinfo=UTC)


class Camera:
    """Sends `fps` frames per second and stamps them as if there were `stamped_fps`."""

    def __init__(self, stamped_fps: float, *, rate: int = RATE) -> None:
        self.clock = TrackClock(RATE)
        self.step = rate / stamped_fps
        self.ticks = 0.0
        self.now_s = 500.0
        self.lags: list[tuple[float, float]] = []  # arrival, arrival minus the time given
        self.last_s = 0.0

    def run(self, seconds: float, fps: float, jitter: random.Random | None = None) -> None:
        for number in range(round(seconds * fps)):
            arrived_s = self.now_s + (jitter.expovariate(1 / 0.02) if jitter else 0.0)
            time_s = self.clock.place(int(self.ticks) & MASK, arrived_s, is_new_frame=True)
            assert time_s > self.last_s or not self.clock.is_settled
            self.last_s = time_s
            self.lags.append((self.now_s, self.now_s - time_s))
            self.now_s += 1 / fps
            self.ticks += self.step
            if number % 12 == 0:
                self.clock.slew(12 / fps)

    def worst_after(self, seconds: float) -> float:
        return max(abs(lag_s) for at_s, lag_s in self.lags if at_s > 500.0 + seconds)


@pytest.mark.parametrize("fps", [5.0, 12.0, 15.0, 21.0, 24.0, 26.0, 30.0, 60.0])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_stamps_of_another_frame_rate_follow_real_time(fps: float, seed: int | None) -> None:
    camera = Camera(25.0)
    camera.run(180, fps, random.Random(seed) if seed else None)
    assert camera.worst_after(0) < 0.8 * 5.5, "until the pace is known"
    assert camera.worst_after(8) < 1.2
    assert camera.worst_after(60) < 0.35


def test_a_frame_rate_that_changes_at_night_is_followed() -> None:
    camera = Camera(25.0)
    for fps in (25.0, 15.0, 25.0, 8.0):
        began_s = camera.now_s - 500.0
        camera.run(60, fps)
        assert camera.worst_after(began_s + 12) < 0.35


def test_a_clock_rate_that_is_not_the_described_one_is_followed() -> None:
    camera = Camera(25.0, rate=8000)
    camera.run(60, 25.0)
    assert camera.worst_after(12) < 0.35


@pytest.mark.parametrize("fps", [5.0, 15.0, 25.0])
@pytest.mark.parametrize("step", [1.0, 1 / 25, 1 / 15], ids=["frames", "seconds", "seconds at 15"])
def test_stamps_that_count_frames_or_whole_seconds_follow_real_time(fps: float, step: float) -> None:
    """The stamp grows by 1 for each frame, or once a second, whatever the clock rate says."""
    camera = Camera(25.0)
    camera.step = step
    camera.run(90, fps)
    assert camera.worst_after(0) < 4.5, "until the pace is known"
    assert camera.worst_after(20) < 1.2
    late = [at_s - lag_s for at_s, lag_s in camera.lags if at_s > 530.0]
    assert max(after - before for before, after in pairwise(late)) < 2.5 / fps


def test_a_device_that_pauses_its_time_is_corrected_after_seconds() -> None:
    camera = Camera(25.0)
    camera.run(20, 25.0)
    camera.now_s += 12
    camera.run(20, 25.0)
    assert camera.worst_after(20 + 12 + 4) < 0.1


def test_stamps_that_never_change_are_replaced_by_arrival() -> None:
    camera = Camera(25.0)
    camera.step = 0
    camera.run(1, 12.5)
    assert camera.clock.is_settled
    camera.run(20, 12.5)
    assert camera.worst_after(0) < 0.1


def test_two_frames_with_one_stamp_have_two_times() -> None:
    clock = TrackClock(RATE)
    times = [clock.place(number // 2 * 7200, 100 + number / 25, is_new_frame=True) for number in range(100)]
    steps = [after - before for before, after in pairwise(times)]
    assert all(0.03 < step < 0.05 for step in steps)


def test_the_arrival_of_a_frame_is_known_while_the_pace_is_wrong() -> None:
    camera = Camera(25.0)
    camera.run(60, 15.0)
    arrived_s, lag_s = camera.lags[-1]
    assert camera.clock.arrived_s_of(arrived_s - lag_s) == pytest.approx(arrived_s, abs=0.1)
