"""A consumer of the replay parts that a session sends as they arrive."""

from __future__ import annotations

from dataclasses import dataclass, field

from sessions.replay.broadcast import (
    ReplayEnd,
    ReplayInit,
    ReplayNews,
    ReplayPart,
)
from stream_manager import StreamManager
from tests.sessions.replay.replaying import NIGHT, at


@dataclass(eq=False)
class Viewer:
    news: list[ReplayNews] = field(default_factory=list)
    is_slow: bool = False

    def on_replay_news(self, news: ReplayNews) -> None:
        self.news.append(news)

    def is_full(self) -> bool:
        return self.is_slow

    def inits(self, run: int) -> list[ReplayInit]:
        return [one for one in self.news if isinstance(one, ReplayInit) and one.run == run]

    def parts(self, run: int) -> list[ReplayPart]:
        return [one for one in self.news if isinstance(one, ReplayPart) and one.run == run]

    def reached_s(self, run: int) -> float:
        return max((part.start_s for part in self.parts(run)), default=0.0)

    def taken(self, run: int) -> list[float]:
        """Return the capture time of each part in seconds after NIGHT."""
        return [round((part.recorded_utc - NIGHT).total_seconds(), 3) for part in self.parts(run)]

    def ended(self, run: int) -> bool:
        return ReplayEnd(run) in self.news


def watched(manager: StreamManager, at_s: float = 0.0) -> tuple[str, str, Viewer]:
    view, viewer_id = manager.start_replay(1, "Rec0", at(at_s))
    viewer = Viewer()
    assert manager.watch_replay(view.stream_id, viewer_id, viewer)
    return view.stream_id, viewer_id, viewer
