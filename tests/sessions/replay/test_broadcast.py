"""Which news of a replay each viewer on a socket receives."""

from __future__ import annotations

from core.records import VideoFormat
from sessions.replay.broadcast import ReplayBroadcaster, ReplayEnd, ReplayInit, ReplayNews, ReplayPart
from tests.sessions.replay.replaying import at
from tests.sessions.replay.viewer import Viewer


def init_of(run: int) -> ReplayInit:
    return ReplayInit(run, "avc1.64001F", VideoFormat("h264"), None, 0.0, b"init")


def part_of(run: int, start_s: float) -> ReplayPart:
    return ReplayPart(run, b"part", start_s, at(start_s), is_key=True)


def test_a_viewer_without_the_init_section_gets_nothing_of_a_run() -> None:
    broadcaster, first, late = ReplayBroadcaster(), Viewer(), Viewer()
    assert broadcaster.join(first, "first")
    broadcaster.send(init_of(1))
    assert not broadcaster.join(late, "late")
    rest: list[ReplayNews] = [part_of(1, 1.0), ReplayEnd(1)]
    for news in rest:
        broadcaster.send(news)
    assert first.news == [init_of(1), *rest]
    assert late.news == []
    broadcaster.begin_run(2)
    broadcaster.send(init_of(2))
    broadcaster.send(part_of(2, 0.0))
    assert late.news == [init_of(2), part_of(2, 0.0)]


def test_a_viewer_that_joins_again_receives_the_next_run_only() -> None:
    broadcaster, before, after = ReplayBroadcaster(), Viewer(), Viewer()
    broadcaster.join(before, "page")
    broadcaster.send(init_of(1))
    broadcaster.leave("page", before)
    assert not broadcaster.join(after, "page")
    broadcaster.send(part_of(1, 1.0))
    assert after.news == []
    broadcaster.send(init_of(2))
    assert after.news == [init_of(2)]
