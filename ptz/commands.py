"""The way of a user's command to a head: its channel, abilities, mover, tour, and the wait for its result."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from core.access import Principal
from core.clock import Clock
from core.errors import AppError, CameraUnreachable, CameraUnsupported, NotFound
from core.ptz import NO_HEAD, HeadAbilities, PtzDevice
from core.records import Channel
from core.single_flight import SingleFlight
from onvif_manager import OnvifManager
from ptz.channel_head import ChannelHead, ChannelHeads
from ptz.command_queue import SUPERSEDED
from ptz.store import HeadKey
from ptz.tours import Tours
from ptz.views import CommandResult

log = logging.getLogger(__name__)

DeviceCall = Callable[[PtzDevice, HeadAbilities], object]

_READ_AGAIN_S = 900.0
_READ_AFTER_FAILURE_S = 60.0
_READ_WAIT_S = 30.0
_ANSWER_S = 1.0
_STORE_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of a command, and its channel. `take_over`: the sender may take the head over from another user."""

    who: Principal
    camera_id: int
    number: int
    take_over: bool = False


class HeadCommands:
    """Safe between threads. Methods raise NotFound for an unknown camera or channel, PtzInUse, and the DeviceError."""

    def __init__(self, clock: Clock, cameras: OnvifManager, heads: ChannelHeads, tours: Tours) -> None:
        self._clock = clock
        self._cameras = cameras
        self._heads = heads
        self._tours = tours
        self._reading: SingleFlight[HeadAbilities] = SingleFlight()
        self._reading_lock = threading.Lock()

    # ---- channels and abilities

    def channel(self, camera_id: int, number: int) -> Channel:
        for channel in self._cameras.channels(camera_id):
            if channel.number == number:
                return channel
        raise NotFound(f"There is no channel {number}.")

    def channel_of(self, key: HeadKey) -> Channel:
        for channel in self._cameras.channels(key.camera_id):
            if channel.video_source_token == key.video_source_token:
                return channel
        raise NotFound("The device no longer has this channel.")

    def key(self, camera_id: int, number: int) -> HeadKey:
        return HeadKey(camera_id, self.channel(camera_id, number).video_source_token)

    def head_of(self, camera_id: int, channel: Channel) -> ChannelHead:
        return self._heads.of(HeadKey(camera_id, channel.video_source_token))

    def able(self, camera_id: int, number: int) -> tuple[ChannelHead, HeadAbilities]:
        """Return the head of a channel and its abilities. Ask the device if these are unknown."""
        channel = self.channel(camera_id, number)
        item = self.head_of(camera_id, channel)
        return item, self.abilities(item, channel)

    def abilities(self, item: ChannelHead, channel: Channel) -> HeadAbilities:
        """Return the abilities from memory; ask the device if they are not known."""
        known = item.abilities
        return known if known is not None else self._read(item, channel)

    def read_again_if_old(self, item: ChannelHead, channel: Channel) -> None:
        """Begin to read old abilities again, in a thread: pages ask every two seconds, also while a device is away."""
        now_s = self._clock.monotonic_s()
        with self._reading_lock:
            if now_s < item.read_again_s:
                return
            item.read_again_s = now_s + _READ_AFTER_FAILURE_S

        def read() -> None:
            try:
                self._read(item, channel)
            except AppError as error:
                log.info("camera %d: the abilities of a head cannot be read again (%s)", item.key.camera_id, error.code)

        threading.Thread(target=read, name="ptz-abilities", daemon=True).start()

    def _read(self, item: ChannelHead, channel: Channel) -> HeadAbilities:
        camera_id = item.key.camera_id
        channels = self._cameras.channels(camera_id)

        def read() -> HeadAbilities:
            iris_changes = item.iris_changes
            try:
                found = self._cameras.ask_head(camera_id, lambda device: device.abilities(channel, channels))
            except CameraUnsupported:  # a camera without ONVIF
                found = NO_HEAD
            return item.keep(found, iris_changes, self._clock.monotonic_s() + _READ_AGAIN_S)

        try:
            return self._reading.run(item.key, read, wait_s=_READ_WAIT_S)
        except TimeoutError:
            raise CameraUnreachable("The device has not answered yet.") from None

    # ---- commands

    def run(
        self, sender: Sender, call: DeviceCall, *, stands_before: bool = False, wait_s: float = _ANSWER_S
    ) -> CommandResult:
        """Queue a command, and wait for its result at most `wait_s`. `stands_before`: see Head.run()."""
        item, future, had_tour = self._begin(sender, call, wait_s=wait_s, stands_before=stands_before)
        return self.result(sender.who, item, future, wait_s, had_tour=had_tour)

    def finish(self, sender: Sender, call: DeviceCall) -> object:
        """Return the result of a command. Raise CameraUnreachable if the device does not answer."""
        item, future, had_tour = self._begin(sender, call, wait_s=_STORE_WAIT_S)
        if had_tour:
            self._tours.save_end(item.key)
        try:
            return future.result(_STORE_WAIT_S)
        except TimeoutError:
            future.cancel()  # the device must not store a position later
            raise CameraUnreachable("The device has not answered yet.") from None

    def _begin(
        self, sender: Sender, call: DeviceCall, *, wait_s: float, stands_before: bool = False
    ) -> tuple[ChannelHead, Future[Any], bool]:
        """Queue a command. Return the head, the command's future, and True if the command has ended a tour."""
        item, able = self.able(sender.camera_id, sender.number)
        require_head(able)
        item.movers.claim(sender.who, take_over=sender.take_over)
        had_tour = self._tours.end(item.key)
        future = item.head.run(lambda device: call(device, able), stands_before=stands_before, wait_s=wait_s)
        return item, future, had_tour

    def result(
        self, who: Principal, item: ChannelHead, future: Future[Any], wait_s: float = _ANSWER_S, *, had_tour: bool
    ) -> CommandResult:
        """Wait for a queued command. `had_tour`: the command has ended a tour, whose end is saved now."""
        is_done = has_ended(future, wait_s) and future.result() is not SUPERSEDED
        if had_tour:
            self._tours.save_end(item.key)
        return CommandResult(is_done, item.movers.view(who))


def require_head(able: HeadAbilities) -> None:
    """Raise CameraUnsupported for a channel whose device moves nothing."""
    if not (able.pan_tilt or able.zoom or able.focus or able.iris or able.auxiliary):
        raise CameraUnsupported("This channel has no head that the app can move.", service="ptz")


def has_ended(future: Future[Any], timeout_s: float) -> bool:
    """Wait for a result or an error. False if neither came in time."""
    try:
        future.exception(timeout_s)
    except TimeoutError:
        return False
    return True
