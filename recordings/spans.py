"""Convert the recording events of a device to the spans of the timeline.

Recorded, not recorded, not asked and unknown are four different states. Time is recorded only if the device says so.
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
    """Result of one search for one recording: intervals with data, and intervals of which nothing is known.

    Both are inside the window of the search and do not overlap; the rest of the window has no data.
    """

    recorded: tuple[Interval, ...] = ()
    unknown: tuple[Interval, ...] = ()


def history_of(recording: DeviceRecording, events: Iterable[RecordingEvent], window: Interval) -> History:
    """Return the history of one recording inside `window` (ONVIF Recording Search, 5.21, RecordingHistory).

    Events of the video tracks decide if there are any (of all tracks, if the recording lists no video track), otherwise
    those of the recording itself, and without any of those, events of tracks that it does not list. The start state
    holds before the first change; without one, the opposite of the first change does. Without any event the window is
    unknown.
    """
    changes = [
        event for event in events if event.recording_token == recording.recording_token and event.active is not None
    ]
    videos = {track.track_token for track in recording.tracks if track.type is TrackType.VIDEO}
    by_track: dict[str, list[RecordingEvent]] = {}
    for event in changes:
        if bare_topic(event.topic) == _TRACK_STATE:
            by_track.setdefault(event.track_token, []).append(event)
    of_videos = {token: found for token, found in by_track.items() if not videos or token in videos}
    of_recording = [event for event in changes if bare_topic(event.topic) == _RECORDING_STATE]
    listed = {track.track_token for track in recording.tracks}
    if of_videos:
        by_track = of_videos
    elif of_recording or listed & set(by_track) or not by_track:
        by_track = {"": of_recording}  # otherwise the events have other tokens than the list: one of them is the video
    histories = [_track_history(track_events, window) for track_events in by_track.values()]
    recorded = united(interval for history in histories for interval in history.recorded)
    unknown = united(interval for history in histories for interval in history.unknown)
    return History(tuple(recorded), tuple(part for each in unknown for part in without(each, recorded)))


def _track_history(events: Sequence[RecordingEvent], window: Interval) -> History:
    """Return the history of one track. An event that repeats the present state changes nothing."""
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


def timeline_spans(
    window: Interval,
    *,
    asked: Iterable[Interval],
    recorded: Iterable[Interval],
    unknown: Iterable[Interval] = (),
    now: datetime,
) -> tuple[Span, ...]:
    """Return spans that cover the window without holes; adjacent ones differ in state. The future is not recorded."""
    past = (min(window[0], now), now)
    recorded, unknown = clipped(united(recorded), past), clipped(united(unknown), past)
    known = united((*asked, (now, max(now, window[1]))))
    pieces = [(begin, end, SpanState.NOT_ASKED) for begin, end in without(window, known)]
    for part in clipped(known, window):
        pieces += [(begin, end, SpanState.RECORDED) for begin, end in clipped(recorded, part)]
        holes = without(part, recorded)
        if not unknown:
            pieces += [(begin, end, SpanState.NOT_RECORDED) for begin, end in holes]
            continue
        for hole in holes:
            pieces += [(begin, end, SpanState.UNKNOWN) for begin, end in clipped(unknown, hole)]
            pieces += [(begin, end, SpanState.NOT_RECORDED) for begin, end in without(hole, unknown)]
    spans: list[Span] = []
    for begin, end, state in sorted(pieces):
        if spans and spans[-1].state is state and spans[-1].end == begin:
            spans[-1] = Span(spans[-1].start, end, state)
        else:
            spans.append(Span(begin, end, state))
    return tuple(spans)


def spans_from_dates(
    window: Interval, earliest: datetime | None, latest: datetime | None, now: datetime
) -> tuple[Span, ...]:
    """Return spans for a device without event search: unknown between `earliest` and `latest`, otherwise not recorded.

    If a date is missing, the window's start or `now` takes its place.
    """
    start, end = window
    stretch = (earliest or start, min(latest or now, now))
    return timeline_spans(
        window, asked=[window], recorded=(), unknown=[stretch] if stretch[0] < stretch[1] else (), now=max(now, end)
    )
