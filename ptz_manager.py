"""Heads that pan, tilt and zoom, imaging and relay outputs: the interface of the package `ptz`."""

# ruff: noqa: ARG002 # the commands follow
from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NoReturn

from core.access import Principal
from core.clock import Clock
from core.errors import CameraUnsupported, NotFound
from core.ptz import NO_HEAD, ImagingChange, Preset, Relay, Velocity
from core.records import Channel
from database import Database
from onvif_manager import OnvifManager
from ptz.views import CommandResult, HeadView, ImagingView, PresetListing, Tour, TourStop


class PtzManager:
    """Safe between threads. Methods raise NotFound for an unknown camera or channel, and the DeviceError.

    `take_over`: the user is an admin and moves a head that another user moves. Without it, such a command raises
    PtzInUse.
    """

    def __init__(self, database: Database, clock: Clock, cameras: OnvifManager) -> None:
        self._database = database
        self._clock = clock
        self._cameras = cameras

    def start(self) -> None:
        """Begin to run commands."""

    def stop(self) -> None:
        """Stop every head that moves, within a second, and take no more commands. May be called twice."""

    def end_logins(self, keys: Collection[str]) -> None:
        """Stop the heads that these logins and tokens move."""

    def forget_camera(self, camera_id: int) -> None:
        """Forget the abilities of a camera that was changed or removed, and its waiting commands."""

    def view(self, who: Principal, camera_id: int, number: int) -> HeadView:
        """Return the abilities of a channel's head, from memory if they were read before."""
        del who
        self._channel(camera_id, number)
        return HeadView(NO_HEAD)

    def move(
        self, who: Principal, camera_id: int, number: int, velocity: Velocity, *, timeout_s: float, take_over: bool
    ) -> CommandResult:
        """Move at a velocity until `timeout_s` is over, or until the next command."""
        self._refuse(camera_id, number)

    def stop_head(self, who: Principal, camera_id: int, number: int, *, take_over: bool) -> CommandResult:
        self._refuse(camera_id, number)

    def go_to_preset(
        self, who: Principal, camera_id: int, number: int, preset_token: str, *, take_over: bool
    ) -> CommandResult:
        self._refuse(camera_id, number)

    def center(
        self, who: Principal, camera_id: int, number: int, x: float, y: float, *, take_over: bool
    ) -> CommandResult:
        """Bring a place in the picture to its centre; x from the left and y from the top, 0 to 1."""
        self._refuse(camera_id, number)

    def go_home(self, who: Principal, camera_id: int, number: int, *, take_over: bool) -> CommandResult:
        self._refuse(camera_id, number)

    def set_home(self, who: Principal, camera_id: int, number: int, *, take_over: bool) -> CommandResult:
        self._refuse(camera_id, number)

    def presets(self, camera_id: int, number: int, *, with_slots: bool) -> PresetListing:
        """Return the presets, without unused factory slots unless `with_slots`."""
        self._refuse(camera_id, number)

    def add_preset(self, who: Principal, camera_id: int, number: int, name: str, *, take_over: bool) -> Preset:
        self._refuse(camera_id, number)

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
        self._refuse(camera_id, number)

    def remove_preset(self, who: Principal, camera_id: int, number: int, preset_token: str) -> None:
        self._refuse(camera_id, number)

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
        """Move the focus at a speed; 0 stops it, None lets the device focus by itself."""
        self._refuse(camera_id, number)

    def set_iris(
        self, who: Principal, camera_id: int, number: int, value: float | None, *, take_over: bool
    ) -> CommandResult:
        self._refuse(camera_id, number)

    def send_auxiliary(
        self, who: Principal, camera_id: int, number: int, command: str, *, take_over: bool
    ) -> CommandResult:
        self._refuse(camera_id, number)

    def tours(self, camera_id: int, number: int) -> list[Tour]:
        self._channel(camera_id, number)
        return []

    def add_tour(self, camera_id: int, number: int, name: str, stops: Sequence[TourStop]) -> Tour:
        self._refuse(camera_id, number)

    def remove_tour(self, camera_id: int, number: int, tour_id: int) -> None:
        self._refuse(camera_id, number)

    def start_tour(self, who: Principal, camera_id: int, number: int, tour_id: int, *, take_over: bool) -> Tour:
        self._refuse(camera_id, number)

    def stop_tour(self, camera_id: int, number: int, tour_id: int) -> Tour:
        self._refuse(camera_id, number)

    def imaging(self, camera_id: int, number: int) -> ImagingView:
        self._refuse(camera_id, number)

    def change_imaging(self, camera_id: int, number: int, change: ImagingChange) -> ImagingView:
        self._refuse(camera_id, number)

    def relays(self, camera_id: int) -> list[Relay]:
        self._cameras.channels(camera_id)
        raise CameraUnsupported("The device has no relay outputs.", service="deviceio")

    def set_relay(self, camera_id: int, relay_token: str, *, is_active: bool) -> Relay:
        self._cameras.channels(camera_id)
        raise CameraUnsupported("The device has no relay outputs.", service="deviceio")

    def _channel(self, camera_id: int, number: int) -> Channel:
        for channel in self._cameras.channels(camera_id):
            if channel.number == number:
                return channel
        raise NotFound(f"There is no channel {number}.")

    def _refuse(self, camera_id: int, number: int) -> NoReturn:
        self._channel(camera_id, number)
        raise CameraUnsupported("This channel has no head that the app can move.", service="ptz")
