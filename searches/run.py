"""One search at work, in a separate thread: the known movements first, then key frames.

The run of a search for movements stops after its quick steps, and stays in memory until the user continues or leaves.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from core.archive import Origin, origin_of
from core.clock import Clock
from core.recordings import RecordingEvent, SpanState
from core.records import Problem
from picture_manager import PictureManager
from recording_manager import RecordingManager
from searches.candidates import Candidates, CellIndex, KnownMovements
from searches.changed import ChangedSearch, Probe, Prober
from searches.hits import Hits, Look
from searches.judge import JudgeLost, Judges, RegionJudge
from searches.key_frames import KeyFrameReader, Replays
from searches.looking import FrameLooker
from searches.moved import Looker, MovedSearch
from searches.records import (
    Search,
    SearchEstimate,
    SearchKind,
    SearchProgress,
    SearchResult,
    SearchState,
    WaitsFor,
)
from searches.time_line import LookedAt, RecordedStretch, RecordedTime, Stretch

log = logging.getLogger(__name__)

VISION_MISSING = Problem(
    "vision_missing",
    "Pictures cannot be compared: install the packages with `make motion`. These answers come from the index and from "
    "events alone.",
)
NOTHING_RECORDED = Problem("nothing_recorded", "Nothing is recorded in this range.")
NOT_LISTED = Problem("not_listed", "The recorder has not listed all recordings of this range yet.")
NOTHING_KNOWN = KnownMovements((), (), (), ())
_INDEXED_WITHIN_S = 25.0
_LOOK_S = 0.2
_PLAYABLE = frozenset({SpanState.RECORDED, SpanState.UNKNOWN})
_USUAL_KEY_FRAME_BYTES = 100_000
_USUAL_KEY_FRAME_S = 0.05
_LONGEST_KEY_FRAME_S = 2.0
_NOTED_EVERY_S = 0.5
_NOTED_SHARE = 20  # counting the results reads all looks: at most one part in so many of the time
_ATTEMPTS = 2  # of a search for a lasting change, whose probes a crash loses


@dataclass(frozen=True, slots=True)
class SearchContext:
    """The parts of the app that runs work with. `can_compare`: the packages of the vision process are installed."""

    clock: Clock
    replays: Replays
    recordings: RecordingManager
    pictures: PictureManager
    candidates: Candidates
    index: CellIndex
    judges: Judges
    can_compare: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """The results of a run so far. Replaced as a whole, so that other threads can read it."""

    results: tuple[SearchResult, ...] = ()
    progress: SearchProgress = field(default_factory=SearchProgress)
    estimate: SearchEstimate | None = None


class SearchRun:
    """step() is for one thread at a time; interrupt() and view() for any."""

    def __init__(self, context: SearchContext, search: Search) -> None:
        self._context = context
        self._search = search
        self._draft = search.draft
        self._reader = KeyFrameReader(context.replays, search.draft.camera_id)
        self._recorded = RecordedTime(())
        self._looked = LookedAt()
        self._hits = Hits()
        self._changed: ChangedSearch | None = None
        self._known = _Known()
        self._note_from_s = float("-inf")
        self._has_begun = False
        self._problem: Problem | None = None  # of an answer that is incomplete
        self.pace = Pace()

    # ---- any thread ------------------------------------------------------------------------------

    @property
    def camera_id(self) -> int:
        return self._draft.camera_id

    def interrupt(self) -> None:
        """End the run, and give the recorder's session back now."""
        self._reader.interrupt()

    def view(self, search: Search) -> Search:
        """Return the search with its progress as of now."""
        known, problem = self._known, self._reader.problem
        search = replace(search, results=known.results, progress=known.progress, estimate=known.estimate)
        if search.state is SearchState.RUNNING and problem is not None:
            return replace(search, waits_for=WaitsFor.RECORDER, problem=Problem(problem.code, problem.detail))
        return search

    # ---- its thread ------------------------------------------------------------------------------

    def step(self) -> tuple[SearchState, Problem | None]:
        """Work up to the next decision of the user, or to the end. Return the new state.

        Raise Interrupted, or the AppError that ends the search.
        """
        try:
            if self._has_begun:
                return self._find_movements(exhaustive=True, candidates=())
            self._has_begun = True
            return self._begin()
        finally:
            self._reader.close()
            self.note(is_final=True)

    def note(self, *, is_final: bool = False) -> None:
        """Make the present results and progress visible, at most twice a second, and less often for many looks."""
        began_s = self._context.clock.monotonic_s()
        if not is_final and began_s < self._note_from_s:
            return
        total_s, looked_s = self._recorded.total_s, self._looked.length_s()
        results = self._hits.results()
        if self._changed is not None:
            results, looked_s = tuple(self._changed.results), self._changed.done * total_s
        reader = self._reader
        progress = SearchProgress(min(looked_s, total_s), total_s, reader.key_frames, reader.received_bytes)
        self._known = replace(self._known, results=results, progress=progress)
        now_s = self._context.clock.monotonic_s()
        self._note_from_s = now_s + max(_NOTED_EVERY_S, _NOTED_SHARE * (now_s - began_s))

    def _begin(self) -> tuple[SearchState, Problem | None]:
        is_about_movement = self._draft.kind is SearchKind.MOVED
        events = self._read_recorded()
        known = self._context.candidates.read(self._draft, events) if is_about_movement else NOTHING_KNOWN
        for look in known.looks:
            self._hits.add(look)
        self._looked.add(known.watched)
        self.note(is_final=True)
        if not self._recorded.stretches and not known.looks:
            return SearchState.DONE, self._problem or NOTHING_RECORDED
        if not self._context.can_compare:
            return self._without_comparison(known)
        if is_about_movement:
            return self._find_movements(exhaustive=False, candidates=known.candidates)
        self._find_changes()
        return SearchState.DONE, self._problem

    def _without_comparison(self, known: KnownMovements) -> tuple[SearchState, Problem | None]:
        if self._draft.kind is SearchKind.CHANGED:
            return SearchState.FAILED, VISION_MISSING
        for look in known.boxes:
            self._hits.add(look)
        is_whole = not self._looked.left(self._recorded.whole())
        return SearchState.DONE, self._problem if is_whole else VISION_MISSING

    def _find_movements(self, *, exhaustive: bool, candidates: Sequence[Stretch]) -> tuple[SearchState, Problem | None]:
        judge = self._open_judge()
        try:
            search = MovedSearch(self._recorded, self._looker(judge), self._looked, self._hits)
            if exhaustive:
                search.exhaustive()
            else:
                search.quick(candidates)
            left = search.key_frames_left()
        finally:
            judge.close()
        if search.is_whole or not left:
            return SearchState.DONE, self._problem
        self._known = replace(self._known, estimate=self._estimate(left))
        return SearchState.WAITING, None

    def _find_changes(self) -> None:
        judge = self._open_judge()
        try:
            for attempt in range(_ATTEMPTS):
                self._changed = ChangedSearch(self._recorded, self._looker(judge))
                try:
                    return self._changed.run()
                except JudgeLost:
                    if attempt + 1 == _ATTEMPTS:
                        raise
                    log.warning("search %d begins anew after a crash of the comparison", self._search.id)
        finally:
            judge.close()

    def _open_judge(self) -> RegionJudge:
        return self._context.judges.open(self._search.id, self._draft.points, self._draft.kind, self._reader.check)

    def _looker(self, judge: RegionJudge) -> ReportingLooker:
        context = self._context
        looker = FrameLooker(self._draft, self._recorded, self._reader, judge, context.pictures, context.index)
        return ReportingLooker(looker, self, context.clock)

    def _estimate(self, key_frames: int) -> SearchEstimate:
        """Estimate the rest by the key frames so far."""
        fetched = self._reader.key_frames
        of_device = sum(it.length_s for it in self._recorded.stretches if is_of_device(it))
        share = of_device / self._recorded.total_s
        each_bytes = self._reader.received_bytes / fetched / max(share, 0.01) if fetched else _USUAL_KEY_FRAME_BYTES
        size_bytes = round(key_frames * share * each_bytes)
        return SearchEstimate(key_frames, size_bytes, round(key_frames * self.pace.key_frame_s, 1))

    def _read_recorded(self) -> Sequence[RecordingEvent]:
        """Read the recorded time. Return the recorder's own events. Wait up to 25 s while they are being indexed."""
        draft = self._draft
        ends_s = self._context.clock.monotonic_s() + _INDEXED_WITHIN_S
        asks_device = draft.source is not Origin.SERVER
        while True:
            coverage = self._context.recordings.coverage(
                draft.camera_id,
                draft.start,
                draft.end,
                channel=draft.channel,
                prefers_sub=True,
                source=draft.source,
            )
            is_read = coverage.indexing is None or coverage.is_stopped or not asks_device
            if is_read or self._context.clock.monotonic_s() > ends_s:
                break
            self._reader.wait(_LOOK_S)
        if asks_device and coverage.problem is not None:
            self._problem = Problem(coverage.problem.code, coverage.problem.detail)
        elif asks_device and coverage.indexing is not None:
            self._problem = NOT_LISTED
        if not coverage.channels:
            return ()
        row = coverage.channels[0]
        self._recorded = RecordedTime(
            [
                RecordedStretch(
                    max(span.start, draft.start).timestamp(),
                    min(span.end, draft.end).timestamp(),
                    span.recording_token,
                )
                for span in row.spans
                if span.state in _PLAYABLE and span.recording_token
            ]
        )
        return row.events


