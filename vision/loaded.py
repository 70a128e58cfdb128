"""The watcher with all packages that it needs loaded and warmed up. After that the child opens no file."""

from __future__ import annotations

import contextlib

import av.logging
import cv2
import numpy as np

from vision.background import Background
from vision.budget import Budget, OwnClocks, own_memory
from vision.decoder import HEIGHT, WIDTH, DecodingFailed, decode_key_frame
from vision.every_picture import MovingMixture
from vision.regions import RegionComparison
from vision.watcher import Watcher


def loaded_watcher(share: float) -> tuple[Watcher, Budget]:
    """Return a watcher that may use this share of one core, and its budget."""
    cv2.setNumThreads(1)
    cv2.ocl.setUseOpenCL(False)
    av.logging.set_level(None)  # a hostile stream must not flood stderr
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    background, mixture = Background(), MovingMixture()
    for _ in range(5):
        background.judge(picture, 1.0)
        mixture.judge(picture, 1.0)
    for codec in ("h264", "h265"):
        with contextlib.suppress(DecodingFailed):
            decode_key_frame(b"\0\0\0\1", codec)
    cv2.imencode(".jpg", picture)
    _warm_up_searches()
    budget = Budget(share, OwnClocks(), own_memory())
    return Watcher(budget), budget


def _warm_up_searches() -> None:
    """Compare pictures as searches do: numpy loads modules when a function such as median() is first called."""
    quiet = np.zeros((HEIGHT, WIDTH), np.uint8)
    quiet[::8] = 90
    moved = quiet.copy()
    moved[60:100, 100:160] = 200
    for mode in ("moved", "changed"):
        comparison = RegionComparison(((0, 0), (1, 0), (1, 1), (0, 1)), mode)
        for number, picture in enumerate((quiet, quiet, moved)):
            comparison.moved(picture)
            comparison.keep(picture, number)
        comparison.difference(0, 2)
