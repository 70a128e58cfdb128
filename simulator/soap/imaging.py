"""The Imaging service (ONVIF Imaging Service Specification): of the channel with a head, and of a fixed one.

The fixed channel has settings of the picture, but neither focus nor iris.
"""

from __future__ import annotations

import math

from simulator.layout import Layout
from simulator.lens import IRIS_DB, RANGES, Lens
from simulator.soap import capabilities
from simulator.soap.service import PATHS, Call, Handler, SoapFault, SoapService, done, no_such
from simulator.soap.xml import Element, child, el, text_of

_ORDER = ("Brightness", "ColorSaturation", "Contrast")  # of the schema: Sharpness stands behind the cut filter


def _float_range(name: str, limits: tuple[float, float]) -> Element:
    return el(name, el("tt:Min", limits[0]), el("tt:Max", limits[1]))


def _invalid(what: str) -> SoapFault:
    return SoapFault("Sender", "ter:InvalidArgVal", "ter:SettingsInvalid", reason=f"{what} is out of its range")


def _number(parent: Element | None, name: str, limits: tuple[float, float]) -> float | None:
    """The number of a child within its limits, None without the child."""
    text = text_of(parent, name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not limits[0] <= value <= limits[1]:
        raise _invalid(name)
    return value


def _word(parent: Element | None, name: str, words: tuple[str, ...]) -> str | None:
    text = text_of(parent, name)
    if text and text not in words:
        raise _invalid(name)
    return text or None


class ImagingService(SoapService):
    """Keeps the settings, and moves the focus."""

    path = PATHS["timg"]

    def __init__(self, layout: Layout, lens: Lens, fixed_lens: Lens) -> None:
        self._layout, self._lens, self._fixed_lens = layout, lens, fixed_lens

    def operations(self) -> dict[str, Handler]:
        return {
            "timg:GetServiceCapabilities": self.get_service_capabilities,
            "timg:GetImagingSettings": self.get_imaging_settings,
            "timg:SetImagingSettings": self.set_imaging_settings,
            "timg:GetOptions": self.get_options,
            "timg:GetMoveOptions": self.get_move_options,
            "timg:Move": self.move,
            "timg:Stop": self.stop,
        }

    def _lens_of(self, call: Call) -> Lens:
        token = call.text("timg:VideoSourceToken")
        channel = next((item for item in self._layout if item.video_source_token == token), None)
        if channel is None:
            raise no_such("ter:NoSource", "video source")
        if not channel.has_imaging:
            raise SoapFault("Receiver", "ter:ActionNotSupported", "ter:NoImagingForSource", reason="No settings")
        return self._lens if channel.has_ptz else self._fixed_lens

    def _check_focus(self, call: Call) -> None:
        if self._lens_of(call) is not self._lens:
            raise SoapFault("Receiver", "ter:ActionNotSupported", "ter:NoImagingForSource", reason="A fixed lens")

    def get_service_capabilities(self, _call: Call) -> Element:
        return el("timg:GetServiceCapabilitiesResponse", capabilities.imaging())

    def get_imaging_settings(self, call: Call) -> Element:
        lens = self._lens_of(call)
        moving = [
            el("tt:Exposure", el("tt:Mode", lens.exposure), el("tt:Iris", lens.iris_db)),
            el("tt:Focus", el("tt:AutoFocusMode", lens.focus_mode)),
        ]
        settings = el(
            "timg:ImagingSettings",
            *(el(f"tt:{name}", lens.values[name]) for name in _ORDER),
            *(moving if lens is self._lens else ()),
            el("tt:IrCutFilter", lens.cut_filter),
            el("tt:Sharpness", lens.values["Sharpness"]),
            el(
                "tt:WideDynamicRange",
                el("tt:Mode", lens.wide_dynamic_range),
                el("tt:Level", lens.dynamic_range_level),
            ),
        )
        return el("timg:GetImagingSettingsResponse", settings)

    def set_imaging_settings(self, call: Call) -> Element:
        """Read everything before the first change: a refused request changes nothing."""
        given, lens = child(call.body, "timg:ImagingSettings"), self._lens_of(call)
        exposure, focus = child(given, "tt:Exposure"), child(given, "tt:Focus")
        dynamic_range = child(given, "tt:WideDynamicRange")
        numbers = {name: _number(given, f"tt:{name}", limits) for name, limits in RANGES.items()}
        level = _number(dynamic_range, "tt:Level", (0.0, 100.0))
        iris_db = _number(exposure, "tt:Iris", IRIS_DB)
        cut_filter = _word(given, "tt:IrCutFilter", ("ON", "OFF", "AUTO"))
        mode = _word(dynamic_range, "tt:Mode", ("ON", "OFF"))
        exposure_mode = _word(exposure, "tt:Mode", ("AUTO", "MANUAL"))
        focus_mode = _word(focus, "tt:AutoFocusMode", ("AUTO", "MANUAL"))
        lens.values |= {name: value for name, value in numbers.items() if value is not None}
        lens.cut_filter, lens.wide_dynamic_range = cut_filter or lens.cut_filter, mode or lens.wide_dynamic_range
        lens.exposure, lens.focus_mode = exposure_mode or lens.exposure, focus_mode or lens.focus_mode
        lens.dynamic_range_level = lens.dynamic_range_level if level is None else level
        lens.iris_db = lens.iris_db if iris_db is None else iris_db
        return done("timg:SetImagingSettings")

    def get_options(self, call: Call) -> Element:
        lens = self._lens_of(call)
        modes = [el("tt:Mode", mode) for mode in ("AUTO", "MANUAL")]
        moving = [
            el("tt:Exposure", *modes, _float_range("tt:Iris", IRIS_DB)),
            el("tt:Focus", *(el("tt:AutoFocusModes", mode) for mode in ("AUTO", "MANUAL"))),
        ]
        options = el(
            "timg:ImagingOptions",
            *(_float_range(f"tt:{name}", RANGES[name]) for name in _ORDER),
            *(moving if lens is self._lens else ()),
            *(el("tt:IrCutFilterModes", mode) for mode in ("ON", "OFF", "AUTO")),
            _float_range("tt:Sharpness", RANGES["Sharpness"]),
            el(
                "tt:WideDynamicRange",
                *(el("tt:Mode", mode) for mode in ("ON", "OFF")),
                _float_range("tt:Level", (0.0, 100.0)),
            ),
        )
        return el("timg:GetOptionsResponse", options)

    def get_move_options(self, call: Call) -> Element:
        self._check_focus(call)
        speed = el("tt:Continuous", _float_range("tt:Speed", (-1.0, 1.0)))
        return el("timg:GetMoveOptionsResponse", el("timg:MoveOptions", speed))

    def move(self, call: Call) -> Element:
        self._check_focus(call)
        continuous = child(child(call.body, "timg:Focus"), "tt:Continuous")
        speed = _number(continuous, "tt:Speed", (-1.0, 1.0))
        if speed is None:
            raise SoapFault("Receiver", "ter:ActionNotSupported", reason="Only continuous moves")
        self._lens.focus_speed, self._lens.focus_mode = speed, "MANUAL"
        return done("timg:Move")

    def stop(self, call: Call) -> Element:
        self._check_focus(call)
        self._lens.focus_speed = 0.0
        return done("timg:Stop")
