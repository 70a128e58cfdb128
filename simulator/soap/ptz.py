"""The PTZ service (ONVIF PTZ Service Specification), on one channel."""

from __future__ import annotations

import math

from simulator.clock import as_xml_time
from simulator.ptz import MAX_PRESETS, Position
from simulator.soap import capabilities
from simulator.soap import configurations as parts
from simulator.soap.service import Call, SoapFault, done, no_such, operation
from simulator.soap.xml import Element, child, el, parse_duration

_DEFAULT_MOVE_S, _MAX_MOVE_S = 10.0, 60.0


def _check_profile(call: Call) -> None:
    channel, _ = call.profile("tptz:ProfileToken")
    if not channel.has_ptz:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:NoPTZProfile", reason="The profile has no PTZ")


def _number(element: Element | None, name: str) -> float:
    try:
        value = float(element.get(name, "0")) if element is not None else 0.0
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidPosition", reason="Not a number")
    return value


def _vector(call: Call, name: str) -> tuple[Position, bool, bool]:
    """A parameter's position or velocity, and whether it speaks of pan and tilt, and of zoom."""
    vector = child(call.body, name)
    pan_tilt, zoom = child(vector, "tt:PanTilt"), child(vector, "tt:Zoom")
    if vector is None:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidPosition", reason=f"{name} is missing")
    position = Position(_number(pan_tilt, "x"), _number(pan_tilt, "y"), _number(zoom, "x"))
    return position, pan_tilt is not None, zoom is not None


def _position(name: str, position: Position) -> Element:
    pan_tilt = {
        "x": position.pan,
        "y": position.tilt,
        "space": f"{parts.PTZ_SPACES}/PanTiltSpaces/PositionGenericSpace",
    }
    zoom = {"x": position.zoom, "space": f"{parts.PTZ_SPACES}/ZoomSpaces/PositionGenericSpace"}
    return el(name, el("tt:PanTilt", attributes=pan_tilt), el("tt:Zoom", attributes=zoom))


def _range(name: str, low: float, high: float) -> Element:
    return el(name, el("tt:Min", low), el("tt:Max", high))


def _spaces(name: str) -> Element:
    def plane(element: str, kind: str) -> Element:
        uri = el("tt:URI", f"{parts.PTZ_SPACES}/PanTiltSpaces/{kind}")
        return el(element, uri, _range("tt:XRange", -1.0, 1.0), _range("tt:YRange", -1.0, 1.0))

    def line(element: str, kind: str, low: float) -> Element:
        return el(element, el("tt:URI", f"{parts.PTZ_SPACES}/{kind}"), _range("tt:XRange", low, 1.0))

    return el(
        name,
        plane("tt:AbsolutePanTiltPositionSpace", "PositionGenericSpace"),
        line("tt:AbsoluteZoomPositionSpace", "ZoomSpaces/PositionGenericSpace", 0.0),
        plane("tt:RelativePanTiltTranslationSpace", "TranslationGenericSpace"),
        line("tt:RelativeZoomTranslationSpace", "ZoomSpaces/TranslationGenericSpace", -1.0),
        plane("tt:ContinuousPanTiltVelocitySpace", "VelocityGenericSpace"),
        line("tt:ContinuousZoomVelocitySpace", "ZoomSpaces/VelocityGenericSpace", -1.0),
        line("tt:PanTiltSpeedSpace", "PanTiltSpaces/GenericSpeedSpace", 0.0),
        line("tt:ZoomSpeedSpace", "ZoomSpaces/ZoomGenericSpeedSpace", 0.0),
    )


def _node() -> Element:
    return el(
        "tptz:PTZNode",
        el("tt:Name", "PTZ"),
        _spaces("tt:SupportedPTZSpaces"),
        el("tt:MaximumNumberOfPresets", MAX_PRESETS),
        el("tt:HomeSupported", True),
        attributes={"token": parts.PTZ_NODE, "FixedHomePosition": False},
    )


@operation("tptz:GetServiceCapabilities", pre_auth=True)
def get_service_capabilities(_call: Call) -> Element:
    return el("tptz:GetServiceCapabilitiesResponse", capabilities.ptz())


@operation("tptz:GetNodes")
def get_nodes(_call: Call) -> Element:
    return el("tptz:GetNodesResponse", _node())


@operation("tptz:GetNode")
def get_node(call: Call) -> Element:
    if call.text("tptz:NodeToken") != parts.PTZ_NODE:
        raise no_such("ter:NoEntity", "node")
    return el("tptz:GetNodeResponse", _node())


@operation("tptz:GetConfigurations")
def get_configurations(_call: Call) -> Element:
    return el("tptz:GetConfigurationsResponse", parts.ptz_configuration("tptz:PTZConfiguration"))


def _check_configuration(call: Call, name: str) -> None:
    if call.text(name) != parts.PTZ_CONFIGURATION:
        raise no_such("ter:NoConfig", "configuration")


@operation("tptz:GetConfiguration")
def get_configuration(call: Call) -> Element:
    _check_configuration(call, "tptz:PTZConfigurationToken")
    return el("tptz:GetConfigurationResponse", parts.ptz_configuration("tptz:PTZConfiguration"))


