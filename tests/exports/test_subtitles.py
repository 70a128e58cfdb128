"""Subtitles with the time of day."""

from __future__ import annotations

from dataclasses import replace

from exports.subtitles import TimeText, subrip, text_track
from tests.exports.exporting import moment

HOSTILE = TimeText(('Gate <font size="99">', r"{\an8}Yard --> 1"), moment(0), moment(1))
HARMLESS = replace(HOSTILE, place=('Gate ‹font size="99"›', r"(\an8)Yard --› 1"))


def test_names_of_cameras_are_no_tags_of_subtitles() -> None:
    assert subrip(HOSTILE).splitlines()[2] == HARMLESS.names
    assert text_track(HOSTILE).data == text_track(HARMLESS).data


def test_plain_names_stay_as_they_are_in_subtitles() -> None:
    assert (
        subrip(replace(HOSTILE, place=("Gate [2] (old)", "Hof & Tür"))).splitlines()[2] == "Gate [2] (old), Hof & Tür"
    )
