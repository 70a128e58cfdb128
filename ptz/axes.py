"""The axes of a head and its lens: which requests begin, change and end their movement."""

from __future__ import annotations

from collections.abc import Callable

from core.errors import (
    CameraAuthFailed,
    CameraBadAnswer,
    CameraBusy,
    CameraNoSignal,
    CameraUnreachable,
    CertificateChanged,
    DeviceError,
)
from core.ptz import HeadPlace, PtzDevice, Velocity

# The request did not reach the head, or a device that boots has answered it.
_PASSING = (
    CameraUnreachable,
    CameraAuthFailed,
    CertificateChanged,
    CameraBadAnswer,
    CameraBusy,
    CameraNoSignal,
)
EVERYTHING = Velocity(pan=1.0, zoom=1.0, focus=1.0)
"""The velocity of a head whose moving axes are unknown."""


def is_refusal(error: Exception) -> bool:
    """True if the device has read the request and refuses it."""
    return isinstance(error, DeviceError) and not isinstance(error, _PASSING)


def after_failure(error: Exception, before: Velocity, wanted: Velocity) -> Velocity:
    """Return the velocity that a device may have after a request for `wanted` failed.

    A change of several axes takes several requests, and the device may have accepted some.
    """
    if is_refusal(error) and bool(wanted.turns) + bool(wanted.zoom) + bool(wanted.focus) == 1:
        return before
    return Velocity(
        before.pan or wanted.pan,
        before.tilt or wanted.tilt,
        before.zoom or wanted.zoom,
        before.focus or wanted.focus,
    )


def change_velocity(
    device: PtzDevice, place: HeadPlace, before: Velocity, velocity: Velocity, timeout_s: float
) -> None:
    """Stop the axes that moved and shall not move any more, because a move leaves the others as they are."""
    if before.focus and not velocity.focus:
        device.stop_focus(place)
    halts_turn, halts_zoom = before.turns and not velocity.turns, bool(before.zoom and not velocity.zoom)
    if halts_turn or halts_zoom:
        device.stop(place, pan_tilt=halts_turn, zoom=halts_zoom)
    if velocity.turns or velocity.zoom:
        device.move(place, Velocity(velocity.pan, velocity.tilt, velocity.zoom), timeout_s)
    if velocity.focus:
        device.move_focus(place, velocity.focus)


def stop_axes(device: PtzDevice, place: HeadPlace, sent: Velocity, *, is_guess: bool = False, tries: int = 0) -> None:
    """Stop the head, the focus, or both: each is tried although the other fails. Raise an error at the end.

    `is_guess`: `sent` is EVERYTHING, and the device may have only one of both. If it stops one, a refusal of the other
    does not count, nor any other error of it after `tries` of 2.
    """
    stops: list[Callable[[HeadPlace], None]] = [device.stop] if sent.turns or sent.zoom or not sent.focus else []
    stops += [device.stop_focus] if sent.focus else []
    errors: list[Exception] = []
    for stop in stops:
        try:
            stop(place)
        except Exception as error:  # noqa: BLE001 # raised below
            errors.append(error)
    passing = [error for error in errors if not is_refusal(error)]
    if is_guess and len(errors) < len(stops) and (not passing or tries >= 2):
        return
    if errors:
        raise (passing or errors)[0]
