"""A kept range that only the recorder has: the rule of its channel lets the server fetch it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backfill.records import AUTOMATIC, KeptPart, Stretch
from backfill_manager import BackfillManager
from core.archive import ArchiveStretch, KeptRange, Origin, RecordedQuality, RecordingRule, StreamKey
from core.settings import Settings
from tests.backfill.planned import FILLING, PlannerBench

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class KeptBench(PlannerBench):
    """The manager is not started, so its jobs stay queued."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        gateway: Any = None
        self.manager = BackfillManager(
            self.database, Settings(), self.clock, gateway, self.cameras, self.archive, self.recordings
        )

    def kept(self, start_ago: timedelta, end_ago: timedelta) -> KeptPart:
        now = self.clock.now
        return self.manager.fetch_kept(KeptRange(1, 1, 1, now - start_ago, now - end_ago, "", None, "anna", now))

    def record(self, start_ago: timedelta, end_ago: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the archive have this time of the main stream."""
        stream = StreamKey(1, 1, RecordedQuality.MAIN)
        found = ArchiveStretch(stream, self.clock.now - start_ago, self.clock.now - end_ago, Origin.SERVER)
        monkeypatch.setattr(self.archive, "stretches", lambda *_: (found,))

    def searches(self) -> int:
        return len(self.recordings.searches)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[KeptBench]:
    made = KeptBench(tmp_path)
    yield made
    made.database.close()


def test_the_missing_part_of_a_kept_range_is_queued_without_a_question(
    bench: KeptBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.record(HOUR, 30 * MINUTE, monkeypatch)
    part = bench.kept(HOUR, 10 * MINUTE)
    assert (part.on_server_s, part.missing_s) == (1800.0, 1200.0)
    assert part.job is not None
    assert part.job.by == AUTOMATIC
    assert bench.fetched()[0].start == bench.clock.now - 30 * MINUTE
    assert bench.fetched()[-1].end == bench.clock.now - 10 * MINUTE
    assert bench.searches() == 0


def test_the_same_range_kept_twice_has_one_job(bench: KeptBench) -> None:
    first, second = bench.kept(HOUR, 10 * MINUTE), bench.kept(HOUR, 10 * MINUTE)
    assert first.job is not None
    assert second.job is not None
    assert (first.job.id, len(bench.store.jobs())) == (second.job.id, 1)


def test_a_rule_that_fills_no_gaps_fetches_no_kept_range(bench: KeptBench) -> None:
    bench.set_rule(1, 1, replace(FILLING, backfills=False))
    assert bench.kept(HOUR, 10 * MINUTE) == KeptPart(0.0, 3000.0)
    assert bench.store.jobs() == []


def test_the_newest_minutes_of_a_kept_range_are_not_missing(bench: KeptBench) -> None:
    assert bench.kept(MINUTE, -HOUR) == KeptPart(0.0, 0.0)
    assert bench.kept(-MINUTE, -HOUR) == KeptPart(0.0, 0.0)
    assert bench.kept(5 * MINUTE, -HOUR).missing_s == 180.0


def test_no_kept_range_gets_what_a_pause_or_a_law_forbids(bench: KeptBench) -> None:
    bench.archive._pauses.pause(1, 1, None, "Anna")
    bench.clock.move(hours=1)
    bench.archive._pauses.resume(1, 1)
    bench.clock.move(hours=1)
    now = bench.clock.now
    bench.kept(3 * HOUR, 30 * MINUTE)
    assert all(piece.end <= now - 2 * HOUR or piece.start >= now - HOUR for piece in bench.fetched())
    bench.set_rule(1, 1, RecordingRule(keep_days=None, limit_days=1.0, backfills=True))
    bench.kept(30 * HOUR, 20 * HOUR)
    assert bench.fetched()[0] == Stretch(now - timedelta(days=1), bench.fetched()[0].end)
