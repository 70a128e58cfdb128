"""What the outside sees of a session: ids, states and addresses, no handles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.records import AudioFormat, Problem, StreamKind, StreamState, VideoFormat

SegmentWait = Literal["connecting", "key_frame", "buffering", "recording"]
"""What a session that shows no picture yet is waiting for.

"recording": a replay has sent all that is recorded so far, whatever it shows."""


@dataclass(frozen=True, slots=True)
class StreamView:
    """A session at one moment.

    `video` and `audio` are what the player gets; `source_codec` is what the device sends.
    `transcoding` says that video is being encoded here, which costs a large part of a core.
    `error` says what is wrong now: always when the state is failed, and while reconnecting.
    A replay has a `recording_token` in the place of a media profile, and the true UTC time of the
    first picture of what it plays now, or the time asked for until that is there (`start_time`).
    `time_confirmed` False: the recorder gave its pictures no time, and they are labelled with the one asked for.
    `beats_real_time`: whether its recorder sends faster than it recorded, None where that is not known.
    """

    stream_id: str
    camera_id: int
    profile_token: str
    kind: StreamKind
    status: StreamState
    error: Problem | None
    started_at: datetime
    uptime_s: float
    viewers: int
    restarts: int
    video: VideoFormat | None
    audio: AudioFormat | None
    transcoding: bool
    bitrate_kbps: int | None
    last_segment_age_s: float | None
    playlist_url: str
    segment_wait: SegmentWait | None = None
    source_codec: str | None = None
    recording_token: str | None = None
    start_time: datetime | None = None
    time_confirmed: bool | None = None
    beats_real_time: bool | None = None
