"""The Recording Search service (ONVIF Recording Search Service Specification): recordings and events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simulator.archive import Recording, recordings
from simulator.clock import as_xml_time
from simulator.makes import Make
from simulator.soap import capabilities
from simulator.soap.recordings import found, source_information, time_element
from simulator.soap.service import Call, SoapFault, no_such, operation
from simulator.soap.xml import Element, child, descendants, el, parse_duration, parse_time, qname, text_of, texts_of
from simulator.subscriptions import topic_matches

_HISTORY = "tns1:RecordingHistory/Recording/State"
_TRACK_HISTORY = "tns1:RecordingHistory/Track/State"
_CONCRETE_SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
_MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"
_MAX_RESULTS = 100
_RESET = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ArchiveEvent:
    """A change of a recording, of one of its tracks, or of what was seen; `at_s` by the device's clock."""

    recording: Recording
    track_token: str
    topic: str
    at_s: float
    is_on: bool
    is_start_state: bool


def _earliest(call: Call, recording: Recording) -> Element:
    if call.recorder.make.has_wrong_dates:
        return el("tt:EarliestRecording", as_xml_time(_RESET))
    return time_element("tt:EarliestRecording", recording, is_end=False)


def _information(call: Call, recording: Recording, name: str) -> Element:
    tracks = [
        el(
            "tt:Track",
            el("tt:TrackToken", token),
            el("tt:TrackType", kind),
            el("tt:Description", ""),
            time_element("tt:DataFrom", recording, is_end=False),
            time_element("tt:DataTo", recording, is_end=True),
        )
        for token, kind in recording.tracks()
    ]
    return el(
        name,
        el("tt:RecordingToken", recording.token),
        source_information(call, recording),
        _earliest(call, recording),
        time_element("tt:LatestRecording", recording, is_end=True),
        el("tt:Content", "Continuous"),
        *tracks,
        el("tt:RecordingStatus", "Recording" if recording.is_active else "Stopped"),
    )


def _not_implemented() -> SoapFault:
    return SoapFault("Receiver", "ter:ActionNotSupported", reason="Optional Action Not Implemented")


@operation("tse:GetServiceCapabilities", pre_auth=True)
def get_service_capabilities(_call: Call) -> Element:
    return el("tse:GetServiceCapabilitiesResponse", capabilities.search())


@operation("tse:GetRecordingSummary")
def get_recording_summary(call: Call) -> Element:
    make = call.recorder.make
    if make.summary == "none":
        raise _not_implemented()
    kept = recordings(call.recorder) if make.summary == "full" else []
    now = call.recorder.clock.utc() if kept else _RESET
    summary = el(
        "tse:Summary",
        el("tt:DataFrom", as_xml_time(_summary_from(kept, make, now))),
        el("tt:DataUntil", as_xml_time(max((recording.latest for recording in kept), default=now))),
        el("tt:NumberRecordings", len(kept)),
    )
    return el("tse:GetRecordingSummaryResponse", summary)


def _summary_from(kept: list[Recording], make: Make, default: datetime) -> datetime:
    earliest = min((recording.earliest for recording in kept), default=default)
    return earliest + timedelta(days=3) if make.has_wrong_dates else earliest


@operation("tse:GetRecordingInformation")
def get_recording_information(call: Call) -> Element:
    recording = found(call, "tse:RecordingToken")
    return el("tse:GetRecordingInformationResponse", _information(call, recording, "tse:RecordingInformation"))


def _number(call: Call, name: str, default: int) -> int:
    text = call.text(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason=f"{name} is not a number above zero")
    return int(text)


def _in_scope(call: Call) -> list[Recording]:
    scope = child(call.body, "tse:Scope")
    if scope is None:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason="Scope is missing")
    if text_of(scope, "tt:RecordingInformationFilter"):
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidFilterFault", reason="No XPath filters here")
    kept = recordings(call.recorder)
    if not call.recorder.make.honours_filters:
        return kept
    included = set(texts_of(scope, "tt:IncludedRecordings"))
    if not included <= {recording.token for recording in kept}:
        raise no_such("ter:InvalidToken", "recording")
    sources = {text_of(source, "tt:Token") for source in scope.findall(qname("tt:IncludedSources"))}
    if sources:
        kept = [recording for recording in kept if recording.channel.video_source_token in sources]
    return [recording for recording in kept if not included or recording.token in included]


def _begin(call: Call, kind: str, results: list[object]) -> Element:
    keep_alive = parse_duration(call.text("tse:KeepAliveTime"))
    if keep_alive is None:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason="KeepAliveTime is missing")
    results = results[: _number(call, "tse:MaxMatches", len(results) or 1)]
    token = call.recorder.searches.begin(kind, results, keep_alive.total_seconds())
    if token is None:
        raise SoapFault("Receiver", "ter:Action", "ter:ResourceProblem", reason="Too many searches are under way")
    return el(f"tse:{kind}Response", el("tse:SearchToken", token))


def _take(call: Call, kind: str) -> tuple[Element, list[object]]:
    """The state of a search and its next results."""
    search = call.recorder.searches.find(call.text("tse:SearchToken"), kind)
    if search is None:
        raise no_such("ter:InvalidToken", "search")
    taken = search.take(min(_number(call, "tse:MaxResults", _MAX_RESULTS), _MAX_RESULTS))
    goes_on = bool(search.results) or (call.recorder.make.is_never_completed and bool(taken))
    return el("tt:SearchState", "Searching" if goes_on else "Completed"), taken


