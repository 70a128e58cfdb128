"""Failures of a picture worker: one bad channel leaves the others alone, and no recorder costs too many bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.errors import AppError, CameraUnreachable, CameraUnsupported
from core.recordings import RecorderTimes
from media.ffmpeg import find_ffmpeg
from media.process import Spawner
from media.rtsp.replay.interface import ReplayRank
from media.still_decoder import KeyFrameData, StillDecoder
from pictures.byte_ledger import HOUR_BYTES, ByteLedger
from pictures.cache import PictureCache
from pictures.inbox import KeyFrame
from pictures.source import Placed, RecordingSource
from pictures.wanted import WantedPicture
from pictures.worker import PictureTools, PictureWorker
from tests.hand_clock import HandClock
from tests.media.encoded import encoded
from tests.patience import until

NOON_S = 493_848 * 3600
_ERRORS: dict[str, AppError] = {
    "unsupported": CameraUnsupported("This recording has no pictures.", service="video"),
    "away": CameraUnreachable("The recorder does not answer."),
}


@pytest.fixture
def opened() -> list[str]:
    return []


class ScriptedSource(RecordingSource):
    """A recorder that sends a key frame for each time: of `bad` recordings one without a picture.

    Each costs `frame_bytes`. A recorder whose frames give no picture cannot be had from the simulator.
    """

    _times = RecorderTimes(0.0)
    frame_bytes = 0
    sent: list[tuple[str, int]]

    def __init__(self, recording_token: str, sent: list[tuple[str, int]]) -> None:
        self.recording_token = recording_token
        self.sent = sent

    @property
    def seeks(self) -> bool:
        return True

    @property
    def longest_run(self) -> int:
        return 64

    def plays_runs(self, step_s: int) -> bool:
        return False

    def frames_one_by_one(self, times: Sequence[int], step_s: int, should_stop: Callable[[], bool]) -> Iterator[Placed]:
        film = encoded("h264")
        for time_s in times:
            if should_stop():
                return
            self.sent.append((self.recording_token, time_s))
            part = bytes([0x65, *divmod(time_s % 3600, 256)]) * 50
            parts = (part,) if self.recording_token == "bad" else film.pictures[min(film.keys)]
            yield time_s, KeyFrame(KeyFrameData("h264", 16 / 9, film.sets, parts), float(time_s), is_confirmed=True)

    def set_rank(self, rank: ReplayRank) -> None:
        """The tests have one user of the recorder."""

    def received_bytes(self) -> int:
        return self.frame_bytes * len(self.sent)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def sent() -> list[tuple[str, int]]:
    """The recording and time of each key frame that a recorder has sent."""
    return []


@pytest.fixture
def worker(opened: list[str], sent: list[tuple[str, int]], tmp_path: Path, spawner: Spawner) -> Iterator[PictureWorker]:
    def open_source(_camera_id: int, recording_token: str) -> RecordingSource:
        opened.append(recording_token)
        if recording_token in _ERRORS:
            raise _ERRORS[recording_token]
        return ScriptedSource(recording_token, sent)

    clock = SystemClock()
    cache = PictureCache(tmp_path, most_bytes=1_000_000)
    cache.open([1])
    decoder = StillDecoder(spawner, lambda: find_ffmpeg(), clock)
    made = PictureWorker(PictureTools(clock, cache, decoder, open_source), 1)
    yield made
    made.stop()
    made.join(5.0)
    decoder.stop()


def test_a_recording_that_cannot_be_shown_fails_its_channel(worker: PictureWorker, opened: list[str]) -> None:
    worker.want([WantedPicture(1, "unsupported", NOON_S, 0)])
    until(lambda: isinstance(worker.failure(1), CameraUnsupported))
    assert worker.is_missing(1, NOON_S)
    assert worker.failure() is None
    assert worker.failure(2) is None
    assert not worker.is_missing(2, NOON_S)
    worker.want([WantedPicture(1, "unsupported", NOON_S, 0), WantedPicture(2, "away", NOON_S, 0)])
    until(lambda: isinstance(worker.failure(), CameraUnreachable))
    assert opened == ["unsupported", "away"]


def test_a_recorder_that_is_away_fails_all_channels(worker: PictureWorker) -> None:
    worker.want([WantedPicture(1, "away", NOON_S, 0)])
    until(lambda: worker.failure())
    assert worker.is_missing(2, NOON_S)


@pytest.mark.slow
def test_a_channel_whose_key_frames_give_no_picture_comes_last(
    worker: PictureWorker, sent: list[tuple[str, int]]
) -> None:
    good = [WantedPicture(2, "good", NOON_S + 10 * number, 10) for number in range(1, 9)]
    bad = [WantedPicture(1, "bad", NOON_S + 10 * number, 10) for number in range(1, 9)]

    def is_done() -> bool:
        left = [it for it in (*good, *bad) if (it.recording_token, it.time_s) not in sent]
        worker.want(left)
        return not left

    until(is_done)
    order = [token for token, _ in dict.fromkeys(sent)]
    assert order.index("good") <= 3, "at most the frames that show that it is bad, and the one on its way"
    assert order[-5:] == ["bad"] * 5
    assert worker.failure(1) is None


def test_an_hour_of_a_time_line_costs_a_hundred_megabytes_at_most(
    worker: PictureWorker, sent: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedSource, "frame_bytes", 9_000_000)
    wanted = [WantedPicture(1, "good", NOON_S + 10 * number, 10) for number in range(360)]

    def is_done() -> bool:
        left = [it for it in wanted if ("good", it.time_s) not in sent and not worker.is_missing(1, it.time_s)]
        worker.want(left)
        return not left

    until(is_done)
    assert len(sent) * 9_000_000 < HOUR_BYTES + 8 * 9_000_000
    assert all(time_s % 60 == 0 for _, time_s in sent[16:]), "near the limit, only every minute has a picture"
    worker.want([WantedPicture(1, "good", NOON_S + 3600, 0)])
    until(lambda: ("good", NOON_S + 3600) in sent, what="another hour")


def test_the_bytes_of_an_hour_are_forgotten_after_an_hour() -> None:
    clock = HandClock()
    ledger = ByteLedger(clock)
    ledger.note(1, NOON_S, HOUR_BYTES - 1)
    assert [ledger.allows(1, NOON_S + second) for second in (10, 60, 3600)] == [False, True, True]
    ledger.note(1, NOON_S + 10, 2)
    assert not ledger.allows(1, NOON_S)
    assert ledger.allows(2, NOON_S)
    clock.move(seconds=3601)
    assert ledger.left(1, NOON_S) == HOUR_BYTES
