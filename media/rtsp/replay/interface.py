"""The interface of the gateway for replay: a connection to a recorder, and the consumer of a playback."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

from core.errors import DeviceError
from core.recordings import ReplayAbilities
from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import AccessUnit
from media.rtsp.client.connection import ReadLimit

END_OF_RECORDING = "end_of_recording"
NO_DATA = "no_data"


class ReplayRank(IntEnum):
    """The order in which connections get a recorder's few replay sessions. Each gives way to those of lower ranks."""

    WATCHED = 0  # the recording that a user watches, and its seeks
    HOVER = 20  # the picture under a pointer
    EXPORT = 30
    STORYBOARD = 40  # pictures of recordings
    SEARCH = 60  # searches in a part of the picture
    BACKFILL = 90  # gaps of the archive; gives way to all others, and leaves one session free

    @property
    def purpose(self) -> str:
        """Return the purpose of a connection of this rank, in words for users."""
        return _PURPOSES[self]


_PURPOSES = {
    ReplayRank.WATCHED: "a recording that is watched",
    ReplayRank.HOVER: "a picture under the pointer",
    ReplayRank.EXPORT: "an export",
    ReplayRank.STORYBOARD: "the pictures of a time line",
    ReplayRank.SEARCH: "a search",
    ReplayRank.BACKFILL: "a backfill",
}


class ReplayConsumer(Protocol):
    """Gets the units of one play(), in the gateway's thread; must not block.

    Implemented by sessions.replay.buffer.ReplayBuffer.
    """

    def on_description(
        self,
        video: VideoFormat,
        audio: AudioFormat | None,
        parameter_sets: tuple[bytes, ...],
        audio_config: bytes,
        audio_left_out: str = "",
    ) -> None:
        """Called before the first units, and again before units with other parameter sets or other audio.

        `audio` is None if there is none that we can carry; `audio_config` is AAC's AudioSpecificConfig.
        `audio_left_out` says why there is no audio although the device offers some, for users.
        """
        ...

    def on_units(self, units: Sequence[AccessUnit]) -> None:
        """Frames from the key frame at or before the requested time on, and audio, in order of arrival."""
        ...

    def on_end(self, reason: str) -> None:
        """No more units. `reason`: END_OF_RECORDING (also for the requested end) or NO_DATA."""
        ...

    def on_failed(self, error: DeviceError) -> None:
        """No more units, because of this error; another play() may try again."""
        ...


class ReplayConnection(Protocol):
    """Opened by RtspGateway.open_replay(); implemented by connection.GatewayReplayConnection.

    A connection of a higher rank number ends if a lower one needs its session: its consumer gets CameraBusy, and later
    calls have no effect.

    All methods may be called from any thread and return immediately.
    """

    def play(
        self,
        start_device_s: float,
        consumer: ReplayConsumer,
        *,
        end_device_s: float | None = None,
        fast: bool = True,
        key_frames_only: bool = False,
        scale: float = 1.0,
        key_frames_ms: int | None = None,
        limit: ReadLimit | None = None,
    ) -> None:
        """Play from the key frame at or before this time (seconds since 1970 by the device).

        A new call replaces the one before, whose consumer gets no more calls. `fast` requests Rate-Control: no; use
        pause() and resume() then to limit the amount of data. `key_frames_ms`: the least distance between two key
        frames, by the recording's time line. `limit`: for this playback; beyond it the consumer gets TooManyBytes. No
        part of the app sets `scale` yet.
        """
        ...

    def pause(self) -> None: ...
    def resume(self) -> None: ...

    def abilities(self) -> ReplayAbilities:
        """Return the source's abilities, with those that the recorder has shown on this connection."""
        ...

    def received_bytes(self) -> int:
        """Return the number of bytes that the recorder has sent over this connection."""
        ...

    def set_rank(self, rank: ReplayRank) -> None:
        """Change the importance of the connection: what it is used for has changed."""
        ...

    def close(self, wait_s: float = 0.0) -> None:
        """End the device session, and wait at most `wait_s` for its end. May be called twice."""
        ...
