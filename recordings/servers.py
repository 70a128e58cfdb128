"""Names the servers in the spans of a timeline, if several servers record and the footage is not on this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter

from core.archive import FootageElsewhere, Origin, RecordedQuality, StreamKey
from core.recordings import SpanState
from recordings.views import ChannelSpan


def with_servers(spans: Sequence[ChannelSpan], elsewhere: Sequence[FootageElsewhere]) -> tuple[ChannelSpan, ...]:
    """Return the spans with the names of other servers that play them.

    Time that neither the device nor an answering server has, but one that does not answer, gets the state AWAY.
    """
    if not elsewhere:
        return tuple(spans)
    playable = {
        quality: _Pieces(it for it in elsewhere if not it.is_away and it.quality is quality)
        for quality in RecordedQuality
    }
    away = _Pieces(it for it in elsewhere if it.is_away)
    found: list[ChannelSpan] = []
    for span in spans:
        pieces = None
        if span.source is Origin.SERVER:
            quality = _quality_of(span.recording_token or "")
            pieces = playable.get(quality) if quality is not None else None
        elif span.state is SpanState.NOT_RECORDED:
            pieces = away
        found += [span] if pieces is None else _cut(span, pieces.inside(span))
    return tuple(found)


class _Pieces:
    """Stretches in order of time, for spans in order of time. A stretch counts from the end of the one before it."""

    def __init__(self, stretches: Iterable[FootageElsewhere]) -> None:
        self._stretches = sorted(stretches, key=attrgetter("start"))
        self._first = 0

    def inside(self, span: ChannelSpan) -> Iterator[FootageElsewhere]:
        """Yield the stretches that overlap a span."""
        while self._first < len(self._stretches) and self._stretches[self._first].end <= span.start:
            self._first += 1
        for number in range(self._first, len(self._stretches)):
            if self._stretches[number].start >= span.end:
                return
            yield self._stretches[number]


def _cut(span: ChannelSpan, inside: Iterable[FootageElsewhere]) -> list[ChannelSpan]:
    """Cut a span where another server begins or ends."""
    found: list[ChannelSpan] = []
    at = span.start
    for it in inside:
        start, end = max(at, it.start), min(it.end, span.end)
        if start >= end:
            continue
        if at < start:
            found.append(replace(span, start=at, end=start))
        state = SpanState.AWAY if it.is_away else span.state
        piece = replace(
            span, start=start, end=end, state=state, server=it.server or None, from_object_storage=not it.server
        )
        before = found[-1] if found else None
        if before is not None and before.end == start and replace(before, start=start, end=end) == piece:
            found[-1] = replace(before, end=end)
        else:
            found.append(piece)
        at = end
    return [*found, replace(span, start=at)] if at < span.end else found


def _quality_of(recording_token: str) -> RecordedQuality | None:
    stream = StreamKey.of_token(0, recording_token)
    return stream.quality if stream is not None else None
