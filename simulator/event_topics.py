"""The topics that the event service lists: those of the ONVIF specifications for each kind of event."""

from __future__ import annotations

from dataclasses import dataclass

MOTION, SIGNAL_LOSS = "tns1:VideoSource/MotionAlarm", "tns1:VideoSource/SignalLoss"
_RULE_SOURCE = "VideoSourceConfigurationToken"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic. `source` and `item` name the items of its messages; `item_type` is the type of the second."""

    name: str
    source: str
    item: str
    item_type: str = "xs:boolean"
    is_property: bool = True


TOPICS = (
    Topic(MOTION, "Source", "State"),
    Topic(SIGNAL_LOSS, "Source", "State"),
    Topic("tns1:VideoSource/GlobalSceneChange/ImagingService", "Source", "State"),
    Topic("tns1:VideoSource/ImageTooDark/ImagingService", "Source", "State"),
    Topic("tns1:RuleEngine/CellMotionDetector/Motion", _RULE_SOURCE, "IsMotion"),
    Topic("tns1:RuleEngine/TamperDetector/Tamper", _RULE_SOURCE, "IsTamper"),
    Topic("tns1:RuleEngine/LineDetector/Crossed", _RULE_SOURCE, "ObjectId", "xs:integer", is_property=False),
    Topic("tns1:RuleEngine/FieldDetector/ObjectsInside", _RULE_SOURCE, "IsInside"),
    Topic("tns1:RuleEngine/LoiteringDetector/ObjectIsLoitering", _RULE_SOURCE, "Since", "xs:dateTime"),
    Topic("tns1:RuleEngine/ObjectAbandoned/Object", _RULE_SOURCE, "State"),
    Topic("tns1:RuleEngine/ObjectRemoved/Object", _RULE_SOURCE, "State"),
    Topic("tns1:RuleEngine/ObjectDetection/Object", _RULE_SOURCE, "ClassTypes", "xs:string"),
    Topic("tns1:RuleEngine/Recognition/Face", _RULE_SOURCE, "Likelihood", "xs:float", is_property=False),
    Topic("tns1:RuleEngine/Recognition/LicensePlate", _RULE_SOURCE, "PlateNumber", "xs:string", is_property=False),
    Topic("tns1:RuleEngine/CountAggregation/Counter", _RULE_SOURCE, "Count", "xs:int"),
    Topic("tns1:RuleEngine/MyRuleDetector/PeopleDetect", "Source", "State"),
    Topic("tns1:RuleEngine/MyRuleDetector/VehicleDetect", "Source", "State"),
    Topic("tns1:RuleEngine/MyRuleDetector/DogCatDetect", "Source", "State"),
    Topic("tns1:RuleEngine/MyRuleDetector/Package", "Source", "State"),
    Topic("tns1:RuleEngine/MyRuleDetector/Visitor", "Source", "State"),
    Topic("tns1:AudioAnalytics/Audio/DetectedSound", "AudioSourceConfigurationToken", "isSoundDetected"),
    Topic("tns1:Device/Trigger/DigitalInput", "InputToken", "LogicalState"),
    Topic("tns1:Device/Trigger/Relay", "RelayToken", "LogicalState", "tt:RelayLogicalState"),
    Topic("tns1:Device/HardwareFailure/StorageFailure", "Token", "Failed"),
)
