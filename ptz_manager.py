"""Heads that pan, tilt and zoom, imaging and relay outputs: the interface of the package `ptz`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Container, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar, cast

from core.access import Principal
from core.clock import Clock
from core.errors import (
    AppError,
    CameraUnsupported,
    DeviceError,
    Forbidden,
    InvalidRequest,
    NotFound,
    Unavailable,
)
from core.ptz import HeadAbilities, HeadPlace, ImagingChange, Preset, PtzDevice, Relay, Velocity
from core.records import Channel
from database import Database
from onvif_manager import OnvifManager
from ptz.axes import is_refusal
from ptz.channel_head import ChannelHead, ChannelHeads
from ptz.commands import HeadCommands, Sender, has_ended, require_head
from ptz.dead_man import DeadMan
from ptz.head import AskDevice
from ptz.imaging import Imaging
from ptz.marks import MotionMarks
from ptz.presets import first_slot, made_by_users, with_names
from ptz.store import HeadKey, PtzStore
from ptz.tours import Tours
from ptz.views import CommandResult, HeadView, ImagingView, PresetListing, Tour, TourStop

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_GOTO_WAIT_S = 3.0  # some devices answer GotoPreset only when the head has arrived
_SHUTDOWN_S = 1.0


class PtzManager:
    """Safe between threads. Methods raise NotFound for an unknown camera or channel, and the DeviceError.

    `take_over`: the user is an admin and moves a head that another user moves. Without it, such a command raises
    PtzInUse. Commands wait for the device at most a few seconds; their result then has `done` False.
    """

    def __init__(self, database: Database, clock: Clock, cameras: OnvifManager) -> None:
        self._clock = clock
        self._cameras = cameras
        self._store = PtzStore(database)
        self._marks = MotionMarks(self._store)
        self._dead_man = DeadMan(lambda: [item.head for item in self._heads.all()], clock)
        self._heads = ChannelHeads(clock, self._ask_of, self._marks.note, self._dead_man.wake, self._taken)
        self._tours = Tours(self._store, clock)
        self._imaging = Imaging(cameras)
        self._commands = HeadCommands(clock, cameras, self._heads, self._tours)
        self._taken_callbacks: list[Callable[[str], None]] = []

    def on_taken(self, callback: Callable[[str], None]) -> None:
        """Call `callback(name)` when an admin has taken a head over from this user, in the thread of the command."""
        self._taken_callbacks.append(callback)

    def start(self) -> None:
        """Begin to run commands. The first one to a head that moved when the app ended is Stop."""
        self._marks.start()
        owned = {view.id for view in self._cameras.owned_cameras()}
        self._stop_after_restart(owned)
        self._tours.load(owned)
        self._dead_man.start()

    def _stop_after_restart(self, camera_ids: Container[int]) -> None:
        for camera_id, place in self._store.moving():
            if camera_id in camera_ids:
                self._heads.of(HeadKey(camera_id, place.video_source_token)).head.stop_after_restart(place)

    def stop(self) -> None:
        """Stop every head that moves, within a second, and take no more commands. May be called twice."""
        self._wait_stopped(item.head.close() for item in self._heads.all())
        self._dead_man.stop()
        self._marks.stop()

    def end_logins(self, keys: Collection[str]) -> None:
        """Stop the heads that these logins and tokens move."""
        for item in self._heads.all():
            if item.movers.end_logins(frozenset(keys)) and item.head.is_moving:
                with suppress(Unavailable):  # the camera was changed meanwhile
                    item.head.stop()

    def leave(self, who: Principal) -> None:
        """Stop the heads that this login moves: its last page was closed."""
        for item in self._heads.all():
            if item.movers.is_moved_by(who) and item.head.is_moving:
                with suppress(Unavailable):
                    item.head.stop()

    def stop_camera(self, camera_id: int) -> None:
        """Stop the heads of a camera, within a second: a user changes or removes it, which ends its connection.

        The heads refuse moves until forget_camera() or keep_camera(), because no later stop would reach the device.
        """
        stopping = []
        for item in self._heads.refuse_moves(camera_id, is_refusing=True):
            if item.head.is_moving:
                with suppress(Unavailable):
                    stopping.append(item.head.stop())
        self._wait_stopped(stopping)

    def keep_camera(self, camera_id: int) -> None:
        """Take moves again: the change of the camera failed, so its connection goes on."""
        self._heads.refuse_moves(camera_id, is_refusing=False)

    def forget_camera(self, camera_id: int) -> None:
        """Forget the abilities of a camera that was changed or removed, and its waiting commands. Its tours go on."""
        self._heads.forget(camera_id)
        self._imaging.forget(camera_id)
        self._tours.go_on(camera_id)

    def release_camera(self, camera_id: int) -> None:
        """Forget the heads of a camera that another node connects. That node continues its tours."""
        self._tours.release(camera_id)
        self._heads.forget(camera_id)
        self._imaging.forget(camera_id)

    def adopt_camera(self, camera_id: int) -> None:
        """Continue the tours of a camera that this node connects now, and stop its moving heads. Wait for the disk."""
        self._stop_after_restart({camera_id})
        self._tours.adopt(camera_id)

    def moving_heads(self) -> frozenset[tuple[int, str]]:
        """Return the camera and the video source of each head that moves, or may be on its way to a preset."""
        return frozenset(
            (item.key.camera_id, item.key.video_source_token) for item in self._heads.all() if item.head.may_turn
        )

    # ---- moves

    def view(self, who: Principal, camera_id: int, number: int) -> HeadView:
        """Return the abilities of a channel's head, from memory unless they are unknown."""
        channel = self._commands.channel(camera_id, number)
        item = self._commands.head_of(camera_id, channel)
        able = self._commands.abilities(item, channel)
        self._commands.read_again_if_old(item, channel)
        if (able.device_auxiliary or able.outputs) and not _sees_whole_device(who, camera_id):
            own = tuple(command for command in able.auxiliary if command not in able.device_auxiliary)
            able = replace(able, auxiliary=own, device_auxiliary=(), outputs=bool(own))
        return HeadView(able, item.movers.view(who), self._tours.running(item.key), item.head.error)

    def move(
        self, who: Principal, camera_id: int, number: int, velocity: Velocity, *, timeout_s: float, take_over: bool
    ) -> CommandResult:
        """Move at a velocity until `timeout_s` is over, or until the next command.

        A move that had to wait for the abilities until the user has let go is not sent; `done` is False then.
        """
        if velocity.is_zero:
            return self.stop_head(who, camera_id, number, take_over=take_over)
        channel = self._commands.channel(camera_id, number)
        item = self._commands.head_of(camera_id, channel)
        begun_s, stops = self._clock.monotonic_s(), item.stops
        able = self._commands.abilities(item, channel)
        is_able = (
            (able.pan_tilt or not velocity.turns)
            and (able.zoom or not velocity.zoom)
            and (able.focus or not velocity.focus)
        )
        if not is_able:
            raise CameraUnsupported("This channel does not move in this direction.", service="ptz")
        if item.stops != stops or self._clock.monotonic_s() - begun_s > timeout_s:
            return CommandResult(done=False, mover=item.movers.view(who))
        item.movers.claim(who, for_s=timeout_s, take_over=take_over, moves=True)
        had_tour = self._tours.end(item.key)
        future = item.head.move(able.place, velocity, timeout_s)
        return self._commands.result(who, item, future, had_tour=had_tour)

    def stop_head(self, who: Principal, camera_id: int, number: int, *, take_over: bool) -> CommandResult:
        """Stop pan, tilt, zoom and focus, and a running tour. It needs no answer about abilities, which may be late."""
        channel = self._commands.channel(camera_id, number)
        item = self._commands.head_of(camera_id, channel)
        item.stops += 1
        place = None
        if not item.head.is_moving:
            if (able := item.abilities) is None:
                place = HeadPlace(tuple(each.profile_token for each in channel.profiles), channel.video_source_token)
            else:
                require_head(able)
                if not (able.pan_tilt or able.zoom):  # only a lens, whose focus stands
                    return CommandResult(done=True, mover=item.movers.view(who))
                place = able.place
        item.movers.check(who, take_over=take_over)
        had_tour = self._tours.end(item.key)
        stopping = item.head.stop(place)
        with item.stop_wait_s() as wait_s:
            return self._commands.result(who, item, stopping, wait_s, had_tour=had_tour)

    def go_to_preset(
        self, who: Principal, camera_id: int, number: int, preset_token: str, *, take_over: bool
    ) -> CommandResult:
        def go(device: PtzDevice, able: HeadAbilities) -> None:
            device.go_to_preset(able.place, preset_token)

        return self._commands.run(
            Sender(who, camera_id, number, take_over), go, stands_before=True, wait_s=_GOTO_WAIT_S
        )

    def center(
        self, who: Principal, camera_id: int, number: int, x: float, y: float, *, take_over: bool
    ) -> CommandResult:
        """Bring a place in the picture to its centre; x from the left and y from the top, 0 to 1."""

        def turn(device: PtzDevice, able: HeadAbilities) -> None:
            device.turn_by(able, x - 0.5, 0.5 - y)

        return self._commands.run(Sender(who, camera_id, number, take_over), turn, stands_before=True)

    def go_home(self, who: Principal, camera_id: int, number: int, *, take_over: bool) -> CommandResult:
        def go(device: PtzDevice, able: HeadAbilities) -> None:
            device.go_home(able.place)

        return self._commands.run(
            Sender(who, camera_id, number, take_over), go, stands_before=True, wait_s=_GOTO_WAIT_S
        )

    def set_home(self, who: Principal, camera_id: int, number: int, *, take_over: bool) -> CommandResult:
        def store(device: PtzDevice, able: HeadAbilities) -> None:
            device.set_home(able.place)

        return self._commands.run(Sender(who, camera_id, number, take_over), store)

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
        _, able = self._commands.able(camera_id, number)
        if not (able.auto_focus if speed is None else able.focus):
            raise CameraUnsupported("The focus of this channel cannot be moved.", service="imaging")
        if speed is not None:
            velocity = Velocity(focus=speed)
            return self.move(who, camera_id, number, velocity, timeout_s=timeout_s, take_over=take_over)

        def focus(device: PtzDevice, able: HeadAbilities) -> None:
            device.focus_by_itself(able.place)

        return self._commands.run(Sender(who, camera_id, number, take_over), focus)

    def set_iris(
        self, who: Principal, camera_id: int, number: int, value: float | None, *, take_over: bool
    ) -> CommandResult:
        """Set the opening of the iris in decibels; None lets the device choose it."""
        item, able = self._commands.able(camera_id, number)
        if able.iris is None:
            raise CameraUnsupported("The iris of this channel cannot be set.", service="imaging")
        if value is not None and not able.iris.min <= value <= able.iris.max:
            raise InvalidRequest.of_field("value", f"from {able.iris.min:g} to {able.iris.max:g}")

        def change(device: PtzDevice, able: HeadAbilities) -> None:
            device.set_iris(able.place, value)
            item.set_iris(value)

        return self._commands.run(Sender(who, camera_id, number, take_over), change)

    def send_auxiliary(
        self, who: Principal, camera_id: int, number: int, command: str, *, take_over: bool
    ) -> CommandResult:
        """Raise InvalidRequest for a command that the device does not list.

        Raise Forbidden for one that concerns the whole device, if the user may see only some of its channels.
        """
        _, able = self._commands.able(camera_id, number)
        if not able.auxiliary:
            raise CameraUnsupported("This channel has no auxiliary commands.", service="ptz")
        if command not in able.auxiliary:
            raise InvalidRequest("The device does not list such a command.")
        if command in able.device_auxiliary and not _sees_whole_device(who, camera_id):
            raise Forbidden("This affects every channel of the camera, but you may see only some of them.")

        def send(device: PtzDevice, able: HeadAbilities) -> None:
            device.send_auxiliary(able, command)

        return self._commands.run(Sender(who, camera_id, number, take_over), send)

    # ---- presets

    def presets(self, camera_id: int, number: int, *, with_slots: bool) -> PresetListing:
        """Return the presets, without empty factory slots and functions unless `with_slots`."""
        item, able = self._commands.able(camera_id, number)
        require_head(able)
        names = self._store.preset_names(item.key)
        listed = self._cameras.ask_head(camera_id, lambda device: device.presets(able.place))
        if listed is None:
            own = tuple(Preset(token, name) for token, name in names.items())
            return PresetListing(own, max_presets=able.max_presets, listed=False)
        shown = listed if with_slots else made_by_users(listed, names)
        return PresetListing(with_names(shown, names), len(listed) - len(shown), able.max_presets)

    def add_preset(self, who: Principal, camera_id: int, number: int, name: str, *, take_over: bool) -> Preset:
        """Store the present position. A device that makes no new preset gets the first empty one of its slots."""
        key = self._commands.key(camera_id, number)
        own = self._store.preset_names(key)

        def store(device: PtzDevice, able: HeadAbilities) -> str:
            try:
                return device.set_preset(able.place, name)
            except DeviceError as error:
                slot = first_slot(device.presets(able.place) or (), own) if is_refusal(error) else None
                if slot is None:
                    raise
            return device.set_preset(able.place, name, slot)

        token = cast(str, self._commands.finish(Sender(who, camera_id, number, take_over), store))
        self._store.set_preset_name(key, token, name)
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
        """Rename a preset in the app, or store the present position in it. Raise NotFound for an unknown one."""
        presets = self.presets(camera_id, number, with_slots=True).presets
        found = next((preset for preset in presets if preset.preset_token == preset_token), None)
        if found is None:
            raise NotFound("The device has no such preset.")
        new_name = name or found.name

        def store(device: PtzDevice, able: HeadAbilities) -> None:
            device.set_preset(able.place, new_name, preset_token)

        if is_here:
            self._commands.finish(Sender(who, camera_id, number, take_over), store)
        if name is not None or is_here:
            self._store.set_preset_name(self._commands.key(camera_id, number), preset_token, new_name)
        return Preset(preset_token, new_name)

    def remove_preset(self, who: Principal, camera_id: int, number: int, preset_token: str) -> None:
        def remove(device: PtzDevice, able: HeadAbilities) -> None:
            device.remove_preset(able.place, preset_token)

        self._commands.finish(Sender(who, camera_id, number), remove)
        self._store.forget_preset_name(self._commands.key(camera_id, number), preset_token)

    # ---- tours

    def tours(self, camera_id: int, number: int) -> list[Tour]:
        return self._store.tours(self._commands.key(camera_id, number))

    def add_tour(self, camera_id: int, number: int, name: str, stops: Sequence[TourStop]) -> Tour:
        """Raise Conflict (tour_name_taken, too_many_tours)."""
        return self._store.add_tour(self._commands.key(camera_id, number), name, stops)

    def remove_tour(self, camera_id: int, number: int, tour_id: int) -> None:
        key = self._commands.key(camera_id, number)
        self._store.remove_tour(key, tour_id)
        if self._tours.running(key) == tour_id:
            self._tours.end(key)

    def start_tour(self, who: Principal, camera_id: int, number: int, tour_id: int, *, take_over: bool) -> Tour:
        """Start a tour; workers.tours steps it. Raise PtzInUse while another user moves the head."""
        item = self._commands.head_of(camera_id, self._commands.channel(camera_id, number))
        tour = self._store.tour(item.key, tour_id)
        item.movers.check(who, take_over=take_over)
        self._tours.begin(item.key, tour)
        return self._store.tour(item.key, tour_id)

    def stop_tour(self, camera_id: int, number: int, tour_id: int) -> Tour:
        key = self._commands.key(camera_id, number)
        is_marked = self._store.tour(key, tour_id).is_running
        if self._tours.running(key) == tour_id:
            self._tours.end(key)
            is_marked = True
        if is_marked:
            self._tours.save_end(key)
        return self._store.tour(key, tour_id)

    def step_tours(self) -> None:
        """Send the heads of running tours to their next presets, if they are due."""
        for key, preset_token in self._tours.due():
            try:
                if not self._cameras.channels(key.camera_id):  # not read yet at a new address
                    continue
                self._step_tour(self._commands.channel_of(key), self._heads.of(key), preset_token)
            except NotFound:  # the device no longer has the channel, or the camera was removed
                if self._tours.end(key):
                    self._tours.save_end(key)
            except AppError as error:  # the tours of other heads go on
                log.info("camera %d: a tour could not go to its next preset (%s)", key.camera_id, error.code)
                self._tours.failed(key, error)

    def _step_tour(self, channel: Channel, item: ChannelHead, preset_token: str) -> None:
        def go(device: PtzDevice) -> None:
            if self._tours.running(item.key) is None:  # a user has ended it meanwhile
                return
            device.go_to_preset(self._commands.abilities(item, channel).place, preset_token)

        self._tours.stepped(item.key, item.head.run(go, stands_before=True))

    # ---- imaging and relays

    def imaging(self, camera_id: int, number: int) -> ImagingView:
        return self._imaging.settings(self._commands.key(camera_id, number))

    def change_imaging(self, camera_id: int, number: int, change: ImagingChange) -> ImagingView:
        """Raise InvalidRequest, which names the field, for a value that the device does not take."""
        return self._imaging.change(self._commands.key(camera_id, number), change)

    def relays(self, camera_id: int) -> list[Relay]:
        return self._imaging.relays(camera_id)

    def set_relay(self, camera_id: int, relay_token: str, *, is_active: bool) -> Relay:
        return self._imaging.set_relay(camera_id, relay_token, is_active=is_active)

    # ---- channels and commands

    def _wait_stopped(self, stopping: Iterable[Future[Any] | None]) -> None:
        """Wait for stops under way, at most a second in all."""
        deadline_s = self._clock.monotonic_s() + _SHUTDOWN_S
        for future in list(stopping):
            if future is not None:
                has_ended(future, max(0.0, deadline_s - self._clock.monotonic_s()))

    def _taken(self, name: str) -> None:
        for callback in self._taken_callbacks:
            callback(name)

    def _ask_of(self, camera_id: int) -> AskDevice:
        def ask(call: Callable[[PtzDevice], _T], *, wait_s: float) -> _T:
            return self._cameras.ask_head(camera_id, call, wait_s=wait_s)

        return ask


def _sees_whole_device(who: Principal, camera_id: int) -> bool:
    return who.scope.channels_of(camera_id) is None
