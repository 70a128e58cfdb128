"""The words of notifications, with hostile texts of devices."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.events import EventKind, EventSource
from notifications.texts import MOST_TEXT, MOST_TITLE, Place, clean, text_of, title_of, words_of
from tests.events.logged import event

AT = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
HOSTILE = [
    "a\r\nBcc: x@example.com",
    "\u202egnp.exe",
    "zero\u200bwidth\u2066",
    "nul\x00 esc\x1b[2J",
    "tab\tline\u2028sep",
    "\ud800lone",
    "x" * 100_000,
    "   ",
    "",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_texts_are_one_visible_bounded_line(text: str) -> None:
    found = event(EventKind.PERSON, label=text, zone=text, rule=text)
    place = Place(text, text)
    title, line = title_of(found, place), text_of(found, place, AT)
    for shown, most in ((title, MOST_TITLE), (line, MOST_TEXT), (clean(text), 60)):
        assert shown.isprintable()
        assert len(shown) <= most
        shown.encode()
    assert title.startswith("Person")


def test_a_title_names_kind_label_and_channel() -> None:
    assert title_of(event(EventKind.PERSON), Place("Yard", "Gate")) == "Person: Gate"
    assert title_of(event(EventKind.PERSON, label="person"), Place("Yard", "Gate")) == "Person: Gate"
    plate = event(EventKind.LICENCE_PLATE, label="AB 123")
    assert title_of(plate, Place("Yard", "Gate")) == "Licence plate (AB 123): Gate"
    assert title_of(event(EventKind.OFFLINE, channel=None), Place("Yard")) == "Device offline: Yard"
    assert title_of(event(EventKind.STORAGE, camera_id=None, channel=None), Place()) == "Storage problem: this server"
    assert title_of(event(), Place(), is_test=True) == "Test: Motion: camera 1"


def test_a_text_names_time_camera_zone_and_severity() -> None:
    found = event(EventKind.PERSON, zone="drive", rule="Line 1")
    assert text_of(found, Place("Yard", "Gate"), AT) == "2026-11-24 13:00:00 · Yard · drive · Line 1 · alert"
    again = text_of(event(EventKind.PERSON), Place("Yard", "Gate"), AT, is_alert_again=True)
    assert again.endswith("now an alert")
    own = event(EventKind.OFFLINE, rule="camera_unreachable", source=EventSource.SERVER, channel=None)
    assert "camera_unreachable" not in text_of(own, Place("Yard"), AT)


@pytest.mark.parametrize("kind", list(EventKind))
def test_each_kind_has_words(kind: EventKind) -> None:
    assert words_of(kind)[0].isupper()
    assert "_" not in words_of(kind)


def test_the_fate_of_an_object_has_words_if_the_app_itself_saw_it() -> None:
    seen = event(rule="came_to_rest", source=EventSource.WATCH)
    assert text_of(seen, Place("Yard", "Gate"), AT).endswith("· an object came to rest")
    assert text_of(event(rule="left", source=EventSource.WATCH), Place(), AT).endswith("· an object left its place")
    assert text_of(event(rule="left"), Place(), AT).endswith("· left"), "a rule of a device, which has this name"
