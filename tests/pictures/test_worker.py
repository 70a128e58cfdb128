"""Failures of a picture worker: one bad channel leaves the others alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.errors import AppError, CameraUnreachable, CameraUnsupported
from media.ffmpeg import find_ffmpeg
from media.process import Spawner
from media.still_decoder import StillDecoder
from pictures.cache import PictureCache
from pictures.source import RecordingSource
from pictures.wanted import WantedPicture
from pictures.worker import PictureTools, PictureWorker
from tests.patience import until

NOON_S = 493_848 * 3600
_ERRORS: dict[str, AppError] = {
    "unsupported": CameraUnsupported("This recording has no pictures.", service="video"),
    "away": CameraUnreachable("The recorder does not answer."),
}


@pytest.fixture
def opened() -> list[str]:
    return []


@pytest.fixture
def worker(opened: list[str], tmp_path: Path, spawner: Spawner) -> Iterator[PictureWorker]:
    def open_source(_camera_id: int, recording_token: str) -> RecordingSource:
        opened.append(recording_token)
        raise _ERRORS[recording_token]

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
