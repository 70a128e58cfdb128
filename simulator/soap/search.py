"""The Recording Search service (ONVIF Recording Search Service Specification): recordings and events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simulator.archive import Archive, Recording
from simulator.clock import DeviceClock, as_xml_time
from simulator.makes import Make
from simulator.searches import Searches
from simulator.soap import capabilities
from simulator.soap.recordings import RecordingDescriptions, time_element
from simulator.soap.service import PATHS, Call, Handler, SoapFault, SoapService, no_such
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
    """A change of a recording, of one of its tracks, or of motion; `at_s` by the device's clock."""

    recording: Recording
    track_token: str
    topic: str
    at_s: float
    is_on: bool
    is_start_state: bool


def _not_implemented() -> SoapFault:
    return SoapFault("Receiver", "ter:ActionNotSupported", reason="Optional Action Not Implemented")


def _summary_from(kept: list[Recording], make: Make, default: datetime) -> datetime:
    earliest = min((recording.earliest for recording in kept), default=default)
    return earliest + timedelta(days=3) if make.has_wrong_dates else earliest


def _number(call: Call, name: str, default: int) -> int:
    text = call.text(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason=f"{name} is not a number above zero")
    return int(text)


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


class SearchService(SoapService):
    """Searches the archive for recordings and events."""

    path = PATHS["tse"]

    def __init__(
        self,
        archive: Archive,
        make: Make,
        searches: Searches,
        descriptions: RecordingDescriptions,
        clock: DeviceClock,
    ) -> None:
        self._archive, self._make, self._searches = archive, make, searches
        self._descriptions, self._clock = descriptions, clock

    def operations(self) -> dict[str, Handler]:
        return {
            "tse:GetServiceCapabilities": self.get_service_capabilities,
            "tse:GetRecordingSummary": self.get_recording_summary,
            "tse:GetRecordingInformation": self.get_recording_information,
            "tse:FindRecordings": self.find_recordings,
            "tse:GetRecordingSearchResults": self.get_recording_search_results,
            "tse:FindEvents": self.find_events,
            "tse:GetEventSearchResults": self.get_event_search_results,
            "tse:GetSearchState": self.get_search_state,
            "tse:EndSearch": self.end_search,
        }

    def _earliest(self, recording: Recording) -> Element:
        if self._make.has_wrong_dates:
            return el("tt:EarliestRecording", as_xml_time(_RESET))
        return time_element("tt:EarliestRecording", recording, is_end=False)

    def _information(self, recording: Recording, name: str) -> Element:
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
            self._descriptions.source(recording),
            self._earliest(recording),
            time_element("tt:LatestRecording", recording, is_end=True),
            el("tt:Content", "Continuous"),
            *tracks,
            el("tt:RecordingStatus", "Recording" if recording.is_active else "Stopped"),
        )

    def _in_scope(self, call: Call) -> list[Recording]:
        scope = child(call.body, "tse:Scope")
        if scope is None:
            raise SoapFault("Sender", "ter:InvalidArgVal", reason="Scope is missing")
        if text_of(scope, "tt:RecordingInformationFilter"):
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidFilterFault", reason="No XPath filters here")
        kept = self._archive.recordings()
        if not self._make.honours_filters:
            return kept
        included = set(texts_of(scope, "tt:IncludedRecordings"))
        if not included <= {recording.token for recording in kept}:
            raise no_such("ter:InvalidToken", "recording")
        sources = {text_of(source, "tt:Token") for source in scope.findall(qname("tt:IncludedSources"))}
        if sources:
            kept = [recording for recording in kept if recording.channel.video_source_token in sources]
        return [recording for recording in kept if not included or recording.token in included]

    def _begin(self, call: Call, kind: str, results: list[object]) -> Element:
        keep_alive = parse_duration(call.text("tse:KeepAliveTime"))
        if keep_alive is None:
            raise SoapFault("Sender", "ter:InvalidArgVal", reason="KeepAliveTime is missing")
        results = results[: _number(call, "tse:MaxMatches", len(results) or 1)]
        token = self._searches.begin(kind, results, keep_alive.total_seconds())
        if token is None:
            raise SoapFault("Receiver", "ter:Action", "ter:ResourceProblem", reason="Too many searches are under way")
        return el(f"tse:{kind}Response", el("tse:SearchToken", token))

    def _take(self, call: Call, kind: str) -> tuple[Element, list[object]]:
        """The state of a search and its next results."""
        search = self._searches.find(call.text("tse:SearchToken"), kind)
        if search is None:
            raise no_such("ter:InvalidToken", "search")
        taken = search.take(min(_number(call, "tse:MaxResults", _MAX_RESULTS), _MAX_RESULTS))
        goes_on = bool(search.results) or (self._make.is_never_completed and bool(taken))
        return el("tt:SearchState", "Searching" if goes_on else "Completed"), taken

    def get_service_capabilities(self, _call: Call) -> Element:
        return el("tse:GetServiceCapabilitiesResponse", capabilities.search())

    def get_recording_summary(self, _call: Call) -> Element:
        make = self._make
        if make.summary == "none":
            raise _not_implemented()
        kept = self._archive.recordings() if make.summary == "full" else []
        now = self._clock.utc() if kept else _RESET
        summary = el(
            "tse:Summary",
            el("tt:DataFrom", as_xml_time(_summary_from(kept, make, now))),
            el("tt:DataUntil", as_xml_time(max((recording.latest for recording in kept), default=now))),
            el("tt:NumberRecordings", len(kept)),
        )
        return el("tse:GetRecordingSummaryResponse", summary)

    def get_recording_information(self, call: Call) -> Element:
        recording = self._descriptions.found(call, "tse:RecordingToken")
        return el("tse:GetRecordingInformationResponse", self._information(recording, "tse:RecordingInformation"))

    def find_recordings(self, call: Call) -> Element:
        return self._begin(call, "FindRecordings", list(self._in_scope(call)))

    def get_recording_search_results(self, call: Call) -> Element:
        state, taken = self._take(call, "FindRecordings")
        rows = [self._information(row, "tt:RecordingInformation") for row in taken if isinstance(row, Recording)]
        return el("tse:GetRecordingSearchResultsResponse", el("tse:ResultList", state, *rows))

    def find_events(self, call: Call) -> Element:
        if not self._make.searches_events:
            raise _not_implemented()
        start, end = parse_time(call.text("tse:StartPoint")), parse_time(call.text("tse:EndPoint"))
        if start is None:
            raise SoapFault("Sender", "ter:InvalidArgVal", reason="StartPoint is missing")
        now = self._clock.utc()
        low, high = sorted((min(start, now).timestamp(), min(end or now, now).timestamp()))
        make = self._make
        with_state = make.gives_start_states and call.text("tse:IncludeStartState") in ("true", "1")
        expressions = [(found.text or "") for found in descendants(call.body, "wsnt:TopicExpression")]
        wanted = "|".join(expressions) if make.honours_filters else ""
        events = [
            event
            for recording in self._in_scope(call)
            for event in (
                *_history(recording, low, high, with_start_state=with_state),
                *_motion(recording, low, high),
            )
            if not wanted or topic_matches(wanted, event.topic)
        ]
        if not make.writes_loosely:
            events.sort(key=lambda event: event.at_s, reverse=end is not None and end < start)
        return self._begin(call, "FindEvents", list(events))

    def get_event_search_results(self, call: Call) -> Element:
        state, taken = self._take(call, "FindEvents")
        rows = [_event(row, self._make) for row in taken if isinstance(row, ArchiveEvent)]
        return el("tse:GetEventSearchResultsResponse", el("tse:ResultList", state, *rows))

    def get_search_state(self, call: Call) -> Element:
        search = self._searches.find(call.text("tse:SearchToken"))
        if search is None:
            raise no_such("ter:InvalidToken", "search")
        return el("tse:GetSearchStateResponse", el("tse:State", "Searching" if search.results else "Completed"))

    def end_search(self, call: Call) -> Element:
        token = call.text("tse:SearchToken")
        if self._searches.find(token) is None:
            raise no_such("ter:InvalidToken", "search")
        self._searches.end(token)
        return el("tse:EndSearchResponse", el("tse:Endpoint", as_xml_time(self._clock.utc())))
