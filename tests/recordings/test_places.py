"""Playback of a channel continues in the recording that holds the next time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from core.records import MediaProfile, ProfileRole
from tests.recordings.recorder import DAY, HOUR, NOON, Archive, asked, channel, recording


def places(archive: Archive, recording_token: str, moment: datetime) -> list[tuple[str, float, float]]:
    """Return recording token, start and end (in hours after noon) of the places from `moment` on."""
    found = archive.manager.recorded_from(1, recording_token, moment)
    return [(place.recording_token, (place.start - NOON) / HOUR, (place.end - NOON) / HOUR) for place in found]


def give_channel_1_two_recordings(archive: Archive) -> None:
    """Give channel 1 two recordings: Rec1 ends at 11:00, Rec3 begins then and has a gap from 11:15 to 11:30."""
    other = replace(recording(3), source_id="Source1")
    archive.recorder.recordings_ = (recording(1), other, recording(2))
    archive.recorder.spans = {
        "Rec1": [(NOON - 5 * HOUR, NOON - HOUR)],
        "Rec3": [(NOON - HOUR, NOON - HOUR * 0.75), (NOON - HOUR * 0.5, NOON)],
        "Rec2": [(NOON - 5 * HOUR, NOON)],
    }


def test_playback_of_a_channel_continues_in_its_next_recording(archive: Archive) -> None:
    give_channel_1_two_recordings(archive)
    assert places(archive, "Rec1", NOON - 2 * HOUR) == []  # nothing is indexed yet
    asked(archive, NOON - DAY, NOON)
    assert places(archive, "Rec1", NOON - 2 * HOUR) == [
        ("Rec1", -2, -1),
        ("Rec3", -1, -0.75),
        ("Rec3", -0.5, 0),
    ]
    assert places(archive, "Rec1", NOON - HOUR)[0] == ("Rec3", -1, -0.75)
    assert places(archive, "Rec3", NOON - 3 * HOUR)[0] == ("Rec1", -3, -1)
    assert places(archive, "Rec1", NOON) == []
    assert places(archive, "Rec9", NOON - HOUR) == []


def test_playback_stays_in_its_recording_when_two_overlap(archive: Archive) -> None:
    give_channel_1_two_recordings(archive)
    archive.recorder.spans["Rec3"] = [(NOON - 4 * HOUR, NOON)]
    asked(archive, NOON - DAY, NOON)
    assert places(archive, "Rec1", NOON - 2 * HOUR) == [("Rec1", -2, -1), ("Rec3", -1, 0)]
    assert places(archive, "Rec3", NOON - 2 * HOUR) == [("Rec3", -2, 0)]


def test_a_day_without_index_is_played_by_the_recordings_dates(archive: Archive) -> None:
    archive.recorder.recordings_ = (
        recording(1, earliest=NOON - 9 * DAY, latest=NOON - 8 * DAY),
        replace(recording(3, earliest=NOON - 8 * DAY, latest=NOON), source_id="Source1"),
    )
    asked(archive, NOON - HOUR, NOON)
    assert places(archive, "Rec3", NOON - 9 * DAY)[0][0] == "Rec1"
    assert places(archive, "Rec1", NOON - 7 * DAY)[0][0] == "Rec3"


def test_times_of_places_are_corrected_by_the_clock_offset(archive: Archive) -> None:
    archive.recorder.offset_s = 3600.0
    archive.recorder.spans["Rec1"] = [(NOON - 3 * HOUR, NOON + HOUR)]
    asked(archive, NOON - DAY, NOON)
    assert places(archive, "Rec1", NOON - 6 * HOUR) == [("Rec1", -4, 0)]


def give_channel_1_a_sub_recording(archive: Archive) -> None:
    """Rec1 is of the main stream, Rec3 of the sub stream; the device lists Rec3 first. Rec3 has a gap from 10 to 11."""
    profiles = [
        MediaProfile(token, token, "Source1", None, role=role)
        for token, role in (("Main1", ProfileRole.MAIN), ("Sub1", ProfileRole.SUB))
    ]
    archive.channels = [channel(1, profiles=tuple(profiles)), channel(2)]
    sub = replace(recording(3), source_id="Source1", job_source="Sub1")
    archive.recorder.recordings_ = (sub, replace(recording(1), job_source="Main1"), recording(2))
    archive.recorder.spans = {
        "Rec1": [(NOON - 5 * HOUR, NOON)],
        "Rec3": [(NOON - 5 * HOUR, NOON - 2 * HOUR), (NOON - HOUR, NOON)],
        "Rec2": [(NOON - 5 * HOUR, NOON)],
    }


def test_the_main_recording_plays_unless_the_sub_recording_is_wanted(archive: Archive) -> None:
    give_channel_1_a_sub_recording(archive)
    row = asked(archive, NOON - DAY, NOON).channels[0]
    assert row.recording_token == "Rec1"
    assert {span.recording_token for span in row.spans} == {None, "Rec1"}
    assert places(archive, "Rec1", NOON - 3 * HOUR) == [("Rec1", -3, 0)]
    assert places(archive, "Rec3", NOON - 3 * HOUR) == [("Rec3", -3, -2), ("Rec1", -2, -1), ("Rec3", -1, 0)]


def test_a_sub_recording_plays_where_it_has_data(archive: Archive) -> None:
    give_channel_1_a_sub_recording(archive)
    asked(archive, NOON - DAY, NOON)
    found = archive.manager.recorded_from(1, "Rec1", NOON - 3 * HOUR, prefers_sub=True)
    assert [(place.recording_token, place.is_sub, (place.end - NOON) / HOUR) for place in found] == [
        ("Rec3", True, -2),
        ("Rec1", False, -1),
        ("Rec3", True, 0),
    ]
    assert archive.manager.recorded_from(1, "Rec2", NOON - 3 * HOUR, prefers_sub=True) == ()


def test_the_coverage_names_sub_recordings_on_request(archive: Archive) -> None:
    give_channel_1_a_sub_recording(archive)
    asked(archive, NOON - DAY, NOON)
    found = archive.manager.coverage(1, NOON - 3 * HOUR, NOON, channel=1, prefers_sub=True).channels[0]
    assert [(span.recording_token, (span.end - NOON) / HOUR) for span in found.spans] == [
        ("Rec3", -2),
        ("Rec1", -1),
        ("Rec3", 0),
    ]


def test_the_recordings_dates_tell_of_a_sub_recording_too(archive: Archive) -> None:
    give_channel_1_a_sub_recording(archive)
    asked(archive, NOON - HOUR, NOON)
    found = archive.manager.recorded_from(1, "Rec1", NOON - 7 * DAY, prefers_sub=True)
    assert (found[0].recording_token, found[0].is_sub) == ("Rec3", True)
