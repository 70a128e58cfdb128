"""zeep calls each operation in strict mode; lxml validates each answer by ONVIF's schemas."""

from __future__ import annotations

import copy
import datetime
from pathlib import Path
from typing import Any

import pytest
import zeep
from lxml import etree

from tests.simulator.in_process import make_recorder
from tests.simulator.process import Simulator
from tests.simulator.schema import onvif_schema
from tests.simulator.services import call, last_answer

MAIN, SUB, H265 = "MediaProfile00000", "MediaProfile00001", "MediaProfile00100"
RECORDING = "RecordMediaProfile00000"
UNICAST = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
SOURCE = "VideoSource000"
NODE, CONFIGURATION = "PtzNode000", "PtzConfiguration000"
SPEED = {"PanTilt": {"x": 0.1, "y": -0.1}, "Zoom": {"x": 0.1}}

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("tds", "GetServices", {"IncludeCapability": False}),
    ("tds", "GetServices", {"IncludeCapability": True}),
    ("tds", "GetServiceCapabilities", {}),
    ("tds", "GetCapabilities", {"Category": ["All"]}),
    ("tds", "GetCapabilities", {"Category": ["Media"]}),
    ("tds", "GetDeviceInformation", {}),
    ("tds", "GetSystemDateAndTime", {}),
    ("tds", "GetHostname", {}),
    ("tds", "GetEndpointReference", {}),
    ("tds", "GetWsdlUrl", {}),
    ("tds", "GetScopes", {}),
    ("tds", "GetDiscoveryMode", {}),
    ("tds", "GetUsers", {}),
    ("tds", "GetNetworkInterfaces", {}),
    ("tds", "GetNetworkProtocols", {}),
    ("tds", "GetDNS", {}),
    ("tds", "GetNTP", {}),
    ("tds", "SetSystemDateAndTime", {"DateTimeType": "NTP", "DaylightSavings": False}),
    ("trt", "GetServiceCapabilities", {}),
    ("trt", "GetProfiles", {}),
    ("trt", "GetProfile", {"ProfileToken": MAIN}),
    ("trt", "GetVideoSources", {}),
    ("trt", "GetAudioSources", {}),
    ("trt", "GetVideoSourceConfigurations", {}),
    ("trt", "GetAudioSourceConfigurations", {}),
    ("trt", "GetVideoEncoderConfigurations", {}),
    ("trt", "GetVideoEncoderConfiguration", {"ConfigurationToken": "VideoEncoder00000"}),
    ("trt", "GetVideoEncoderConfigurationOptions", {}),
    ("trt", "GetAudioEncoderConfigurations", {}),
    ("trt", "GetGuaranteedNumberOfVideoEncoderInstances", {"ConfigurationToken": "VideoSourceConfig000"}),
    ("trt", "GetStreamUri", {"StreamSetup": UNICAST, "ProfileToken": MAIN}),
    ("trt", "GetSnapshotUri", {"ProfileToken": SUB}),
    ("trt", "SetSynchronizationPoint", {"ProfileToken": MAIN}),
    ("tr2", "GetServiceCapabilities", {}),
    ("tr2", "GetProfiles", {}),
    ("tr2", "GetProfiles", {"Type": ["All"]}),
    ("tr2", "GetProfiles", {"Token": H265, "Type": ["VideoEncoder", "VideoSource"]}),
    ("tr2", "GetVideoSourceConfigurations", {}),
    ("tr2", "GetAudioSourceConfigurations", {"ProfileToken": MAIN}),
    ("tr2", "GetVideoEncoderConfigurations", {"ConfigurationToken": "VideoEncoder00100"}),
    ("tr2", "GetVideoEncoderConfigurationOptions", {}),
    ("tr2", "GetVideoEncoderInstances", {"ConfigurationToken": "VideoSourceConfig001"}),
    ("tr2", "GetAudioEncoderConfigurations", {}),
    ("tr2", "GetStreamUri", {"Protocol": "RTSP", "ProfileToken": H265}),
    ("tr2", "GetSnapshotUri", {"ProfileToken": H265}),
    ("tr2", "SetSynchronizationPoint", {"ProfileToken": H265}),
    ("tev", "GetServiceCapabilities", {}),
    ("tev", "GetEventProperties", {}),
    ("tev", "CreatePullPointSubscription", {"InitialTerminationTime": "PT60S"}),
    ("tptz", "GetServiceCapabilities", {}),
    ("tptz", "GetNodes", {}),
    ("tptz", "GetNode", {"NodeToken": NODE}),
    ("tptz", "GetConfigurations", {}),
    ("tptz", "GetConfiguration", {"PTZConfigurationToken": CONFIGURATION}),
    ("tptz", "GetConfigurationOptions", {"ConfigurationToken": CONFIGURATION}),
    ("tptz", "GetStatus", {"ProfileToken": MAIN}),
    ("tptz", "ContinuousMove", {"ProfileToken": MAIN, "Velocity": SPEED, "Timeout": datetime.timedelta(seconds=1)}),
    ("tptz", "Stop", {"ProfileToken": MAIN, "PanTilt": True, "Zoom": True}),
    ("tptz", "RelativeMove", {"ProfileToken": MAIN, "Translation": SPEED}),
    ("tptz", "AbsoluteMove", {"ProfileToken": MAIN, "Position": SPEED}),
    ("tptz", "GetPresets", {"ProfileToken": MAIN}),
    ("tptz", "SetPreset", {"ProfileToken": MAIN, "PresetName": "Door", "PresetToken": "1"}),
    ("tptz", "GotoPreset", {"ProfileToken": MAIN, "PresetToken": "1"}),
    ("tptz", "SetHomePosition", {"ProfileToken": MAIN}),
    ("tptz", "GotoHomePosition", {"ProfileToken": MAIN}),
    ("tptz", "GetCompatibleConfigurations", {"ProfileToken": MAIN}),
    ("tptz", "SendAuxiliaryCommand", {"ProfileToken": MAIN, "AuxiliaryData": "tt:Wiper|On"}),
    ("tds", "SendAuxiliaryCommand", {"AuxiliaryCommand": "tt:IRLamp|On"}),
    ("timg", "GetServiceCapabilities", {}),
    ("timg", "GetImagingSettings", {"VideoSourceToken": SOURCE}),
    ("timg", "GetOptions", {"VideoSourceToken": SOURCE}),
    ("timg", "GetMoveOptions", {"VideoSourceToken": SOURCE}),
    ("timg", "SetImagingSettings", {"VideoSourceToken": SOURCE, "ImagingSettings": {"Brightness": 60.0}}),
    ("timg", "Move", {"VideoSourceToken": SOURCE, "Focus": {"Continuous": {"Speed": 0.5}}}),
    ("timg", "Stop", {"VideoSourceToken": SOURCE}),
    ("tmd", "GetServiceCapabilities", {}),
    ("tmd", "GetRelayOutputs", {}),
    ("tmd", "SetRelayOutputState", {"RelayOutputToken": "RelayOutput1", "LogicalState": "active"}),
    ("trc", "GetServiceCapabilities", {}),
    ("trc", "GetRecordings", {}),
    ("trc", "GetRecordingConfiguration", {"RecordingToken": RECORDING}),
    ("trc", "GetRecordingJobs", {}),
    ("tse", "GetServiceCapabilities", {}),
    ("tse", "GetRecordingSummary", {}),
    ("tse", "GetRecordingInformation", {"RecordingToken": RECORDING}),
    ("trp", "GetServiceCapabilities", {}),
    ("trp", "GetReplayUri", {"StreamSetup": UNICAST, "RecordingToken": RECORDING}),
    ("trp", "GetReplayConfiguration", {}),
    ("trp", "SetReplayConfiguration", {"Configuration": {"SessionTimeout": datetime.timedelta(seconds=60)}}),
]

