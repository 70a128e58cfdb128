"""The Search service (ver10/search): recordings, their summary, and events, despite the deviations of devices.

Search is asked first, and the Recording service if Search fails or finds nothing. All times are UTC by the device's
clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from lxml import etree

from core.errors import CameraBadAnswer, CameraUnsupported, DeviceError
from core.recordings import DeviceRecording, EventSearch, Listed, RecordingEvent, RecordingSummary
from onvif_services import answers, recording_control, searches
from onvif_services.answers import Element, child, children, is_true, raw_text
from onvif_services.connection import DeviceConnection
from onvif_services.date_orders import write_clear_dates
from onvif_services.device import read_told_zone_s, read_zone_name
from onvif_services.device_times import read_hint, read_moment
from onvif_services.events import EventMessage, read_message
from onvif_services.faults import DeviceBusy, NoAnswer, SoapFault, unsupported
from onvif_services.recording_control import MAX_RECORDINGS, in_order
from onvif_services.recording_zone import Verdict, may_be_local

MAX_EVENTS = 200_000
RECORDING_STATE = "tns1:RecordingHistory/Recording/State"
TRACK_STATE = "tns1:RecordingHistory/Track/State"
HISTORY = (RECORDING_STATE, TRACK_STATE)
EVERYTHING: tuple[str, ...] = ()
_MAX_UNREADABLE = 100

_TOPICS = "http://www.onvif.org/ver10/topics"
_NOTIFICATION = "http://docs.oasis-open.org/wsn/b-2"
_CONCRETE_SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"

# Failures of one request, after which another one may succeed. Other errors (no connection, login) concern them all.
_FAILED = (SoapFault, CameraUnsupported, CameraBadAnswer, NoAnswer, DeviceBusy)
_ZONE_CHECK = "times of recordings"
_OPTIONAL_S = 5.0  # limit of a request without which the recordings can be listed


def list_recordings(conn: DeviceConnection, *, deadline_s: float = 30.0) -> Listed:
    """Return all recordings in the device's order, and the service that listed them: "search" or "recording".

    `deadline_s`: the longest time of the search in seconds from now. `job_source` is set if GetRecordingJobs names it.
    If neither service lists recordings, raise the error of Search, which is CameraUnsupported (service "search") if the
    device does not offer it.
    """
    recordings, service = _listed(conn, deadline_s)
    _judge_zone(conn, recordings)
    sources = _job_sources(conn) if recordings else {}
    return tuple(replace(item, job_source=sources.get(item.recording_token, "")) for item in recordings), service


def _judge_zone(conn: DeviceConnection, recordings: Sequence[DeviceRecording]) -> None:
    """Find out if the times of recordings are local ones that are marked as UTC; see `recording_zone`."""
    newest = max((item.latest for item in recordings if item.latest), default=None)
    if newest is None:
        return
    now_utc = conn.device_clock.now_utc()
    zone_s, name = _told_zone(conn) if may_be_local(newest, now_utc) else (None, "")
    verdict = conn.recording_zone.judge(newest, now_utc, zone_s, name)
    if verdict is Verdict.LOCAL:
        conn.note(_ZONE_CHECK, "repaired", "The device writes local times of recordings and marks them as UTC.")
    elif verdict is Verdict.DOUBTFUL:
        conn.note(_ZONE_CHECK, "unconfirmed", "The newest recording lies in the future by the device's clock.")
    elif verdict is Verdict.UTC:
        conn.note(_ZONE_CHECK, "ok")


def _told_zone(conn: DeviceConnection) -> tuple[float | None, str]:
    """Return the difference of the device's local time to UTC, if it tells that, and the name of its zone."""
    try:
        answer = conn.call("device", "GetSystemDateAndTime", timeout_s=_OPTIONAL_S)
    except DeviceError:  # the recordings are listed already
        return None, ""
    return read_told_zone_s(answer), read_zone_name(answer)


