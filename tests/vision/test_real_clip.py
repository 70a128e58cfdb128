"""Pedestrians of a real camera: vtest.avi of Debian's package opencv-doc."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.vision.encoded import encoded
from tests.vision.scenes import Picture
from tests.vision.watching import new_watcher
from vision.messages import Open, Unit, Watched

CLIP = Path("/usr/share/doc/opencv-doc/examples/data/vtest.avi")
_EACH = 20  # a picture in 2 s
_KEY = "1:1"

pytestmark = pytest.mark.stress


@pytest.fixture(scope="module")
def clip() -> list[Picture]:
    assert CLIP.exists(), "install Debian's opencv-doc"
    with av.open(str(CLIP)) as file:
        frames = file.decode(file.streams.video[0])
        return [np.asarray(f.to_ndarray(format="gray"), np.uint8) for n, f in enumerate(frames) if n % _EACH == 0]


def _watched(pictures: list[Picture]) -> list[Watched]:
    watcher = new_watcher()
    units = [Unit(_KEY, 2_000 * number, True, unit.data) for number, unit in enumerate(encoded(pictures, gop=1))]
    answers = [*watcher.answers(Open(_KEY, "h264", 0.001))]
    for unit in units:
        answers += watcher.answers(unit)
    return [answer for answer in answers if isinstance(answer, Watched)]


def test_pedestrians_are_found_in_the_pictures_of_a_real_camera(clip: list[Picture]) -> None:
    empty = np.median(np.stack(clip), axis=0).astype(np.uint8)
    judged = _watched([*[empty] * 6, *clip])[6:]
    assert sum(answer.is_moving for answer in judged) >= 0.95 * len(judged)
    assert sum(len(answer.blobs) for answer in judged) >= 2 * len(judged)


def test_the_empty_street_of_a_real_camera_has_no_movement(clip: list[Picture]) -> None:
    empty = np.median(np.stack(clip), axis=0)
    noise = np.random.default_rng(1)
    noisy = [np.clip(empty + noise.normal(0, 3, empty.shape), 0, 255).astype(np.uint8) for _ in range(20)]
    assert not [answer for answer in _watched(noisy) if answer.is_moving]
