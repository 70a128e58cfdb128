"""Looks at key frames of a camera: fetches them, has them judged, and keeps what later searches can use."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from core.errors import AppError
from picture_manager import PictureManager
from searches.candidates import CellIndex
from searches.changed import Probe, Prober
from searches.hits import FINE_STEP_S, Look
from searches.judge import RegionJudge
from searches.key_frames import KeyFrameReader
from searches.moved import MINUTE_S, Looker
from searches.records import SearchDraft
from searches.time_line import RecordedStretch, RecordedTime

_FULL_MINUTE = MINUTE_S // FINE_STEP_S * 2 // 3
"""Key frames of a minute from which on the index of cells counts it as watched: recorders' key frames may be rare."""


class FrameLooker(Looker, Prober):
    """For one thread."""

    def __init__(
        self,
        draft: SearchDraft,
        recorded: RecordedTime,
        reader: KeyFrameReader,
        judge: RegionJudge,
        pictures: PictureManager,
        index: CellIndex,
    ) -> None:
        self._draft = draft
        self._recorded = recorded
        self._reader = reader
        self._judge = judge
        self._pictures = pictures
        self._index = index
        self._probes = 0

    # ---- Looker ----------------------------------------------------------------------------------

    def look(self, stretch: RecordedStretch, step_s: int, *, is_after_gap: bool) -> Iterator[Look]:
        times = range(math.ceil(stretch.start_s), math.ceil(stretch.end_s), step_s)
        cells: dict[int, bytes] = {}
        last_ms = -1
        for at_s, frame in self._reader.frames(stretch.recording_token, times, step_s):
            time_ms = round(1000 * at_s)
            if time_ms <= last_ms:
                continue
            last_ms = time_ms
            seen = self._judge.look(frame.data, time_ms, is_after_gap=is_after_gap)
            if seen is None:
                continue
            is_after_gap = False
            cells[time_ms] = seen.cells
            if seen.share and seen.jpeg and step_s == FINE_STEP_S:
                self._pictures.keep(self._draft.camera_id, self._draft.channel, time_ms, seen.jpeg)
            yield Look(time_ms, seen.share, seen.contrast, seen.is_reset)
        if step_s == FINE_STEP_S:
            self._keep_cells(stretch, cells)

    def _keep_cells(self, stretch: RecordedStretch, cells: dict[int, bytes]) -> None:
        """Give the cells of whole minutes to the index, so that the next question about them costs nothing."""
        of_minutes = Counter(time_ms // 60_000 for time_ms in cells)
        whole = {
            minute
            for minute, count in of_minutes.items()
            if count >= _FULL_MINUTE
            and minute * MINUTE_S >= stretch.start_s
            and (minute + 1) * MINUTE_S <= stretch.end_s
        }
        found = {
            datetime.fromtimestamp(time_ms / 1000, UTC): one
            for time_ms, one in cells.items()
            if time_ms // 60_000 in whole
        }
        if found:
            try:
                self._index.add_cells(self._draft.camera_id, self._draft.channel, found)
            except AppError:  # the disk is full: the search itself goes on
                return

    # ---- Prober ----------------------------------------------------------------------------------

    def probe(self, times_s: Sequence[float]) -> Probe | None:
        self._probes += 1
        probe_ms = self._probes
        found: list[float] = []
        for token, times in self._by_recording(times_s):
            for at_s, frame in self._reader.frames(token, times, 0):
                if any(abs(at_s - other_s) < 0.05 for other_s in found):
                    continue
                seen = self._judge.keep(frame.data, round(1000 * at_s), probe_ms)
                if seen is not None:
                    found.append(at_s)
                    if seen.jpeg:
                        self._pictures.keep(self._draft.camera_id, self._draft.channel, round(1000 * at_s), seen.jpeg)
        if not found:
            return None
        middle_s = times_s[len(times_s) // 2]
        return Probe(probe_ms, min(found, key=lambda at_s: abs(at_s - middle_s)))

    def difference(self, a: Probe, b: Probe) -> float:
        return self._judge.difference(a.probe_ms, b.probe_ms)

    def _by_recording(self, times_s: Sequence[float]) -> list[tuple[str, list[int]]]:
        """Return the times as whole seconds, each with its recording, in order."""
        found: list[tuple[str, list[int]]] = []
        for time_s in sorted({math.floor(time_s) for time_s in times_s}):
            token = self._recorded.token_at(time_s)
            if token is None:
                continue
            if not found or found[-1][0] != token:
                found.append((token, []))
            found[-1][1].append(time_s)
        return found
