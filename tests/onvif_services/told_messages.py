"""Messages in the shapes that makes of devices send, and their meaning."""

from __future__ import annotations

from dataclasses import dataclass

from core.events import EventKind

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


def rule_of(token: str, rule: str) -> Items:
    """Return the source of a message about a rule of video analytics."""
    return {"VideoSourceConfigurationToken": token, "VideoAnalyticsConfigurationToken": "analytics", "Rule": rule}


K = EventKind
TOLD = (
    # Dahua
    Told("tns1:VideoSource/MotionAlarm", {"Source": "00002"}, {"State": "true"}, K.MOTION, True, ("00002",)),
    Told(
        "tns1:RuleEngine/CellMotionDetector/Motion",
        rule_of("00000", "MyMotionDetectorRule"),
        {"IsMotion": "false"},
        K.MOTION,
        False,
        ("00000", "analytics"),
    ),
    Told("tns1:RuleEngine/LineDetector/Crossed", rule_of("00001", "Line1"), {"ObjectId": "17"}, K.LINE_CROSSED, None),
    Told("tns1:RuleEngine/FieldDetector/ObjectsInside", rule_of("00001", "F"), {"IsInside": "true"}, K.INTRUSION, True),
    # Hikvision
    Told("tns1:VideoSource/MotionAlarm", {"Source": "VideoSource_1"}, {"State": "false"}, K.MOTION, False),
    Told(
        "tns1:RuleEngine/TamperDetector/Tamper",
        rule_of("VideoSourceConfig_1", "Tamper"),
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
        {**rule_of("vsconf", "MyTPSmartEventDetectorRule")},
        {"IsVehicle": "true"},
        K.VEHICLE,
        True,
        ("vsconf", "analytics"),
    ),
    Told("tns1:RuleEngine/PeopleDetector/People", rule_of("vsconf", "P"), {"IsPeople": "TRUE"}, K.PERSON, True),
    # Uniview, whose topics end in a dot
    Told("tns1:RuleEngine/LineDetector/Crossed/.", rule_of("0", "L"), {"ObjectId": "1"}, K.LINE_CROSSED, None),
    Told("tns1:UserAlarm/IVA/HumanShapeDetect", rule_of("0", "H"), {"State": "true"}, K.PERSON, True),
    # Hanwha, Bosch, Ajax, Avigilon
    Told("tns1:VideoAnalytics/tnssamsung:MotionDetection", {"VideoSource": "0"}, {"State": "1"}, K.MOTION, True),
    Told("tns1:VideoAnalytics/MotionAlarm", {"VideoSource": "1"}, {"State": "true"}, K.MOTION, True, ("1",)),
    Told("tns1:RuleEngine/tnsajax:MotionDetector", {"VideoSource": "1"}, {"State": "true"}, K.MOTION, True),
    Told("tns1:RuleEngine/ObjectDetection/Object", rule_of("1", "O"), {"ClassTypes": "Human Vehicle"}, K.PERSON, True),
    Told("tns1:RuleEngine/ObjectDetection/Object", rule_of("1", "O"), {"ClassTypes": ""}, K.OBJECT, False),
    Told("tns1:Device/tns1:Trigger/tns1:DigitalInput", {"InputToken": "1"}, {"LogicalState": "false"}, K.INPUT, False),
    # Profile M and the imaging service
    Told("tns1:RuleEngine/Recognition/LicensePlate", rule_of("1", "A"), {"Plate": "AB1"}, K.LICENCE_PLATE, None),
    Told("tns1:RuleEngine/LoiteringDetector/ObjectIsLoitering", rule_of("1", "L"), {"Since": "x"}, K.LOITERING, None),
    Told("tns1:RuleEngine/ObjectAbandoned/Object", rule_of("1", "B"), {"State": "true"}, K.LEFT_OBJECT, True),
    Told("tns1:RuleEngine/ObjectRemoved/Object", rule_of("1", "T"), {"State": "true"}, K.REMOVED_OBJECT, True),
    Told("tns1:RuleEngine/ObjectDetection/Object", rule_of("1", "A"), {"ClassTypes": "Other"}, K.OBJECT, True),
    Told("tns1:RuleEngine/CountAggregation/Counter", rule_of("1", "C"), {"Count": "7"}, K.COUNT, None),
    Told("tns1:AudioAnalytics/Audio/DetectedSound", {}, {"isSoundDetected": "true"}, K.SOUND, True),
    Told("tns1:VideoSource/ImageTooDark/ImagingService", {"Source": "0"}, {"State": "true"}, K.TAMPER, True),
    Told("tns1:VideoSource/SignalLoss", {"Source": "00003"}, {"State": "true"}, K.VIDEO_LOSS, True, ("00003",)),
    Told("tns1:Device/HardwareFailure/StorageFailure", {"Token": "sda"}, {"Failed": "true"}, K.DEVICE_FAULT, True),
    Told("tns1:RecordingHistory/Recording/State", {"RecordingToken": "1"}, {"IsRecording": "true"}, K.OTHER, True),
    Told("tns1:Media/ProfileChanged", {"Token": "p"}, {}, K.OTHER, None),
    Told("tns1:Nonsense/Topic", {}, {"Key": "value"}, K.OTHER, None),
)
