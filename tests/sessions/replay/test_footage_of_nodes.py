"""Replays of footage on another node, which may fall silent in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.storages import NodeStorage
from media.process import Spawner
from sessions.view import StreamView
from tests.archive.nodes import ArchiveNode, Network
from tests.patience import promised, until
from tests.placement.fake import FakePlacement
from tests.sessions.replay.replaying import NIGHT_S, pictures_in, segments_of, text_of
from tests.sessions.replay.test_server_recording import ENDED, Both
from tests.sessions.replay.test_server_recording import frames as frames_of
from tests.sessions.replay.thin_recorder import ThinRecorder


class WithNorth(Both):
    """The stream manager of a node, and the node "north" with an archive of its own."""

    def __init__(self, folder: Path, recorder: ThinRecorder, spawner: Spawner) -> None:
        super().__init__(folder, recorder, spawner)
        self.network = Network()
        self.north = ArchiveNode("north", folder / "north", self.archive.database, self.network)
        placement = FakePlacement()
        placement.add(self.north.placement.this_node())
        self.archive.server.share_files(NodeStorage(placement, self.network, self.archive.clock))

    def close(self) -> None:
        super().close()
        self.north.close()

    def north_has(self, start_s: float, end_s: float) -> None:
        self.north.footage.record(NIGHT_S + start_s, NIGHT_S + end_s)
        self.north.publisher.publish()

    def fetched(self, view: StreamView) -> list[float]:
        """Fetch all segments that are there, as a player does. Return the times of their frames."""
        names = segments_of(text_of(self.manager, view))
        return [at for name in names for at in pictures_in(self.manager.segment_path(view.stream_id, name))]


@pytest.fixture
def nodes(tmp_path: Path, recorder: ThinRecorder, spawner: Spawner) -> Iterator[WithNorth]:
    made = WithNorth(tmp_path, recorder, spawner)
    yield made
    made.close()


def test_a_replay_crosses_from_one_node_to_the_other(nodes: WithNorth) -> None:
    nodes.north_has(0, 20)
    nodes.server_has(20, 40)
    assert nodes.pictures(nodes.play(5)) == frames_of((5, 40))


def test_a_replay_skips_the_rest_of_a_node_that_falls_silent(nodes: WithNorth) -> None:
    nodes.north_has(0, 100)
    nodes.server_has(100, 110)
    view = nodes.play(0)
    until(lambda: len(segments_of(text_of(nodes.manager, view))) > 3, what="the first segments")
    nodes.network.silent.add("north")
    with promised(5.0):
        until(lambda: nodes.fetched(view)[-1] >= 100, what="the own footage")
    shown = nodes.pictures(view)
    first = [at for at in shown if at < 100]
    assert 0 < len(first) < len(frames_of((0, 100)))
    assert shown == [*first, *frames_of((100, 110))]
    assert first == frames_of((0, 100))[: len(first)]
    assert text_of(nodes.manager, view).endswith(ENDED)


def test_a_node_that_falls_silent_is_named_if_nothing_follows(nodes: WithNorth) -> None:
    nodes.north_has(0, 100)
    view = nodes.play(0)
    until(lambda: len(segments_of(text_of(nodes.manager, view))) > 3, what="the first segments")
    nodes.network.silent.add("north")

    def error() -> str:
        nodes.fetched(view)
        problem = nodes.manager.session_view(view.stream_id).error
        return problem.detail if problem is not None else ""

    with promised(5.0):
        until(lambda: "north" in error(), what="the name of the node")