# Called by other tests below, because they need the answer of an earlier call.
CALLED_IN_ORDER = {
    "PullMessages", "SetSynchronizationPoint", "Renew", "Unsubscribe", "FindRecordings", "GetRecordingSearchResults",
    "FindEvents", "GetEventSearchResults", "GetSearchState", "EndSearch", "RemovePreset", "SystemReboot",
}  # fmt: skip


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> etree.XMLSchema:
    return onvif_schema(tmp_path_factory.mktemp("schema"))


def _validated(schema: etree.XMLSchema, prefix: str) -> Any:
    """Validate the last answer: envelope, body and each event message. Return its body."""
    envelope = last_answer(prefix)
    schema.assertValid(etree.ElementTree(copy.deepcopy(envelope)))
    body = envelope.find("{http://www.w3.org/2003/05/soap-envelope}Body")
    for part in [body[0], *body.iter("{http://www.onvif.org/ver10/schema}Message")]:
        # a new document, so that an element without a declaration in the schema is an error
        schema.assertValid(etree.ElementTree(etree.fromstring(etree.tostring(part))))
    return body[0]


@pytest.mark.parametrize(("prefix", "name", "values"), CALLS, ids=lambda value: value if isinstance(value, str) else "")
def test_each_answer_is_valid_by_the_schema(
    simulator: Simulator, schema: etree.XMLSchema, prefix: str, name: str, values: dict[str, Any]
) -> None:
    call(simulator, prefix, name, **values)
    assert etree.QName(_validated(schema, prefix)).localname == f"{name}Response"


