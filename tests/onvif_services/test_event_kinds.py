"""The meaning of event messages: topics and items in the shapes that makes of devices send."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from core.events import Change, DeviceEvent, EventKind
from onvif_services.answers import parse_xml
from onvif_services.event_kinds import bare_topic, read_event
from onvif_services.events import read_message

Items = dict[str, str]


@dataclass(frozen=True)
class Told:
    """A message, and its meaning."""

    topic: str
    source: Items
    data: Items
    kind: EventKind
    active: bool | None
    sources: tuple[str, ...] = ()
    operation: str = "Changed"


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


def _rule(token: str, rule: str) -> Items:
    return {"VideoSourceConfigurationToken": token, "VideoAnalyticsConfigurationToken": "analytics", "Rule": rule}


K = EventKind
TOLD = (
    # Dahua
    Told("tns1:VideoSource/MotionAlarm", {"Source": "00002"}, {"State": "true"}, K.MOTION, True, ("00002",)),
    Told(
        "tns1:RuleEngine/CellMotionDetector/Motion",
        _rule("00000", "MyMotionDetectorRule"),
        {"IsMotion": "false"},
        K.MOTION,
        False,
        ("00000", "analytics"),
    ),
    Told("tns1:RuleEngine/LineDetector/Crossed", _rule("00001", "Line1"), {"ObjectId": "17"}, K.LINE_CROSSED, None),
    Told("tns1:RuleEngine/FieldDetector/ObjectsInside", _rule("00001", "F"), {"IsInside": "true"}, K.INTRUSION, True),
    # Hikvision
    Told("tns1:VideoSource/MotionAlarm", {"Source": "VideoSource_1"}, {"State": "false"}, K.MOTION, False),
    Told(
        "tns1:RuleEngine/TamperDetector/Tamper",
        _rule("VideoSourceConfig_1", "Tamper"),
        {"IsTamper": "true"},
        K.TAMPER,
        True,
        ("VideoSourceConfig_1", "analytics"),
    ),
    Told("tns1:Device/tnshik:AlarmIn", {"Token": "AlarmIn_1"}, {"State": "true"}, K.INPUT, True),
    Told("tns1:Device/Trigger/DigitalInput", {"InputToken": "1"}, {"LogicalState": "true"}, K.INPUT, True),
    Told("tns1:Device/Trigger/Relay", {"RelayToken": "1"}, {"LogicalState": "active"}, K.OUTPUT, True),
    # Axis
    Told("tnsaxis:CameraApplicationPlatform/VMD/Camera1Profile1", {}, {"active": "1"}, K.MOTION, True),
    Told("tnsaxis:CameraApplicationPlatform/ObjectAnalytics/Device1Scenario1", {}, {"active": "0"}, K.OBJECT, False),
    Told("tns1:Device/tnsaxis:Sensor/PIR", {"sensor": "0"}, {"state": "1"}, K.MOTION, True),
    Told("tns1:VideoAnalytics/tnsaxis:MotionDetection", {"window": "0"}, {"motion": "1"}, K.MOTION, True),
    # Reolink, a hub and a camera
    Told("tns1:RuleEngine/MyRuleDetector/PeopleDetect", {"Source": "003"}, {"State": "true"}, K.PERSON, True, ("003",)),
    Told("tns1:RuleEngine/MyRuleDetector/VehicleDetect", {"Source": "000"}, {"State": "false"}, K.VEHICLE, False),
    Told("tns1:RuleEngine/MyRuleDetector/DogCatDetect", {"Source": "000"}, {"State": "true"}, K.ANIMAL, True),
    Told("tns1:RuleEngine/MyRuleDetector/FaceDetect", {"Source": "000"}, {"State": "true"}, K.FACE, True),
    Told("tns1:RuleEngine/MyRuleDetector/Visitor", {"Source": "000"}, {"State": "true"}, K.DOORBELL, True),
    Told("tns1:RuleEngine/MyRuleDetector/Package", {"Source": "000"}, {"State": "true"}, K.PACKAGE, True),
    # Tapo
    Told(
        "tns1:RuleEngine/TPSmartEventDetector/TPSmartEvent",
        {**_rule("vsconf", "MyTPSmartEventDetectorRule")},
        {"IsVehicle": "true"},
        K.VEHICLE,
        True,
        ("vsconf", "analytics"),
    ),
    Told("tns1:RuleEngine/PeopleDetector/People", _rule("vsconf", "P"), {"IsPeople": "TRUE"}, K.PERSON, True),
    # Uniview, whose topics end in a dot
    Told("tns1:RuleEngine/LineDetector/Crossed/.", _rule("0", "L"), {"ObjectId": "1"}, K.LINE_CROSSED, None),
    Told("tns1:UserAlarm/IVA/HumanShapeDetect", _rule("0", "H"), {"State": "true"}, K.PERSON, True),
    # Hanwha, Bosch, Ajax, Avigilon
    Told("tns1:VideoAnalytics/tnssamsung:MotionDetection", {"VideoSource": "0"}, {"State": "1"}, K.MOTION, True),
    Told("tns1:VideoAnalytics/MotionAlarm", {"VideoSource": "1"}, {"State": "true"}, K.MOTION, True, ("1",)),
    Told("tns1:RuleEngine/tnsajax:MotionDetector", {"VideoSource": "1"}, {"State": "true"}, K.MOTION, True),
    Told("tns1:RuleEngine/ObjectDetection/Object", _rule("1", "O"), {"ClassTypes": "Human Vehicle"}, K.PERSON, True),
    Told("tns1:RuleEngine/ObjectDetection/Object", _rule("1", "O"), {"ClassTypes": ""}, K.OBJECT, False),
    Told("tns1:Device/tns1:Trigger/tns1:DigitalInput", {"InputToken": "1"}, {"LogicalState": "false"}, K.INPUT, False),
    # Profile M and the imaging service
    Told("tns1:RuleEngine/Recognition/LicensePlate", _rule("1", "A"), {"Plate": "AB1"}, K.LICENCE_PLATE, None),
    Told("tns1:RuleEngine/LoiteringDetector/ObjectIsLoitering", _rule("1", "L"), {"Since": "x"}, K.LOITERING, None),
    Told("tns1:RuleEngine/CountAggregation/Counter", _rule("1", "C"), {"Count": "7"}, K.COUNT, None),
    Told("tns1:AudioAnalytics/Audio/DetectedSound", {}, {"isSoundDetected": "true"}, K.SOUND, True),
    Told("tns1:VideoSource/ImageTooDark/ImagingService", {"Source": "0"}, {"State": "true"}, K.TAMPER, True),
    Told("tns1:VideoSource/SignalLoss", {"Source": "00003"}, {"State": "true"}, K.VIDEO_LOSS, True, ("00003",)),
    Told("tns1:Device/HardwareFailure/StorageFailure", {"Token": "sda"}, {"Failed": "true"}, K.DEVICE_FAULT, True),
    Told("tns1:RecordingHistory/Recording/State", {"RecordingToken": "1"}, {"IsRecording": "true"}, K.OTHER, True),
    Told("tns1:Media/ProfileChanged", {"Token": "p"}, {}, K.OTHER, None),
    Told("tns1:Nonsense/Topic", {}, {"Key": "value"}, K.OTHER, None),
)


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


def test_inputs_relays_and_ports_are_told_apart_by_the_rule() -> None:
    data = {"LogicalState": "true"}
    told = [read("tns1:Device/Trigger/DigitalInput", {"InputToken": number}, data).rule for number in ("1", "2")]
    assert told == ["InputToken 1", "InputToken 2"]
    assert read("tns1:Device/Trigger/Relay", {"RelayToken": "Out_1"}, data).rule == "RelayToken Out_1"
    assert read("tns1:Device/tnsaxis:IO/Port", {"port": "3"}, {"state": "1"}).rule == "port 3"
    named = read("tns1:RuleEngine/FieldDetector/ObjectsInside", {**_rule("V1", "Gate"), "Area": "2"}, {"IsInside": "1"})
    assert (named.rule, named.sources) == ("Gate, Area 2", ("V1", "analytics"))
