"""Every operation, asked by zeep in strict mode; every answer held against ONVIF's schemas by lxml."""

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
NODE, CONFIGURATION = "PtzNode000", "PtzConfiguration000"
SPEED = {"PanTilt": {"x": 0.1, "y": -0.1}, "Zoom": {"x": 0.1}}
PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)

ASKED: list[tuple[str, str, dict[str, Any]]] = [
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

# Asked by tests of their own below, because one answer is needed for the next question.
ASKED_IN_ORDER = {
    "PullMessages", "SetSynchronizationPoint", "Renew", "Unsubscribe", "FindRecordings", "GetRecordingSearchResults",
    "FindEvents", "GetEventSearchResults", "GetSearchState", "EndSearch", "RemovePreset", "SystemReboot",
}  # fmt: skip


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> etree.XMLSchema:
    return onvif_schema(tmp_path_factory.mktemp("schema"))


def _hold_against(schema: etree.XMLSchema, prefix: str) -> Any:
    """The body of the last answer, after the envelope, the body and every event message in it were found valid."""
    envelope = last_answer(prefix)
    schema.assertValid(etree.ElementTree(copy.deepcopy(envelope)))
    body = envelope.find("{http://www.w3.org/2003/05/soap-envelope}Body")
    for part in [body[0], *body.iter("{http://www.onvif.org/ver10/schema}Message")]:
        # a document of its own, so that an element that the schema does not declare is an error
        schema.assertValid(etree.ElementTree(etree.fromstring(etree.tostring(part))))
    return body[0]


@pytest.mark.parametrize(("prefix", "name", "values"), ASKED, ids=lambda value: value if isinstance(value, str) else "")
def test_an_answer_is_what_the_schema_says(
    simulator: Simulator, schema: etree.XMLSchema, prefix: str, name: str, values: dict[str, Any]
) -> None:
    call(simulator, prefix, name, **values)
    assert etree.QName(_hold_against(schema, prefix)).localname == f"{name}Response"


def test_the_schema_finds_a_wrong_answer(simulator: Simulator, schema: etree.XMLSchema) -> None:
    call(simulator, "trt", "GetProfiles")
    for name in ("Encoding", "Resolution"):
        envelope = copy.deepcopy(last_answer("trt"))
        wrong = next(envelope.iter(f"{{http://www.onvif.org/ver10/schema}}{name}"))
        wrong.text = "nonsense"
        assert not schema.validate(etree.ElementTree(envelope))


def test_every_operation_that_is_served_is_asked_here(cache_dir: Path) -> None:
    served = {etree.QName(name).localname for name, _ in make_recorder(cache_dir).soap.operations}
    assert served == {name for _, name, _ in ASKED} | ASKED_IN_ORDER


def test_a_subscription_lives_from_its_creation_to_its_end(
    simulator: Simulator, schema: etree.XMLSchema, cache_dir: Path
) -> None:
    made = call(simulator, "tev", "CreatePullPointSubscription", InitialTerminationTime="PT60S")
    address = made.SubscriptionReference.Address._value_1
    pull = {"binding": "PullPointSubscriptionBinding", "url": address}
    manage = {"binding": "SubscriptionManagerBinding", "url": address}
    second = datetime.timedelta(seconds=1)
    pulled = call(simulator, "tev", "PullMessages", Timeout=second, MessageLimit=100, **pull)
    assert len(pulled.NotificationMessage) == 32  # motion and signal of sixteen channels, told for the first time
    _hold_against(schema, "tev")
    call(simulator, "tev", "SetSynchronizationPoint", **pull)
    _hold_against(schema, "tev")
    pulled = call(simulator, "tev", "PullMessages", Timeout=second, MessageLimit=5, **pull)
    assert len(pulled.NotificationMessage) == 5
    call(simulator, "tev", "Renew", TerminationTime="PT120S", **manage)
    _hold_against(schema, "tev")
    call(simulator, "tev", "Unsubscribe", **manage)
    _hold_against(schema, "tev")
    with pytest.raises(zeep.exceptions.Fault):
        call(simulator, "tev", "PullMessages", Timeout=second, MessageLimit=1, **pull)


def test_a_search_for_recordings_is_handed_out_in_portions(simulator: Simulator, schema: etree.XMLSchema) -> None:
    token = call(simulator, "tse", "FindRecordings", Scope={}, KeepAliveTime=datetime.timedelta(seconds=10))
    _hold_against(schema, "tse")
    seen: list[str] = []
    for expected in ("Searching", "Searching", "Completed"):
        page = call(simulator, "tse", "GetRecordingSearchResults", SearchToken=token, MaxResults=5)
        _hold_against(schema, "tse")
        assert page.SearchState == expected
        seen += [row.RecordingToken for row in page.RecordingInformation]
    assert len(set(seen)) == 13  # the three dead channels have none
    assert call(simulator, "tse", "GetSearchState", SearchToken=token) == "Completed"
    _hold_against(schema, "tse")
    call(simulator, "tse", "EndSearch", SearchToken=token)
    _hold_against(schema, "tse")
    with pytest.raises(zeep.exceptions.Fault):
        call(simulator, "tse", "EndSearch", SearchToken=token)


def test_the_history_tells_the_state_at_the_start_of_a_search(simulator: Simulator, schema: etree.XMLSchema) -> None:
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
        _hold_against(schema, "tse")
        page = call(simulator, "tse", "GetEventSearchResults", SearchToken=token)
        _hold_against(schema, "tse")
        mine = [row for row in page.Result if row.RecordingToken == RECORDING and row.StartStateEvent]
        assert len(mine) == 3  # the recording, video, audio
        assert {row.Event.Message._value_1.Data.SimpleItem[0].Value for row in mine} == {is_recorded}
        call(simulator, "tse", "EndSearch", SearchToken=token)


def test_searches_are_few(simulator: Simulator) -> None:
    ten = datetime.timedelta(seconds=10)
    tokens = [call(simulator, "tse", "FindRecordings", Scope={}, KeepAliveTime=ten) for _ in range(8)]
    with pytest.raises(zeep.exceptions.Fault, match="Too many searches"):
        call(simulator, "tse", "FindRecordings", Scope={}, KeepAliveTime=ten)
    for token in tokens:
        call(simulator, "tse", "EndSearch", SearchToken=token)


def test_a_preset_is_kept_and_removed(simulator: Simulator, schema: etree.XMLSchema) -> None:
    call(simulator, "tptz", "AbsoluteMove", ProfileToken=MAIN, Position={"PanTilt": {"x": 0.25, "y": -0.5}})
    token = call(simulator, "tptz", "SetPreset", ProfileToken=MAIN, PresetName="Bay 4")
    call(simulator, "tptz", "AbsoluteMove", ProfileToken=MAIN, Position={"PanTilt": {"x": 0, "y": 0}})
    call(simulator, "tptz", "GotoPreset", ProfileToken=MAIN, PresetToken=token)
    position = call(simulator, "tptz", "GetStatus", ProfileToken=MAIN).Position
    assert (position.PanTilt.x, position.PanTilt.y) == (0.25, -0.5)
    call(simulator, "tptz", "RemovePreset", ProfileToken=MAIN, PresetToken=token)
    _hold_against(schema, "tptz")
    assert token not in {preset.token for preset in call(simulator, "tptz", "GetPresets", ProfileToken=MAIN)}


def test_a_move_goes_on_until_it_is_stopped(simulator: Simulator) -> None:
    call(simulator, "tptz", "GotoHomePosition", ProfileToken=MAIN)
    call(simulator, "tptz", "ContinuousMove", ProfileToken=MAIN, Velocity={"PanTilt": {"x": 1, "y": 0}})
    assert call(simulator, "tptz", "GetStatus", ProfileToken=MAIN).MoveStatus.PanTilt == "MOVING"
    call(simulator, "tptz", "Stop", ProfileToken=MAIN)
    status = call(simulator, "tptz", "GetStatus", ProfileToken=MAIN)
    assert status.MoveStatus.PanTilt == "IDLE"
    assert call(simulator, "tptz", "GetStatus", ProfileToken=MAIN).Position.PanTilt.x == status.Position.PanTilt.x


def test_a_channel_without_ptz_says_so(simulator: Simulator) -> None:
    with pytest.raises(zeep.exceptions.Fault, match="no PTZ"):
        call(simulator, "tptz", "GetStatus", ProfileToken="MediaProfile00200")


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "\u202e\ufffe\x00]]>&amp;", "x" * 2000])
def test_hostile_names_still_make_valid_answers(simulator: Simulator, schema: etree.XMLSchema, name: str) -> None:
    simulator.fault("names", name)
    for prefix, operation in (("tds", "GetDeviceInformation"), ("trt", "GetProfiles"), ("tds", "GetScopes")):
        call(simulator, prefix, operation)
        _hold_against(schema, prefix)


def test_a_reboot_that_is_asked_for_is_confirmed_first(start: Any, schema: etree.XMLSchema) -> None:
    another = start("--channels", "1")
    call(another, "tds", "SystemReboot")
    _hold_against(schema, "tds")