def test_the_schema_finds_a_wrong_answer(simulator: Simulator, schema: etree.XMLSchema) -> None:
    call(simulator, "trt", "GetProfiles")
    for name in ("Encoding", "Resolution"):
        envelope = copy.deepcopy(last_answer("trt"))
        wrong = next(envelope.iter(f"{{http://www.onvif.org/ver10/schema}}{name}"))
        wrong.text = "nonsense"
        assert not schema.validate(etree.ElementTree(envelope))


def test_each_operation_is_called_in_this_file(cache_dir: Path) -> None:
    served = {etree.QName(name).localname for name, _ in make_recorder(cache_dir).soap.operations}
    assert served == {name for _, name, _ in CALLS} | CALLED_IN_ORDER


def test_a_subscription_lives_from_its_creation_to_its_end(
    simulator: Simulator, schema: etree.XMLSchema, cache_dir: Path
) -> None:
    made = call(simulator, "tev", "CreatePullPointSubscription", InitialTerminationTime="PT60S")
    address = made.SubscriptionReference.Address._value_1
    pull = {"binding": "PullPointSubscriptionBinding", "url": address}
    manage = {"binding": "SubscriptionManagerBinding", "url": address}
    second = datetime.timedelta(seconds=1)
    pulled = call(simulator, "tev", "PullMessages", Timeout=second, MessageLimit=100, **pull)
    assert len(pulled.NotificationMessage) == 32  # motion and signal of sixteen channels, reported for the first time
    _validated(schema, "tev")
    call(simulator, "tev", "SetSynchronizationPoint", **pull)
    _validated(schema, "tev")
    pulled = call(simulator, "tev", "PullMessages", Timeout=second, MessageLimit=5, **pull)
    assert len(pulled.NotificationMessage) == 5
    call(simulator, "tev", "Renew", TerminationTime="PT120S", **manage)
    _validated(schema, "tev")
    call(simulator, "tev", "Unsubscribe", **manage)
    _validated(schema, "tev")
    with pytest.raises(zeep.exceptions.Fault):
        call(simulator, "tev", "PullMessages", Timeout=second, MessageLimit=1, **pull)


def test_a_search_for_recordings_gives_its_results_in_pages(simulator: Simulator, schema: etree.XMLSchema) -> None:
    token = call(simulator, "tse", "FindRecordings", Scope={}, KeepAliveTime=datetime.timedelta(seconds=10))
    _validated(schema, "tse")
    seen: list[str] = []
    for expected in ("Searching", "Searching", "Completed"):
        page = call(simulator, "tse", "GetRecordingSearchResults", SearchToken=token, MaxResults=5)
        _validated(schema, "tse")
        assert page.SearchState == expected
        seen += [row.RecordingToken for row in page.RecordingInformation]
    assert len(set(seen)) == 13  # the three dead channels have none
    assert call(simulator, "tse", "GetSearchState", SearchToken=token) == "Completed"
    _validated(schema, "tse")
    call(simulator, "tse", "EndSearch", SearchToken=token)
    _validated(schema, "tse")
    with pytest.raises(zeep.exceptions.Fault):
        call(simulator, "tse", "EndSearch", SearchToken=token)


