"""A browser tab that watches a session over the live socket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.records import StreamState
from media.fmp4.live import LiveFragment, LiveInit
from sessions.view import StreamView
from stream_manager import StreamManager


@dataclass(eq=False)
class Tab:
    """A browser tab that records the init sections, fragments and states it receives."""

    inits: list[LiveInit] = field(default_factory=list)
    fragments: list[LiveFragment] = field(default_factory=list)
    states: list[tuple[StreamState, str | None]] = field(default_factory=list)
    stream_id: str = ""
    viewer_id: str = ""

    def on_live_init(self, init: LiveInit) -> None:
        self.inits.append(init)

    def on_live_fragments(self, fragments: Sequence[LiveFragment]) -> None:
        self.fragments.extend(fragments)

    def on_live_state(self, view: StreamView) -> None:
        self.states.append((view.status, view.error.code if view.error else None))

    def open(self, manager: StreamManager, path: str, *, wants_audio: bool = False, is_small: bool = False) -> Tab:
        self.stream_id, self.viewer_id = manager.watch_live(1, path, self, wants_audio=wants_audio, is_small=is_small)
        return self
