"""The pipe of the process with a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from media.process import Spawner, SupervisedProcess
from objects.child import ObjectsChild
from objects.records import ModelUnusable


class TalkingSpawner(Spawner):
    """Its processes have written more than the app reads, and have ended. Only their output matters here."""

    def spawn(self, *_: Any, stdout: Callable[[bytes], None], **__: Any) -> SupervisedProcess:  # type: ignore[override]
        for _number in range(5000):
            stdout(bytes(8))
        return EndedProcess()


class EndedProcess(SupervisedProcess):
    def __init__(self) -> None:
        pass

    def poll(self) -> int | None:
        return 1

    def close_stdin(self) -> None:
        pass

    def stop(self, grace_s: float = 0.0) -> None:
        pass


def test_a_process_that_says_too_much_takes_no_memory(tmp_path: Path) -> None:
    child = ObjectsChild(TalkingSpawner(), SystemClock(), tmp_path / "model.onnx")
    with pytest.raises(ModelUnusable):
        child.load()
    assert child._pieces.qsize() <= 512
