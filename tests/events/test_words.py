"""The words of a search: what they mean, and that nothing is guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import EventKind
from events.words import KnownNames, Understood, parse_words
from events.words_lists import COLOURS
from events.words_times import Times, start_of

NOW = datetime(2026, 11, 25, 10, 30).astimezone()  # a Wednesday
NAMES = KnownNames(
    cameras={1: "Front door", 2: "Recorder", 3: "Person watch"},
    channels={(1, 1): "Front door", (2, 1): "Gate", (2, 2): "Yard", (3, 1): "Gate"},
    zones=("drive", "Gate", "Red bin"),
)


def parsed(text: str) -> Understood:
    return parse_words(text, NAMES, NOW)


def utc(day: int, hour: int = 0, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute).astimezone().astimezone(UTC)


def test_the_words_of_the_example_become_filters() -> None:
    found = parsed("person red drive yesterday 18:00-20:00")
    assert found.kinds == (EventKind.PERSON,)
    assert found.colours == ("red",)
    assert found.zones == ("drive",)
    assert (found.start, found.end) == (utc(24, 18), utc(24, 20))
    assert (found.times, found.named_times) == (None, Times(18 * 60, 20 * 60))
    assert found.not_understood == ()


@pytest.mark.parametrize(
    ("text", "kinds", "labels"),
    [
        ("people", {EventKind.PERSON}, set()),
        ("Pedestrians, vehicles", {EventKind.PERSON, EventKind.VEHICLE}, set()),
        ("car", set(), {"car"}),
        ("lorries and buses", set(), {"truck", "bus"}),
        ("person bike", {EventKind.PERSON}, {"bicycle"}),
        ("dog animal", {EventKind.ANIMAL}, {"dog"}),
        ("licence plate", {EventKind.LICENCE_PLATE}, set()),
        ("number plates", {EventKind.LICENCE_PLATE}, set()),
        ("line crossing", {EventKind.LINE_CROSSED}, set()),
        ("object left", {EventKind.LEFT_OBJECT}, set()),
    ],
)
def test_class_words_have_synonyms(text: str, kinds: set[EventKind], labels: set[str]) -> None:
    found = parsed(text)
    assert (set(found.kinds), set(found.labels), found.not_understood) == (kinds, labels, ())


def test_all_colours_are_understood() -> None:
    found = parsed("black white gray red yellow green blue brown")
    assert found.colours == COLOURS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("front door", {"camera_ids": (1,), "channels": ()}),  # its only channel has the same name
        ("gate", {"channels": ((2, 1), (3, 1)), "zones": ()}),  # channels come before a zone of this name
        ("recorder gate", {"channels": ((2, 1),), "camera_ids": ()}),
        ("recorder", {"camera_ids": (2,), "channels": ()}),
        ("front door yard", {"camera_ids": (1,), "channels": ((2, 2),)}),
        ("red bin", {"zones": ("Red bin",), "colours": ()}),
        ("RED drive", {"zones": ("drive",), "colours": ("red",)}),
        ("person watch", {"camera_ids": (3,), "kinds": ()}),
        ("front", {"camera_ids": (), "not_understood": ("front",)}),
    ],
)
def test_names_are_understood_as_a_whole(text: str, expected: dict[str, Any]) -> None:
    found = parsed(text)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("today", utc(25), utc(26)),
        ("yesterday", utc(24), utc(25)),
        ("wednesday", utc(25), utc(26)),
        ("last wednesday", utc(18), utc(19)),
        ("on monday", utc(23), utc(24)),
        ("monday to tuesday", utc(23), utc(25)),
        ("between monday and tuesday", utc(23), utc(25)),
        ("from 2026-11-20 until 2026-11-22", utc(20), utc(23)),
        ("since monday", utc(23), None),
        ("before monday", None, utc(23)),
        ("until monday", None, utc(24)),
        ("2026-11-03", utc(3), utc(4)),
        ("3.11.2026", utc(3), utc(4)),
        ("3.11.", utc(3), utc(4)),
        ("24 november", utc(24), utc(25)),
        ("November 24th 2026", utc(24), utc(25)),
        ("yesterday 22:00-06:00", utc(24, 22), utc(25, 6)),
        ("yesterday after 18:00", utc(24, 18), utc(25)),
        ("before 6:30am today", utc(25), utc(25, 6, 30)),
        ("last 2 hours", utc(25, 8, 30), None),
        ("past hour", utc(25, 9, 30), None),
        ("last 3 days", utc(22, 10, 30), None),
    ],
)
def test_days_become_a_window(text: str, start: datetime | None, end: datetime | None) -> None:
    found = parsed(text)
    assert (found.start, found.end, found.times, found.not_understood) == (start, end, None, ())


def test_a_day_later_in_the_year_is_that_of_last_year() -> None:
    assert parsed("24 december").start == datetime(2025, 12, 24).astimezone()
    assert parsed("29 february").start == datetime(2024, 2, 29).astimezone()


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("18:00-20:00", Times(1080, 1200)),
        ("18:00–20:00", Times(1080, 1200)),
        ("18:00 - 20:00", Times(1080, 1200)),
        ("18:00 to 20:00", Times(1080, 1200)),
        ("from 6pm to 8pm", Times(1080, 1200)),
        ("between 6 pm and 8:15 pm", Times(1080, 1215)),
        ("12am-12pm", Times(0, 720)),
        ("after 22:00", Times(1320, 1440)),
        ("before 06:00", Times(0, 360)),
        ("22:00-06:00", Times(1320, 360)),
        ("18:00-24:00", Times(1080, 1440)),
    ],
)
def test_times_without_a_day_are_those_of_each_day(text: str, times: Times) -> None:
    found = parsed(text)
    assert (found.start, found.end, found.times, found.not_understood) == (None, None, times, ())


@pytest.mark.parametrize(
    ("text", "struck"),
    [
        ("unicorn", ("unicorn",)),
        ("person purple", ("purple",)),
        ("18-20", ("18-20",)),
        ("18:00", ("18:00",)),
        ("25:00-26:00", ("25:00-26:00",)),
        ("13pm-14pm", ("13pm-14pm",)),
        ("18:00-18:00", ("18:00-18:00",)),
        ("11/24", ("11/24",)),
        ("31.2.2026", ("31.2.2026",)),
        ("30 february", ("30", "february")),
        ("morning", ("morning",)),
        ("last 0 hours", ("last", "0", "hours")),
        ("yesterday today", ("today",)),
        ("18:00-20:00 21:00-22:00", ("21:00-22:00",)),
        ("<b>person</b>", ("<b>person</b>",)),
    ],
)
def test_what_may_mean_anything_is_not_understood(text: str, struck: tuple[str, ...]) -> None:
    assert parsed(text).not_understood == struck


def test_a_negation_strikes_the_phrase_that_it_negates() -> None:
    found = parsed("person not red bin, without blue car")
    assert found.not_understood == ("not", "red", "bin", "without", "blue")
    assert (found.kinds, found.labels, found.zones, found.colours) == ((EventKind.PERSON,), ("car",), (), ())


def test_small_words_are_left_out_silently() -> None:
    assert parsed("a person in the drive, or all events") == Understood(kinds=(EventKind.PERSON,), zones=("drive",))


def test_a_day_begins_and_ends_by_the_clock() -> None:
    """Also where it has 23 or 25 hours."""
    assert start_of(date(2026, 10, 25), 24 * 60) == start_of(date(2026, 10, 26))


@given(st.text(max_size=60))
def test_any_text_is_read_to_its_end(text: str) -> None:
    found = parsed(text)
    given_words = text.replace(",", " ").split()
    assert all(word in given_words for word in found.not_understood)
    if found.start is not None and found.end is not None:
        assert found.start < found.end


_WORDS = (
    *("person", "red", "not", "yesterday", "monday", "last", "2", "hours", "to", "18:00", "-", "from", "between"),
    *("and", "24", "november", "3.11.", "gate", "since"),
)


@given(st.lists(st.sampled_from(_WORDS), max_size=10))
def test_words_in_any_order_never_make_an_empty_window(words: list[str]) -> None:
    found = parsed(" ".join(words))
    if found.start is not None and found.end is not None:
        assert found.start < found.end
