"""Rows of the timeline: one row per channel, in which each moment of the window has exactly one state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import zip_longest

from core.archive import Origin, origin_of
from core.recordings import DeviceRecording, RecordedPlace, Span, SpanState
from core.records import Channel
from recordings.intervals import Interval, clipped, difference, united, without
from recordings.matching import Match, MatchedBy, match_channels, sub_recordings
from recordings.server import ServerRecording
from recordings.spans import History, spans_from_dates, timeline_spans
from recordings.views import ChannelSpan

_STILL_RECORDING_S = 600.0  # a recording whose latest time is no older than this still goes on
_FAR = datetime(9999, 1, 1, tzinfo=UTC)
_HANDOVER = timedelta(seconds=1)
_SLIVER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Row:
    """A channel and its recordings, or one recording without a channel.

    If several have data, the first one plays: those of the main stream before those of the sub stream
    (`sub_tokens`), those of the archive before the device's, and then in the device's order. `matched_by` is the least
    certain match among the device's; SERVER if there are only others.
    """

    channel: int | None
    name: str
    matched_by: MatchedBy
    recordings: tuple[DeviceRecording, ...]
    sub_tokens: frozenset[str] = frozenset()

    @property
    def newest_token(self) -> str:
        """Token of the recording with the latest end; a recording without `latest` still goes on.

        A recording of the sub stream counts only if the channel has no other one.
        """
        mains = [item for item in self.recordings if item.recording_token not in self.sub_tokens]
        return max(mains or self.recordings, key=lambda item: item.latest or _FAR).recording_token


@dataclass(frozen=True, slots=True)
class DeviceIndex:
    """The index of a camera's recordings: the intervals that were asked, and their histories, by recording token.

    `has_event_search` is False for a device without event search: then only the dates of its own recordings are known.
    """

    has_event_search: bool
    asked: Mapping[str, Sequence[Interval]]
    histories: Mapping[str, History]


def timeline_rows(
    recordings: Sequence[DeviceRecording], channels: Sequence[Channel], archived: Sequence[ServerRecording] = ()
) -> list[Row]:
    """Return visible channels that have recordings, in the user's order, and then recordings without a channel.

    `archived`: the archive's recordings of the camera. Channels that the device does not have any more come last.
    """
    matches = match_channels(recordings, channels)
    matches |= {it.recording.recording_token: Match(it.channel, MatchedBy.SERVER) for it in archived}
    subs = sub_recordings(recordings, channels) | {it.recording.recording_token for it in archived if it.is_sub}
    of_channel: dict[int, list[DeviceRecording]] = {}
    for own in archived:
        of_channel.setdefault(own.channel, []).append(own.recording)
    others: list[Row] = []
    for recording in recordings:
        number = matches[recording.recording_token].channel
        if number is None:
            others.append(Row(None, recording.source_name, MatchedBy.NOTHING, (recording,)))
        else:
            of_channel.setdefault(number, []).append(recording)
    rows = [
        Row(
            channel.number,
            channel.name,
            _least_sure(matches[item.recording_token].by for item in of_it),
            tuple(sorted(of_it, key=lambda item: item.recording_token in subs)),
            subs & {item.recording_token for item in of_it},
        )
        for channel in sorted(channels, key=lambda channel: channel.position)
        if not channel.hidden and (of_it := of_channel.get(channel.number))
    ]
    known = {channel.number for channel in channels}
    gone = [
        Row(number, "", MatchedBy.SERVER, tuple(of_it), subs & {item.recording_token for item in of_it})
        for number, of_it in sorted(of_channel.items())
        if number not in known
    ]
    return rows + others + gone


def _least_sure(found: Iterable[MatchedBy]) -> MatchedBy:
    return max(found, key=list(MatchedBy).index)


def row_spans(row: Row, window: Interval, index: DeviceIndex, now: datetime) -> tuple[ChannelSpan, ...]:
    """Return spans that cover the window without holes.

    A moment in several recordings gets the token of the row's first one.
    """
    recorded: list[ChannelSpan] = []
    unknown: list[ChannelSpan] = []
    not_asked: list[Interval] = []
    for recording in row.recordings:
        token = recording.recording_token
        spans_of_it: Sequence[Span] = ()
        if origin_of(token) is Origin.SERVER:  # all of its time is known
            parts = clipped(index.histories.get(token, History()).recorded, (window[0], min(window[1], now)))
            pieces = _without_slivers(_outside(parts, recorded), recorded)
        else:
            spans_of_it = _recording_spans(recording, window, index, now)
            parts = [(span.start, span.end) for span in spans_of_it if span.state is SpanState.RECORDED]
            pieces = _outside(parts, recorded)
        recorded += [ChannelSpan(*piece, SpanState.RECORDED, token) for piece in pieces]
        for span in spans_of_it:
            if span.state is SpanState.UNKNOWN:
                unknown.append(ChannelSpan(span.start, span.end, SpanState.UNKNOWN, token))
            elif span.state is SpanState.NOT_ASKED:
                not_asked.append((span.start, span.end))
    taken = united((item.start, item.end) for item in recorded)
    spans = list(recorded)
    for item in unknown:
        spans += [
            ChannelSpan(*piece, SpanState.UNKNOWN, item.recording_token)
            for piece in without((item.start, item.end), taken)
        ]
        taken = united([*taken, (item.start, item.end)])
    for part in united(not_asked):
        spans += [ChannelSpan(*piece, SpanState.NOT_ASKED) for piece in without(part, taken)]
    taken = united([*taken, *not_asked])
    spans += [ChannelSpan(*piece, SpanState.NOT_RECORDED) for piece in without(window, taken)]
    return tuple(sorted(spans, key=lambda span: span.start))


def _outside(parts: list[Interval], recorded: Sequence[ChannelSpan]) -> list[Interval]:
    """Return the parts without the time of these spans."""
    return difference(parts, united((item.start, item.end) for item in recorded)) if recorded else parts


def _without_slivers(pieces: Sequence[Interval], recorded: Sequence[ChannelSpan]) -> list[Interval]:
    """Leave out the few seconds by which one of the archive's two streams of a channel is longer than the other.

    The streams begin and end at different times. A replay should not change the stream for that.
    """
    others = [span for span in recorded if span.source is Origin.SERVER]
    starts, ends = {span.start for span in others}, {span.end for span in others}
    return [it for it in pieces if it[1] - it[0] > _SLIVER or not (it[0] in ends or it[1] in starts)]


def with_first_recording(row: Row, recording_token: str) -> Row:
    """Return the row with this recording first among those of the device.

    The archive's recordings of the same stream (main or sub) stay before it, and those of the other stream come last.
    """
    is_sub = recording_token in row.sub_tokens
    return _ordered(
        row,
        lambda item: (
            (item.recording_token in row.sub_tokens) != is_sub,
            origin_of(item.recording_token) is Origin.DEVICE,
            item.recording_token != recording_token,
        ),
    )


def with_sub_recordings_first(row: Row, *, spares_device: bool = False) -> Row:
    """Return the row with the recordings of the sub stream first, so that one plays wherever it has data.

    `spares_device`: all recordings of the archive are before those of the device.
    """
    return _ordered(
        row,
        lambda item: (
            spares_device and origin_of(item.recording_token) is Origin.DEVICE,
            item.recording_token not in row.sub_tokens,
        ),
    )


def only_archived(row: Row) -> Row:
    """Return the row without the device's recordings."""
    own = tuple(item for item in row.recordings if origin_of(item.recording_token) is Origin.SERVER)
    return replace(row, recordings=own, matched_by=MatchedBy.SERVER)


