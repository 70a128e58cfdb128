"""Heads of devices with unusual habits. The answers are written by hand."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from core.errors import CameraBadAnswer, CameraUnsupported, DeviceError
from core.ptz import HeadAbilities, Preset
from onvif_services.heads import Heads
from onvif_services.ptz_nodes import OPTIONAL_S
from tests.onvif_services.connecting import Connect
from tests.onvif_services.head_answers import (
    ABSOLUTE,
    BOTH,
    NEARER,
    NO_PROFILE,
    PLACE,
    RELATIVE,
    RELATIVE_FOV,
    RIGHT,
    STILL,
    TURNS,
    ZOOMS,
    channel,
    done,
    line,
    node,
    set_nodes,
)
from tests.onvif_services.silence import Silence
from tests.onvif_services.soap_device import CUT, Reply, Request, SoapDevice, fault, soap


def _only_on(token: str, name: str) -> Callable[[Request], str | Reply]:
    return lambda request: done(name) if request.value("ProfileToken") == token else NO_PROFILE


# --- abilities


def test_a_usual_head_tells_its_abilities(device: SoapDevice, heads: Heads) -> None:
    commands = "<tt:AuxiliaryCommands>tt:Wiper|On</tt:AuxiliaryCommands>" * 2
    set_nodes(device, node(TURNS + ZOOMS + RELATIVE_FOV + ABSOLUTE, more=commands))
    able = heads.abilities(channel("P1"), [channel("P1")])
    assert able.place == PLACE
    assert (able.pan_tilt, able.zoom, able.continuous, able.is_certain) == (True, True, True, True)
    assert (able.can_center, able.is_fov_relative, able.max_presets) == (True, True, 255)
    assert (able.home, able.home_settable, able.presets) == (True, True, True)
    assert able.auxiliary == ("tt:Wiper|On",)


@pytest.mark.parametrize("spaces", ["", STILL, STILL + line("ContinuousZoomVelocitySpace", "V", (0.0, 0.0))])
def test_empty_spaces_do_not_mean_that_a_head_cannot_move(device: SoapDevice, heads: Heads, spaces: str) -> None:
    set_nodes(device, node(spaces))
    able = heads.abilities(channel("P1"), [channel("P1")])
    assert (able.pan_tilt, able.zoom, able.continuous, able.is_certain) == (True, True, True, False)


def test_a_head_that_lists_only_pan_and_tilt_has_no_zoom(device: SoapDevice, heads: Heads) -> None:
    set_nodes(device, node(TURNS, presets=0))
    able = heads.abilities(channel("P1"), [channel("P1")])
    assert (able.pan_tilt, able.zoom, able.max_presets) == (True, False, None)


def test_the_profile_with_a_configuration_is_tried_first(heads: Heads) -> None:
    assert heads.abilities(channel("P2"), [channel("P2")]).place.profile_tokens == ("P2", "P1")


def test_a_head_whose_profiles_have_no_configuration_is_found_by_its_node(device: SoapDevice, heads: Heads) -> None:
    assert heads.abilities(channel(), [channel()]).pan_tilt
    set_nodes(device)
    assert not heads.abilities(channel(), [channel()]).pan_tilt
    device.answers["GetNodes"] = fault("ter:ActionNotSupported", "Optional Action Not Implemented")
    assert not heads.abilities(channel(), [channel()]).pan_tilt


def test_a_channel_beside_one_with_a_head_has_none(heads: Heads) -> None:
    channels = [channel("P1"), channel(number=2)]
    assert heads.abilities(channels[0], channels).pan_tilt
    assert not heads.abilities(channels[1], channels).pan_tilt


def test_a_recorder_with_a_node_for_each_channel_has_as_many_heads(device: SoapDevice, heads: Heads) -> None:
    set_nodes(device, node(TURNS, token="N1"), node(ZOOMS, token="N2"))
    channels = [channel(), channel(number=2)]
    able = [heads.abilities(item, channels) for item in channels]
    assert [(item.pan_tilt, item.zoom) for item in able] == [(True, False), (False, True)]


def test_a_head_without_a_readable_node_may_do_everything(device: SoapDevice, heads: Heads) -> None:
    device.answers["GetNodes"] = Reply(b"not implemented", 200, {"Content-Type": "text/plain"})
    able = heads.abilities(channel("P1"), [channel("P1")])
    assert (able.pan_tilt, able.zoom, able.home, able.is_certain) == (True, True, True, False)


def test_requests_that_hang_leave_the_head_usable(heads: Heads, silence: Silence) -> None:
    silence("GetNodes", "GetImagingSettings", "GetOptions", "GetMoveOptions", "GetServiceCapabilities")
    able = heads.abilities(channel("P1"), [channel("P1")])
    assert (able.pan_tilt, able.is_certain, able.imaging) == (True, False, False)
    assert max(silence.limits_s.values()) <= OPTIONAL_S
    heads.move(able.place, RIGHT, 1.0)


def test_a_device_without_a_ptz_service_has_no_head(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    able = Heads(conn).abilities(channel("P1"), [channel("P1")])
    assert able == HeadAbilities(place=PLACE)
    assert not device.asked("GetNodes")


# --- moves and stops


def test_a_move_has_only_its_axes_and_a_time_limit_in_whole_seconds(device: SoapDevice, heads: Heads) -> None:
    for velocity in (RIGHT, NEARER, BOTH):
        heads.move(PLACE, velocity, 1.2)
    texts = [request.text for request in device.asked("ContinuousMove")]
    assert [("PanTilt" in text, "Zoom" in text) for text in texts] == [(True, False), (False, True), (True, True)]
    assert all("PT2S</" in text for text in texts)


def test_a_configuration_on_one_profile_only_is_found_and_kept(device: SoapDevice, heads: Heads) -> None:
    device.answers["ContinuousMove"] = _only_on("P2", "ContinuousMove")
    device.answers["Stop"] = _only_on("P2", "Stop")
    heads.move(PLACE, RIGHT, 1.0)
    heads.move(PLACE, RIGHT, 1.0)
    heads.stop(PLACE)
    assert [request.value("ProfileToken") for request in device.asked("ContinuousMove")] == ["P1", "P2", "P2"]
    assert [request.value("ProfileToken") for request in device.asked("Stop")] == ["P2"]


def test_a_device_that_refuses_a_time_limit_moves_without(device: SoapDevice, heads: Heads) -> None:
    device.answers["ContinuousMove"] = lambda request: (
        fault("ter:InvalidArgVal", "Bad Timeout") if "Timeout" in request.text else done("ContinuousMove")
    )
    heads.move(PLACE, RIGHT, 1.0)
    sent = len(device.asked("ContinuousMove"))
    heads.move(PLACE, RIGHT, 1.0)
    assert len(device.asked("ContinuousMove")) == sent + 1, "the habit is remembered"
    assert "Timeout" not in device.asked("ContinuousMove")[-1].text


@pytest.mark.parametrize("refusal", [fault("ter:InvalidArgVal", "Zoom"), Reply(b"\x00\x01garbage", 200)])
def test_a_device_that_cannot_read_two_axes_gets_two_moves(device: SoapDevice, heads: Heads, refusal: Reply) -> None:
    def answer(request: Request) -> str | Reply:
        return refusal if "PanTilt" in request.text and "Zoom" in request.text else done("ContinuousMove")

    device.answers["ContinuousMove"] = answer
    heads.move(PLACE, BOTH, 1.0)
    sent = len(device.asked("ContinuousMove"))
    heads.move(PLACE, BOTH, 1.0)
    texts = [request.text for request in device.asked("ContinuousMove")[sent:]]
    assert [("PanTilt" in text, "Zoom" in text) for text in texts] == [(True, False), (False, True)]


def test_garbage_as_the_answer_to_a_zoom_counts_as_moved(device: SoapDevice, heads: Heads) -> None:
    device.answers["ContinuousMove"] = Reply(b"OK", 200, {"Content-Type": "text/plain"})
    heads.move(PLACE, NEARER, 1.0)


def test_a_device_without_stop_is_stopped_by_a_move_at_speed_zero(device: SoapDevice, heads: Heads) -> None:
    device.answers["Stop"] = fault("ter:ActionNotSupported", "Optional Action Not Implemented")
    heads.stop(PLACE)
    stopped = device.asked("ContinuousMove")[-1].text
    assert re.search(r'PanTilt[^>]*x="0(\.0)?"', stopped)
    asked = len(device.asked("Stop"))
    heads.stop(PLACE)
    assert len(device.asked("Stop")) == asked, "the habit is remembered"


def test_a_device_that_wants_stop_without_axes_gets_it(device: SoapDevice, heads: Heads) -> None:
    device.answers["Stop"] = lambda request: fault("ter:InvalidArgVal", "?") if "Zoom" in request.text else done("Stop")
    heads.stop(PLACE)
    assert "PanTilt" not in device.asked("Stop")[-1].text


def test_a_refused_move_raises_the_device_error(device: SoapDevice, heads: Heads) -> None:
    device.answers["ContinuousMove"] = fault("ter:HeadFailed", "The motor is hot")
    with pytest.raises(DeviceError):
        heads.move(PLACE, RIGHT, 1.0)


# --- turning by a distance


def _able(device: SoapDevice, heads: Heads, spaces: str) -> HeadAbilities:
    set_nodes(device, node(TURNS + spaces))
    return heads.abilities(channel("P1"), [channel("P1")])


def _coordinates(request: Request) -> tuple[float, float]:
    match = re.search(r'PanTilt[^>]*?x="([^"]+)"[^>]*?y="([^"]+)"', request.text)
    assert match is not None
    return float(match[1]), float(match[2])


def test_a_click_turns_by_pictures_where_the_device_can(device: SoapDevice, heads: Heads) -> None:
    heads.turn_by(_able(device, heads, RELATIVE + RELATIVE_FOV), 0.5, -0.25)
    (request,) = device.asked("RelativeMove")
    assert _coordinates(request) == (1.0, -0.5)
    assert "TranslationSpaceFov" in request.text
    assert not device.asked("GetStatus")


@pytest.mark.parametrize(("zoom", "narrower"), [("0", 1.0), ("1", 20.0), ("nonsense", 1.0)])
def test_a_click_in_the_generic_space_depends_on_the_zoom(
    device: SoapDevice, heads: Heads, zoom: str, narrower: float
) -> None:
    device.answers["GetStatus"] = (
        '<tptz:GetStatusResponse><tptz:PTZStatus><tt:Position><tt:PanTilt x="0.1" y="0"/>'
        f'<tt:Zoom x="{zoom}"/></tt:Position></tptz:PTZStatus></tptz:GetStatusResponse>'
    )
    heads.turn_by(_able(device, heads, RELATIVE), 0.5, 0.0)
    assert _coordinates(device.asked("RelativeMove")[0])[0] == pytest.approx(2 * 60 / 360 * 0.5 / narrower)


def test_a_click_turns_an_absolute_head_from_its_position(device: SoapDevice, heads: Heads) -> None:
    device.answers["GetStatus"] = (
        '<tptz:GetStatusResponse><tptz:PTZStatus><tt:Position><tt:PanTilt x="0.95" y="0.2"/></tt:Position>'
        "</tptz:PTZStatus></tptz:GetStatusResponse>"
    )
    heads.turn_by(_able(device, heads, ABSOLUTE), 0.5, 0.0)
    turned = _coordinates(device.asked("AbsoluteMove")[0])
    assert turned == pytest.approx((1.0, 0.2)), "as far as the head can turn"
    device.answers["GetStatus"] = "<tptz:GetStatusResponse/>"
    with pytest.raises(CameraUnsupported):
        heads.turn_by(_able(device, heads, ABSOLUTE), 0.5, 0.0)


# --- presets


def _presets(*items: str) -> str:
    return f"<tptz:GetPresetsResponse>{''.join(items)}</tptz:GetPresetsResponse>"


def test_percent_encoded_names_are_decoded(device: SoapDevice, heads: Heads) -> None:
    names = ("%E5%A4%A7%E9%97%A8", "Gate%20A", "100%", "%ff%fe", "&#8238;gate")
    items = [f'<tptz:Preset token="{n}"><tt:Name>{name}</tt:Name></tptz:Preset>' for n, name in enumerate(names)]
    device.answers["GetPresets"] = _presets(*items, '<tptz:Preset token="x"/>', items[0], "<tptz:Preset/>")
    found = heads.presets(PLACE)
    assert found is not None
    assert [preset.name for preset in found] == ["大门", "Gate A", "100%", "%ff%fe", "gate", "x"]


def test_positions_of_presets_are_read(device: SoapDevice, heads: Heads) -> None:
    position = '<tt:PTZPosition><tt:PanTilt x="0.5" y="-1"/><tt:Zoom x="0.25"/></tt:PTZPosition>'
    device.answers["GetPresets"] = _presets(
        f'<tptz:Preset token="1"><tt:Name>A</tt:Name>{position}</tptz:Preset>',
        '<tptz:Preset token="2"><tt:PTZPosition><tt:PanTilt x="NaN" y="0"/></tt:PTZPosition></tptz:Preset>',
    )
    assert heads.presets(PLACE) == (Preset("1", "A", (0.5, -1.0, 0.25)), Preset("2", "2"))


@pytest.mark.parametrize(
    "answer",
    [
        fault("ter:ActionNotSupported", "Optional Action Not Implemented"),
        fault("", "Error"),
        Reply(b"GetPresets is not implemented", 200, {"Content-Type": "text/plain"}),
        soap("<tptz:SomethingElse/>"),
    ],
)
def test_a_device_that_cannot_list_presets_is_told_apart(device: SoapDevice, heads: Heads, answer: Reply) -> None:
    device.answers["GetPresets"] = answer
    assert heads.presets(PLACE) is None


@pytest.mark.parametrize(
    "inner",
    [
        "<tptz:PresetToken>12</tptz:PresetToken>",
        "<PresetToken>12</PresetToken>",
        '<tptz:Preset token="12"/>',
        "<tptz:PresetToken><tt:Token>12</tt:Token></tptz:PresetToken>",
        "12",
    ],
)
def test_the_token_of_a_new_preset_is_read_in_every_form(device: SoapDevice, heads: Heads, inner: str) -> None:
    device.answers["SetPreset"] = f"<tptz:SetPresetResponse>{inner}</tptz:SetPresetResponse>"
    assert heads.set_preset(PLACE, "Gate") == "12"


def test_a_new_preset_without_a_token_is_found_by_its_name(device: SoapDevice, heads: Heads) -> None:
    device.answers["SetPreset"] = "<tptz:SetPresetResponse/>"
    device.answers["GetPresets"] = _presets('<tptz:Preset token="9"><tt:Name>Gate</tt:Name></tptz:Preset>')
    assert heads.set_preset(PLACE, "Gate") == "9"
    with pytest.raises(CameraBadAnswer):
        heads.set_preset(PLACE, "Barn")


def test_a_preset_that_is_answered_late_counts_as_sent(device: SoapDevice, heads: Heads, silence: Silence) -> None:
    silence("GotoPreset")
    heads.go_to_preset(PLACE, "1")
    assert 0 < silence.limits_s["GotoPreset"] <= 5.0
    silence.end("GotoPreset")
    device.answers["GotoPreset"] = CUT
    with pytest.raises(DeviceError):
        heads.go_to_preset(PLACE, "1")
