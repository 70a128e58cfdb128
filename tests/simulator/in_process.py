"""A recorder in the test's own process, for tests that use its parts."""

from __future__ import annotations

from pathlib import Path

from simulator.layout import make_layout
from simulator.recorder import Config, Recorder
from tests.simulator.decoding import FFMPEG
from tests.simulator.process import PASSWORD, USERNAME


def make_recorder(cache_dir: Path, *, channels: int = 1, discovery: bool = False) -> Recorder:
    """Make a recorder of the small profile on free ports; the test starts it."""
    layout = make_layout(channels, profile="small")
    return Recorder(Config("127.0.0.1", 0, 0, 0, USERNAME, PASSWORD, layout, cache_dir, FFMPEG, discovery=discovery))
