"""The watcher with all packages that it needs loaded and warmed up. After that the child opens no file."""

from __future__ import annotations

import av.logging
import cv2
import numpy as np

from vision.background import Background
from vision.budget import Budget, OwnClocks, own_memory
from vision.decoder import HEIGHT, WIDTH, KeyFrameDecoder
from vision.every_picture import MovingMixture
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
        KeyFrameDecoder(codec)
    cv2.imencode(".jpg", picture)
    budget = Budget(share, OwnClocks(), own_memory())
    return Watcher(budget), budget
