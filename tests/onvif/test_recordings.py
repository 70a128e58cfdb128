"""What recorders answer about their recordings: hand-written after the specification, and after what they really do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import CameraBadAnswer, CameraUnsupported
from core.recordings import TrackType
from onvif_services import recording_search, replay
from onvif_services.connection import DeviceConnection
from onvif_services.recording_values import read_time
from tests.onvif.conftest import Connect
from tests.onvif.soap_device import Request, SoapDevice, fault

V10 = "http://www.onvif.org/ver10"
SEARCH = f'xmlns:tse="{V10}/search/wsdl"'
DAY = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def recorder(device: SoapDevice, connect: Connect) -> DeviceConnection:
    device.services |= {name: f"{V10}/{name}/wsdl" for name in ("search", "recording", "replay")}
    device.answers |= {
        "FindRecordings": found("FindRecordings"),
        "FindEvents": found("FindEvents"),
        "EndSearch": (
            f"<tse:EndSearchResponse {SEARCH}><tse:Endpoint>2026-11-22T00:00:00Z</tse:Endpoint></tse:EndSearchResponse>"
        ),
    }
    conn = connect()
    conn.open()
    return conn


def found(operation: str) -> str:
    return f"<tse:{operation}Response {SEARCH}><tse:SearchToken>s1</tse:SearchToken></tse:{operation}Response>"


def recording(token: str = "R1", first: str = "2026-10-01T00:00:00Z", last: str = "2026-11-22T10:00:00Z") -> str:
    return (
        f"<tt:RecordingInformation><tt:RecordingToken>{token}</tt:RecordingToken><tt:Source><tt:SourceId>00000</tt:SourceId>"
        "<tt:Name>Gate</tt:Name><tt:Location/><tt:Description/><tt:Address/></tt:Source>"
        f"<tt:EarliestRecording>{first}</tt:EarliestRecording><tt:LatestRecording>{last}</tt:LatestRecording>"
        "<tt:Content/><tt:Track><tt:TrackToken>V1</tt:TrackToken><tt:TrackType>Video</tt:TrackType>"
        f"<tt:Description>H.265 4K</tt:Description><tt:DataFrom>{first}</tt:DataFrom><tt:DataTo>{last}</tt:DataTo>"
        "</tt:Track>"
        "<tt:Track><tt:TrackToken>M1</tt:TrackToken><tt:TrackType>Extended</tt:TrackType></tt:Track>"
        "<tt:RecordingStatus>Recording</tt:RecordingStatus></tt:RecordingInformation>"
    )


def recordings(*items: str, state: str = "<tt:SearchState>Completed</tt:SearchState>", is_first: bool = True) -> str:
    inside = state + "".join(items) if is_first else "".join(items) + state
    return (
        f"<tse:GetRecordingSearchResultsResponse {SEARCH}><tse:ResultList>{inside}</tse:ResultList>"
        "</tse:GetRecordingSearchResultsResponse>"
    )


def event(
    time: str, value: str = "true", name: str = "IsDataPresent", topic: str = "tns1:RecordingHistory/Track/State"
) -> str:
    return (
        "<tt:Result><tt:RecordingToken>R1</tt:RecordingToken><tt:TrackToken>V1</tt:TrackToken>"
        f'<tt:Time>{time}</tt:Time><tt:Event><wsnt:Topic xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" Dialect="x">'
        f'{topic}</wsnt:Topic><wsnt:Message xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2">'
        f'<tt:Message UtcTime="{time}">'
        f'<tt:Source><tt:SimpleItem Name="RecordingToken" Value="R1"/></tt:Source>'
        f'<tt:Data><tt:SimpleItem Name="{name}" Value="{value}"/></tt:Data></tt:Message></wsnt:Message></tt:Event>'
        "<tt:StartStateEvent>false</tt:StartStateEvent></tt:Result>"
    )


def events(*items: str, state: str = "<tt:SearchState>Completed</tt:SearchState>") -> str:
    return (
        f"<tse:GetEventSearchResultsResponse {SEARCH}><tse:ResultList>{state}{''.join(items)}</tse:ResultList>"
        "</tse:GetEventSearchResultsResponse>"
    )


def pages(*answers: str) -> Callable[[Request], str]:
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def find(conn: DeviceConnection, **options: object) -> recording_search.EventSearch:
    return recording_search.find_events(conn, DAY, DAY + timedelta(days=1), **options)  # type: ignore[arg-type] # of it


def test_recordings_are_read_with_their_tracks(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(recording())
    [one], service = recording_search.list_recordings(recorder)
    assert service == "search"
    assert (one.recording_token, one.source_id, one.source_name) == ("R1", "00000", "Gate")
    assert (one.earliest, one.latest) == (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 22, 10, tzinfo=UTC))
    assert [(track.track_token, track.type, track.codec) for track in one.tracks] == [("V1", TrackType.VIDEO, "hevc")]
    assert device.asked("EndSearch")


@pytest.mark.parametrize("state", ["<tt:SearchState>Searching</tt:SearchState>", "", "<tt:SearchState/>"])
def test_results_count_whatever_the_state_says_of_them(
    device: SoapDevice, recorder: DeviceConnection, state: str
) -> None:
    device.answers["GetRecordingSearchResults"] = pages(
        recordings(recording("R1"), state=state, is_first=False), recordings(recording("R2"), state=state), recordings()
    )
    found_, _ = recording_search.list_recordings(recorder, timeout_s=5)
    assert [item.recording_token for item in found_] == ["R1", "R2"]


def test_a_search_that_never_ends_is_ended(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetEventSearchResults"] = events(state="<tt:SearchState>Searching</tt:SearchState>")
    assert not find(recorder, timeout_s=0.5).is_complete
    assert device.asked("EndSearch")


def test_a_search_that_gives_no_state_and_nothing_is_over(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetEventSearchResults"] = pages(events(event("2026-11-22T01:00:00Z"), state=""), events(state=""))
    result = find(recorder, timeout_s=10)
    assert result.is_complete
    assert len(result.events) == 1


def test_the_search_is_ended_though_a_page_is_refused_and_though_ending_is_refused_too(
    device: SoapDevice, recorder: DeviceConnection
) -> None:
    device.answers["GetEventSearchResults"] = fault("ter:InvalidToken", "gone")
    device.answers["EndSearch"] = fault("ter:InvalidToken", "gone")
    with pytest.raises(CameraUnsupported):
        find(recorder)
    assert device.asked("EndSearch")


def test_pages_are_asked_for_until_all_is_there_and_sorted(device: SoapDevice, recorder: DeviceConnection) -> None:
    times = [f"2026-11-22T{hour:02}:{minute:02}:00Z" for hour in range(24) for minute in range(0, 60, 10)]
    parts = [times[at : at + 50] for at in range(0, len(times), 50)]
    searching = "<tt:SearchState>Searching</tt:SearchState>"
    listed = [events(*map(event, reversed(part)), state=searching) for part in reversed(parts)]
    device.answers["GetEventSearchResults"] = pages(*listed, events())
    counted: list[int] = []
    result = find(recorder, on_progress=counted.append)
    assert result.is_complete
    assert [item.time for item in result.events] == [read_time(time) for time in times]
    assert counted == sorted(counted)


def test_a_search_can_be_stopped(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetEventSearchResults"] = events(
        event("2026-11-22T01:00:00Z"), state="<tt:SearchState>Searching</tt:SearchState>"
    )
    counted: list[int] = []
    result = find(recorder, on_progress=counted.append, should_stop=lambda: len(counted) >= 3)
    assert (len(result.events), result.is_complete) == (3, False)
    assert device.asked("EndSearch")


@pytest.mark.parametrize(
    ("value", "active"), [("true", True), ("TRUE", True), ("0", False), ("False", False), ("?", None)]
)
def test_states_are_read_in_every_spelling(
    device: SoapDevice, recorder: DeviceConnection, value: str, active: bool | None
) -> None:
    device.answers["GetEventSearchResults"] = events(event("2026-11-22T01:00:00", value))
    [one] = find(recorder).events
    assert (one.active, one.topic) == (active, "RecordingHistory/Track/State")
    assert one.time == datetime(2026, 11, 22, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00:00.25Z", "2026-11-22T10:00:00.250000+00:00"),
        ("2026-11-22T10:00:00", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00:00+05:30", "2026-11-22T04:30:00+00:00"),
        ("2026-11-22 10:00:00Z", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T24:00:00Z", "2026-11-23T00:00:00+00:00"),
        ("2026-12-31T23:59:60Z", "2026-12-31T23:59:59+00:00"),
    ],
)
def test_times_are_read_as_devices_write_them(written: str, read: str) -> None:
    assert str(read_time(written)).replace(" ", "T") == read


@pytest.mark.parametrize(
    "written",
    [
        "",
        "now",
        "1970-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0" * 99,
    ],
)
def test_what_is_no_time_is_none(written: str) -> None:
    assert read_time(written) is None


def test_dates_at_odds_are_put_right_and_1970_is_no_date(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(
        recording("A", "2026-11-22T00:00:00Z", "2026-11-01T00:00:00Z"),
        recording("B", "1970-01-01T00:00:00Z", "2026-11-01T00:00:00Z"),
    )
    (first, second), _ = recording_search.list_recordings(recorder)
    assert first.earliest == datetime(2026, 11, 1, tzinfo=UTC)
    assert first.latest == datetime(2026, 11, 22, tzinfo=UTC)
    assert second.earliest is None


def test_the_recording_service_helps_where_search_does_not(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["FindRecordings"] = fault("ter:ActionNotSupported", "Optional Action Not Implemented")
    device.answers["GetRecordings"] = (
        f'<trc:GetRecordingsResponse xmlns:trc="{V10}/recording/wsdl"><trc:RecordingItem>'
        "<tt:RecordingToken>R7</tt:RecordingToken><tt:Configuration><tt:Source><tt:SourceId>7</tt:SourceId><tt:Name>Yard</tt:Name>"
        "</tt:Source></tt:Configuration><tt:Tracks><tt:Track><tt:TrackToken>T</tt:TrackToken><tt:Configuration>"
        "<tt:TrackType>Video</tt:TrackType><tt:Description>H264</tt:Description></tt:Configuration></tt:Track></tt:Tracks>"
        "</trc:RecordingItem></trc:GetRecordingsResponse>"
    )
    [one], service = recording_search.list_recordings(recorder)
    assert (service, one.recording_token, one.source_name, one.tracks[0].codec) == ("recording", "R7", "Yard", "h264")


def test_a_job_says_what_a_recording_records(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(recording())
    device.answers["GetRecordingJobs"] = (
        f'<trc:GetRecordingJobsResponse xmlns:trc="{V10}/recording/wsdl"><trc:JobItem><tt:JobToken>J</tt:JobToken>'
        "<tt:JobConfiguration><tt:RecordingToken>R1</tt:RecordingToken><tt:Mode>Active</tt:Mode><tt:Priority>1</tt:Priority>"
        "<tt:Source><tt:SourceToken><tt:Token>MediaProfile00000</tt:Token></tt:SourceToken></tt:Source>"
        "</tt:JobConfiguration></trc:JobItem></trc:GetRecordingJobsResponse>"
    )
    [one], _ = recording_search.list_recordings(recorder)
    assert one.job_source == "MediaProfile00000"


def test_a_summary_is_added_up_where_the_device_has_none(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(recording("A"), recording("B", "2026-09-01T00:00:00Z"))
    added = recording_search.summary(recorder)
    assert (added.number_recordings, added.data_from) == (2, datetime(2026, 9, 1, tzinfo=UTC))
    device.answers["GetRecordingSummary"] = (
        f"<tse:GetRecordingSummaryResponse {SEARCH}><tse:Summary><tt:DataFrom>2026-08-01T00:00:00Z</tt:DataFrom>"
        "<tt:DataUntil>1970-01-01T00:00:00Z</tt:DataUntil><tt:NumberRecordings>16</tt:NumberRecordings></tse:Summary>"
        "</tse:GetRecordingSummaryResponse>"
    )
    told = recording_search.summary(recorder)
    assert (told.number_recordings, told.data_from, told.data_until) == (16, datetime(2026, 8, 1, tzinfo=UTC), None)


def test_a_device_without_profile_g_names_what_is_missing(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    for ask, service in (
        (lambda: recording_search.list_recordings(conn), "search"),
        (lambda: recording_search.summary(conn), "search"),
        (lambda: find(conn), "search"),
        (lambda: replay.replay_uri(conn, "R1"), "replay"),
    ):
        with pytest.raises(CameraUnsupported) as refused:
            ask()
        assert refused.value.service == service


def test_a_replay_address_keeps_its_query_and_gets_our_host(device: SoapDevice, recorder: DeviceConnection) -> None:
    space = f'xmlns:trp="{V10}/replay/wsdl"'
    address = "rtsp://root:pass@10.9.9.9:554/onvif-media/record/play.amp?onvifreplayid=R1&amp;session_timeout=30"
    device.answers["GetReplayUri"] = (
        f"<trp:GetReplayUriResponse {space}><trp:Uri>{address}</trp:Uri></trp:GetReplayUriResponse>"
    )
    wanted = "rtsp://127.0.0.1:554/onvif-media/record/play.amp?onvifreplayid=R1&session_timeout=30"
    assert replay.replay_uri(recorder, "R1") == wanted
    for bad in ("", "http://10.9.9.9/x", "rtsp://"):
        device.answers["GetReplayUri"] = (
            f"<trp:GetReplayUriResponse {space}><trp:Uri>{bad}</trp:Uri></trp:GetReplayUriResponse>"
        )
        with pytest.raises(CameraBadAnswer):
            replay.replay_uri(recorder, "R1")


def test_hostile_answers_are_bounded(device: SoapDevice, recorder: DeviceConnection) -> None:
    long = "x" * 5000
    device.answers["GetRecordingSearchResults"] = recordings(
        recording(long),
        recording("ok\u202e"),
        "<tt:RecordingInformation/>",
        *(recording(f"R{at}") for at in range(300)),
    )
    found_, _ = recording_search.list_recordings(recorder)
    assert len(found_) == 300
    device.answers["GetRecordingSearchResults"] = recordings("<a>" * 300)
    with pytest.raises(CameraBadAnswer):
        recording_search.list_recordings(recorder)


def test_makers_own_addresses() -> None:
    [dahua] = replay.plain_replays("Dahua Technology", 3, "10.0.0.5", 554, 3600.0)
    assert dahua.uri.startswith("rtsp://10.0.0.5:554/cam/playback?channel=3&")
    [hikvision] = replay.plain_replays("HIKVISION", 3, "fe80::1", 554, 0.0)
    assert hikvision.uri.startswith("rtsp://[fe80::1]:554/Streaming/tracks/301?")
    assert replay.plain_replays("Somebody", 1, "h", 554, 0.0) == ()
