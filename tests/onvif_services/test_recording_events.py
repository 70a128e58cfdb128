"""FindEvents: read page by page, bounded, always ended; filters that a recorder ignores are applied here."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import CameraBadAnswer, CameraUnreachable, CameraUnsupported, DeviceError
from core.recordings import EventSearch
from onvif_services import recording_search, searches
from onvif_services.connection import DeviceConnection
from onvif_services.faults import SoapFault
from onvif_services.recording_search import HISTORY, bare_topic, is_history
from tests.onvif_services.connecting import Connect
from tests.onvif_services.recorder_answers import begun, event, events, one_after_another, state
from tests.onvif_services.soap_device import Reply, Request, SoapDevice, fault, soap
from tests.patience import LIMIT_S, promised

DAY = datetime(2026, 11, 22, tzinfo=UTC)
MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"


def _find(conn: DeviceConnection, **options: Any) -> EventSearch:
    return recording_search.find_events(
        conn, start=DAY, end=DAY + timedelta(days=1), **{"deadline_s": LIMIT_S, **options}
    )


def _at(hour: int, minute: int = 0) -> datetime:
    return DAY + timedelta(hours=hour, minutes=minute)


def test_a_search_request_has_window_scope_topics_and_start_state(
    device: SoapDevice, recorder: DeviceConnection
) -> None:
    _find(recorder, topics=HISTORY, recording_tokens=("R1", "R2"))
    (asked,) = device.asked("FindEvents")
    assert asked.value("StartPoint").startswith("2026-11-22T00:00:00")
    assert asked.value("EndPoint").startswith("2026-11-23T00:00:00")
    assert asked.value("IncludeStartState") == "true"
    assert re.findall(r"IncludedRecordings[^>]*>(R\d)<", asked.text) == ["R1", "R2"]
    assert asked.value("TopicExpression") == "|".join(HISTORY)
    assert 'xmlns:tns1="http://www.onvif.org/ver10/topics"' in asked.text
    (page,) = device.asked("GetEventSearchResults")
    assert page.value("SearchToken") == "s1"
    assert page.value("WaitTime") == "PT2S"
    assert len(device.asked("EndSearch")) == 1


def test_all_fields_of_an_event_are_read(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetEventSearchResults"] = events(event("2026-11-22T01:00:00.5Z", start_state="FALSE"))
    result = _find(recorder)
    (one,) = result.events
    assert result.complete
    assert (one.time, one.topic) == (_at(1) + timedelta(milliseconds=500), "tns1:RecordingHistory/Track/State")
    assert (one.recording_token, one.track_token, one.active, one.is_start_state) == ("R1", "V1", True, False)


@pytest.mark.parametrize(
    ("value", "active"),
    [
        *(("true", True), ("TRUE", True), ("1", True), ("On", True), ("active", True)),
        *(("0", False), ("False", False), ("OFF", False), ("inactive", False), ("?", None)),
    ],
)
def test_states_in_any_spelling_and_times_without_zone_are_read(
    device: SoapDevice, recorder: DeviceConnection, value: str, active: bool | None
) -> None:
    device.answers["GetEventSearchResults"] = events(event("2026-11-22T01:00:00", value))
    (one,) = _find(recorder).events
    assert (one.active, one.time) == (active, _at(1))


def test_elements_in_another_order_are_read(device: SoapDevice, recorder: DeviceConnection) -> None:
    turned = (
        '<tt:Result><tt:Event><wsnt:Message><tt:Message UtcTime="2026-11-22T05:00:00Z"><tt:Data>'
        '<tt:SimpleItem Value="TRUE" Name="IsMotion"/></tt:Data><tt:Source/></tt:Message></wsnt:Message>'
        f"<wsnt:Topic> {MOTION} </wsnt:Topic></tt:Event><tt:RecordingToken>R2</tt:RecordingToken></tt:Result>"
    )
    answer = events(turned, state_="").replace("</tse:ResultList>", state("Completed") + "</tse:ResultList>")
    device.answers["GetEventSearchResults"] = answer
    (one,) = _find(recorder).events
    assert (one.topic, one.recording_token, one.active, one.time) == (MOTION, "R2", True, _at(5))


def test_pages_in_any_order_are_sorted_and_progress_is_reported(device: SoapDevice, recorder: DeviceConnection) -> None:
    moments = [_at(hour, minute) for hour in range(24) for minute in range(0, 60, 10)]
    written = [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in moments]
    parts = [written[at : at + 50] for at in range(0, len(written), 50)]
    listed = [events(*map(event, reversed(part)), state_=state("Searching")) for part in reversed(parts)]
    device.answers["GetEventSearchResults"] = one_after_another(*listed, events())
    counted: list[int] = []
    result = _find(recorder, on_progress=counted.append)
    assert result.complete
    assert [item.time for item in result.events] == moments
    assert counted == [44, 94, 144, 144]


def test_a_filter_that_the_device_ignores_is_applied_here(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetEventSearchResults"] = events(
        event("2026-11-22T01:00:00Z"),
        event("2026-11-22T02:00:00Z", topic="onvif:RecordingHistory/onvif:Track/State"),
        event("2026-11-22T03:00:00Z", token="R2"),
        event("2026-11-22T04:00:00Z", topic=MOTION, name="IsMotion"),
        event("2026-11-25T00:00:00Z"),
        event("1970-01-01T00:00:00Z", topic=MOTION),
    )
    result = _find(recorder, topics=HISTORY, recording_tokens=("R1",))
    assert [item.time for item in result.events] == [_at(1), _at(2)]


def test_start_states_are_moved_to_the_beginning_of_the_window(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetEventSearchResults"] = events(
        event("2026-11-22T03:00:00Z", "false"),
        event("2026-11-10T03:00:00Z", "true", start_state="TRUE"),
    )
    result = _find(recorder)
    assert result.has_start_states
    assert [(item.time, item.active, item.is_start_state) for item in result.events] == [
        (DAY, True, True),
        (_at(3), False, False),
    ]


def test_a_change_before_the_window_becomes_its_start_state(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetEventSearchResults"] = events(
        event("2026-11-20T00:00:00Z", "true"), event("2026-11-21T00:00:00Z", "false"), event("2026-11-19T00:00:00Z")
    )
    result = _find(recorder)
    assert [(item.time, item.active, item.is_start_state) for item in result.events] == [(DAY, False, True)]
    assert result.has_start_states


def test_a_result_without_start_states_is_marked(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetEventSearchResults"] = events(event("2026-11-22T03:00:00Z", "false"))
    assert not _find(recorder).has_start_states


def test_a_search_is_repeated_without_topics_if_the_device_refuses_them(
    device: SoapDevice, recorder: DeviceConnection
) -> None:
    def find(request: Request) -> Reply:
        is_filtered = "TopicExpression" in request.text
        return fault("ter:InvalidFilterFault", "topic") if is_filtered else soap(begun("FindEvents"))

    device.answers["FindEvents"] = find
    device.answers["GetEventSearchResults"] = events(
        event("2026-11-22T01:00:00Z"), event("2026-11-22T02:00:00Z", topic=MOTION)
    )
    assert len(_find(recorder, topics=HISTORY).events) == 1


def test_a_search_is_repeated_with_topics_if_the_device_demands_them(
    device: SoapDevice, recorder: DeviceConnection
) -> None:
    def find(request: Request) -> Reply:
        is_filtered = "TopicExpression" in request.text
        return soap(begun("FindEvents")) if is_filtered else fault("ter:InvalidFilterFault", "topic")

    device.answers["FindEvents"] = find
    device.answers["GetEventSearchResults"] = events(event("2026-11-22T01:00:00Z"))
    assert len(_find(recorder).events) == 1
    assert device.asked("FindEvents")[-1].value("TopicExpression") == "|".join(HISTORY)


def test_a_device_without_start_states_is_searched_without(device: SoapDevice, recorder: DeviceConnection) -> None:
    def find(request: Request) -> Reply:
        is_refused = request.value("IncludeStartState") == "true"
        return fault("ter:InvalidArgVal", "x") if is_refused else soap(begun("FindEvents"))

    device.answers["FindEvents"] = find
    device.answers["GetEventSearchResults"] = events(event("2026-11-22T01:00:00Z"))
    assert len(_find(recorder).events) == 1


def test_a_refused_search_keeps_its_first_refusal(device: SoapDevice, recorder: DeviceConnection) -> None:
    faults = [fault("ter:ResourceProblem", "busy"), *(fault("ter:InvalidArgVal", "x") for _ in range(9))]
    device.answers["FindEvents"] = lambda _: faults.pop(0)
    with pytest.raises(SoapFault) as refused:
        _find(recorder)
    assert refused.value.has_code("ResourceProblem")


def test_the_window_of_a_search_has_whole_seconds(device: SoapDevice, recorder: DeviceConnection) -> None:
    part = timedelta(milliseconds=250)
    recording_search.find_events(recorder, start=DAY + part, end=_at(1) + part, deadline_s=LIMIT_S)
    (asked,) = device.asked("FindEvents")
    assert (asked.value("StartPoint"), asked.value("EndPoint")) == ("2026-11-22T00:00:00Z", "2026-11-22T01:00:01Z")


@pytest.mark.parametrize("refused", ["MinResults", "WaitTime"])
def test_a_device_that_refuses_options_gets_a_bare_request(
    device: SoapDevice, recorder: DeviceConnection, refused: str
) -> None:
    def page(request: Request) -> Reply:
        if refused in request.text:
            return fault("ter:InvalidArgVal", refused)
        return soap(events(event("2026-11-22T01:00:00Z")))

    device.answers["GetEventSearchResults"] = page
    assert len(_find(recorder).events) == 1


def test_a_search_that_is_forgotten_after_its_last_page_is_complete(
    device: SoapDevice, recorder: DeviceConnection
) -> None:
    first = events(event("2026-11-22T01:00:00Z"), state_=state("Searching"))
    pages: list[str | Reply] = [first, fault("ter:InvalidToken", "gone")]
    device.answers["GetEventSearchResults"] = lambda _: pages.pop(0)
    result = _find(recorder)
    assert (len(result.events), result.complete) == (1, True)


@pytest.mark.parametrize("said", ["", state("Unknown"), "<tt:SearchState/>"])
def test_without_a_state_two_empty_pages_end_the_search(
    device: SoapDevice, recorder: DeviceConnection, said: str
) -> None:
    device.answers["GetEventSearchResults"] = one_after_another(
        events(state_=said), events(event("2026-11-22T01:00:00Z"), state_=said), events(state_=said)
    )
    result = _find(recorder)
    assert (len(result.events), result.complete) == (1, True)
    assert len(device.asked("GetEventSearchResults")) == 4


@pytest.mark.slow
def test_an_endless_search_ends_in_time_and_is_polled_slowly(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetEventSearchResults"] = one_after_another(
        events(event("2026-11-22T01:00:00Z"), state_=state("Searching")), events(state_=state("Searching"))
    )
    with promised(3.2):
        result = _find(recorder, deadline_s=2.0)
    assert (len(result.events), result.complete) == (1, False)
    assert len(device.asked("GetEventSearchResults")) <= 10
    assert device.asked("EndSearch")


def test_a_search_that_goes_on_without_results_is_called_quiet(
    device: SoapDevice, recorder: DeviceConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "_QUIET_S", 0.1)
    device.answers["GetEventSearchResults"] = events(state_=state("Searching"))
    result = _find(recorder)
    assert (result.complete, result.is_quiet) == (False, True)


def test_a_search_with_endless_results_stops_at_the_limit(
    device: SoapDevice, recorder: DeviceConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = iter(range(100_000))

    def page(_: Request) -> str:
        found = (DAY + timedelta(seconds=next(made)) for _ in range(50))
        return events(*(event(f"{moment:%Y-%m-%dT%H:%M:%SZ}") for moment in found), state_=state("Searching"))

    monkeypatch.setattr(recording_search, "MAX_EVENTS", 120)  # creating 200,000 events would take half a minute
    device.answers["GetEventSearchResults"] = page
    result = _find(recorder)
    assert (len(result.events), result.complete) == (120, False)
    assert device.asked("EndSearch")


def test_a_search_can_be_stopped(device: SoapDevice, recorder: DeviceConnection) -> None:
    searching = state("Searching")
    device.answers["GetEventSearchResults"] = one_after_another(
        *(events(event(f"2026-11-22T0{hour}:00:00Z"), state_=searching) for hour in range(9))
    )
    counted: list[int] = []
    result = _find(recorder, on_progress=counted.append, should_stop=lambda: len(counted) >= 3)
    assert (len(result.events), result.complete) == (3, False)
    assert device.asked("EndSearch")


def test_a_search_is_ended_even_if_the_device_refuses_a_page(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetEventSearchResults"] = fault("ter:InvalidToken", "gone")
    device.answers["EndSearch"] = fault("ter:InvalidToken", "gone")
    with pytest.raises(DeviceError):
        _find(recorder)
    assert device.asked("EndSearch")


def test_a_completed_search_that_the_device_forgets_is_complete(device: SoapDevice, recorder: DeviceConnection) -> None:
    pages: list[str | Reply] = [events(event("2026-11-22T01:00:00Z")), fault("ter:InvalidToken", "gone")]
    device.answers["GetEventSearchResults"] = lambda _: pages.pop(0)
    result = _find(recorder)
    assert (len(result.events), result.complete) == (1, True)


def test_a_recorder_that_goes_away_during_a_search_is_unreachable(
    device: SoapDevice, recorder: DeviceConnection, connect: Connect
) -> None:
    def close(_: Request) -> Reply:
        recorder.close()
        return soap(events(event("2026-11-22T01:00:00Z"), state_=state("Searching")))

    device.answers["GetEventSearchResults"] = close
    with pytest.raises(CameraUnreachable):
        _find(recorder)


def test_without_event_search_the_error_names_the_service(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["FindEvents"] = fault("ter:ActionNotSupported", "Optional Action Not Implemented")
    with pytest.raises(CameraUnsupported) as refused:
        _find(recorder)
    assert refused.value.service == "search"
    assert not device.asked("EndSearch")


def test_a_search_without_a_usable_token_is_a_bad_answer(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["FindEvents"] = begun("FindEvents", "x" * 5000)
    with pytest.raises(CameraBadAnswer):
        _find(recorder)


def test_hostile_pages_are_refused_or_read_in_part(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetEventSearchResults"] = events(
        "<tt:Result/>",
        event("9999-12-31T23:59:59-14:00"),
        event("2026-11-22T01:00:00Z", token="x" * 5000, topic="tns1:A/\u202eB" + "/c" * 5000),
    )
    (one,) = _find(recorder).events
    assert one.recording_token == "x" * 128  # from the source item of the event, cut
    assert one.topic.startswith("tns1:A/ B/c")
    assert len(one.topic) <= 128
    bomb = b'<!DOCTYPE s:Envelope [<!ENTITY a "aaaaaaaa">]>' + soap(events()).body.partition(b"?>")[2]
    device.answers["GetEventSearchResults"] = Reply(bomb)
    with pytest.raises(CameraBadAnswer):
        _find(recorder)


@pytest.mark.slow
def test_a_day_of_many_events_is_read_fast_enough(device: SoapDevice, recorder: DeviceConnection) -> None:
    """5,000 events in pages of our size: a fifth of the 25,000 events of a month, which must be read in 12 s."""
    moments = [DAY + timedelta(seconds=17 * at) for at in range(5000)]
    parts = [moments[at : at + searches.PAGE] for at in range(0, 5000, searches.PAGE)]
    listed = [events(*(event(f"{moment:%Y-%m-%dT%H:%M:%SZ}") for moment in part)) for part in parts]
    device.answers["GetEventSearchResults"] = one_after_another(*listed, events())
    with promised(6.0):
        result = _find(recorder)
        assert len(result.events) == 5000


def test_topics_are_compared_without_prefixes() -> None:
    assert bare_topic("tns1:RecordingHistory//.") == "RecordingHistory"
    assert is_history("onvif:RecordingHistory/onvif:Track/State")
    assert not is_history(MOTION)


def test_an_event_with_an_unreadable_time_is_named_on_the_health_card(
    device: SoapDevice, recorder: DeviceConnection
) -> None:
    device.answers["GetEventSearchResults"] = events(event("2026-11-22T01:00:00Z"), event("yesterday"))
    assert [item.time for item in _find(recorder).events] == [_at(1)]
    [check] = [check for check in recorder.checks if check.name == "times of recorded events"]
    assert (check.outcome, check.detail) == ("camera_bad_answer", "unreadable: yesterday")
    device.answers["GetEventSearchResults"] = events(event("2026-11-22T01:00:00Z"))
    _find(recorder)
    assert "ok" in [check.outcome for check in recorder.checks if check.name == "times of recorded events"]


def test_events_with_minutes_beyond_59_make_a_known_history(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetEventSearchResults"] = events(
        event("2026-11-22T00:61:16Z"), event("2026-11-22T02:00:75Z", "false")
    )
    assert [item.time for item in _find(recorder).events] == [
        _at(1, 1) + timedelta(seconds=16),
        _at(2, 1) + timedelta(seconds=15),
    ]