def test_the_history_has_the_state_at_the_start_of_a_search(simulator: Simulator, schema: etree.XMLSchema) -> None:
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    for start, is_recorded in ((now - 40 * day, "false"), (now - day / 1000, "true")):
        token = call(
            simulator,
            "tse",
            "FindEvents",
            StartPoint=start,
            EndPoint=start + day,
            Scope={"IncludedRecordings": [RECORDING]},
            SearchFilter={},
            IncludeStartState=True,
            KeepAliveTime=datetime.timedelta(seconds=10),
        )
        _validated(schema, "tse")
        page = call(simulator, "tse", "GetEventSearchResults", SearchToken=token)
        _validated(schema, "tse")
        mine = [row for row in page.Result if row.RecordingToken == RECORDING and row.StartStateEvent]
        assert len(mine) == 3  # the recording, video, audio
        assert {row.Event.Message._value_1.Data.SimpleItem[0].Value for row in mine} == {is_recorded}
        call(simulator, "tse", "EndSearch", SearchToken=token)


def test_there_may_be_only_eight_searches(simulator: Simulator) -> None:
    ten = datetime.timedelta(seconds=10)
    tokens = [call(simulator, "tse", "FindRecordings", Scope={}, KeepAliveTime=ten) for _ in range(8)]
    with pytest.raises(zeep.exceptions.Fault, match="Too many searches"):
        call(simulator, "tse", "FindRecordings", Scope={}, KeepAliveTime=ten)
    for token in tokens:
        call(simulator, "tse", "EndSearch", SearchToken=token)


def test_a_preset_is_stored_and_removed(simulator: Simulator, schema: etree.XMLSchema) -> None:
    call(simulator, "tptz", "AbsoluteMove", ProfileToken=MAIN, Position={"PanTilt": {"x": 0.25, "y": -0.5}})
    token = call(simulator, "tptz", "SetPreset", ProfileToken=MAIN, PresetName="Bay 4")
    call(simulator, "tptz", "AbsoluteMove", ProfileToken=MAIN, Position={"PanTilt": {"x": 0, "y": 0}})
    call(simulator, "tptz", "GotoPreset", ProfileToken=MAIN, PresetToken=token)
    position = call(simulator, "tptz", "GetStatus", ProfileToken=MAIN).Position
    assert (position.PanTilt.x, position.PanTilt.y) == (0.25, -0.5)
    call(simulator, "tptz", "RemovePreset", ProfileToken=MAIN, PresetToken=token)
    _validated(schema, "tptz")
    assert token not in {preset.token for preset in call(simulator, "tptz", "GetPresets", ProfileToken=MAIN)}


def test_a_move_goes_on_until_stop(simulator: Simulator) -> None:
    call(simulator, "tptz", "GotoHomePosition", ProfileToken=MAIN)
    call(simulator, "tptz", "ContinuousMove", ProfileToken=MAIN, Velocity={"PanTilt": {"x": 1, "y": 0}})
    assert call(simulator, "tptz", "GetStatus", ProfileToken=MAIN).MoveStatus.PanTilt == "MOVING"
    call(simulator, "tptz", "Stop", ProfileToken=MAIN)
    status = call(simulator, "tptz", "GetStatus", ProfileToken=MAIN)
    assert status.MoveStatus.PanTilt == "IDLE"
    assert call(simulator, "tptz", "GetStatus", ProfileToken=MAIN).Position.PanTilt.x == status.Position.PanTilt.x


def test_a_channel_without_ptz_answers_with_a_fault(simulator: Simulator) -> None:
    with pytest.raises(zeep.exceptions.Fault, match="no PTZ"):
        call(simulator, "tptz", "GetStatus", ProfileToken="MediaProfile00200")


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "\u202e\ufffe\x00]]>&amp;", "x" * 2000])
def test_answers_with_hostile_names_are_valid(simulator: Simulator, schema: etree.XMLSchema, name: str) -> None:
    simulator.fault("names", name)
    for prefix, operation in (("tds", "GetDeviceInformation"), ("trt", "GetProfiles"), ("tds", "GetScopes")):
        call(simulator, prefix, operation)
        _validated(schema, prefix)


def test_a_reboot_request_is_answered_before_the_reboot(start: Any, schema: etree.XMLSchema) -> None:
    another = start("--channels", "1")
    call(another, "tds", "SystemReboot")
    _validated(schema, "tds")
