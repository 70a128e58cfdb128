"""Imaging, relays and auxiliary commands of devices. The answers are written by hand."""

from __future__ import annotations

import pytest

from core.errors import InvalidRequest
from core.ptz import CutFilter, ImagingChange, Iris, Range, Relay
from onvif_services.heads import Heads
from tests.onvif_services.head_answers import PLACE, channel, done, node, set_nodes
from tests.onvif_services.soap_device import SoapDevice, fault

SETTINGS = (
    "<timg:GetImagingSettingsResponse xmlns:timg='http://www.onvif.org/ver20/imaging/wsdl'><timg:ImagingSettings>"
    "<tt:Brightness>60</tt:Brightness><tt:Contrast>120</tt:Contrast>"
    "<tt:Exposure><tt:Mode>MANUAL</tt:Mode><tt:Iris>-6</tt:Iris></tt:Exposure>"
    "<tt:IrCutFilter>AUTO</tt:IrCutFilter><tt:WideDynamicRange><tt:Mode>OFF</tt:Mode></tt:WideDynamicRange>"
    "</timg:ImagingSettings></timg:GetImagingSettingsResponse>"
)
OPTIONS = (
    "<timg:GetOptionsResponse xmlns:timg='http://www.onvif.org/ver20/imaging/wsdl'><timg:ImagingOptions>"
    "<tt:Brightness><tt:Min>0</tt:Min><tt:Max>255</tt:Max></tt:Brightness>"
    "<tt:Exposure><tt:Mode>AUTO</tt:Mode><tt:Mode>MANUAL</tt:Mode>"
    "<tt:Iris><tt:Min>-22</tt:Min><tt:Max>0</tt:Max></tt:Iris></tt:Exposure>"
    "<tt:Focus><tt:AutoFocusModes>AUTO</tt:AutoFocusModes><tt:AutoFocusModes>MANUAL</tt:AutoFocusModes></tt:Focus>"
    "<tt:IrCutFilterModes>ON</tt:IrCutFilterModes><tt:IrCutFilterModes>AUTO</tt:IrCutFilterModes>"
    "</timg:ImagingOptions></timg:GetOptionsResponse>"
)
MOVES = (
    "<timg:GetMoveOptionsResponse xmlns:timg='http://www.onvif.org/ver20/imaging/wsdl'><timg:MoveOptions>"
    "<tt:Continuous><tt:Speed><tt:Min>-1</tt:Min><tt:Max>1</tt:Max></tt:Speed></tt:Continuous>"
    "</timg:MoveOptions></timg:GetMoveOptionsResponse>"
)
CHANGED = "<timg:SetImagingSettingsResponse xmlns:timg='http://www.onvif.org/ver20/imaging/wsdl'/>"


@pytest.fixture
def picture(device: SoapDevice, heads: Heads) -> Heads:
    device.answers |= {
        "GetImagingSettings": SETTINGS,
        "GetOptions": OPTIONS,
        "GetMoveOptions": MOVES,
        "SetImagingSettings": CHANGED,
    }
    return heads


def test_settings_are_read_with_their_limits(picture: Heads) -> None:
    found = picture.imaging(PLACE)
    assert found.brightness == Range(60.0, 0.0, 255.0)
    assert found.contrast == Range(120.0, 0.0, 120.0), "without limits the present value is possible"
    assert found.sharpness is None
    assert found.ir_cut_filter == CutFilter("auto", ("on", "auto"))
    assert found.wide_dynamic_range is not None
    assert (found.wide_dynamic_range.on, found.wide_dynamic_range.level) == (False, None)


def test_focus_and_iris_are_abilities_of_the_lens(device: SoapDevice, picture: Heads) -> None:
    able = picture.abilities(channel("P1"), [channel("P1")])
    assert (able.focus, able.auto_focus, able.imaging) == (True, True, True)
    assert able.iris == Iris(-6.0, -22.0, 0.0, auto=False)
    for name in ("GetImagingSettings", "GetOptions", "GetMoveOptions"):
        device.answers[name] = fault("ter:NoImagingForSource", "?")
    able = picture.abilities(channel("P1"), [channel("P1")])
    assert (able.focus, able.auto_focus, able.imaging, able.iris) == (False, False, False, None)


