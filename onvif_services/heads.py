"""Heads, imaging and relays of one device: core.ptz.PtzDevice, with the habits that the device has shown."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from core.errors import CameraBadAnswer, CameraUnsupported, DeviceError
from core.ptz import HeadAbilities, HeadPlace, ImagingChange, ImagingSettings, Preset, PtzDevice, Relay, Span, Velocity
from core.records import Channel
from onvif_services import imaging, ptz, ptz_nodes, relays
from onvif_services.connection import DeviceConnection
from onvif_services.faults import NoAnswer, NotSent, SoapFault

_T = TypeVar("_T")
_Stop = Callable[[str, bool, bool], None]

_log = logging.getLogger(__name__)

_REFUSALS = (SoapFault, CameraUnsupported)
_UNREADABLE = (*_REFUSALS, CameraBadAnswer)
_WRONG_PROFILE = ("NoProfile", "NoPTZProfile", "NoConfig")
_LIMIT_CODES = ("TimeoutNotSupported", "InvalidTimeout", "InvalidArgVal")
_MOST_REFUSED_LIMITS = 2
_ASK_AGAIN_S = 600.0
_MOVE_S = 3.0  # a move that has no answer by then is followed by a stop
_GOTO_S = 5.0
_TURNS_THAT_SHOW = 2  # after so many turns an unchanged position is taken for one that never changes
_AT_THE_END = 0.02  # of the range of an axis: a head may stand at its end
_ZOOM_STEPS = 19.0  # a lens of 20x: its picture at the long end has a twentieth of the width


class Heads(PtzDevice):
    """The requests to one device. It remembers which of its habits a request must respect. Thread-safe.

    `_profiles`: the media profile that the device accepts, by place; a device may have its PTZ configuration on one
    profile only, and refuse the others.
    """

    def __init__(self, conn: DeviceConnection) -> None:
        self._conn = conn
        self._profiles: dict[HeadPlace, str] = {}
        self._without_limit_until_s = -math.inf
        self._refused_limits = 0  # in a row
        self._one_axis_at_a_time = False
        self._answers_garbage = False
        self._stop: _Stop | None = None
        self._positions: dict[HeadPlace, tuple[float, float]] = {}  # as last read
        self._turns: Counter[HeadPlace] = Counter()  # since then

    def abilities(self, channel: Channel, channels: Sequence[Channel]) -> HeadAbilities:
        conn = self._conn
        with conn.checking("head"):
            found = ptz_nodes.read_abilities(conn, channel, channels)
            lens = imaging.read_lens(conn, channel.video_source_token)
            if found.absolute is not None and found.relative is None:
                self._note_position(found.place)
        device_auxiliary = ptz_nodes.device_auxiliary_commands(conn)
        device_auxiliary = tuple(command for command in device_auxiliary if command not in found.auxiliary)
        return replace(
            found,
            auxiliary=found.auxiliary + device_auxiliary,
            device_auxiliary=device_auxiliary,
            outputs=len(channels) == 1 and (bool(found.auxiliary or device_auxiliary) or self._has_relays()),
            focus=lens.focus,
            auto_focus=lens.auto_focus,
            iris=lens.iris,
            imaging=lens.imaging,
        )

    def _has_relays(self) -> bool:
        try:
            return bool(relays.read_relays(self._conn, timeout_s=ptz_nodes.OPTIONAL_S))
        except DeviceError:
            return False

    # -- moves ---------------------------------------------------------------------------------

    def move(self, place: HeadPlace, velocity: Velocity, timeout_s: float) -> None:
        if velocity.turns and velocity.zoom:
            self._move_both(place, velocity, timeout_s)
        else:
            self._move(place, velocity, timeout_s)

    def _move_both(self, place: HeadPlace, velocity: Velocity, timeout_s: float) -> None:
        """Move pan and tilt together with zoom: in one request, or in two for a device that cannot read that."""
        if not self._one_axis_at_a_time:
            try:
                self._send_move(place, velocity, timeout_s)
            except _UNREADABLE as refusal:
                _log.info("%s: moves of all axes in one request fail (%s)", self._conn.device_key, refusal.code)
            else:
                return
        self._move(place, Velocity(velocity.pan, velocity.tilt), timeout_s)
        self._move(place, Velocity(zoom=velocity.zoom), timeout_s)
        self._one_axis_at_a_time = True

    def _move(self, place: HeadPlace, velocity: Velocity, timeout_s: float) -> None:
        """Send a move. Some firmware answers a move with garbage, and moves."""
        try:
            self._send_move(place, velocity, timeout_s)
        except CameraBadAnswer as error:
            self._note_unreadable("a move", error)

    def _note_unreadable(self, what: str, error: CameraBadAnswer) -> None:
        """Note that the device answers moves with garbage: its garbage after a stop then means as little."""
        self._answers_garbage = True
        _log.info("%s: the answer to %s cannot be read (%s)", self._conn.device_key, what, error.detail)

    def _send_move(self, place: HeadPlace, velocity: Velocity, timeout_s: float) -> None:
        """Send a move, again without its time limit if the device refuses it.

        The limit stops the head if the app cannot. So the app leaves it out of later moves only after a fault that
        names it, or after refusals of two moves in a row, and asks again after a time.
        """

        def send(limit_s: float | None) -> None:
            self._on_profile(
                place, lambda token: ptz.continuous_move(self._conn, token, velocity, limit_s, timeout=_MOVE_S)
            )
            self._turns[place] += velocity.turns

        if time.monotonic() < self._without_limit_until_s:
            send(None)
            return
        try:
            send(timeout_s)
        except _REFUSALS as refusal:
            _log.info("%s: a move with a time limit fails (%s)", self._conn.device_key, refusal.code)
            names_limit = isinstance(refusal, SoapFault) and refusal.has_code(*_LIMIT_CODES)
        else:
            self._refused_limits = 0
            return
        send(None)
        self._refused_limits += 1
        if names_limit or self._refused_limits >= _MOST_REFUSED_LIMITS:
            self._without_limit_until_s = time.monotonic() + _ASK_AGAIN_S

    def stop(self, place: HeadPlace, *, pan_tilt: bool = True, zoom: bool = True) -> None:
        """Stop axes: by Stop, by Stop without the names of the axes, or by a move at the speed 0."""
        if self._stop is not None:
            self._stop_with(self._stop, place, pan_tilt=pan_tilt, zoom=zoom)
            return
        first: DeviceError | None = None
        for stop in (self._stop_axes, self._stop_everything, self._stop_by_move):
            try:
                self._stop_with(stop, place, pan_tilt=pan_tilt, zoom=zoom)
            except _UNREADABLE as refusal:
                first = first or refusal
                continue
            self._stop = stop
            return
        if isinstance(first, CameraBadAnswer) and self._answers_garbage:
            self._note_unreadable("a stop", first)
        elif first is not None:
            raise first

    def _stop_with(self, stop: _Stop, place: HeadPlace, *, pan_tilt: bool, zoom: bool) -> None:
        self._on_profile(place, lambda token: stop(token, pan_tilt, zoom))

    def _stop_axes(self, profile_token: str, pan_tilt: bool, zoom: bool) -> None:
        ptz.stop(self._conn, profile_token, pan_tilt=pan_tilt, zoom=zoom)

    def _stop_everything(self, profile_token: str, _pan_tilt: bool, _zoom: bool) -> None:
        ptz.stop_everything(self._conn, profile_token)

    def _stop_by_move(self, profile_token: str, pan_tilt: bool, zoom: bool) -> None:
        ptz.stop_by_move(self._conn, profile_token, pan_tilt=pan_tilt, zoom=zoom)

    def turn_by(self, abilities: HeadAbilities, right: float, up: float) -> None:
        place = abilities.place
        if abilities.relative is not None:
            zoom = 0.0 if abilities.is_fov_relative else self._zoom(place)
            pan, tilt = _distance(abilities.relative, right, up, zoom)
            is_fov = abilities.is_fov_relative
            self._on_profile(place, lambda token: ptz.relative_move(self._conn, token, pan, tilt, is_fov=is_fov))
            return
        if abilities.absolute is None:
            raise CameraUnsupported("The head of this channel cannot turn by a distance.", service="ptz")
        present = self._on_profile(place, lambda token: ptz.read_position(self._conn, token))
        if present is None:
            raise CameraUnsupported("The head of this channel does not tell its position.", service="ptz")
        span = abilities.absolute
        if self._has_frozen_position(place, present[:2], span):
            raise CameraUnsupported(
                "The head of this channel always reports the same position, so a click cannot turn it.", service="ptz"
            )
        self._positions[place], self._turns[place] = present[:2], 0
        pan, tilt = _distance(span, right, up, present[2])
        pan, tilt = _within(span.pan_range, present[0] + pan), _within(span.tilt_range, present[1] + tilt)
        self._on_profile(place, lambda token: ptz.absolute_move(self._conn, token, pan, tilt))
        if (pan, tilt) != present[:2]:
            self._turns[place] += _TURNS_THAT_SHOW

    def _has_frozen_position(self, place: HeadPlace, present: tuple[float, float], span: Span) -> bool:
        """True if the reported position has not changed although the head has turned, and stands at no end."""
        if self._turns[place] < _TURNS_THAT_SHOW or self._positions.get(place) != present:
            return False
        ranges = zip(present, (span.pan_range, span.tilt_range), strict=True)
        return not any(min(at - low, high - at) <= _AT_THE_END * (high - low) for at, (low, high) in ranges)

    def _note_position(self, place: HeadPlace) -> None:
        """Read the position once, so that the turns before the first click show if it ever changes."""
        with contextlib.suppress(DeviceError):
            present = self._on_profile(place, lambda token: ptz.read_position(self._conn, token, ptz_nodes.OPTIONAL_S))
            if present is not None:
                self._positions[place], self._turns[place] = present[:2], 0

    def _zoom(self, place: HeadPlace) -> float:
        """Return the position of the zoom, 0 if the device does not tell."""
        try:
            present = self._on_profile(place, lambda token: ptz.read_position(self._conn, token))
        except _UNREADABLE:
            return 0.0
        return present[2] if present is not None else 0.0

    def go_home(self, place: HeadPlace) -> None:
        self._on_profile(place, lambda token: ptz.go_home(self._conn, token))

    def set_home(self, place: HeadPlace) -> None:
        self._on_profile(place, lambda token: ptz.set_home(self._conn, token))

    # -- presets -------------------------------------------------------------------------------

    def presets(self, place: HeadPlace) -> tuple[Preset, ...] | None:
        """Return None if the device does not implement GetPresets, or answers with a text in the place of a fault."""
        try:
            return self._on_profile(place, lambda token: ptz.read_presets(self._conn, token))
        except _UNREADABLE as refusal:
            _log.info("%s: GetPresets fails (%s)", self._conn.device_key, refusal.code)
            return None

    def go_to_preset(self, place: HeadPlace, preset_token: str) -> None:
        """Some devices answer only when the head has arrived: without an answer, the command counts as sent."""
        try:
            self._on_profile(place, lambda token: ptz.goto_preset(self._conn, token, preset_token, timeout_s=_GOTO_S))
        except NoAnswer as error:
            if error.is_cut or isinstance(error, NotSent):
                raise

    def set_preset(self, place: HeadPlace, name: str, preset_token: str | None = None) -> str:
        try:
            return self._on_profile(place, lambda token: ptz.set_preset(self._conn, token, name, preset_token))
        except CameraBadAnswer:  # the device has stored the preset, and does not tell its token
            found = [preset for preset in self.presets(place) or () if preset.name == name]
            if not found:
                raise
            return found[-1].preset_token

    def remove_preset(self, place: HeadPlace, preset_token: str) -> None:
        self._on_profile(place, lambda token: ptz.remove_preset(self._conn, token, preset_token))

    def send_auxiliary(self, abilities: HeadAbilities, command: str) -> None:
        if command in abilities.device_auxiliary:
            self._conn.call("device", "SendAuxiliaryCommand", {"AuxiliaryCommand": command})
            return
        self._on_profile(abilities.place, lambda token: ptz.send_auxiliary(self._conn, token, command))

    # -- imaging and relays --------------------------------------------------------------------

    def move_focus(self, place: HeadPlace, speed: float) -> None:
        """Move the focus. Some firmware answers moves with garbage, and moves."""
        try:
            imaging.move_focus(self._conn, place.video_source_token, speed)
        except CameraBadAnswer as error:
            self._note_unreadable("a move of the focus", error)

    def stop_focus(self, place: HeadPlace) -> None:
        try:
            imaging.stop_focus(self._conn, place.video_source_token)
        except CameraBadAnswer as error:
            if not self._answers_garbage:
                raise
            self._note_unreadable("a stop of the focus", error)

    def focus_by_itself(self, place: HeadPlace) -> None:
        imaging.set_auto_focus(self._conn, place.video_source_token, is_auto=True)

    def set_iris(self, place: HeadPlace, value: float | None) -> None:
        imaging.set_iris(self._conn, place.video_source_token, value)

    def imaging(self, place: HeadPlace) -> ImagingSettings:
        return imaging.read_settings(self._conn, place.video_source_token)

    def change_imaging(self, place: HeadPlace, change: ImagingChange) -> None:
        imaging.change_settings(self._conn, place.video_source_token, change)

    def relays(self) -> tuple[Relay, ...]:
        return relays.read_relays(self._conn)

    def set_relay(self, relay_token: str, *, is_active: bool) -> None:
        relays.set_relay(self._conn, relay_token, is_active=is_active)

    def _on_profile(self, place: HeadPlace, send: Callable[[str], _T]) -> _T:
        """Return `send(profile_token)` with the profile that the device accepts; try the others until one is known.

        Raise the refusal of the first.
        """
        known = self._profiles.get(place)
        first: DeviceError | None = None
        for token in (known,) if known is not None else place.profile_tokens:
            try:
                answer = send(token)
            except _REFUSALS as refusal:
                first = first or refusal
                if isinstance(refusal, SoapFault) and refusal.has_code(*_WRONG_PROFILE):
                    self._profiles.pop(place, None)
                continue
            self._profiles[place] = token
            return answer
        raise first or CameraUnsupported("This channel has no media profile.", service="ptz")


def _distance(span: Span, right: float, up: float, zoom: float) -> tuple[float, float]:
    """Return the distance in pan and tilt for parts of a picture. `zoom`: 0 to 1, the long end."""
    narrowing = 1.0 + _ZOOM_STEPS * (zoom if 0.0 <= zoom <= 1.0 else 0.0)
    pan, tilt = span.pan * right / narrowing, span.tilt * up / narrowing
    return (pan, tilt) if math.isfinite(pan) and math.isfinite(tilt) else (0.0, 0.0)


def _within(limits: tuple[float, float], value: float) -> float:
    return max(limits[0], min(limits[1], value))
