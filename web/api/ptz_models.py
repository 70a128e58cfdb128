"""Requests and answers of the API for heads (pan, tilt, zoom), imaging and relay outputs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AliasPath, BaseModel, BeforeValidator, Field

from web.api.models import AnswerModel, CameraPath, ChannelPath, Problem, Tenths
from web.fields import Flag, Name, PathId, QueryModel, RequestModel, printable

_SHORTEST_S, _LONGEST_S = 0.2, 10.0

Speed = Annotated[float, Field(ge=-1, le=1, description="-1 to 1")]
Timeout = Annotated[
    float,
    Field(
        ge=_SHORTEST_S,
        le=_LONGEST_S,
        description="seconds until the app stops the movement, unless the request is repeated",
    ),
]
TakeOver = Annotated[bool, Field(description="true: take the head over from another user; only for admins")]
PresetToken = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(printable)]
Part = Annotated[float, Field(ge=0, le=1, description="0 to 1")]
Setting = Annotated[float, Field(ge=-1e6, le=1e6)]
CutFilterValue = Literal["on", "off", "auto"]


class PresetPath(ChannelPath):
    preset_token: PresetToken


class TourPath(ChannelPath):
    tour_id: PathId


class RelayPath(CameraPath):
    relay_token: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(printable)]


class PresetQuery(QueryModel):
    all: Annotated[Flag, Field(description="1: with the unused factory slots and functions of the device")] = False


# --- requests


class PtzCommand(RequestModel):
    """A command to a head. `take_over`: see PtzMove."""

    take_over: TakeOver = False


class PtzMove(PtzCommand):
    """Speeds: `pan` 1 is to the right, `tilt` 1 up, `zoom` 1 towards the scene, `focus` 1 further; all 0 is a stop.

    The movement ends after `timeout_s` unless the request is repeated: repeat it while the user holds the button, about
    every half of that time.
    """

    pan: Speed = 0.0
    tilt: Speed = 0.0
    zoom: Speed = 0.0
    focus: Speed = 0.0
    timeout_s: Timeout = 1.0


class PtzGoto(PtzCommand):
    """Either `preset`, or a place in the picture to bring to its centre: `x` from the left, `y` from the top."""

    preset: PresetToken | None = None
    x: Part | None = None
    y: Part | None = None


class NewPreset(PtzCommand):
    """A name for the present position."""

    name: Name


class PresetEdit(PtzCommand):
    """A new name, or `here` true to store the present position. The app keeps the name, and the device the position.

    ONVIF has no request that renames a preset: SetPreset also replaces its position.
    """

    name: Name | None = None
    here: bool = False


class FocusMove(PtzCommand):
    """Either `speed` (1 is further, 0 stops), which ends after `timeout_s` unless repeated, or `auto` true.

    A `speed` ends the movement of the other axes; POST ptz/move takes all of them.
    """

    speed: Speed = 0.0
    timeout_s: Timeout = 1.0
    auto: bool = False


class IrisChange(PtzCommand):
    """The opening in decibels, within the limits of `iris`; null lets the device choose it."""

    value: Setting | None


class AuxiliaryCommand(PtzCommand):
    """One of the commands in `auxiliary`."""

    command: Annotated[str, Field(min_length=1, max_length=128), AfterValidator(printable)]


class TourStop(RequestModel):
    """A preset, and the seconds to stay there."""

    preset: PresetToken
    stay_s: Annotated[float, Field(ge=3, le=3600)] = 10.0


class NewTour(RequestModel):
    """A round through presets, repeated until a user stops it or moves the head."""

    name: Name
    stops: Annotated[list[TourStop], Field(min_length=2, max_length=64)]


class ImagingEdit(RequestModel):
    """New values; absent fields and null keep the old ones."""

    brightness: Setting | None = None
    contrast: Setting | None = None
    saturation: Setting | None = None
    sharpness: Setting | None = None
    ir_cut_filter: CutFilterValue | None = None
    wide_dynamic_range: bool | None = None
    wide_dynamic_range_level: Setting | None = None


class RelayChange(RequestModel):
    active: bool


# --- answers


class PtzMover(AnswerModel):
    """The mover: the one user of the head. Others get 409 `ptz_in_use` until `free_in_s` is over."""

    name: str
    own: bool = Field(description="it is you")
    moving: bool
    for_s: Tenths = Field(description="seconds since this user began")
    free_in_s: Tenths = Field(description="seconds until other users may move the head, if this user does nothing more")


class PtzIris(AnswerModel):
    value: float | None
    min: float
    max: float
    auto: bool


class Ptz(AnswerModel):
    """Abilities of the head of a channel, and its mover. Without a head, all abilities are false, null or empty."""

    pan_tilt: bool = Field(validation_alias=AliasPath("abilities", "pan_tilt"))
    zoom: bool = Field(validation_alias=AliasPath("abilities", "zoom"))
    certain: bool = Field(
        validation_alias=AliasPath("abilities", "is_certain"),
        description="false: the device does not say what its head can do; try it",
    )
    continuous: bool = Field(validation_alias=AliasPath("abilities", "continuous"), description="POST ptz/move works")
    absolute: Annotated[bool, BeforeValidator(bool)] = Field(validation_alias=AliasPath("abilities", "absolute"))
    relative: Annotated[bool, BeforeValidator(bool)] = Field(validation_alias=AliasPath("abilities", "relative"))
    center: bool = Field(
        validation_alias=AliasPath("abilities", "can_center"), description="POST ptz/goto works with x and y"
    )
    home: bool = Field(validation_alias=AliasPath("abilities", "home"))
    home_settable: bool = Field(validation_alias=AliasPath("abilities", "home_settable"))
    presets: bool = Field(validation_alias=AliasPath("abilities", "presets"))
    max_presets: int | None = Field(validation_alias=AliasPath("abilities", "max_presets"))
    focus: bool = Field(
        validation_alias=AliasPath("abilities", "focus"),
        description="POST ptz/move works with `focus`, and POST ptz/focus with a speed",
    )
    auto_focus: bool = Field(
        validation_alias=AliasPath("abilities", "auto_focus"), description="POST ptz/focus works with auto"
    )
    iris: PtzIris | None = Field(validation_alias=AliasPath("abilities", "iris"))
    auxiliary: list[str] = Field(
        validation_alias=AliasPath("abilities", "auxiliary"),
        description="commands of POST ptz/auxiliary, such as tt:Wiper|On or tt:IRLamp|Off",
    )
    outputs: bool = Field(
        validation_alias=AliasPath("abilities", "outputs"),
        description="the only channel of a device that has auxiliary commands or relay outputs",
    )
    imaging: bool = Field(validation_alias=AliasPath("abilities", "imaging"), description="GET imaging works")
    mover: PtzMover | None
    tour_id: int | None = Field(description="the tour that runs")
    error: Problem | None = Field(description="why the last command failed")


class PtzDone(AnswerModel):
    """`done`: the device has accepted the command.

    false: the command is still on its way, a newer one replaced it, or a move was dropped because it came too late.
    """

    done: bool
    mover: PtzMover | None


class PtzPreset(AnswerModel):
    token: str = Field(validation_alias="preset_token")
    name: str


class PtzPresetList(AnswerModel):
    presets: list[PtzPreset]
    hidden: int = Field(description="unused factory slots and functions that are left out; see `all`")
    max_presets: int | None
    listed: bool = Field(description="false: the device does not list its presets; these are the ones set by this app")


class PtzTourStop(AnswerModel):
    preset: str
    stay_s: float


class PtzTour(AnswerModel):
    id: int
    name: str
    stops: list[PtzTourStop]
    running: bool = Field(validation_alias="is_running")


class PtzTourList(BaseModel):
    tours: list[PtzTour]


class ImagingRange(AnswerModel):
    value: float
    min: float
    max: float


class ImagingCutFilter(AnswerModel):
    value: str
    options: list[str]


class ImagingWideDynamicRange(AnswerModel):
    on: bool
    level: ImagingRange | None


class ImagingBefore(AnswerModel):
    """A body of PUT imaging."""

    brightness: float | None
    contrast: float | None
    saturation: float | None
    sharpness: float | None
    ir_cut_filter: str | None
    wide_dynamic_range: bool | None
    wide_dynamic_range_level: float | None


class Imaging(AnswerModel):
    """Settings of the picture. null: the device does not have this one."""

    brightness: ImagingRange | None = Field(validation_alias=AliasPath("settings", "brightness"))
    contrast: ImagingRange | None = Field(validation_alias=AliasPath("settings", "contrast"))
    saturation: ImagingRange | None = Field(validation_alias=AliasPath("settings", "saturation"))
    sharpness: ImagingRange | None = Field(validation_alias=AliasPath("settings", "sharpness"))
    ir_cut_filter: ImagingCutFilter | None = Field(validation_alias=AliasPath("settings", "ir_cut_filter"))
    wide_dynamic_range: ImagingWideDynamicRange | None = Field(
        validation_alias=AliasPath("settings", "wide_dynamic_range")
    )
    before: ImagingBefore | None = Field(
        description="the values before the last change of this run: PUT them to undo it; null: nothing was changed"
    )


class RelayOutput(AnswerModel):
    token: str = Field(validation_alias="relay_token")
    monostable: bool = Field(
        validation_alias="is_monostable", description="it returns to its idle state after `delay_s`"
    )
    delay_s: float | None
    active: bool | None = Field(
        description="the state that the app has set last; null: none yet. ONVIF cannot ask for the present state"
    )


class RelayList(BaseModel):
    relays: list[RelayOutput]
