"""The state of a feed, and what it knows of the media of its source."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.records import AudioFormat, Problem, VideoFormat


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
