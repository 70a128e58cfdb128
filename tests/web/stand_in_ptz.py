"""A stand-in for the PTZ manager: each channel has a head that can do everything, and obeys immediately."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from core.access import Principal
from core.errors import InvalidRequest, NotFound
from core.ptz import (
    CutFilter,
    HeadAbilities,
    ImagingChange,
    ImagingSettings,
    Iris,
    Preset,
    Range,
    Relay,
    Span,
    Velocity,
    WideDynamicRange,
)
from ptz.views import CommandResult, HeadView, ImagingView, MoverView, PresetListing, Tour, TourStop
from ptz_manager import PtzManager

ABLE = HeadAbilities(
    pan_tilt=True,
    zoom=True,
    continuous=True,
    absolute=Span(0.3, 0.4, (-1.0, 1.0), (-1.0, 1.0)),
    relative=Span(2.0, 2.0, (-1.0, 1.0), (-1.0, 1.0)),
    home=True,
    home_settable=True,
    presets=True,
    max_presets=300,
    auxiliary=("tt:Wiper|On", "tt:Wiper|Off"),
    focus=True,
    auto_focus=True,
    iris=Iris(-6.0, -22.0, 0.0, auto=False),
    imaging=True,
)
SETTINGS = ImagingSettings(
    Range(50.0, 0.0, 100.0),
    Range(50.0, 0.0, 100.0),
    Range(50.0, 0.0, 100.0),
    Range(50.0, 0.0, 100.0),
    CutFilter("auto", ("on", "off", "auto")),
    WideDynamicRange(on=False, level=Range(0.0, 0.0, 100.0)),
)


@dataclass
class StandInPtz(PtzManager):
    """`fail_with` is raised by each command. `calls` has their names. Each takes the head over from `taken_from`."""

    fail_with: Exception | None = None
    mover: MoverView | None = None
    calls: list[str] = field(default_factory=list)
    velocities: list[Velocity] = field(default_factory=list)
    preset_names: dict[str, str] = field(default_factory=lambda: {"1": "Gate", "2": "Barn"})
    stored_tours: dict[int, Tour] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    taken_from: str = ""
    taken_callbacks: list[Callable[[str], None]] = field(default_factory=list)

    def on_taken(self, callback: Callable[[str], None]) -> None:
        self.taken_callbacks.append(callback)

    def _do(self, call: str, camera_id: int = 1, number: int = 1) -> CommandResult:
        if camera_id not in (1, 2) or number not in (1, 2, 3):
            raise NotFound("There is no such channel.")
        for callback in self.taken_callbacks if self.taken_from else ():
            callback(self.taken_from)
        if self.fail_with is not None:
            raise self.fail_with
        self.calls.append(call)
        return CommandResult(done=True, mover=self.mover)

    def end_logins(self, keys: Collection[str]) -> None:
        self.calls.append("end_logins")

    def leave(self, who: Principal) -> None:
        self.calls.append(f"leave {who.name}")

    def view(self, who: Principal, camera_id: int, number: int) -> HeadView:
        self._do("view", camera_id, number)
        return HeadView(ABLE, self.mover)

    def move(
        self, who: Principal, camera_id: int, number: int, velocity: Velocity, *, timeout_s: float, take_over: bool
    ) -> CommandResult:
        self.velocities.append(velocity)
        return self._do("move", camera_id, number)

    def stop_head(self, who: Principal, camera_id: int, number: int, *, take_over: bool) -> CommandResult:
        return self._do("stop", camera_id, number)

    def go_to_preset(
        self, who: Principal, camera_id: int, number: int, preset_token: str, *, take_over: bool
    ) -> CommandResult:
        return self._do(f"preset {preset_token}", camera_id, number)

    def center(
        self, who: Principal, camera_id: int, number: int, x: float, y: float, *, take_over: bool
    ) -> CommandResult:
        return self._do("center", camera_id, number)

    def go_home(self, who: Principal, camera_id: int, number: int, *, take_over: bool) -> CommandResult:
        return self._do("home", camera_id, number)

    def set_home(self, who: Principal, camera_id: int, number: int, *, take_over: bool) -> CommandResult:
        return self._do("set home", camera_id, number)

    def presets(self, camera_id: int, number: int, *, with_slots: bool) -> PresetListing:
        self._do("presets", camera_id, number)
        return PresetListing(tuple(Preset(token, name) for token, name in self.preset_names.items()), 0, 300)

    def add_preset(self, who: Principal, camera_id: int, number: int, name: str, *, take_over: bool) -> Preset:
        self._do("add preset", camera_id, number)
        token = str(len(self.preset_names) + 1)
        self.preset_names[token] = name
        return Preset(token, name)

    def change_preset(
        self,
        who: Principal,
        camera_id: int,
        number: int,
        preset_token: str,
        *,
        name: str | None,
        is_here: bool,
        take_over: bool,
    ) -> Preset:
        self._do("change preset", camera_id, number)
        self._check_preset(preset_token)
        return Preset(preset_token, name or self.preset_names.get(preset_token, ""))

    def remove_preset(self, who: Principal, camera_id: int, number: int, preset_token: str) -> None:
        self._do("remove preset", camera_id, number)
        self._check_preset(preset_token)

    def _check_preset(self, preset_token: str) -> None:
        if preset_token not in self.preset_names:
            raise NotFound("The device has no such preset.")

    def focus(
        self,
        who: Principal,
        camera_id: int,
        number: int,
        speed: float | None,
        *,
        timeout_s: float,
        take_over: bool,
    ) -> CommandResult:
        return self._do("focus", camera_id, number)

    def set_iris(
        self, who: Principal, camera_id: int, number: int, value: float | None, *, take_over: bool
    ) -> CommandResult:
        return self._do("iris", camera_id, number)

    def send_auxiliary(
        self, who: Principal, camera_id: int, number: int, command: str, *, take_over: bool
    ) -> CommandResult:
        if command not in ABLE.auxiliary:
            raise InvalidRequest("This head has no such command.")
        return self._do(f"auxiliary {command}", camera_id, number)

    def tours(self, camera_id: int, number: int) -> list[Tour]:
        self._do("tours", camera_id, number)
        return list(self.stored_tours.values())

    def add_tour(self, camera_id: int, number: int, name: str, stops: Sequence[TourStop]) -> Tour:
        self._do("add tour", camera_id, number)
        tour = Tour(next(self.ids), name, tuple(stops))
        self.stored_tours[tour.id] = tour
        return tour

    def remove_tour(self, camera_id: int, number: int, tour_id: int) -> None:
        self._do("remove tour", camera_id, number)
        self._tour(tour_id)

    def start_tour(self, who: Principal, camera_id: int, number: int, tour_id: int, *, take_over: bool) -> Tour:
        self._do("start tour", camera_id, number)
        return replace(self._tour(tour_id), is_running=True)

    def stop_tour(self, camera_id: int, number: int, tour_id: int) -> Tour:
        self._do("stop tour", camera_id, number)
        return self._tour(tour_id)

    def _tour(self, tour_id: int) -> Tour:
        if tour_id not in self.stored_tours:
            raise NotFound("There is no such tour.")
        return self.stored_tours[tour_id]

    def imaging(self, camera_id: int, number: int) -> ImagingView:
        self._do("imaging", camera_id, number)
        return ImagingView(SETTINGS)

    def change_imaging(self, camera_id: int, number: int, change: ImagingChange) -> ImagingView:
        self._do("change imaging", camera_id, number)
        return ImagingView(SETTINGS, ImagingChange(brightness=50.0))

    def relays(self, camera_id: int) -> list[Relay]:
        self._do("relays", camera_id)
        return [Relay("RelayOutput1")]

    def set_relay(self, camera_id: int, relay_token: str, *, is_active: bool) -> Relay:
        self._do("relay", camera_id)
        if relay_token != "RelayOutput1":
            raise NotFound("The device has no such relay output.")
        return Relay(relay_token, active=is_active)
