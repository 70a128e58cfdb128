"""Join the answers for parts of a window, between which a recorder's local time begins to differ otherwise from UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.archive import Origin, origin_of
from core.recordings import RecordedPlace
from recordings.views import ChannelCoverage, ChannelSpan, FoundRecording

_NEAR = timedelta(seconds=2)


def joined_coverage(parts: Sequence[Sequence[ChannelCoverage]], limit: int) -> list[ChannelCoverage]:
    """Return the rows of adjacent windows as rows of the whole, each with at most `limit` events."""
    first, *others = parts
    rows = list(first)
    for part in others:
        by_key = {_key(row): row for row in part}  # a row that came between two reads waits for the next answer
        rows = [_joined_row(row, by_key[_key(row)], limit) for row in rows if _key(row) in by_key]
    return rows


def _key(row: ChannelCoverage) -> int | str:
    return row.recording_token if row.channel is None else row.channel


def _joined_row(one: ChannelCoverage, other: ChannelCoverage, limit: int) -> ChannelCoverage:
    events = (*one.events, *other.events)
    is_truncated = one.events_truncated or other.events_truncated or len(events) > limit
    return replace(
        one, spans=_joined_spans(one.spans, other.spans), events=events[:limit], events_truncated=is_truncated
    )


def _joined_spans(one: Sequence[ChannelSpan], other: Sequence[ChannelSpan]) -> tuple[ChannelSpan, ...]:
    if not one or not other or replace(one[-1], start=other[0].start, end=other[0].end) != other[0]:
        return (*one, *other)
    return (*one[:-1], replace(one[-1], end=other[0].end), *other[1:])


def joined_found(parts: Sequence[Sequence[FoundRecording]]) -> list[FoundRecording]:
    """Return the recordings that adjacent windows have found, by channel and time."""
    found: dict[str, FoundRecording] = {}
    for item in (item for part in parts for item in part):
        token = item.recording.recording_token
        before = found.get(token)
        if before is None:
            found[token] = item
            continue
        spans = [*before.spans, *item.spans]
        place = len(before.spans)
        if spans[place - 1][1] == spans[place][0]:
            spans[place - 1 : place + 1] = [(spans[place - 1][0], spans[place][1])]
        found[token] = replace(before, spans=tuple(spans), is_known=before.is_known and item.is_known)
    return sorted(found.values(), key=lambda item: (item.recording.channel or 2**31, item.spans[0][0]))


def joined_places(parts: Sequence[Sequence[RecordedPlace]], changes: Sequence[datetime]) -> tuple[RecordedPlace, ...]:
    """Return the places of adjacent windows. A playback of the device ends at each of the `changes` of its local time.

    It goes on at the next place, which is shifted: the recorder needs another local time there.
    """
    found: list[RecordedPlace] = []
    for place in (place for part in parts for place in part):
        begins = any(-_NEAR < place.start - change < _NEAR for change in changes)
        is_archived = origin_of(place.recording_token) is Origin.SERVER
        before = found[-1] if found else None
        if before is not None and begins and before.end == place.start:
            if is_archived and before.recording_token == place.recording_token:
                found[-1] = replace(place, start=before.start)
                continue
            if origin_of(before.recording_token) is Origin.DEVICE:
                found[-1] = replace(before, hands_over=True)
        found.append(replace(place, is_shifted=begins and not is_archived))
    return tuple(found)
