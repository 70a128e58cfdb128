"""The PTZ service (ONVIF PTZ Service Specification), on one channel. The fault `ptz` lets its head misbehave."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping

from simulator.clock import DeviceClock, as_xml_time
from simulator.faults import Faults
from simulator.layout import Layout
from simulator.ptz import MAX_PRESETS, Position, Preset, PtzHead
from simulator.soap import capabilities
from simulator.soap.configurations import PTZ_CONFIGURATION, PTZ_NODE, PTZ_SPACES, Configurations
from simulator.soap.service import (
    PATHS,
    Call,
    Handler,
    SoapFault,
    SoapService,
    TextAnswer,
    done,
    no_such,
    profile_of,
)
from simulator.soap.xml import Element, child, el, parse_duration

_DEFAULT_MOVE_S, _MAX_MOVE_S = 10.0, 60.0
_SLOW_S = 2.0
_FACTORY_SLOTS = 300
_COMMANDS = ("tt:Wiper|On", "tt:Wiper|Off")


def _number(element: Element | None, name: str) -> float:
    try:
        value = float(element.get(name, "0")) if element is not None else 0.0
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidPosition", reason="Not a number")
    return value


def _vector(call: Call, name: str) -> tuple[Position, bool, bool]:
    """A parameter's position or velocity, and two flags: it has pan and tilt; it has zoom."""
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
        "space": f"{PTZ_SPACES}/PanTiltSpaces/PositionGenericSpace",
    }
    zoom = {"x": position.zoom, "space": f"{PTZ_SPACES}/ZoomSpaces/PositionGenericSpace"}
    return el(name, el("tt:PanTilt", attributes=pan_tilt), el("tt:Zoom", attributes=zoom))


def _range(name: str, low: float, high: float) -> Element:
    return el(name, el("tt:Min", low), el("tt:Max", high))


def _spaces(name: str) -> Element:
    def plane(element: str, kind: str) -> Element:
        uri = el("tt:URI", f"{PTZ_SPACES}/PanTiltSpaces/{kind}")
        return el(element, uri, _range("tt:XRange", -1.0, 1.0), _range("tt:YRange", -1.0, 1.0))

    def line(element: str, kind: str, low: float) -> Element:
        return el(element, el("tt:URI", f"{PTZ_SPACES}/{kind}"), _range("tt:XRange", low, 1.0))

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


def _node(*, has_spaces: bool) -> Element:
    return el(
        "tptz:PTZNode",
        el("tt:Name", "PTZ"),
        _spaces("tt:SupportedPTZSpaces") if has_spaces else el("tt:SupportedPTZSpaces"),
        el("tt:MaximumNumberOfPresets", MAX_PRESETS),
        el("tt:HomeSupported", True),
        *(el("tt:AuxiliaryCommands", command) for command in _COMMANDS),
        attributes={"token": PTZ_NODE, "FixedHomePosition": False},
    )


def _check_configuration(call: Call, name: str) -> None:
    if call.text(name) != PTZ_CONFIGURATION:
        raise no_such("ter:NoConfig", "configuration")


