"""One moment of a session, as the rest of the app sees it: no handles, only ids, states and addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.recordings import ReplayQuality
from core.records import AudioFormat, Problem, StreamKind, StreamState, VideoFormat

SegmentWait = Literal["connecting", "video", "key_frame", "buffering", "hls", "recording"]
"""Why a session has nothing to show yet.

"video": the device has agreed to play, and sends no video yet, or none any more. "key_frame": video comes, but no key
frame, so that no picture can begin.
"hls": no viewer of HLS has come, and this codec goes over HLS only. "recording": a replay has sent everything that is
recorded so far.
"""


@dataclass(frozen=True, slots=True)
class StreamView:
    """A session at one moment.

    `video` and `audio` describe what players get, `source_codec` what the device sends.
    `audio_left_out`: why players get no audio although the device offers some, as the end of a sentence.
    `source_codec_string` is the latter in full (RFC 6381). `peak_kbps`: of the fattest segment of HLS so far.
    `transcoding`: video is being encoded here, which costs a large part of a core.
    `frames_dropped`: frames that came from the device incomplete and were discarded, since the session's start.
    Frames that a slow viewer skips do not count. `damage`: the fault of the last of them, for ten seconds.
    `error`: the present problem; always set if the state is failed, and while reconnecting.
    A replay has a `recording_token` instead of a media profile. Its `start_time` is the true UTC time of the first
    frame that plays now, or the requested time until that frame has come; `time_confirmed` is False if the recorder
    gave no times, so that frames are labelled with the requested time; `beats_real_time` is True if the recorder sends
    faster than it recorded, None if that is not known yet; `replay_quality` is the present quality, which may be better
    than the requested one; `has_sub_recording` is True if the channel has a recording of the sub stream, too, at the
    time that plays.
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
    audio_left_out: str | None
    transcoding: bool
    bitrate_kbps: int | None
    last_segment_age_s: float | None
    frames_dropped: int
    playlist_url: str
    waiting_for: SegmentWait | None = None
    source_codec: str | None = None
    recording_token: str | None = None
    damage: str | None = None
    source_codec_string: str | None = None
    peak_kbps: int | None = None
    start_time: datetime | None = None
    time_confirmed: bool | None = None
    beats_real_time: bool | None = None
    replay_quality: ReplayQuality | None = None
    has_sub_recording: bool | None = None


def playlist_url(stream_id: str, playlist_name: str) -> str:
    """Return the address under which players fetch a playlist."""
    return f"/static/streams/{stream_id}/{playlist_name}"
