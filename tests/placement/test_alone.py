"""The placement of a single process, and the double of it that tests move by hand."""

from __future__ import annotations

from core.placement import Placement
from placement.alone import Alone
from tests.placement.fake import HERE, THERE, FakePlacement


def test_a_single_process_owns_all_cameras_before_and_after_its_run() -> None:
    placement: Placement = Alone()
    moves: list[int] = []
    placement.on_gained(moves.append)
    placement.on_lost(moves.append)
    assert placement.owns(1)
    placement.start()
    placement.stop()
    assert placement.owns(7)
    assert placement.node_of(7) == placement.this_node()
    assert [view.node for view in placement.nodes()] == [placement.this_node()]
    assert placement.this_node().place == ""
    assert moves == []


def test_the_double_calls_back_after_the_owner_has_changed() -> None:
    fake = FakePlacement([1])
    placement: Placement = fake
    moves: list[tuple[str, int, bool]] = []
    placement.on_gained(lambda camera_id: moves.append(("gained", camera_id, placement.owns(camera_id))))
    placement.on_lost(lambda camera_id: moves.append(("lost", camera_id, placement.owns(camera_id))))
    placement.start()
    fake.give(2)
    fake.take(1)
    fake.take(1)
    assert placement.node_of(1) == THERE
    assert [(view.node, view.cameras) for view in placement.nodes()] == [(HERE, 1), (THERE, 1)]
    placement.stop()
    assert moves == [("gained", 2, True), ("lost", 1, False), ("lost", 2, False)]
    assert placement.node_of(2) is None