def without_archived(row: Row) -> Row:
    """Return the row without the archive's recordings."""
    others = tuple(item for item in row.recordings if origin_of(item.recording_token) is Origin.DEVICE)
    return replace(row, recordings=others)


def _ordered(row: Row, rank: Callable[[DeviceRecording], tuple[bool, ...]]) -> Row:
    return replace(row, recordings=tuple(sorted(row.recordings, key=rank)))


def playable_places(row: Row, spans: Sequence[ChannelSpan], now: datetime) -> list[RecordedPlace]:
    """Return the places of the spans that can be played, in order of time.

    In a span that was not asked yet, the recordings' own dates decide.
    """
    found: list[RecordedPlace] = []
    for span in spans:
        if span.recording_token is not None:
            found.append(
                RecordedPlace(span.recording_token, span.start, span.end, span.recording_token in row.sub_tokens)
            )
        elif span.state is SpanState.NOT_ASKED:
            found += [
                RecordedPlace(item.recording_token, *part, is_sub=item.recording_token in row.sub_tokens)
                for item in row.recordings
                for part in clipped([(item.earliest or span.start, _end_of(item, now) or now)], (span.start, span.end))
            ]
    places = sorted(found, key=lambda place: place.start)
    return [
        replace(place, hands_over=_is_handover(place, follower)) for place, follower in zip_longest(places, places[1:])
    ]


def _is_handover(place: RecordedPlace, follower: RecordedPlace | None) -> bool:
    """True if a recording of the archive goes on where this one of the device is to end."""
    if follower is None or origin_of(place.recording_token) is Origin.SERVER:
        return False
    return origin_of(follower.recording_token) is Origin.SERVER and follower.start - place.end < _HANDOVER


def _end_of(recording: DeviceRecording, now: datetime) -> datetime | None:
    """Return the end of a recording, None if it still goes on."""
    latest = recording.latest
    return None if latest is None or latest > now - timedelta(seconds=_STILL_RECORDING_S) else latest


def _recording_spans(recording: DeviceRecording, window: Interval, index: DeviceIndex, now: datetime) -> Sequence[Span]:
    latest = _end_of(recording, now)
    earliest = recording.earliest
    if earliest is not None and earliest > now:
        earliest = None  # of a clock that was wrong
    if not index.has_event_search:
        found = spans_from_dates(window, earliest, latest, now)
    else:
        history = index.histories.get(recording.recording_token, History())
        hints = (earliest or window[0], latest or max(now, window[1]))
        found = timeline_spans(
            window,
            asked=index.asked.get(recording.recording_token, ()),
            recorded=history.recorded,
            unknown=clipped(history.unknown, hints) if hints[0] < hints[1] else history.unknown,
            now=now,
        )
    return found