@operation("tse:FindRecordings")
def find_recordings(call: Call) -> Element:
    return _begin(call, "FindRecordings", list(_in_scope(call)))


@operation("tse:GetRecordingSearchResults")
def get_recording_search_results(call: Call) -> Element:
    state, taken = _take(call, "FindRecordings")
    rows = [_information(call, row, "tt:RecordingInformation") for row in taken if isinstance(row, Recording)]
    return el("tse:GetRecordingSearchResultsResponse", el("tse:ResultList", state, *rows))


def _history(recording: Recording, start_s: float, end_s: float, *, with_start_state: bool) -> Iterator[ArchiveEvent]:
    tracks = [token for token, _ in recording.tracks()]

    def state(at_s: float, *, is_on: bool, is_start_state: bool) -> Iterator[ArchiveEvent]:
        yield ArchiveEvent(recording, tracks[0], _HISTORY, at_s, is_on, is_start_state)
        for token in tracks:
            yield ArchiveEvent(recording, token, _TRACK_HISTORY, at_s, is_on, is_start_state)

    if with_start_state:
        yield from state(start_s, is_on=recording.has_data(start_s), is_start_state=True)
    for at_s, is_on in recording.changes(start_s, end_s):
        yield from state(at_s, is_on=is_on, is_start_state=False)


def _motion(recording: Recording, start_s: float, end_s: float) -> Iterator[ArchiveEvent]:
    for begin_s, until_s in recording.motion(start_s - 120, end_s):
        for at_s, is_on in ((begin_s, True), (until_s, False)):
            if start_s <= at_s <= end_s:
                yield ArchiveEvent(recording, recording.tracks()[0][0], _MOTION, at_s, is_on, False)


@operation("tse:FindEvents")
def find_events(call: Call) -> Element:
    if not call.recorder.make.searches_events:
        raise _not_implemented()
    start, end = parse_time(call.text("tse:StartPoint")), parse_time(call.text("tse:EndPoint"))
    if start is None:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason="StartPoint is missing")
    now = call.recorder.clock.utc()
    low, high = sorted((min(start, now).timestamp(), min(end or now, now).timestamp()))
    make = call.recorder.make
    with_state = make.gives_start_states and call.text("tse:IncludeStartState") in ("true", "1")
    expressions = [(found.text or "") for found in descendants(call.body, "wsnt:TopicExpression")]
    wanted = "|".join(expressions) if make.honours_filters else ""
    events = [
        event
        for recording in _in_scope(call)
        for event in (
            *_history(recording, low, high, with_start_state=with_state),
            *_motion(recording, low, high),
        )
        if not wanted or topic_matches(wanted, event.topic)
    ]
    if not make.writes_loosely:
        events.sort(key=lambda event: event.at_s, reverse=end is not None and end < start)
    return _begin(call, "FindEvents", list(events))


def _item(name: str, value: str | bool) -> Element:
    return el("tt:SimpleItem", attributes={"Name": name, "Value": value})


def _event(event: ArchiveEvent, make: Make) -> Element:
    source, name = {
        _HISTORY: ([_item("RecordingToken", event.recording.token)], "IsRecording"),
        _TRACK_HISTORY: (
            [_item("RecordingToken", event.recording.token), _item("Track", event.track_token)],
            "IsDataPresent",
        ),
        _MOTION: (
            [
                _item("VideoSourceConfigurationToken", event.recording.channel.video_source_token),
                _item("VideoAnalyticsConfigurationToken", "VideoAnalytics000"),
                _item("Rule", "MotionDetectorRule"),
            ],
            "IsMotion",
        ),
    }[event.topic]
    time = as_xml_time(datetime.fromtimestamp(event.at_s, UTC))
    value: str | bool = event.is_on
    if make.writes_loosely:
        time, value = time.removesuffix("Z"), str(event.is_on).upper()
    message = el(
        "tt:Message",
        el("tt:Source", *source),
        el("tt:Data", _item(name, value)),
        attributes={"UtcTime": time, "PropertyOperation": "Initialized" if event.is_start_state else "Changed"},
    )
    topic = el("wsnt:Topic", event.topic, attributes={"Dialect": _CONCRETE_SET})
    return el(
        "tt:Result",
        el("tt:RecordingToken", event.recording.token),
        el("tt:TrackToken", event.track_token),
        el("tt:Time", time),
        el("tt:Event", topic, el("wsnt:Message", message)),
        el("tt:StartStateEvent", event.is_start_state),
    )


@operation("tse:GetEventSearchResults")
def get_event_search_results(call: Call) -> Element:
    state, taken = _take(call, "FindEvents")
    rows = [_event(row, call.recorder.make) for row in taken if isinstance(row, ArchiveEvent)]
    return el("tse:GetEventSearchResultsResponse", el("tse:ResultList", state, *rows))


@operation("tse:GetSearchState")
def get_search_state(call: Call) -> Element:
    search = call.recorder.searches.find(call.text("tse:SearchToken"))
    if search is None:
        raise no_such("ter:InvalidToken", "search")
    return el("tse:GetSearchStateResponse", el("tse:State", "Searching" if search.results else "Completed"))


@operation("tse:EndSearch")
def end_search(call: Call) -> Element:
    token = call.text("tse:SearchToken")
    if call.recorder.searches.find(token) is None:
        raise no_such("ter:InvalidToken", "search")
    call.recorder.searches.end(token)
    return el("tse:EndSearchResponse", el("tse:Endpoint", as_xml_time(call.recorder.clock.utc())))
