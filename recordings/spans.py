"""From what a device says of a recording's history to what the timeline draws.

Recorded, not recorded, not asked and unknown are four things. Nothing is ever drawn as recorded
that the device has not said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.recordings import DeviceRecording, RecordingEvent, Span, SpanState, TrackType
from onvif_services.recording_search import RECORDING_STATE, TRACK_STATE, bare_topic
from recordings.intervals import Interval, clipped, united, without

_TRACK_STATE, _RECORDING_STATE = bare_topic(TRACK_STATE), bare_topic(RECORDING_STATE)


@dataclass(frozen=True, slots=True)
class History:
    """What one search told of one recording: when there was data, and when nobody knows.

    Both lie inside the window that was asked, and apart; the rest of it is without data.
    """

    recorded: tuple[Interval, ...] = ()
    unknown: tuple[Interval, ...] = ()


def history_of(recording: DeviceRecording, events: Iterable[RecordingEvent], window: Interval) -> History:
    """Reads the changes of one recording inside `window` (ONVIF Recording Search, 5.21, RecordingHistory).

    The picture's tracks decide where the device tells of tracks, else the recording itself. What
    was before the first change is its start state; a device that gives none is taken at its
    change: what begins was not there before. Without any change it is unknown.
    """
    mine = [
        event for event in events if event.recording_token == recording.recording_token and event.active is not None
    ]
    videos = {track.track_token for track in recording.tracks if track.type is TrackType.VIDEO}
    lines: dict[str, list[RecordingEvent]] = {}
    for event in mine:
        topic = bare_topic(event.topic)
        if topic == _TRACK_STATE and (not videos or event.track_token in videos):
            lines.setdefault(event.track_token, []).append(event)
    if not lines:
        lines[""] = [event for event in mine if bare_topic(event.topic) == _RECORDING_STATE]
    told = [_line(line, window) for line in lines.values()]
    recorded = united(interval for history in told for interval in history.recorded)
    unknown = united(interval for history in told for interval in history.unknown)
    return History(tuple(recorded), tuple(part for each in unknown for part in without(each, recorded)))


def _line(events: Sequence[RecordingEvent], window: Interval) -> History:
    """One track. Changes that say what is so already are no changes."""
    start, end = window
    ordered = sorted(events, key=lambda event: (event.time, not event.is_start_state))
    state: bool | None = None
    since = start
    recorded: list[Interval] = []
    unknown: list[Interval] = []
    for event in ordered:
        at = min(max(event.time, start), end)
        if event.is_start_state:
            if state is None:
                state = event.active
            continue
        before = (not event.active) if state is None else state
        if before:
            recorded.append((since, at))
        state, since = event.active, at
    if state is None:
        unknown.append(window)
    elif state:
        recorded.append((since, end))
    return History(tuple(united(recorded)), tuple(united(unknown)))


def drawn(
    window: Interval,
    *,
    asked: Iterable[Interval],
    recorded: Iterable[Interval],
    unknown: Iterable[Interval] = (),
    now: datetime,
) -> tuple[Span, ...]:
    """The window without holes. What lies in the future is not recorded; neighbours are of different states."""
    past = (min(window[0], now), now)
    recorded, unknown = clipped(united(recorded), past), clipped(united(unknown), past)
    known = united((*asked, (now, max(now, window[1]))))
    pieces = [(begin, end, SpanState.NOT_ASKED) for begin, end in without(window, known)]
    for part in clipped(known, window):
        pieces += [(begin, end, SpanState.RECORDED) for begin, end in clipped(recorded, part)]
        for hole in without(part, recorded):
            pieces += [(begin, end, SpanState.UNKNOWN) for begin, end in clipped(unknown, hole)]
            pieces += [(begin, end, SpanState.NOT_RECORDED) for begin, end in without(hole, unknown)]
    spans: list[Span] = []
    for begin, end, state in sorted(pieces):
        if spans and spans[-1].state is state and spans[-1].end == begin:
            spans[-1] = Span(spans[-1].start, end, state)
        else:
            spans.append(Span(begin, end, state))
    return tuple(spans)


def hinted(window: Interval, earliest: datetime | None, latest: datetime | None, now: datetime) -> tuple[Span, ...]:
    """For a device without event search: between its earliest and latest it is unknown, outside nothing is there.

    A missing hint leaves that side unknown up to `now`.
    """
    start, end = window
    stretch = (earliest or start, min(latest or now, now))
    return drawn(
        window, asked=[window], recorded=(), unknown=[stretch] if stretch[0] < stretch[1] else (), now=max(now, end)
    )
