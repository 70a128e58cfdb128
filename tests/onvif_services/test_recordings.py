"""Recordings, their summary and replay addresses, from correct recorders and from those that deviate."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.errors import CameraAuthFailed, CameraBadAnswer, CameraUnsupported, InvalidRequest
from core.recordings import TrackType
from onvif_services import recording_search, replay
from onvif_services.connection import DeviceConnection
from onvif_services.device_times import read_hint, read_moment
from onvif_services.faults import SoapFault
from tests.onvif_services.connecting import Connect
from tests.onvif_services.recorder_answers import (
    SEARCH,
    job,
    jobs,
    one_after_another,
    recording,
    recording_item,
    recordings,
    replay_address,
    state,
    summary,
)
from tests.onvif_services.soap_device import CUT, Reply, SoapDevice, fault, system_time

NOT_IMPLEMENTED = fault("ter:ActionNotSupported", "Optional Action Not Implemented")


def _tokens(conn: DeviceConnection, deadline_s: float = 10.0) -> list[str]:
    found, _ = recording_search.list_recordings(conn, deadline_s=deadline_s)
    return [item.recording_token for item in found]


def test_recordings_are_read_with_their_tracks_and_the_search_is_ended(
    device: SoapDevice, recorder: DeviceConnection
) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(recording())
    (one,), service = recording_search.list_recordings(recorder)
    assert service == "search"
    assert (one.recording_token, one.source_id, one.source_name) == ("R1", "00000", "Gate")
    assert (one.earliest, one.latest) == (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 22, 10, tzinfo=UTC))
    assert [(track.track_token, track.type, track.codec) for track in one.tracks] == [("V1", TrackType.VIDEO, "hevc")]
    assert [request.value("SearchToken") for request in device.asked("EndSearch")] == ["s1"]


@pytest.mark.parametrize("said", [state("Searching"), state("Unknown"), "", "<tt:SearchState/>"])
def test_results_count_with_any_search_state(device: SoapDevice, recorder: DeviceConnection, said: str) -> None:
    device.answers["GetRecordingSearchResults"] = one_after_another(
        recordings(recording("R1"), state_=said, state_last=True),
        recordings(recording("R2"), state_=said),
        recordings(),
    )
    assert _tokens(recorder) == ["R1", "R2"]


def test_a_completed_search_may_have_more_pages(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSearchResults"] = one_after_another(
        recordings(recording("R1")), recordings(recording("R2")), recordings()
    )
    assert _tokens(recorder) == ["R1", "R2"]


def test_a_recorder_that_always_repeats_its_page_is_asked_twice(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(recording("R1"), recording("R2"))
    assert _tokens(recorder) == ["R1", "R2"]
    assert len(device.asked("GetRecordingSearchResults")) == 2


def test_a_recording_listed_in_pieces_is_merged(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(
        recording("R1", "2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"),
        recording("R1", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"),
    )
    (one,), _ = recording_search.list_recordings(recorder)
    assert (one.earliest, one.latest) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC))
    assert len(one.tracks) == 1


def test_swapped_dates_are_put_in_order_and_1970_is_no_date(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(
        recording("A", "2026-11-22T00:00:00", "2026-11-01T00:00:00"),
        recording("B", "1970-01-01T00:00:00Z", "2026-11-01T00:00:00Z"),
    )
    (first, second), _ = recording_search.list_recordings(recorder)
    assert (first.earliest, first.latest) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))
    assert (second.earliest, second.latest) == (None, datetime(2026, 11, 1, tzinfo=UTC))


@pytest.mark.parametrize("answer", [NOT_IMPLEMENTED, fault("ter:InvalidArgVal", "no"), recordings()])
def test_the_recording_service_is_asked_if_search_fails(
    device: SoapDevice, recorder: DeviceConnection, answer: Reply | str
) -> None:
    device.answers["GetRecordingSearchResults" if isinstance(answer, str) else "FindRecordings"] = answer
    device.answers["GetRecordings"] = recording_item()
    (one,), service = recording_search.list_recordings(recorder)
    assert (service, one.recording_token, one.source_id, one.source_name) == ("recording", "R7", "V7", "Yard")
    assert one.tracks[0].codec == "h264"
    assert one.earliest is None


def test_a_recording_without_times_gets_them_from_its_information(
    device: SoapDevice, recorder: DeviceConnection
) -> None:
    device.answers["FindRecordings"] = NOT_IMPLEMENTED
    device.answers["GetRecordings"] = recording_item("R1")
    told = f"<tse:GetRecordingInformationResponse {SEARCH}>{recording('R1')}</tse:GetRecordingInformationResponse>"
    device.answers["GetRecordingInformation"] = told
    (one,), service = recording_search.list_recordings(recorder)
    assert service == "recording"
    assert one.source_id == "V7"
    assert one.earliest == datetime(2026, 10, 1, tzinfo=UTC)


def test_the_active_job_names_the_source_of_a_recording(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(recording("R1"), recording("R2"))
    device.answers["GetRecordingJobs"] = jobs(job("R1", "P9", "Idle"), job("R1", "P0"), job("R1", "P1"))
    (first, second), _ = recording_search.list_recordings(recorder)
    assert (first.job_source, second.job_source) == ("P0", "")


def test_search_returns_the_summary(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSummary"] = summary("2026-08-01T00:00:00Z", "2026-11-22T00:00:00Z", "16")
    told = recording_search.summary(recorder)
    assert (told.number_recordings, told.service) == (16, "search")
    assert (told.data_from, told.data_until) == (datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))
    assert not device.asked("FindRecordings")


def test_missing_values_of_a_summary_come_from_the_recordings(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(recording("A"), recording("B", "2026-09-01T00:00:00Z"))
    device.answers["GetRecordingSummary"] = summary("2026-08-01T00:00:00Z", "1970-01-01T00:00:00Z", "0")
    told = recording_search.summary(recorder)
    assert (told.number_recordings, told.data_from) == (2, datetime(2026, 8, 1, tzinfo=UTC))
    assert told.data_until == datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_a_missing_summary_is_computed_from_the_recordings(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSummary"] = NOT_IMPLEMENTED
    device.answers["FindRecordings"] = NOT_IMPLEMENTED
    device.answers["GetRecordings"] = recording_item()
    added = recording_search.summary(recorder)
    assert (added.number_recordings, added.data_from, added.service) == (1, None, "recording")
    assert recording_search.summary(recorder, listed=((), "search")).service == "search", "as in `listed`"


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("trouble", [CUT, Reply(b"", 503), Reply(b"", 500)], ids=["cut", "busy", "500"])
def test_recordings_are_listed_whatever_optional_requests_do(
    device: SoapDevice, recorder: DeviceConnection, trouble: Reply
) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(recording())
    device.answers |= dict.fromkeys(("GetRecordingJobs", "GetRecordingSummary", "GetSystemDateAndTime"), trouble)
    listed = recording_search.list_recordings(recorder)
    assert [item.recording_token for item in listed[0]] == ["R1"]
    assert recording_search.summary(recorder, listed=listed).number_recordings == 1
    assert replay.known_zone_s(recorder) is None


@pytest.mark.usefixtures("short_pauses")
def test_the_recording_service_is_asked_if_search_does_not_answer(
    device: SoapDevice, recorder: DeviceConnection
) -> None:
    device.answers |= {"FindRecordings": CUT, "GetRecordingInformation": CUT, "GetRecordings": recording_item("R7")}
    listed, service = recording_search.list_recordings(recorder)
    assert ([item.recording_token for item in listed], service) == (["R7"], "recording")


def test_a_summary_counts_without_a_list_of_recordings(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers |= {"FindRecordings": NOT_IMPLEMENTED, "GetRecordings": NOT_IMPLEMENTED}
    device.answers["GetRecordingSummary"] = summary("2026-08-01T00:00:00Z", "1970-01-01T00:00:00Z", "3")
    told = recording_search.summary(recorder)
    assert (told.number_recordings, told.data_from, told.data_until) == (3, datetime(2026, 8, 1, tzinfo=UTC), None)
    device.answers["GetRecordingSummary"] = NOT_IMPLEMENTED
    with pytest.raises(CameraUnsupported):
        recording_search.summary(recorder)


def test_without_profile_g_the_error_names_the_service(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    for ask, service in (
        (lambda: recording_search.list_recordings(conn), "search"),
        (lambda: recording_search.summary(conn), "search"),
        (lambda: replay.replay_uri(conn, "R1"), "replay"),
    ):
        with pytest.raises(CameraUnsupported) as refused:
            ask()
        assert refused.value.service == service


def test_a_wrong_password_does_not_look_like_a_missing_service(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.password = "changed"
    with pytest.raises(CameraAuthFailed):
        recording_search.list_recordings(recorder)
    assert not device.asked("GetRecordings")


def test_the_health_card_shows_the_outcome_of_each_service(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["FindRecordings"] = NOT_IMPLEMENTED
    device.answers["GetRecordings"] = recording_item()
    device.answers["GetReplayUri"] = replay_address("rtsp://h/x")
    recording_search.list_recordings(recorder)
    replay.replay_uri(recorder, "R7")
    outcomes = {check.name: check.outcome for check in recorder.checks}
    assert outcomes["search"] == "camera_unsupported"
    assert outcomes["replay"] == "ok"
    assert "recording" in outcomes


def test_a_replay_address_keeps_its_query_and_gets_our_host(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetReplayUri"] = replay_address(
        "rtsp://root:pass@10.9.9.9:8554/onvif-media/record/play.amp?onvifreplayid=R1&amp;session_timeout=30"
    )
    wanted = "rtsp://127.0.0.1:8554/onvif-media/record/play.amp?onvifreplayid=R1&session_timeout=30"
    assert replay.replay_uri(recorder, "R1") == wanted
    assert device.asked("GetReplayUri")[0].value("RecordingToken") == "R1"


@pytest.mark.parametrize("refusal", [fault("ter:InvalidStreamSetup", "transport"), replay_address("")])
def test_another_transport_is_named_for_a_replay_too(
    device: SoapDevice, recorder: DeviceConnection, refusal: Reply | str
) -> None:
    named = replay_address("rtsp://10.9.9.9/replay/R1")
    device.answers["GetReplayUri"] = lambda request: named if request.value("Protocol") == "UDP" else refusal
    assert replay.replay_uri(recorder, "R1") == "rtsp://127.0.0.1:554/replay/R1"


def test_a_recording_that_is_gone_is_asked_for_once(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetReplayUri"] = fault("ter:NoRecording", "gone")
    with pytest.raises(SoapFault):
        replay.replay_uri(recorder, "R1")
    assert len(device.asked("GetReplayUri")) == 1


@pytest.mark.parametrize("address", ["", "rtsp://"])
def test_an_invalid_replay_address_is_refused(device: SoapDevice, recorder: DeviceConnection, address: str) -> None:
    device.answers["GetReplayUri"] = replay_address(address)
    with pytest.raises(CameraBadAnswer):
        replay.replay_uri(recorder, "R1")
    with pytest.raises(InvalidRequest):
        replay.replay_uri(recorder, "R\n1")


def test_hostile_lists_are_bounded_and_cleaned(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(
        recording("x" * 5000),
        recording("ok\u202e"),
        "<tt:RecordingInformation/>",
        recording().replace("Gate", "G\u202ee"),
    )
    (one,), _ = recording_search.list_recordings(recorder)
    assert (one.recording_token, one.source_name) == ("R1", "G e")
    device.answers["GetRecordingSearchResults"] = recordings(*(recording(f"R{at}") for at in range(300)))
    assert len(_tokens(recorder)) == 300


@pytest.mark.parametrize(
    ("utc", "local", "zone", "found_s"),
    [(10, 18, "UTC0", 28800.0), (10, None, "CST-8", 28800.0), (10, 5, "EST5EDT", -18000.0), (10, None, "?", 0.0)],
)
def test_a_time_zone_is_read_from_two_clocks_or_from_its_name(
    device: SoapDevice, recorder: DeviceConnection, utc: int, local: int | None, zone: str, found_s: float
) -> None:
    answer = system_time(datetime(2026, 11, 22, utc, tzinfo=UTC), zone=zone)
    if local is not None:
        clocks = system_time(datetime(2026, 11, 22, local, 0, 1, tzinfo=UTC), element="LocalDateTime")
        found = clocks[clocks.index("<tt:LocalDateTime>") : clocks.index("</tds:SystemDateAndTime>")]
        answer = answer.replace("</tds:SystemDateAndTime>", found + "</tds:SystemDateAndTime>")
    device.answers["GetSystemDateAndTime"] = answer
    assert replay.zone(recorder)[0] == found_s
    assert replay.known_zone_s(recorder) == (None if zone == "?" else found_s), "0 is a known zone, None an unknown one"


def test_a_device_that_refuses_the_time_has_no_known_zone(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetSystemDateAndTime"] = NOT_IMPLEMENTED
    assert replay.known_zone_s(recorder) is None


def test_vendors_have_their_own_replay_addresses() -> None:
    (dahua,) = replay.makers_replays("Dahua Technology", 3, "10.0.0.5", 554, 3600.0)
    assert dahua.uri == "rtsp://10.0.0.5:554/cam/playback?channel=3&starttime={start}&endtime={end}"
    assert (dahua.kind, dahua.zone_s) == ("dahua", 3600.0)
    (hikvision,) = replay.makers_replays("HIKVISION", 3, "fe80::1", 554)
    assert hikvision.uri == "rtsp://[fe80::1]:554/Streaming/tracks/301?starttime={start}&endtime={end}"
    assert hikvision.kind == "hikvision"
    assert replay.makers_replays("Another Maker", 1, "h", 554) == ()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00:00.25Z", "2026-11-22T10:00:00.250000+00:00"),
        ("2026-11-22T10:00:00.123456789012Z", "2026-11-22T10:00:00.123456+00:00"),
        ("2026-11-22T10:00:00", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00:00+05:30", "2026-11-22T04:30:00+00:00"),
        ("2026-11-22 10:00:00z", "2026-11-22T10:00:00+00:00"),
        (" 2026-11-2T1:02:03Z ", "2026-11-02T01:02:03+00:00"),
        ("2026-11-22T24:00:00Z", "2026-11-23T00:00:00+00:00"),
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00+00:00"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00"),
        ("2026-11-22T10:00:00,5Z", "2026-11-22T10:00:00.500000+00:00"),
        ("2026-11-22t10:00:00 +0530", "2026-11-22T04:30:00+00:00"),
        ("2026-11-22T10:00:00-8", "2026-11-22T18:00:00+00:00"),
        ("2026-11-22T10:00:00 GMT+08:00", "2026-11-22T02:00:00+00:00"),
        ("2026-11-22 10:00:00 UTC", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00:00 local time", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00Z", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22-10:00:00Z", "2026-11-22T10:00:00+00:00"),
        ("2026/11/22 10:00:00", "2026-11-22T10:00:00+00:00"),
        ("20261122T100000.25Z", "2026-11-22T10:00:00.250000+00:00"),
        ("20261122100000", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:75:30Z", "2026-11-22T11:15:30+00:00"),
        ("2026-11-22T23:59:75Z", "2026-11-23T00:00:15+00:00"),
        ("2026-11-22T24:10:00Z", "2026-11-23T00:10:00+00:00"),
        ("1795341600", "2026-11-22T10:00:00+00:00"),
        ("1795341600250125", "2026-11-22T10:00:00.250000+00:00"),
        ("2026-11-22T10:00:00:250Z", "2026-11-22T10:00:00.250000+00:00"),
        ("2026-11-22T10:00:00.Z", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10-00-30Z", "2026-11-22T10:00:30+00:00"),
        ("2026-11-22T10.00.30Z", "2026-11-22T10:00:30+00:00"),
        ("2026-11-22T10:00-08:00", "2026-11-22T18:00:00+00:00"),
        ("2026-11- 2T 9: 5: 0Z", "2026-11-02T09:05:00+00:00"),
        ("2026-11-22T10:00:00Z+08:00", "2026-11-22T02:00:00+00:00"),
        ("2026-11-22T10:00:00+00:00Z", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00:00\u221208:00", "2026-11-22T18:00:00+00:00"),
        ("2026-11-22T10:00:00 CST-8", "2026-11-22T02:00:00+00:00"),
        ("2026-11-22T10:00:00 (UTC)", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22", "2026-11-22T00:00:00+00:00"),
        ("Sun Nov 22 10:00:00 2026", "2026-11-22T10:00:00+00:00"),
        ("Sun, 22 Nov 2026 10:00:00 +0800", "2026-11-22T02:00:00+00:00"),
        ("1795341600250", "2026-11-22T10:00:00.250000+00:00"),
        ("22.11.2026 10:00:00", "2026-11-22T10:00:00+00:00"),
        ("5-11-2026 10:00:00Z", "2026-11-05T10:00:00+00:00"),
        ("11/22/2026 10:00:00", "2026-11-22T10:00:00+00:00"),
        ("22/11/2026 10:00:00", "2026-11-22T10:00:00+00:00"),
        ("2026年11月22日 10:00:00", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10%3A00%3A00%2B08:00", "2026-11-22T02:00:00+00:00"),
        ("2026-11-22T10\uff1a00\uff1a00Z\0\0", "2026-11-22T10:00:00+00:00"),
    ],
)
def test_times_are_read_as_devices_write_them(written: str, read: str) -> None:
    assert read_moment(written) == datetime.fromisoformat(read)


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "now",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-22T49:00:00Z",
        "2026-11-22T10:130:00Z",
        "2026-11-22T10:00:00 tomorrow?",
        "2026-11-22T10:00:00+99:00",
        "1970-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00Z",
        "05/11/2026 10:00:00",
        "0" * 99,
    ],
)
def test_an_unreadable_time_is_none(written: str | None) -> None:
    assert read_moment(written) is None


@pytest.mark.parametrize(
    "written", ["1970-01-01T08:00:00Z", "1999-12-31T23:59:59Z", "2036-02-07T14:28:16Z", "2038-01-19T03:14:07Z"]
)
def test_the_date_of_a_reset_clock_is_no_hint(written: str) -> None:
    assert read_hint(written) is None
    assert read_hint("2026-11-22T10:00:00Z") == datetime(2026, 11, 22, 10, tzinfo=UTC)
