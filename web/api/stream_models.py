"""Requests and answers about live streams."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from core import records
from core.recordings import ReplayQuality
from sessions.view import SegmentWait
from web.api.models import (
    AnswerModel,
    Audio,
    Codec,
    Hundredths,
    Problem,
    SilentNodes,
    Tenths,
    Time,
    rounded,
)
from web.fields import BodyId, ProfileToken, RequestModel, StreamId


class StreamStart(RequestModel):
    """The media profile to watch, and the codecs that the player decodes."""

    camera_id: BodyId
    profile_token: ProfileToken
    accept: Annotated[list[Codec], Field(min_length=1, max_length=8, default_factory=lambda: list[Codec](("h264",)))]


class StreamStop(RequestModel):
    """The session to stop. With `viewer_id`, it stops only if that was the last viewer."""

    stream_id: StreamId
    viewer_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] | None = None


class StreamVideo(AnswerModel):
    codec: str
    width: int | None
    height: int | None
    fps: Hundredths


class StreamStatus(AnswerModel):
    stream_id: str
    camera_id: int
    profile_token: str
    kind: records.StreamKind
    status: records.StreamState
    error: Problem | None
    started_at: Time
    uptime_s: Annotated[float, rounded(1)]
    viewers: int
    restarts: int
    video: StreamVideo | None
    audio: Audio | None
    audio_left_out: str | None = Field(
        description="why there is no audio although the device offers some: `the device refuses its track`"
    )
    transcoding: bool
    bitrate_kbps: Tenths
    last_segment_age_s: Tenths = Field(
        description="seconds since the last segment; for viewers of live video on sockets, since the last fragment"
    )
    frames_dropped: int = Field(
        description="frames that came from the device incomplete and were discarded, since the session's start. "
        "Frames that a slow viewer skips do not count"
    )
    damage: str | None = Field(
        description="the fault of the last discarded frame; null if none was discarded in the last ten seconds"
    )
    playlist_url: str
    waiting_for: SegmentWait | None = Field(
        description="why there is no video yet; `video`: the device has agreed to play and sends none; `key_frame`: it "
        "sends video, but no key frame has come; `hls`: this codec goes over HLS only, encoded; `recording`: a replay "
        "has sent everything that is recorded so far",
    )
    source_codec: str | None
    recording_token: str | None = Field(
        description="kind replay: the recording that plays now; `profile_token` is empty"
    )
    start_time: Time | None = Field(description="kind replay: the true time of the first frame that plays now")
    time_confirmed: bool | None = Field(
        description="kind replay; false: the recorder sends no times, or times that fit neither the request nor its "
        "answer, so frames are counted from the requested time, or it writes local times and its time zone of then is "
        "not known; null before the first frame"
    )

    beats_real_time: bool | None = Field(
        description="kind replay: true if the recorder sends faster than it recorded; null: not known (yet)"
    )
    replay_quality: ReplayQuality | None = Field(
        description="kind replay: the quality that plays; null until the recording was chosen"
    )
    has_sub_recording: bool | None = Field(
        description="kind replay: true if the channel also has a recording of the sub stream at the time that plays; "
        "null until that is known"
    )


class StartedStream(StreamStatus):
    viewer_id: str


class StoppedStream(BaseModel):
    stream_id: str
    status: Literal["running", "stopped"]


class ListedStream(StreamStatus):
    node: str = Field(description="the server (node) that runs it; empty for a single server")


class StreamList(BaseModel):
    streams: list[ListedStream]
    silent_nodes: SilentNodes


class NodeStream(BaseModel):
    """A stream for another node. `channel`: null if it is not known for sure."""

    stream: StreamStatus
    channel: int | None


class NodeStreams(BaseModel):
    """The answer to another node: all streams of this one."""

    streams: list[NodeStream]


class PlayerLink(AnswerModel):
    """An address for a player. `expires_at` null: it has no end, and works on this machine only, without accounts."""

    address: str
    expires_at: Time | None