@operation("tptz:GetConfigurationOptions")
def get_configuration_options(call: Call) -> Element:
    _check_configuration(call, "tptz:ConfigurationToken")
    timeout = el("tt:PTZTimeout", el("tt:Min", "PT1S"), el("tt:Max", f"PT{_MAX_MOVE_S:.0f}S"))
    options = el("tptz:PTZConfigurationOptions", _spaces("tt:Spaces"), timeout)
    return el("tptz:GetConfigurationOptionsResponse", options)


@operation("tptz:GetStatus")
def get_status(call: Call) -> Element:
    _check_profile(call)
    head = call.recorder.ptz
    states = ["MOVING" if moving else "IDLE" for moving in head.is_moving()]
    status = el(
        "tptz:PTZStatus",
        _position("tt:Position", head.position()),
        el("tt:MoveStatus", el("tt:PanTilt", states[0]), el("tt:Zoom", states[1])),
        el("tt:UtcTime", as_xml_time(call.recorder.clock.utc())),
    )
    return el("tptz:GetStatusResponse", status)


@operation("tptz:ContinuousMove")
def continuous_move(call: Call) -> Element:
    _check_profile(call)
    velocity, _, _ = _vector(call, "tptz:Velocity")
    timeout = parse_duration(call.text("tptz:Timeout"))
    seconds = _DEFAULT_MOVE_S if timeout is None else timeout.total_seconds()
    call.recorder.ptz.move(velocity, max(0.0, min(seconds, _MAX_MOVE_S)))
    return done("tptz:ContinuousMove")


@operation("tptz:RelativeMove")
def relative_move(call: Call) -> Element:
    _check_profile(call)
    step, _, _ = _vector(call, "tptz:Translation")
    now = call.recorder.ptz.position()
    call.recorder.ptz.go_to(Position(now.pan + step.pan, now.tilt + step.tilt, now.zoom + step.zoom))
    return done("tptz:RelativeMove")


@operation("tptz:AbsoluteMove")
def absolute_move(call: Call) -> Element:
    _check_profile(call)
    wanted, moves, zooms = _vector(call, "tptz:Position")
    now = call.recorder.ptz.position()
    target = Position(
        wanted.pan if moves else now.pan, wanted.tilt if moves else now.tilt, wanted.zoom if zooms else now.zoom
    )
    if target != target.clamped():
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidPosition", reason="The position is out of bounds")
    call.recorder.ptz.go_to(target)
    return done("tptz:AbsoluteMove")


@operation("tptz:Stop")
def stop(call: Call) -> Element:
    _check_profile(call)
    axes = [call.text(name, "true") in ("true", "1") for name in ("tptz:PanTilt", "tptz:Zoom")]
    call.recorder.ptz.stop(pan_tilt=axes[0], zoom=axes[1])
    return done("tptz:Stop")


@operation("tptz:GetPresets")
def get_presets(call: Call) -> Element:
    _check_profile(call)
    presets = [
        el(
            "tptz:Preset",
            el("tt:Name", preset.name),
            _position("tt:PTZPosition", preset.position),
            attributes={"token": token},
        )
        for token, preset in call.recorder.ptz.presets.items()
    ]
    return el("tptz:GetPresetsResponse", *presets)


@operation("tptz:SetPreset")
def set_preset(call: Call) -> Element:
    _check_profile(call)
    head, token = call.recorder.ptz, call.text("tptz:PresetToken")
    if token and token not in head.presets:
        raise no_such("ter:NoToken", "preset")
    if not token and len(head.presets) >= MAX_PRESETS:
        raise SoapFault("Receiver", "ter:Action", "ter:TooManyPresets", reason="There is no room for another preset")
    kept = head.keep_preset(token, call.text("tptz:PresetName")[:64])
    return el("tptz:SetPresetResponse", el("tptz:PresetToken", kept))


def _preset_token(call: Call) -> str:
    token = call.text("tptz:PresetToken")
    if token not in call.recorder.ptz.presets:
        raise no_such("ter:NoToken", "preset")
    return token


@operation("tptz:RemovePreset")
def remove_preset(call: Call) -> Element:
    _check_profile(call)
    del call.recorder.ptz.presets[_preset_token(call)]
    return done("tptz:RemovePreset")


@operation("tptz:GotoPreset")
def goto_preset(call: Call) -> Element:
    _check_profile(call)
    head = call.recorder.ptz
    head.go_to(head.presets[_preset_token(call)].position)
    return done("tptz:GotoPreset")


@operation("tptz:GotoHomePosition")
def goto_home_position(call: Call) -> Element:
    _check_profile(call)
    call.recorder.ptz.go_to(call.recorder.ptz.home)
    return done("tptz:GotoHomePosition")


@operation("tptz:SetHomePosition")
def set_home_position(call: Call) -> Element:
    _check_profile(call)
    call.recorder.ptz.home = call.recorder.ptz.position()
    return done("tptz:SetHomePosition")