def _listed(conn: DeviceConnection, deadline_s: float) -> Listed:
    refusal: DeviceError = unsupported("search")
    found: tuple[DeviceRecording, ...] | None = None
    if "search" in conn.services:
        try:
            with conn.checking("search"):
                found = _search_recordings(conn, deadline_s)
        except _FAILED as error:
            refusal = error
    if found or "recording" not in conn.services:
        if found is None:
            raise refusal
        return found, "search"
    try:
        with conn.checking("recording"):
            recordings = recording_control.read_recordings(conn)
    except _FAILED:
        if found is None:
            raise refusal from None
        return found, "search"
    if found is not None and not recordings:
        return found, "search"
    return _with_information(conn, recordings), "recording"


def _search_recordings(conn: DeviceConnection, deadline_s: float) -> tuple[DeviceRecording, ...]:
    unreadable: set[str] = set()
    read = partial(_read_page, conn, unreadable=unreadable)
    search = searches.Search("FindRecordings", {"Scope": {}}, "GetRecordingSearchResults", read, MAX_RECORDINGS)
    merged: dict[str, DeviceRecording] = {}
    for item in searches.run(conn, search, deadline_s=deadline_s).found:
        known = merged.get(item.recording_token)
        merged[item.recording_token] = _merged(known, item) if known else item
    _note_unreadable(conn, "dates of recordings", unreadable)
    return tuple(merged.values())


def _merged(one: DeviceRecording, other: DeviceRecording) -> DeviceRecording:
    """Merge two entries of a recording. Some devices list a recording once for every piece of it."""
    tracks = {track.track_token: track for track in (*other.tracks, *one.tracks)}
    return replace(
        one,
        source_id=one.source_id or other.source_id,
        source_name=one.source_name or other.source_name,
        earliest=min((moment for item in (one, other) if (moment := item.earliest)), default=None),
        latest=max((moment for item in (one, other) if (moment := item.latest)), default=None),
        tracks=tuple(tracks.values())[: recording_control.MAX_TRACKS],
    )


def _note_unreadable(conn: DeviceConnection, name: str, unreadable: Collection[str]) -> None:
    """Write to the health card that some times do not count, with the first of them as the device writes it."""
    if unreadable:
        conn.note(name, "camera_bad_answer", f"unreadable: {min(unreadable)}")
    else:
        conn.note(name, "ok")


def _write_clear_dates(conn: DeviceConnection, answer: Element) -> None:
    conn.date_order = write_clear_dates(answer, conn.device_clock.now_utc(), conn.date_order)


def _read_page(conn: DeviceConnection, page: Element, unreadable: set[str]) -> Iterator[DeviceRecording]:
    _write_clear_dates(conn, page)
    for item in children(page, "RecordingInformation"):
        texts = (answers.text(item, name) for name in ("EarliestRecording", "LatestRecording"))
        unreadable.update(text for text in texts if text and read_moment(text) is None)
        if recording := _read_recording(item):
            yield recording


def _read_recording(item: Element) -> DeviceRecording | None:
    """Read a tt:RecordingInformation. Missing dates are taken from its tracks."""
    token = answers.checked_token(raw_text(item, "RecordingToken"))
    if not token:
        return None
    source_id, source_name = recording_control.read_source(child(item, "Source"))
    tracks = tuple(recording_control.read_tracks(item))
    own = read_hint(raw_text(item, "EarliestRecording")), read_hint(raw_text(item, "LatestRecording"))
    earliest, latest = in_order(*own)
    earliest, latest = in_order(
        earliest or min((track.data_from for track in tracks if track.data_from), default=None),
        latest or max((track.data_until for track in tracks if track.data_until), default=None),
    )
    return DeviceRecording(token, source_id, source_name, earliest, latest, tracks)


def _with_information(conn: DeviceConnection, recordings: tuple[DeviceRecording, ...]) -> tuple[DeviceRecording, ...]:
    """Add the times of GetRecordingInformation (GetRecordings has none), if Search offers at least that."""
    if "search" not in conn.services:
        return recordings
    found = list(recordings)
    for index, recording in enumerate(recordings):
        try:
            params = {"RecordingToken": recording.recording_token}
            answer = conn.call("search", "GetRecordingInformation", params, timeout_s=_OPTIONAL_S)
        except _FAILED:
            break  # the device would refuse it for each recording
        _write_clear_dates(conn, answer)
        information = child(answer, "RecordingInformation")
        details = _read_recording(information) if information is not None else None
        if details and details.recording_token == recording.recording_token:
            found[index] = _merged(recording, details)
    return tuple(found)


