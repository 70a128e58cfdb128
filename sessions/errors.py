"""Exceptions of sessions.

Errors that viewers see (an AppError with a code):

    Stalled            no new segment or frame, for an unknown reason
    NoKeyFrame         the device sends video, but nothing that a picture can begin with
    FfmpegEnded        ffmpeg ended, for an unknown reason
    NothingRecorded    a replay found no frame at the requested time or later

Exceptions that steer the thread of a session:

    RestartWanted      end this attempt and start the next one immediately
    SessionOver        end the session
"""

from __future__ import annotations

from core.errors import AppError, NotFound


class Stalled(AppError):
    """No new segment or frame arrived in time, and neither device, ffmpeg nor disk reports an error."""

    code = "stream_stalled"


class NoKeyFrame(Stalled):
    """Video arrives, but no key frame, so that no picture can be shown yet."""

    code = "no_key_frame"

    def __init__(self, waited_s: float) -> None:
        super().__init__(f"The device sends video, but it has sent no key frame for {waited_s:.0f} s.")


class FfmpegEnded(AppError):
    """ffmpeg ended, and neither the device nor the disk explains it."""

    code = "ffmpeg_failed"


class NothingRecorded(NotFound):
    """The recording has no frame at the requested time or later."""

    code = "no_recording"


class RestartWanted(Exception):
    """End this attempt and start the next one immediately."""


class SessionOver(Exception):
    """The session was stopped or ended by itself."""
