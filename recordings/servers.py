"""Names the servers in the spans of a timeline, if several servers record and the footage is not on this one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from core.archive import FootageElsewhere, Origin, RecordedQuality, StreamKey
from core.recordings import SpanState
from recordings.views import ChannelSpan


def with_servers(spans: Sequence[ChannelSpan], elsewhere: Sequence[FootageElsewhere]) -> tuple[ChannelSpan, ...]:
    """Return the spans with the names of other servers that play them.

    Time that neither the device nor an answering server has, but one that does not answer, gets the state AWAY.
    """
    if not elsewhere:
        return tuple(spans)
    found: list[ChannelSpan] = []
    for span in spans:
        if span.source is Origin.SERVER:
            quality = _quality_of(span.recording_token or "")
            named = [it for it in elsewhere if not it.is_away and it.quality is quality]
        elif span.state is SpanState.NOT_RECORDED:
            named = [it for it in elsewhere if it.is_away]
        else:
            named = []
        found += _cut(span, named)
    return tuple(found)


def _cut(span: ChannelSpan, named: Iterable[FootageElsewhere]) -> list[ChannelSpan]:
    """Cut a span where another server begins or ends."""
    inside = [it for it in named if it.start < span.end and it.end > span.start]
    if not inside:
        return [span]
    borders = {span.start, span.end}
    for it in inside:
        borders |= {max(span.start, it.start), min(span.end, it.end)}
    found: list[ChannelSpan] = []
    for start, end in pairwise(sorted(borders)):
        of = next((it for it in inside if it.start <= start and end <= it.end), None)
        piece = replace(span, start=start, end=end)
        if of is not None:
            piece = replace(piece, server=of.server, state=SpanState.AWAY if of.is_away else span.state)
        if found and replace(found[-1], end=end) == replace(piece, start=found[-1].start):
            found[-1] = replace(found[-1], end=end)
        else:
            found.append(piece)
    return found


def _quality_of(recording_token: str) -> RecordedQuality | None:
    stream = StreamKey.of_token(0, recording_token)
    return stream.quality if stream is not None else None