def _job_sources(conn: DeviceConnection) -> dict[str, str]:
    if "recording" not in conn.services:
        return {}
    try:
        with conn.checking("recording"):
            return recording_control.read_job_sources(conn, timeout_s=_OPTIONAL_S)
    except _FAILED:
        return {}


def summary(conn: DeviceConnection, *, listed: Listed | None = None, deadline_s: float = 30.0) -> RecordingSummary:
    """Return GetRecordingSummary (ONVIF Recording Search 5.2), with missing values computed from the recordings.

    `listed`: the result of `list_recordings`, if the caller has it; otherwise the device is asked if needed. Raise the
    error of the list only if the device has no summary either.
    """
    own = RecordingSummary(None, None, 0, "")
    if "search" in conn.services:
        try:
            with conn.checking("recording summary"):
                answer = conn.call("search", "GetRecordingSummary", timeout_s=_OPTIONAL_S)
                _write_clear_dates(conn, answer)
                own = _read_summary(answer)
        except _FAILED:
            pass  # Uniview: optional action not implemented
    if own.data_from and own.data_until and own.number_recordings:
        return own
    try:
        recordings, listed_by = listed or list_recordings(conn, deadline_s=deadline_s)
    except _FAILED:
        if own.has_values:
            return own
        raise
    return RecordingSummary(
        own.data_from or min((item.earliest for item in recordings if item.earliest), default=None),
        own.data_until or max((item.latest for item in recordings if item.latest), default=None),
        own.number_recordings or len(recordings),
        own.service or listed_by,
    )


def _read_summary(answer: Element) -> RecordingSummary:
    holder = child(answer, "Summary")
    own = read_hint(raw_text(holder, "DataFrom")), read_hint(raw_text(holder, "DataUntil"))
    data_from, data_until = in_order(*own)
    number = answers.whole(raw_text(holder, "NumberRecordings")) or 0
    return RecordingSummary(data_from, data_until, number, "search")


