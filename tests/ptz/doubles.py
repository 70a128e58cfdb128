"""A head whose answers a test chooses, and the parts around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from core.access import Principal, Role
from core.errors import AppError, CameraUnreachable, CameraUnsupported
from core.ptz import (
    CutFilter,
    HeadAbilities,
    HeadPlace,
    ImagingChange,
    ImagingSettings,
    Iris,
    Preset,
    PtzDevice,
    Range,
    Relay,
    Span,
    Velocity,
    WideDynamicRange,
)
from core.records import Channel
from tests.patience import LIMIT_S

_T = TypeVar("_T")

PLACE = HeadPlace(("P1", "P2"), "VideoSource000")
ABLE = HeadAbilities(
    place=PLACE,
    pan_tilt=True,
    zoom=True,
    continuous=True,
    relative=Span(2.0, 2.0, (-1.0, 1.0), (-1.0, 1.0)),
    home=True,
    home_settable=True,
    presets=True,
    max_presets=32,
    auxiliary=("tt:Wiper|On",),
    focus=True,
    auto_focus=True,
    iris=Iris(-6.0, -22.0, 0.0, auto=False),
    imaging=True,
)
ANNA = Principal("session", "Anna", Role.OPERATOR, user_id=1, key="session:1")
BERT = Principal("session", "Bert", Role.OPERATOR, user_id=2, key="session:2")
CHEF = Principal("session", "Chef", Role.ADMIN, user_id=3, key="session:3")


@dataclass
class ScriptedHead(PtzDevice):
    """Writes down its calls. `problems` are raised by the calls of these names; `held` blocks them until it is set."""

    calls: list[str] = field(default_factory=list)
    velocity: Velocity = Velocity()
    able: HeadAbilities = ABLE
    problems: dict[str, Exception] = field(default_factory=dict)
    held: dict[str, threading.Event] = field(default_factory=dict)
    listed: list[Preset] | None = field(default_factory=lambda: [Preset("1", "Gate")])
    makes_presets: bool = True
    settings: ImagingSettings = ImagingSettings(
        brightness=Range(50.0, 0.0, 100.0),
        ir_cut_filter=CutFilter("auto", ("on", "off", "auto")),
        wide_dynamic_range=WideDynamicRange(on=False, level=Range(10.0, 0.0, 100.0)),
    )
    changes: list[ImagingChange] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def _call(self, name: str, text: str = "") -> None:
        with self.changed:
            self.calls.append(f"{name} {text}".strip())
            self.changed.notify_all()
        if (held := self.held.get(name)) is not None:  # a test may remove it meanwhile
            assert held.wait(LIMIT_S)
        if (problem := self.problems.get(name)) is not None:
            raise problem

    def named(self, name: str) -> list[str]:
        return [call for call in self.calls if call.split()[0] == name]

    def wait_for(self, is_true: Callable[[], bool], timeout_s: float = LIMIT_S) -> None:
        with self.changed:
            assert self.changed.wait_for(is_true, timeout_s), self.calls

    def abilities(self, channel: Channel, channels: Sequence[Channel]) -> HeadAbilities:
        self._call("abilities")
        return replace(self.able, place=HeadPlace(PLACE.profile_tokens, channel.video_source_token))

    def move(self, place: HeadPlace, velocity: Velocity, timeout_s: float) -> None:
        self._call("move", f"{velocity.pan:g} {velocity.tilt:g} {velocity.zoom:g} within {timeout_s:g}")
        self.velocity = velocity

    def stop(self, place: HeadPlace, *, pan_tilt: bool = True, zoom: bool = True) -> None:
        self._call("stop", "" if pan_tilt and zoom else "turning" if pan_tilt else "zooming")
        self.velocity = Velocity()

    def turn_by(self, abilities: HeadAbilities, right: float, up: float) -> None:
        self._call("turn_by", f"{right:g} {up:g}")

    def go_home(self, place: HeadPlace) -> None:
        self._call("go_home")

    def set_home(self, place: HeadPlace) -> None:
        self._call("set_home")

    def presets(self, place: HeadPlace) -> tuple[Preset, ...] | None:
        self._call("presets")
        return None if self.listed is None else tuple(self.listed)

    def go_to_preset(self, place: HeadPlace, preset_token: str) -> None:
        self._call("go_to_preset", preset_token)

    def set_preset(self, place: HeadPlace, name: str, preset_token: str | None = None) -> str:
        self._call("set_preset", f"{name} {preset_token}")
        if preset_token is None and not self.makes_presets:
            raise CameraUnsupported("The device cannot store another preset.", service="ptz")
        return preset_token or "7"

    def remove_preset(self, place: HeadPlace, preset_token: str) -> None:
        self._call("remove_preset", preset_token)

    def send_auxiliary(self, abilities: HeadAbilities, command: str) -> None:
        self._call("auxiliary", command)

    def move_focus(self, place: HeadPlace, speed: float) -> None:
        self._call("move_focus", f"{speed:g}")

    def stop_focus(self, place: HeadPlace) -> None:
        self._call("stop_focus")

    def focus_by_itself(self, place: HeadPlace) -> None:
        self._call("focus_by_itself")

    def set_iris(self, place: HeadPlace, value: float | None) -> None:
        self._call("set_iris", str(value))

    def imaging(self, place: HeadPlace) -> ImagingSettings:
        self._call("imaging")
        return self.settings

    def change_imaging(self, place: HeadPlace, change: ImagingChange) -> None:
        self._call("change_imaging")
        self.changes.append(change)

    def relays(self) -> tuple[Relay, ...]:
        self._call("relays")
        return (Relay("R1"), Relay("R2", is_monostable=True, delay_s=2.0))

    def set_relay(self, relay_token: str, *, is_active: bool) -> None:
        self._call("set_relay", f"{relay_token} {is_active}")


@dataclass
class Link:
    """The way to a head; while `is_up` is False, no request reaches it, and each waits until `held` is set."""

    device: PtzDevice
    is_up: bool = True
    problem: AppError = field(default_factory=lambda: CameraUnreachable("The device cannot be reached."))
    refused: int = 0
    held: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.held.set()

    def __call__(self, call: Callable[[PtzDevice], _T], *, wait_s: float) -> _T:
        assert self.held.wait(LIMIT_S)
        if not self.is_up:
            self.refused += 1
            raise self.problem
        return call(self.device)