def test_only_the_changed_settings_are_sent(device: SoapDevice, picture: Heads) -> None:
    picture.change_imaging(PLACE, ImagingChange(brightness=10.0, ir_cut_filter="on", wide_dynamic_range=True))
    (request,) = device.asked("SetImagingSettings")
    assert (request.value("Brightness"), request.value("IrCutFilter"), request.value("Mode")) == ("10.0", "ON", "ON")
    assert "Contrast" not in request.text
    assert request.value("ForcePersistence") == "true"


def test_a_device_that_refuses_to_keep_settings_still_gets_them(device: SoapDevice, picture: Heads) -> None:
    device.answers["SetImagingSettings"] = lambda request: (
        fault("ter:InvalidArgVal", "?") if "ForcePersistence" in request.text else CHANGED
    )
    picture.change_imaging(PLACE, ImagingChange(brightness=10.0))
    device.answers["SetImagingSettings"] = fault("ter:SettingsInvalid", "?")
    with pytest.raises(InvalidRequest):
        picture.change_imaging(PLACE, ImagingChange(brightness=10.0))


# --- relays and auxiliary commands


RELAYS = (
    '<tds:GetRelayOutputsResponse><tds:RelayOutputs token="R1"><tt:Properties><tt:Mode>Bistable</tt:Mode>'
    "<tt:DelayTime>PT0S</tt:DelayTime><tt:IdleState>open</tt:IdleState></tt:Properties></tds:RelayOutputs>"
    '<tds:RelayOutputs token="R2"><tt:Properties><tt:Mode>Monostable</tt:Mode>'
    "<tt:DelayTime>{delay}</tt:DelayTime></tt:Properties></tds:RelayOutputs></tds:GetRelayOutputsResponse>"
)


@pytest.mark.parametrize(("delay", "seconds"), [("PT1M30.5S", 90.5), ("5", 5.0), ("soon", None)])
def test_relays_are_listed_and_switched(device: SoapDevice, heads: Heads, delay: str, seconds: float | None) -> None:
    device.answers["GetRelayOutputs"] = RELAYS.format(delay=delay)
    device.answers["SetRelayOutputState"] = "<tds:SetRelayOutputStateResponse/>"
    assert heads.relays() == (Relay("R1"), Relay("R2", is_monostable=True, delay_s=seconds))
    heads.set_relay("R1", is_active=True)
    (request,) = device.asked("SetRelayOutputState")
    assert (request.path, request.value("LogicalState")) == ("/onvif/deviceio", "active")


def test_old_devices_have_relays_in_the_device_service(device: SoapDevice, heads: Heads) -> None:
    refused = fault("ter:ActionNotSupported", "?")
    device.answers["GetRelayOutputs"] = lambda request: (
        refused if request.path == "/onvif/deviceio" else RELAYS.format(delay="PT1S")
    )
    assert len(heads.relays()) == 2


def test_a_camera_without_a_head_may_have_outputs(device: SoapDevice, heads: Heads) -> None:
    only, other = channel(), channel(number=2)
    device.answers["GetRelayOutputs"] = RELAYS.format(delay="PT0S")
    assert heads.abilities(only, [only]).outputs
    assert not heads.abilities(only, [only, other]).outputs, "the relays of a recorder belong to none of its channels"
    device.answers["GetRelayOutputs"] = fault("ter:ActionNotSupported", "?")
    assert not heads.abilities(only, [only]).outputs


def test_lights_of_the_device_service_are_among_the_commands(device: SoapDevice, heads: Heads) -> None:
    set_nodes(device, node(more="<tt:AuxiliaryCommands>tt:Wiper|On</tt:AuxiliaryCommands>"))
    device.answers["GetServiceCapabilities"] = (
        "<tds:GetServiceCapabilitiesResponse><tds:Capabilities>"
        '<tds:Misc AuxiliaryCommands="tt:IRLamp|On tt:IRLamp|Off tt:Wiper|On"/>'
        "</tds:Capabilities></tds:GetServiceCapabilitiesResponse>"
    )
    device.answers["SendAuxiliaryCommand"] = lambda request: (
        "<tds:SendAuxiliaryCommandResponse/>" if "AuxiliaryCommand>" in request.text else done("SendAuxiliaryCommand")
    )
    able = heads.abilities(channel("P1"), [channel("P1")])
    assert able.auxiliary == ("tt:Wiper|On", "tt:IRLamp|On", "tt:IRLamp|Off")
    heads.send_auxiliary(able, "tt:IRLamp|On")
    heads.send_auxiliary(able, "tt:Wiper|On")
    assert [request.path.rpartition("/")[2] for request in device.asked("SendAuxiliaryCommand")] == [
        "device_service",
        "ptz",
    ]
