"""The retention of a node follows the rules and the kept ranges that users change at another node."""

from __future__ import annotations

from typing import Any

import pytest

from core.access import LOCAL
from tests.archive.stored import StoredArchive, stream_of


def test_ranges_and_rules_of_another_node_hold_in_each_pass(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=5.0)
    archive.set_rule(2, keep_days=1.0)
    archive.set_rule(3, keep_days=9.0)
    for camera_id in (1, 2, 3):
        archive.record(stream_of(camera_id), [50, 49, 2])
    archive.retention.run_pass()
    other = archive.other_node()
    other.set_rule(keep_days=1.0)
    other.set_rule(2, keep_days=5.0)
    other.set_rule(3, limit_days=1.0)
    kept = other.keep(50, 49.9)
    archive.record(stream_of(2), [40])
    archive.retention.run_pass()
    assert [archive.hours_left(camera_id) for camera_id in (1, 2, 3)] == [[50, 2], [40, 2], [2]]
    other.kept.release(kept.id, LOCAL)
    archive.retention.run_pass()
    assert archive.hours_left() == [2]


def test_a_range_that_another_node_keeps_during_a_pass_stays(
    archive: StoredArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.set_rule(keep_days=1.0)
    archive.record(stream_of(), [50, 49])
    other, tell = archive.other_node(), archive.retention._tell_volumes

    def keep_meanwhile(*args: Any) -> None:
        other.keep(50, 49.9)
        tell(*args)

    monkeypatch.setattr(archive.retention, "_tell_volumes", keep_meanwhile)
    assert archive.retention.run_pass() == 1
    assert archive.hours_left() == [50]


def test_a_rule_that_changes_during_a_pass_ends_the_pass(
    archive: StoredArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.set_rule(keep_days=1.0)
    archive.record(stream_of(), [50, 2])
    other, tell = archive.other_node(), archive.retention._tell_volumes

    def keep_longer(*args: Any) -> None:
        other.set_rule(keep_days=5.0)
        tell(*args)

    monkeypatch.setattr(archive.retention, "_tell_volumes", keep_longer)
    assert archive.retention.run_pass() == 0
    assert archive.hours_left() == [50, 2]