class Pace:
    """The time that a key frame takes. Waits for a busy recorder do not count."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._count = 0

    def note(self, seconds: float) -> None:
        if seconds < _LONGEST_KEY_FRAME_S:
            self._seconds += seconds
            self._count += 1

    @property
    def key_frame_s(self) -> float:
        return self._seconds / self._count if self._count else _USUAL_KEY_FRAME_S


class ReportingLooker(Looker, Prober):
    """Looks with another looker, and tells the run about each key frame."""

    def __init__(self, looker: FrameLooker, run: SearchRun, clock: Clock) -> None:
        self._looker = looker
        self._run = run
        self._clock = clock

    def look(self, stretch: RecordedStretch, step_s: int, *, is_after_gap: bool) -> Iterator[Look]:
        began_s = self._clock.monotonic_s()
        for look in self._looker.look(stretch, step_s, is_after_gap=is_after_gap):
            self._run.pace.note(self._clock.monotonic_s() - began_s)
            yield look
            self._run.note()
            began_s = self._clock.monotonic_s()

    def probe(self, times_s: Sequence[float]) -> Probe | None:
        found = self._looker.probe(times_s)
        self._run.note()
        return found

    def difference(self, a: Probe, b: Probe) -> float:
        return self._looker.difference(a, b)


def is_of_device(stretch: RecordedStretch) -> bool:
    """True if the recorder has to send the key frames of a stretch."""
    return origin_of(stretch.recording_token) is Origin.DEVICE
