"""The first fragments of a new viewer of a live session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from core.clock import SystemClock
from core.records import VideoFormat
from media.fmp4.live import LiveFragment, LiveInit
from sessions.live.broadcast import FragmentBroadcaster
from sessions.view import StreamView

INIT = LiveInit(VideoFormat("h264", 640, 360), None, "avc1.64001F", "avc1.64001F", b"init", b"init")


def fragment(start_s: float, *, is_key: bool = False, size_bytes: int = 10) -> LiveFragment:
    return LiveFragment((bytes(size_bytes),), b"", is_key, start_s, None)


@dataclass(eq=False)
class Listener:
    inits: int = 0
    starts_s: list[float] = field(default_factory=list)

    def on_live_init(self, init: LiveInit) -> None:
        self.inits += 1

    def on_live_fragments(self, fragments: Sequence[LiveFragment]) -> None:
        self.starts_s += [one.start_s for one in fragments]

    def on_live_state(self, view: StreamView) -> None:
        pass


@pytest.fixture
def broadcaster() -> FragmentBroadcaster:
    broadcaster = FragmentBroadcaster(SystemClock())
    broadcaster.on_init(INIT)
    return broadcaster


def test_a_new_viewer_begins_with_the_last_key_frame(broadcaster: FragmentBroadcaster) -> None:
    broadcaster.on_fragments([fragment(0, is_key=True), fragment(1), fragment(2, is_key=True), fragment(3)])
    viewer = Listener()
    broadcaster.join(viewer, "v", wants_audio=False)
    broadcaster.on_fragments([fragment(4)])
    assert (viewer.inits, viewer.starts_s) == (1, [2, 3, 4])


@pytest.mark.parametrize("at_next_key_frame", [False, True])
def test_a_viewer_of_a_long_gop_begins_at_the_next_key_frame(
    broadcaster: FragmentBroadcaster, at_next_key_frame: bool
) -> None:
    size_bytes = 1 if at_next_key_frame else 7_000_000  # two of these are more than the broadcaster holds
    broadcaster.on_fragments([fragment(0, is_key=True, size_bytes=size_bytes), fragment(1, size_bytes=size_bytes)])
    viewer = Listener()
    broadcaster.join(viewer, "v", wants_audio=False, at_next_key_frame=at_next_key_frame)
    broadcaster.on_fragments([fragment(2), fragment(3)])
    broadcaster.on_fragments([fragment(4), fragment(5, is_key=True), fragment(6)])
    broadcaster.on_fragments([fragment(7)])
    assert (viewer.inits, viewer.starts_s) == (1, [5, 6, 7])
