"""The Recording Search service (ONVIF Recording Search Service Specification), minimal and honest.

Every recording is one unbroken span, so the history has one event a track: when it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from simulator.archive import Recording, recordings
from simulator.clock import as_xml_time
from simulator.soap import capabilities
from simulator.soap.recordings import found, source_information, time_element
from simulator.soap.service import Call, SoapFault, no_such, operation
from simulator.soap.xml import Element, child, descendants, el, parse_duration, parse_time, qname, text_of, texts_of
from simulator.subscriptions import topic_matches

_HISTORY = "tns1:RecordingHistory/Recording/State"
_TRACK_HISTORY = "tns1:RecordingHistory/Track/State"
_CONCRETE_SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
_MAX_RESULTS = 100


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """A state of a recording or of one of its tracks."""

    recording: Recording
    track_token: str
    topic: str
    time: datetime
    is_start_state: bool


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
        time_element("tt:EarliestRecording", recording, is_end=False),
        time_element("tt:LatestRecording", recording, is_end=True),
        el("tt:Content", "Continuous"),
        *tracks,
        el("tt:RecordingStatus", "Recording"),
    )


@operation("tse:GetServiceCapabilities", pre_auth=True)
def get_service_capabilities(_call: Call) -> Element:
    return el("tse:GetServiceCapabilitiesResponse", capabilities.search())


@operation("tse:GetRecordingSummary")
def get_recording_summary(call: Call) -> Element:
    kept = recordings(call.recorder)
    now = call.recorder.clock.utc()
    summary = el(
        "tse:Summary",
        el("tt:DataFrom", as_xml_time(min((recording.earliest for recording in kept), default=now))),
        el("tt:DataUntil", as_xml_time(max((recording.latest for recording in kept), default=now))),
        el("tt:NumberRecordings", len(kept)),
    )
    return el("tse:GetRecordingSummaryResponse", summary)


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
    return el("tt:SearchState", "Searching" if search.results else "Completed"), taken


@operation("tse:FindRecordings")
def find_recordings(call: Call) -> Element:
    return _begin(call, "FindRecordings", list(_in_scope(call)))


@operation("tse:GetRecordingSearchResults")
def get_recording_search_results(call: Call) -> Element:
    state, taken = _take(call, "FindRecordings")
    rows = [_information(call, row, "tt:RecordingInformation") for row in taken if isinstance(row, Recording)]
    return el("tse:GetRecordingSearchResultsResponse", el("tse:ResultList", state, *rows))


def _history(recording: Recording, start: datetime, end: datetime, *, with_start_state: bool) -> list[HistoryEvent]:
    topics = [(recording.tracks()[0][0], _HISTORY), *((token, _TRACK_HISTORY) for token, _ in recording.tracks())]
    if start <= recording.earliest <= end:
        return [HistoryEvent(recording, token, topic, recording.earliest, False) for token, topic in topics]
    if with_start_state and recording.earliest < start:  # it goes on, so this is so at any later moment
        return [HistoryEvent(recording, token, topic, start, True) for token, topic in topics]
    return []


@operation("tse:FindEvents")
def find_events(call: Call) -> Element:
    start, end = parse_time(call.text("tse:StartPoint")), parse_time(call.text("tse:EndPoint"))
    if start is None:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason="StartPoint is missing")
    now = call.recorder.clock.utc()
    low, high = sorted((min(start, now), min(end or now, now)))
    with_state = call.text("tse:IncludeStartState") in ("true", "1")
    expressions = [(found.text or "") for found in descendants(call.body, "wsnt:TopicExpression")]
    wanted = "|".join(expressions)
    results: list[object] = [
        event
        for recording in _in_scope(call)
        for event in _history(recording, low, high, with_start_state=with_state)
        if not wanted or topic_matches(wanted, event.topic)
    ]
    return _begin(call, "FindEvents", results)


def _event(event: HistoryEvent) -> Element:
    def item(name: str, value: str | bool) -> Element:
        return el("tt:SimpleItem", attributes={"Name": name, "Value": value})

    is_track = event.topic == _TRACK_HISTORY
    source = el(
        "tt:Source",
        item("RecordingToken", event.recording.token),
        item("Track", event.track_token) if is_track else None,
    )
    message = el(
        "tt:Message",
        source,
        el("tt:Data", item("IsDataPresent" if is_track else "IsRecording", True)),
        attributes={
            "UtcTime": as_xml_time(event.time),
            "PropertyOperation": "Initialized" if event.is_start_state else "Changed",
        },
    )
    topic = el("wsnt:Topic", event.topic, attributes={"Dialect": _CONCRETE_SET})
    return el(
        "tt:Result",
        el("tt:RecordingToken", event.recording.token),
        el("tt:TrackToken", event.track_token),
        el("tt:Time", as_xml_time(event.time)),
        el("tt:Event", topic, el("wsnt:Message", message)),
        el("tt:StartStateEvent", event.is_start_state),
    )


@operation("tse:GetEventSearchResults")
def get_event_search_results(call: Call) -> Element:
    state, taken = _take(call, "FindEvents")
    rows = [_event(row) for row in taken if isinstance(row, HistoryEvent)]
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
