"""A feed: the interface of the gateway for one reader of a live source.

Feeds of the same source share its device session. The gateway does not retry: if the source fails, its feeds are
`failed` with a Problem, and the caller opens a new feed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from core.records import AudioFormat, Problem, VideoFormat
from media.fmp4.live import FragmentSink
from media.units import UnitSink


class FeedState(StrEnum):
    """The state of a feed's source."""

    CONNECTING = "connecting"  # until the device has answered PLAY
    WAITING_VIDEO = "waiting_video"  # the device agreed to play; no video has come yet
    WAITING_KEY_FRAME = "waiting_key_frame"  # video has come, but no key frame
    FLOWING = "flowing"
    SILENT = "silent"  # no video for some seconds; then flowing again, or failed
    FAILED = "failed"  # over; `problem` says why


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """The tracks of a source. Width and height come from the parameter sets, not from ONVIF.

    `audio` is None if there is none that we can carry.
    """

    video: VideoFormat | None
    audio: AudioFormat | None


@dataclass(frozen=True, slots=True)
class HeldKeyFrame:
    """The last key frame of a running source: its codec (as in FFmpeg), width divided by height if that is known, and
    its NAL units without start codes."""

    codec: str
    shape: float | None
    parameter_sets: tuple[bytes, ...]
    parts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """The status of a feed at one moment. Rates are averages over the last seconds, as received.

    `last_packet_age_s` is None before the first video packet. `lost` counts the RTP packets that are missing by their
    sequence numbers, of video and audio together; always 0 over TCP. `frames_dropped` counts the frames that came
    incomplete and were discarded, since the feed was opened. `codec_string` is the video's as in RFC 6381, empty if it
    is not known. `damage` says what the last of them lacked; empty if
    none was dropped in the last ten seconds. `audio_left_out` says why there is no audio although the device offers
    some; otherwise it is empty.
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
    damage: str = ""
    audio_left_out: str = ""
    codec_string: str = ""


class Feed(Protocol):
    """One reader of one source. All methods may be called from any thread."""

    @property
    def url(self) -> str:
        """`rtsp://127.0.0.1:port/<random>`: without a password, for one ffmpeg at a time.

        A second reader takes the place of the first. Valid until close().
        """
        ...

    def wait_described(self, timeout_s: float) -> MediaDescription:
        """Wait for the description of the tracks, which often comes before the first key frame.

        Also wait until the first packets have confirmed or corrected the description of the audio, at most 2 s after
        the first video. Raises the DeviceError that the source failed with; after `timeout_s` CameraUnreachable if the
        device does not play yet, CameraNoSignal if it plays and sends no video, CameraBadAnswer if it sends video
        without parameter sets.
        """
        ...

    def wait_playing(self, timeout_s: float) -> None:
        """Wait until the device has agreed to play, has described its tracks, or has failed; at most `timeout_s`."""
        ...

    def status(self) -> FeedStatus:
        """Return the present status. Never blocks."""
        ...

    def is_failed(self) -> bool:
        """True if the source has failed; then a new feed is needed."""
        ...

    def wall_time_of(self, media_s: float) -> datetime | None:
        """Return the arrival time of the frame `media_s` after the key frame that the present reader began with.

        None before that key frame. It is corrected for the drift between the device's clock and ours and for steps of
        our own wall clock. The result for a given `media_s` does not change once that frame has arrived.
        """
        ...

    def open_fragments(self, sink: FragmentSink, *, origin_s: float | None = None) -> None:
        """Make fragments of the source's frames for `sink` (fmp4/live.py), from the last key frame until close().

        Only the first call has an effect. `origin_s`: the source's time that is 0 on the timeline of the fragments.
        MJPEG has no fragments: the sink gets no call then.
        """
        ...

    def enable_audio(self) -> None:
        """Put audio into the fragments from now on, if the source has audio that we can carry."""
        ...

    def fragments_origin_s(self) -> float | None:
        """Return the source's time that is 0 on the timeline of the fragments. None before the first fragment."""
        ...

    def open_units(self, sink: UnitSink) -> None:
        """Pass the access units of the source on to `sink` (media/units.py), from the next key frame until close().

        Only the first call has an effect. All calls of the sink come from the gateway's thread; the last one is
        on_end(), with SWITCHED_OFF after close(), UNSUPPORTED for MJPEG, otherwise the reason of the failure.
        """
        ...

    def close(self) -> None:
        """Stop reading the source. Returns immediately and may be called twice; a waiting wait_described() ends.

        The device session ends some seconds after its last feed has closed.
        """
        ...
