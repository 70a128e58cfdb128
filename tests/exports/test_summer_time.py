"""Exports from a recorder that keeps local time, over the end and the beginning of summer time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from exports.records import ExportDraft, ExportRange
from tests.exports.exporting import Make
from tests.sessions.replay.local_recorder import MARCH, OCTOBER, local_recorder


@pytest.mark.parametrize("change", [OCTOBER, MARCH], ids=["an hour twice", "an hour missing"])
def test_an_export_has_both_sides_of_the_change_in_two_files(make: Make, change: datetime) -> None:
    exporting = make(local_recorder(change))
    start, end = (change + timedelta(seconds=at_s) for at_s in (-6, 6))
    draft = ExportDraft((ExportRange(1, 1, start, end),), format="original")
    job = exporting.done(exporting.manager.add(exporting.who, draft).id)
    found = [(file.start, file.end) for file in job.files]
    assert [round((moment - change).total_seconds(), 1) for both in found for moment in both] == [-6.0, 0.0, 0.0, 6.0]
