"""What a caller holds while it reads a source: the face of the gateway towards sessions.

A feed is one reader's claim on a shared source. The gateway does not retry: a source that fails
puts its feeds into `failed` with a Problem, and whoever wants it back opens a new feed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from core.records import AudioFormat, Problem, VideoFormat
from media.fmp4.live import FragmentSink


class FeedState(StrEnum):
    """Where the source of a feed stands."""

    CONNECTING = "connecting"  # until the device has answered PLAY
    WAITING_KEY_FRAME = "waiting_key_frame"  # the device agreed to play; no key frame has come yet
    FLOWING = "flowing"
    SILENT = "silent"  # no video for some seconds; it becomes flowing again, or failed
    FAILED = "failed"  # over; `problem` says why


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """What the source carries. Width and height come from the parameter sets, not from ONVIF.

    `audio` is None when there is none, or none that we can carry.
    """

    video: VideoFormat | None
    audio: AudioFormat | None


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """A moment's view of a feed. Rates are averages over the last seconds, as received.

    `last_packet_age_s` is None before the first video packet; `lost` counts RTP packets missing by
    their sequence numbers, video and audio together. `frames_dropped` counts the frames that came incomplete, so that
    no fragment was made of them; it is the feed's own, and stays 0 while only ffmpeg reads the feed.
    """

    state: FeedState
    problem: Problem | None = None
    video: VideoFormat | None = None
    audio: AudioFormat | None = None
    bitrate_kbps: int | None = None
    fps: float | None = None
    last_packet_age_s: float | None = None
    key_frame_interval_s: float | None = None
    packets: int = 0
    lost: int = 0
    frames_dropped: int = 0


class Feed(Protocol):
    """One reader of one source. All methods may be called from any thread."""

    @property
    def url(self) -> str:
        """`rtsp://127.0.0.1:port/<random>`: without a password, for one ffmpeg at a time.

        A second reader takes the place of the first. Valid until close().
        """
        ...

    def wait_described(self, timeout_s: float) -> MediaDescription:
        """What the source carries, as soon as it is known (often before the first key frame).

        Raises the DeviceError the source failed with; after timeout_s CameraUnreachable when the
        device is still not playing, CameraNoSignal when it plays and nothing describes the picture.
        """
        ...

    def status(self) -> FeedStatus:
        """How the source does. Never blocks."""
        ...

    def is_failed(self) -> bool:
        """Whether the source is over; a new feed is needed then."""
        ...

    def first_frame_utc(self) -> datetime | None:
        """When the key frame arrived that the present reader was started with; None before that."""
        ...

    def wall_time_of(self, media_s: float) -> datetime | None:
        """When the picture arrived that is media_s after that key frame; None before the start.

        Corrected for the drift between the device's clock and ours and for steps of our own wall
        clock. The answer for a given media_s, once it has been received, does not change.
        """
        ...

    def open_fragments(self, sink: FragmentSink, *, origin_s: float | None = None) -> None:
        """Has the source's pictures made into fragments for `sink` (fmp4.live), beginning with the last key frame.

        Once a feed; until close(). `origin_s`: the source's time that is 0 on their time line (fragments_origin_s).
        """
        ...

    def enable_audio(self) -> None:
        """Fragments have sound from now on, where the source has any that they can carry."""
        ...

    def fragments_origin_s(self) -> float | None:
        """The source's time that is 0 on the time line of the fragments; None before the first of them."""
        ...

    def close(self) -> None:
        """Gives the source back. Returns at once; may be called twice; ends a wait_described() under way.

        The device session ends some seconds after its last feed has closed.
        """
        ...
