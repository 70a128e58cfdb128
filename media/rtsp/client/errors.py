"""Turns RTSP status codes (RFC 2326 section 7.1.1) into errors of core/errors.py with a text for the user."""

from __future__ import annotations

from core.errors import (
    CameraAuthFailed,
    CameraBadAnswer,
    CameraBusy,
    CameraNoSignal,
    CameraUnreachable,
    CameraUnsupported,
    DeviceError,
)


class NoSuchRange(CameraBadAnswer):
    """457: the device has no recording at the requested time."""


class NotOffered(CameraUnsupported):
    """405, 461, 501 or 551: the device never does this, whatever its state."""


class NoTransport(NotOffered):
    """461: the device sends its media over none of the transports that we offered."""


class NotNow(CameraBadAnswer):
    """455: the device does not do this in the present state of the session."""


class NotUnderstood(CameraBadAnswer):
    """400, 406, 451 or 456: the device does not understand or accept a header of the request."""


class NoSuchStream(CameraNoSignal):
    """404 or 410: the device has no stream at this address."""


class TooManyBytes(CameraBadAnswer):
    """The device sends far more than was requested, and does not stop."""


class PortClosed(CameraUnreachable):
    """The device refuses connections to its RTSP port, or does not answer there."""


class NoAnswer(CameraUnreachable):
    """The device did not answer a request in time."""


class TunnelLoginRefused(CameraAuthFailed):
    """The web server refuses the login of an HTTP tunnel. It may have its own users."""


class NotRtsp(CameraBadAnswer):
    """A web server answers on the RTSP port."""


def status_error(method: str, status: int) -> DeviceError:
    """Return the error for an answer to `method` whose status is not 2xx.

    404 and 410 become CameraNoSignal: recorders answer them for an input without a camera.
    """
    if 300 <= status < 400:
        return CameraBadAnswer("The device redirects to another address; redirects are not followed.")
    if status in {401, 403}:
        return CameraAuthFailed("The device does not let this user see this stream.")
    if status in {404, 410}:
        return NoSuchStream("The device has no stream at this address: the input is probably not connected.")
    if status == 453:
        return CameraBusy("The device refuses one more session.")
    if status == 457:
        return NoSuchRange("The device has nothing to play at this time.")
    if status == 503:
        return CameraUnreachable("The device cannot serve this stream at the moment.")
    if status == 454:
        return CameraUnreachable("The device has forgotten the session.")
    if status in {461, 551} or (status in {405, 501} and method != "GET_PARAMETER"):
        return NotOffered(f"The device does not support this request ({method}, status {status}).", service="media")
    kind = NotNow if status == 455 else NotUnderstood if status in {400, 406, 451, 456} else CameraBadAnswer
    return kind(f"The device answered {method} with status {status}.")
