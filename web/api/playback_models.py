"""Requests and answers of the API for playback."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from core.recordings import ReplayQuality
from web.api.models import AnswerModel, Codec, Time
from web.api.stream_models import StartedStream
from web.fields import BodyId, Moment, RequestModel, StreamId, printable

KeyFramesOnly = Annotated[bool, Field(description="leave the other frames and the audio out, for a thin link")]
Quality = Annotated[
    Literal["full", "sub", "small"],
    Field(
        description="for a thin link: `sub` is the channel's recording of the sub stream; where there is none, the "
        "full recording plays; `small` is small video without audio that the app makes of either. `replay_quality` of "
        "the status tells the quality that plays"
    ),
]
RecordingToken = Annotated[
    str, Field(min_length=1, max_length=256, description="ONVIF recording token"), AfterValidator(printable)
]


class PlaybackStart(RequestModel):
    """A recording of the channel, the start time, optionally the end time, and the codecs that the player decodes.

    The recording of that channel that covers `start_time` plays; the status names it.
    """

    camera_id: BodyId
    recording_token: RecordingToken
    start_time: Moment
    end_time: Moment | None = None
    accept: Annotated[list[Codec], Field(min_length=1, max_length=8, default_factory=lambda: list[Codec](("h264",)))]
    key_frames_only: KeyFramesOnly = False
    quality: Quality = "full"


class PlaybackSeek(RequestModel):
    """The new time for a session of `/api/playback/start`."""

    stream_id: StreamId
    time: Moment
    key_frames_only: KeyFramesOnly = False
    quality: Quality = "full"


class StartedPlayback(StartedStream):
    """A stream of kind `replay`. `start_time` is the requested time until the first frame has come."""


class SoughtPlayback(AnswerModel):
    stream_id: str
    playlist_url: str = Field(description="of the new run; the previous playlist does not grow any more")
    start_time: Time = Field(description="time of the first frame: at or before the requested time")
    time_confirmed: bool | None = Field(
        description="false: the recorder confirms no times, so the true time may differ"
    )
    replay_quality: ReplayQuality | None = Field(description="the quality that plays")
    has_sub_recording: bool | None = Field(description="true if the channel has a recording of the sub stream there")