def find_events(
    conn: DeviceConnection,
    *,
    start: datetime,
    end: datetime,
    recording_tokens: Sequence[str] = (),
    topics: Sequence[str] = EVERYTHING,
    include_start_state: bool = True,
    deadline_s: float = 60.0,
    on_progress: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> EventSearch:
    """Return the results of FindEvents in [start, end] (aware datetimes, UTC by the device's clock).

    `recording_tokens`: none means all recordings. `topics`: names like `tns1:RecordingHistory/Track/State`, each with
    its subtopics; none means all. The result is filtered again, because devices ignore some of these. `deadline_s`:
    seconds from now. `on_progress`: called with the number of events so far. Raise CameraUnsupported (service "search")
    without event search.
    """
    if "search" not in conn.services:
        raise unsupported("search")

    unreadable: set[str] = set()
    read = partial(_read_events, conn, unreadable=unreadable)

    def search(named: Sequence[str], *, with_start_state: bool) -> searches.Search[RecordingEvent]:
        params = {
            "StartPoint": start.replace(microsecond=0),  # not every parser of a device reads fractions
            "EndPoint": (end + timedelta(seconds=1 if end.microsecond else 0)).replace(microsecond=0),
            "Scope": {"IncludedRecordings": list(recording_tokens)} if recording_tokens else {},
            "SearchFilter": _topic_filter(named),
            "IncludeStartState": with_start_state,
        }
        return searches.Search(
            "FindEvents", params, "GetEventSearchResults", read, MAX_EVENTS, on_progress, should_stop
        )

    with conn.checking("event search"):
        # A device may not know the topics, demand some, or have no start states.
        forms = [(topics, include_start_state), (EVERYTHING if topics else HISTORY, include_start_state)]
        forms += [(topics, False)] if include_start_state else []
        refusal: SoapFault | None = None
        for named, with_start_state in forms:
            try:
                results = searches.run(conn, search(named, with_start_state=with_start_state), deadline_s=deadline_s)
            except SoapFault as fault:
                refusal = refusal or fault
                continue
            break
        else:
            raise refusal or unsupported("search")
    _note_unreadable(conn, "times of recorded events", unreadable)
    event_filter = _EventFilter(start, end, frozenset(recording_tokens), tuple(bare_topic(topic) for topic in topics))
    events = sorted(event_filter.apply(results.found), key=lambda event: (event.time, not event.is_start_state))
    has_start_states = any(event.is_start_state for event in events)
    return EventSearch(tuple(events), results.complete, has_start_states, is_quiet=results.is_quiet)


def bare_topic(topic: str) -> str:
    """Return a topic without prefixes (`RecordingHistory/Track/State`), because devices choose their own prefixes."""
    parts = topic.removesuffix("//.").strip("/").split("/")
    return "/".join(part.rpartition(":")[2] for part in parts)


def is_history(topic: str) -> bool:
    """True for the topic of a change of recording (RecordingHistory), not of a detection such as motion."""
    return bare_topic(topic).startswith("RecordingHistory/")


def _topic_filter(topics: Sequence[str]) -> dict[str, Any]:
    """Return a wsnt:FilterType with one TopicExpression (ONVIF Core, "Topic filter"), which declares its own prefix."""
    if not topics:
        return {}
    names = {"wsnt": _NOTIFICATION, "tns1": _TOPICS}
    expression = etree.Element(f"{{{_NOTIFICATION}}}TopicExpression", {"Dialect": _CONCRETE_SET}, names)
    expression.text = "|".join(topics)
    return {"_value_1": [expression]}


def _read_events(conn: DeviceConnection, page: Element, unreadable: set[str]) -> Iterator[RecordingEvent]:
    _write_clear_dates(conn, page)
    for result in children(page, "Result"):
        event = child(result, "Event")
        message = read_message(event if event is not None else result)
        written = raw_text(result, "Time")
        moment = read_moment(written) or message.at_utc
        if moment is None and len(unreadable) < _MAX_UNREADABLE:
            unreadable.add(answers.clean(written) or "no text")
        named = answers.checked_token(raw_text(result, "RecordingToken")) or _item(message, "RecordingToken")
        if moment and message.topic:
            yield RecordingEvent(
                time=moment,
                topic=message.topic,
                recording_token=named,
                track_token=answers.checked_token(raw_text(result, "TrackToken")),
                active=_first_boolean(message),
                is_start_state=is_true(raw_text(result, "StartStateEvent")),
            )


def _item(message: EventMessage, name: str) -> str:
    return next((value for key, value in message.source if key == name), "")


def _first_boolean(message: EventMessage) -> bool | None:
    """Return the first boolean of an event's data (IsRecording, IsDataPresent, IsMotion, State), or None."""
    states = (answers.state_of(value) for _, value in message.data)
    return next((state for state in states if state is not None), None)


@dataclass(frozen=True, slots=True)
class _EventFilter:
    """Filter of a search, applied here because devices ignore one part of it or another."""

    start: datetime
    end: datetime
    recording_tokens: frozenset[str]
    topics: tuple[str, ...]

    def apply(self, events: Iterable[RecordingEvent]) -> Iterator[RecordingEvent]:
        """Yield the wanted events inside the window, and one start state per recording, track and topic.

        A start state is one that the device marks as such, otherwise the last RecordingHistory change before the
        window; its time is moved into the window.
        """
        states: dict[tuple[str, str, str], RecordingEvent] = {}
        for event in events:
            if not self._is_asked_for(event):
                continue
            if self.start <= event.time <= self.end and not event.is_start_state:
                yield event
            elif event.is_start_state or (event.time < self.start and is_history(event.topic)):
                key = (event.recording_token, event.track_token, event.topic)
                if key not in states or _is_better_state(event, states[key]):
                    states[key] = event
        for event in states.values():
            yield replace(event, time=min(max(event.time, self.start), self.end), is_start_state=True)

    def _is_asked_for(self, event: RecordingEvent) -> bool:
        if self.recording_tokens and event.recording_token not in self.recording_tokens:
            return False
        topic = bare_topic(event.topic)
        return not self.topics or any(topic == name or topic.startswith(name + "/") for name in self.topics)


def _is_better_state(event: RecordingEvent, known: RecordingEvent) -> bool:
    """True if `event` is the better start state: a start state rather than a change, otherwise the later one."""
    if event.is_start_state != known.is_start_state:
        return event.is_start_state
    return event.time > known.time
