"""Views of heads for the API: abilities with the mover, results of commands, presets, tours, imaging."""

from __future__ import annotations

from dataclasses import dataclass

from core.ptz import HeadAbilities, ImagingChange, ImagingSettings, Preset
from core.records import Problem


@dataclass(frozen=True, slots=True)
class MoverView:
    """The mover of a head. `own`: it is the sender of the request. `free_in_s`: seconds until others may move it."""

    name: str
    own: bool
    moving: bool
    for_s: float
    free_in_s: float


@dataclass(frozen=True, slots=True)
class HeadView:
    """The abilities of a channel's head, its mover, its running tour, and the problem of the last command."""

    abilities: HeadAbilities
    mover: MoverView | None = None
    tour_id: int | None = None
    error: Problem | None = None


@dataclass(frozen=True, slots=True)
class CommandResult:
    """`done`: the device has accepted the command.

    False: it is still under way, a newer one replaced it, or a move was dropped because it came too late.
    """

    done: bool
    mover: MoverView | None = None


@dataclass(frozen=True, slots=True)
class PresetListing:
    """`hidden`: the number of presets left out. `listed`: False if the device does not list its presets."""

    presets: tuple[Preset, ...]
    hidden: int = 0
    max_presets: int | None = None
    listed: bool = True


@dataclass(frozen=True, slots=True)
class TourStop:
    """A preset token, and the seconds to stay there."""

    preset: str
    stay_s: float


@dataclass(frozen=True, slots=True)
class Tour:
    """A round through presets of a channel."""

    id: int
    name: str
    stops: tuple[TourStop, ...]
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class ImagingView:
    """The settings of a video source. `before`: the values before the last change."""

    settings: ImagingSettings
    before: ImagingChange | None = None