class PtzService(SoapService):
    """Moves the one PTZ head, and keeps its presets."""

    path = PATHS["tptz"]

    def __init__(
        self, layout: Layout, configurations: Configurations, head: PtzHead, clock: DeviceClock, faults: Faults
    ) -> None:
        self._layout, self._configurations, self._head, self._clock = layout, configurations, head, clock
        self._faults = faults

    def operations(self) -> dict[str, Handler]:
        return {
            "tptz:GetServiceCapabilities": self.get_service_capabilities,
            "tptz:GetNodes": self.get_nodes,
            "tptz:GetNode": self.get_node,
            "tptz:GetConfigurations": self.get_configurations,
            "tptz:GetConfiguration": self.get_configuration,
            "tptz:GetConfigurationOptions": self.get_configuration_options,
            "tptz:GetStatus": self.get_status,
            "tptz:ContinuousMove": self.continuous_move,
            "tptz:RelativeMove": self.relative_move,
            "tptz:AbsoluteMove": self.absolute_move,
            "tptz:Stop": self.stop,
            "tptz:GetPresets": self.get_presets,
            "tptz:SetPreset": self.set_preset,
            "tptz:RemovePreset": self.remove_preset,
            "tptz:GotoPreset": self.goto_preset,
            "tptz:GotoHomePosition": self.goto_home_position,
            "tptz:SetHomePosition": self.set_home_position,
            "tptz:GetCompatibleConfigurations": self.get_compatible_configurations,
            "tptz:SendAuxiliaryCommand": self.send_auxiliary_command,
        }

    def _check_profile(self, call: Call) -> None:
        channel, role = profile_of(self._layout, call, "tptz:ProfileToken")
        if not channel.has_ptz or (self._is("one_profile") and role == "main"):
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:NoPTZProfile", reason="The profile has no PTZ")

    def _is(self, habit: str) -> bool:
        return self._faults.text("ptz") == habit

    def _preset_token(self, call: Call) -> str:
        token = call.text("tptz:PresetToken")
        if token not in self._head.presets:
            raise no_such("ter:NoToken", "preset")
        return token

    def get_service_capabilities(self, _call: Call) -> Element:
        return el("tptz:GetServiceCapabilitiesResponse", capabilities.ptz())

    def get_nodes(self, _call: Call) -> Element:
        return el("tptz:GetNodesResponse", _node(has_spaces=not self._is("empty_spaces")))

    def get_node(self, call: Call) -> Element:
        if call.text("tptz:NodeToken") != PTZ_NODE:
            raise no_such("ter:NoEntity", "node")
        return el("tptz:GetNodeResponse", _node(has_spaces=not self._is("empty_spaces")))

    def get_configurations(self, _call: Call) -> Element:
        return el("tptz:GetConfigurationsResponse", self._configurations.ptz_configuration("tptz:PTZConfiguration"))

    def get_compatible_configurations(self, call: Call) -> Element:
        channel, _ = profile_of(self._layout, call, "tptz:ProfileToken")
        found = self._configurations.ptz_configuration("tptz:PTZConfiguration") if channel.has_ptz else None
        return el("tptz:GetCompatibleConfigurationsResponse", found)

    def send_auxiliary_command(self, call: Call) -> Element:
        self._check_profile(call)
        command = call.text("tptz:AuxiliaryData")
        if command not in _COMMANDS:
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:AuxiliaryDataNotSupported", reason="Unknown command")
        self._head.note(command)
        return el("tptz:SendAuxiliaryCommandResponse", el("tptz:AuxiliaryResponse", command))

    def get_configuration(self, call: Call) -> Element:
        _check_configuration(call, "tptz:PTZConfigurationToken")
        return el("tptz:GetConfigurationResponse", self._configurations.ptz_configuration("tptz:PTZConfiguration"))

    def get_configuration_options(self, call: Call) -> Element:
        _check_configuration(call, "tptz:ConfigurationToken")
        timeout = el("tt:PTZTimeout", el("tt:Min", "PT1S"), el("tt:Max", f"PT{_MAX_MOVE_S:.0f}S"))
        options = el("tptz:PTZConfigurationOptions", _spaces("tt:Spaces"), timeout)
        return el("tptz:GetConfigurationOptionsResponse", options)

    def get_status(self, call: Call) -> Element:
        self._check_profile(call)
        head = self._head
        states = ["MOVING" if moving else "IDLE" for moving in head.is_moving()]
        status = el(
            "tptz:PTZStatus",
            _position("tt:Position", head.position()),
            el("tt:MoveStatus", el("tt:PanTilt", states[0]), el("tt:Zoom", states[1])),
            el("tt:UtcTime", as_xml_time(self._clock.utc())),
        )
        return el("tptz:GetStatusResponse", status)

    async def continuous_move(self, call: Call) -> Element:
        self._check_profile(call)
        velocity, _, zooms = _vector(call, "tptz:Velocity")
        if self._is("refuses_timeout") and child(call.body, "tptz:Timeout") is not None:
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:TimeoutNotSupported", reason="No time limit here")
        self._head.note("ContinuousMove")
        if self._is("garbage_zoom") and zooms:
            raise TextAnswer("zoom!")
        if self._is("slow_move"):
            await asyncio.sleep(_SLOW_S)
        timeout = parse_duration(call.text("tptz:Timeout"))
        seconds = _DEFAULT_MOVE_S if timeout is None else timeout.total_seconds()
        self._head.move(velocity, max(0.0, min(seconds, _MAX_MOVE_S)))
        return done("tptz:ContinuousMove")

    def relative_move(self, call: Call) -> Element:
        self._check_profile(call)
        step, _, _ = _vector(call, "tptz:Translation")
        now = self._head.position()
        self._head.go_to(Position(now.pan + step.pan, now.tilt + step.tilt, now.zoom + step.zoom))
        return done("tptz:RelativeMove")

    def absolute_move(self, call: Call) -> Element:
        self._check_profile(call)
        wanted, moves, zooms = _vector(call, "tptz:Position")
        now = self._head.position()
        target = Position(
            wanted.pan if moves else now.pan, wanted.tilt if moves else now.tilt, wanted.zoom if zooms else now.zoom
        )
        if target != target.clamped():
            raise SoapFault(
                "Sender", "ter:InvalidArgVal", "ter:InvalidPosition", reason="The position is out of bounds"
            )
        self._head.go_to(target)
        return done("tptz:AbsoluteMove")

    def stop(self, call: Call) -> Element:
        self._check_profile(call)
        if self._is("no_stop"):
            raise SoapFault("Receiver", "ter:ActionNotSupported", reason="Optional Action Not Implemented")
        self._head.note("Stop")
        axes = [call.text(name, "true") in ("true", "1") for name in ("tptz:PanTilt", "tptz:Zoom")]
        self._head.stop(pan_tilt=axes[0], zoom=axes[1])
        return done("tptz:Stop")

    def get_presets(self, call: Call) -> Element:
        self._check_profile(call)
        if self._is("no_preset_list"):
            raise SoapFault("Receiver", "ter:ActionNotSupported", reason="Optional Action Not Implemented")
        if self._is("text_presets"):
            raise TextAnswer("GetPresets is not implemented")
        presets = [
            el(
                "tptz:Preset",
                el("tt:Name", preset.name),
                _position("tt:PTZPosition", preset.position),
                attributes={"token": token},
            )
            for token, preset in self._listed_presets().items()
        ]
        return el("tptz:GetPresetsResponse", *presets)

    def _listed_presets(self) -> Mapping[str, Preset]:
        """The presets; with the fault `factory_slots` the empty slots, too, all with one position."""
        if not self._is("factory_slots"):
            return self._head.presets
        slots = {str(number): Preset(f"Preset {number}", Position()) for number in range(1, _FACTORY_SLOTS + 1)}
        return {**slots, **self._head.presets}

    def set_preset(self, call: Call) -> Element:
        self._check_profile(call)
        head, token = self._head, call.text("tptz:PresetToken")
        if token and token not in self._listed_presets():
            raise no_such("ter:NoToken", "preset")
        if not token and (self._is("factory_slots") or len(head.presets) >= MAX_PRESETS):
            raise SoapFault(
                "Receiver", "ter:Action", "ter:TooManyPresets", reason="There is no space for another preset"
            )
        kept = head.keep_preset(token, call.text("tptz:PresetName")[:64])
        return el("tptz:SetPresetResponse", el("tptz:PresetToken", kept))

    def remove_preset(self, call: Call) -> Element:
        self._check_profile(call)
        del self._head.presets[self._preset_token(call)]
        return done("tptz:RemovePreset")

    async def goto_preset(self, call: Call) -> Element:
        self._check_profile(call)
        head = self._head
        head.note("GotoPreset")
        if self._is("slow_goto"):
            await asyncio.sleep(_SLOW_S)
        head.go_to(head.presets[self._preset_token(call)].position)
        return done("tptz:GotoPreset")

    def goto_home_position(self, call: Call) -> Element:
        self._check_profile(call)
        self._head.note("GotoHomePosition")
        self._head.go_to(self._head.home)
        return done("tptz:GotoHomePosition")

    def set_home_position(self, call: Call) -> Element:
        self._check_profile(call)
        self._head.home = self._head.position()
        return done("tptz:SetHomePosition")
