"""Answers of recorders to Search, Recording and Replay, written by hand from the schema (onvif.xsd, search.wsdl)."""

from __future__ import annotations

from collections.abc import Callable

from tests.onvif_services.soap_device import Request, SoapDevice

V10 = "http://www.onvif.org/ver10"
SEARCH = f'xmlns:tse="{V10}/search/wsdl"'
RECORDING = f'xmlns:trc="{V10}/recording/wsdl"'
TRACK_STATE = "tns1:RecordingHistory/Track/State"
ENDED = f"<tse:EndSearchResponse {SEARCH}><tse:Endpoint>2026-11-22T00:00:00Z</tse:Endpoint></tse:EndSearchResponse>"


def make_recorder(device: SoapDevice) -> None:
    """Add the three services of Profile G to a device; each search begins, finds nothing and can be ended."""
    device.services |= {name: f"{V10}/{name}/wsdl" for name in ("search", "recording", "replay")}
    device.answers |= {
        "FindRecordings": begun("FindRecordings"),
        "FindEvents": begun("FindEvents"),
        "GetRecordingSearchResults": recordings(),
        "GetEventSearchResults": events(),
        "EndSearch": ENDED,
    }


def begun(operation: str, token: str = "s1") -> str:
    return f"<tse:{operation}Response {SEARCH}><tse:SearchToken>{token}</tse:SearchToken></tse:{operation}Response>"


def state(value: str) -> str:
    return f"<tt:SearchState>{value}</tt:SearchState>"


def recording(token: str = "R1", first: str = "2026-10-01T00:00:00Z", last: str = "2026-11-22T10:00:00Z") -> str:
    return (
        f"<tt:RecordingInformation><tt:RecordingToken>{token}</tt:RecordingToken><tt:Source>"
        "<tt:SourceId>00000</tt:SourceId><tt:Name>Gate</tt:Name><tt:Location/><tt:Description/><tt:Address/></tt:Source>"
        f"<tt:EarliestRecording>{first}</tt:EarliestRecording><tt:LatestRecording>{last}</tt:LatestRecording>"
        "<tt:Content/><tt:Track><tt:TrackToken>V1</tt:TrackToken><tt:TrackType>Video</tt:TrackType>"
        f"<tt:Description>H.265 4K</tt:Description><tt:DataFrom>{first}</tt:DataFrom><tt:DataTo>{last}</tt:DataTo>"
        "</tt:Track><tt:Track><tt:TrackToken>X1</tt:TrackToken><tt:TrackType>Extended</tt:TrackType></tt:Track>"
        "<tt:RecordingStatus>Recording</tt:RecordingStatus></tt:RecordingInformation>"
    )


def recordings(*items: str, state_: str = state("Completed"), state_last: bool = False) -> str:
    inside = "".join(items) + state_ if state_last else state_ + "".join(items)
    return (
        f"<tse:GetRecordingSearchResultsResponse {SEARCH}><tse:ResultList>{inside}</tse:ResultList>"
        "</tse:GetRecordingSearchResultsResponse>"
    )


def event(
    moment: str,
    value: str = "true",
    *,
    name: str = "IsDataPresent",
    topic: str = TRACK_STATE,
    token: str = "R1",
    track: str = "V1",
    start_state: str = "false",
) -> str:
    return (
        f"<tt:Result><tt:RecordingToken>{token}</tt:RecordingToken><tt:TrackToken>{track}</tt:TrackToken>"
        f'<tt:Time>{moment}</tt:Time><tt:Event><wsnt:Topic Dialect="x">{topic}</wsnt:Topic><wsnt:Message>'
        f'<tt:Message UtcTime="{moment}"><tt:Source><tt:SimpleItem Name="RecordingToken" Value="{token}"/></tt:Source>'
        f'<tt:Data><tt:SimpleItem Name="{name}" Value="{value}"/></tt:Data></tt:Message></wsnt:Message></tt:Event>'
        f"<tt:StartStateEvent>{start_state}</tt:StartStateEvent></tt:Result>"
    )


def events(*items: str, state_: str = state("Completed")) -> str:
    return (
        f"<tse:GetEventSearchResultsResponse {SEARCH}><tse:ResultList>{state_}{''.join(items)}</tse:ResultList>"
        "</tse:GetEventSearchResultsResponse>"
    )


def one_after_another(*answers: str) -> Callable[[Request], str]:
    """Return each answer once, and then always the last one."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def summary(first: str, last: str, number: str) -> str:
    return (
        f"<tse:GetRecordingSummaryResponse {SEARCH}><tse:Summary><tt:DataFrom>{first}</tt:DataFrom>"
        f"<tt:DataUntil>{last}</tt:DataUntil><tt:NumberRecordings>{number}</tt:NumberRecordings></tse:Summary>"
        "</tse:GetRecordingSummaryResponse>"
    )


def recording_item(token: str = "R7") -> str:
    """Return an answer of the Recording service to GetRecordings."""
    return (
        f"<trc:GetRecordingsResponse {RECORDING}><trc:RecordingItem><tt:RecordingToken>{token}</tt:RecordingToken>"
        "<tt:Configuration><tt:Source><tt:SourceId>urn:7</tt:SourceId><tt:Name>Yard</tt:Name>"
        "<tt:VideoSourceToken>V7</tt:VideoSourceToken></tt:Source></tt:Configuration><tt:Tracks><tt:Track>"
        "<tt:TrackToken>T</tt:TrackToken><tt:Configuration><tt:TrackType>Video</tt:TrackType>"
        "<tt:Description>H264</tt:Description></tt:Configuration></tt:Track></tt:Tracks></trc:RecordingItem>"
        "</trc:GetRecordingsResponse>"
    )


def job(token: str, source: str, mode: str = "Active") -> str:
    return (
        f"<trc:JobItem><tt:JobToken>J{source}</tt:JobToken><tt:JobConfiguration>"
        f"<tt:RecordingToken>{token}</tt:RecordingToken><tt:Mode>{mode}</tt:Mode><tt:Priority>1</tt:Priority>"
        f"<tt:Source><tt:SourceToken><tt:Token>{source}</tt:Token></tt:SourceToken></tt:Source>"
        "</tt:JobConfiguration></trc:JobItem>"
    )


def jobs(*items: str) -> str:
    return f"<trc:GetRecordingJobsResponse {RECORDING}>{''.join(items)}</trc:GetRecordingJobsResponse>"


def replay_address(address: str) -> str:
    inside = f"<trp:Uri>{address}</trp:Uri>"
    return f'<trp:GetReplayUriResponse xmlns:trp="{V10}/replay/wsdl">{inside}</trp:GetReplayUriResponse>'
