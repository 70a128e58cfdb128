"""The meaning of event messages: topics and items in the shapes that makes of devices send."""

from __future__ import annotations

import pytest

from core.events import Change, DeviceEvent, EventKind
from onvif_services.answers import parse_xml
from onvif_services.event_kinds import bare_topic, read_event
from onvif_services.events import read_message
from tests.onvif_services.told_messages import TOLD, Items, Told, rule_of


def _items(items: Items) -> str:
    return "".join(f'<tt:SimpleItem Name="{name}" Value="{value}"/>' for name, value in items.items())


def read(topic: str, source: Items, data: Items, operation: str = "Changed") -> DeviceEvent:
    """Return the event of a message with these items. An empty operation is left out, as for a pulse."""
    kind = f' PropertyOperation="{operation}"' if operation else ""
    text = (
        '<wsnt:NotificationMessage xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2"'
        ' xmlns:tt="http://www.onvif.org/ver10/schema">'
        f'<wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">{topic}</wsnt:Topic>'
        f'<wsnt:Message><tt:Message UtcTime="2026-11-24T12:00:00Z"{kind}>'
        f"<tt:Source>{_items(source)}</tt:Source><tt:Data>{_items(data)}</tt:Data>"
        "</tt:Message></wsnt:Message></wsnt:NotificationMessage>"
    )
    return read_event(read_message(parse_xml(text.encode())))


@pytest.mark.parametrize("told", TOLD, ids=lambda told: f"{told.topic} {told.data}")
def test_a_message_has_its_meaning_whatever_its_make(told: Told) -> None:
    event = read(told.topic, told.source, told.data, told.operation)
    assert (event.kind, event.active) == (told.kind, told.active)
    assert not told.sources or event.sources == told.sources


def test_a_state_is_found_by_the_name_of_its_item_not_by_its_place() -> None:
    event = read("tns1:RuleEngine/CellMotionDetector/Motion", {}, {"Sensitivity": "1", "IsMotion": "false"})
    assert (event.kind, event.active, event.item) == (EventKind.MOTION, False, "ismotion")


@pytest.mark.parametrize(
    ("operation", "change", "active"),
    [
        ("Initialized", Change.STATE, True),
        ("Changed", Change.CHANGED, True),
        ("Deleted", Change.ENDED, False),
        ("", Change.CHANGED, True),
    ],
)
def test_the_operation_of_a_property_is_read(operation: str, change: Change, active: bool) -> None:
    event = read("tns1:VideoSource/MotionAlarm", {"Source": "0"}, {"State": "true"}, operation)
    assert (event.change, event.active) == (change, active)


def test_a_message_without_a_state_is_a_pulse() -> None:
    event = read("tns1:RuleEngine/LineDetector/Crossed", {"Rule": "Gate"}, {"ObjectId": "3"}, "")
    assert (event.change, event.active, event.rule) == (Change.PULSE, None, "Gate")


def test_topics_lose_prefixes_and_dots_at_their_end() -> None:
    assert bare_topic("tns1:RuleEngine/tnsx:CellMotionDetector/Motion//.") == "RuleEngine/CellMotionDetector/Motion"
    assert bare_topic("tns1:A/./B/.") == "A/B"
    assert bare_topic("") == ""


def test_inputs_relays_and_ports_are_told_apart_by_therule_of() -> None:
    data = {"LogicalState": "true"}
    told = [read("tns1:Device/Trigger/DigitalInput", {"InputToken": number}, data).rule for number in ("1", "2")]
    assert told == ["InputToken 1", "InputToken 2"]
    assert read("tns1:Device/Trigger/Relay", {"RelayToken": "Out_1"}, data).rule == "RelayToken Out_1"
    assert read("tns1:Device/tnsaxis:IO/Port", {"port": "3"}, {"state": "1"}).rule == "port 3"
    named = read(
        "tns1:RuleEngine/FieldDetector/ObjectsInside", {**rule_of("V1", "Gate"), "Area": "2"}, {"IsInside": "1"}
    )
    assert (named.rule, named.sources) == ("Gate, Area 2", ("V1", "analytics"))
