"""When has something moved here? First around events, then about one key frame a minute and the neighbours of changes.

The exhaustive step, a key frame every four seconds, is separate: it may take minutes, and the user decides about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from searches.hits import FINE_STEP_S, Hits, Look
from searches.time_line import LookedAt, RecordedStretch, RecordedTime, Stretch, united

COARSE_STEP_S = 53
"""A prime below a minute: with a step of 60 s, what happens each minute or half minute is seen always or never."""
QUICK_KEY_FRAMES = 1700
"""About the most key frames that the coarse step, and those around events and changes, fetch without an estimate."""

AROUND_EVENTS_S = 10.0
MINUTE_S = 60
_ASKED_FROM = 150  # key frames of an exhaustive step that the user has to confirm
_CHUNK_S = 240.0
_SAME_SCENE_S = 15.0  # a longer pause between two key frames is a gap


class Looker(Protocol):
    """Fetches and judges key frames. searches.looking.FrameLooker implements it; tests have one over pictures."""

    def look(self, stretch: RecordedStretch, step_s: int, *, is_after_gap: bool) -> Iterator[Look]:
        """Yield the judgements of key frames about `step_s` apart, in order. `is_after_gap`: of the first one.

        Raises an AppError, or Interrupted.
        """
        ...


class MovedSearch:
    """For one thread. `looked` and `hits` may have entries of the index already."""

    def __init__(self, recorded: RecordedTime, looker: Looker, looked: LookedAt, hits: Hits) -> None:
        self._recorded = recorded
        self._looker = looker
        self._looked = looked
        self._hits = hits
        self._coarse_key_frames = 0
        self._fine_key_frames = 0
        self.is_whole = False
        """True after the exhaustive step, also if some key frames could not be decoded."""
        self._last_ms: int | None = None  # of the newest look, for gaps

    def quick(self, candidates: Sequence[Stretch]) -> None:
        """Look at the candidates, the newest first, and then coarsely at the rest and finely at its changes."""
        self._look_around(candidates)
        if self.key_frames_left() > _ASKED_FROM:
            self._look_around(list(self._coarse_changes()))
        if self.key_frames_left() <= _ASKED_FROM:
            self.exhaustive()

    def _look_around(self, candidates: Sequence[Stretch]) -> None:
        for stretch in reversed(self._looked.left(united(map(_whole_minutes, candidates)))):
            for part in _chunks(self._recorded.inside([stretch])):
                if self._fine_key_frames >= QUICK_KEY_FRAMES:  # one stretch may have all of the range
                    return
                self._look_at(part)

    def key_frames_left(self) -> int:
        """Return the number of key frames of the exhaustive step."""
        return sum(-(-int(one.length_s) // FINE_STEP_S) for one in self._left())

    def exhaustive(self) -> None:
        """Look at everything that was not looked at yet, in order of time."""
        for part in _chunks(self._left()):
            self._look_at(part)
        self.is_whole = True

    def _left(self) -> list[RecordedStretch]:
        left = [one for one in self._looked.left(self._recorded.whole()) if one.length_s >= 1.0]
        return [one for one in self._recorded.inside(left) if one.length_s >= 1.0]

    def _coarse_changes(self) -> Iterator[Stretch]:
        """Yield the time before and after each coarse key frame with a change."""
        last_s: float | None = None
        for one in self._left():
            is_after_gap = last_s is None or one.start_s - last_s > COARSE_STEP_S + _SAME_SCENE_S
            for look in self._looker.look(one, COARSE_STEP_S, is_after_gap=is_after_gap):
                self._coarse_key_frames += 1
                last_s = look.time_ms / 1000
                if look.share or look.is_reset:
                    yield Stretch(last_s - COARSE_STEP_S, last_s + COARSE_STEP_S)
                if self._coarse_key_frames >= QUICK_KEY_FRAMES:
                    return

    def _look_at(self, part: RecordedStretch) -> None:
        last_ms, seen = self._last_ms, []
        is_after_gap = last_ms is None or not 0 <= part.start_s - last_ms / 1000 <= _SAME_SCENE_S
        for look in self._looker.look(part, FINE_STEP_S, is_after_gap=is_after_gap):
            self._fine_key_frames += 1
            self._last_ms = look.time_ms
            self._hits.add(look)
            seen.append(look.time_ms / 1000)
        self._looked.add(_seen_parts(part, seen))


def _seen_parts(part: RecordedStretch, times_s: Sequence[float]) -> Iterator[Stretch]:
    """Yield the time that key frames stand for: up to the next one, or one and a half steps."""
    ends = [*times_s[1:], part.end_s]
    for at_s, next_s in zip(times_s, ends, strict=True):
        begin_s = part.start_s if at_s - part.start_s <= FINE_STEP_S else at_s
        end_s = next_s if next_s - at_s <= 2.5 * FINE_STEP_S else at_s + FINE_STEP_S
        yield Stretch(max(part.start_s, min(begin_s, at_s)), min(part.end_s, end_s))


def _whole_minutes(stretch: Stretch) -> Stretch:
    """Return the minutes of a stretch: the index of cells keeps whole minutes."""
    return Stretch(stretch.start_s // MINUTE_S * MINUTE_S, -(-stretch.end_s // MINUTE_S) * MINUTE_S)


def _chunks(stretches: Iterable[RecordedStretch]) -> Iterator[RecordedStretch]:
    for stretch in stretches:
        at_s = stretch.start_s
        while at_s < stretch.end_s:
            end_s = min(stretch.end_s, at_s + _CHUNK_S)
            yield RecordedStretch(at_s, end_s, stretch.recording_token)
            at_s = end_s
