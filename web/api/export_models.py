"""Requests and answers of the API for exports."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from exports.records import ExportState, FileKind
from web.api.models import AnswerModel, Problem, Tenths, Time
from web.fields import BodyId, Moment, Name, PathId, RequestModel, printable

Format = Annotated[
    Literal["mp4", "original", "h264"],
    Field(
        description="mp4: video copied bit by bit, audio as AAC; H.265 needs a newer player. original: an MKV with the "
        "audio as it was recorded, too. h264: as mp4, and beside each H.265 video a copy that is encoded as H.264, "
        "which every player plays"
    ),
]
EVIDENCE = "evidence"


def _no_package(value: object) -> object:
    if value == EVIDENCE:
        raise ValueError(
            "must be mp4, original or h264: an evidence package is made of a case with finished exports, see /api/cases"
        )
    return value


Part = Annotated[float, Field(ge=0, le=1, description="0 to 1")]


def format_names() -> tuple[str, ...]:
    """Return the formats of an export, the usual one first."""
    literal, *_ = get_args(Format)
    return get_args(literal)


def _of_lines(value: str) -> str:
    for line in value.split("\n"):
        printable(line)
    return value


Notes = Annotated[str, Field(max_length=2000, description="Several lines are allowed"), AfterValidator(_of_lines)]


class ExportPath(BaseModel):
    export_id: PathId


class PosterPath(ExportPath):
    number: PathId


class ExportFilePath(ExportPath):
    file: Annotated[str, Field(min_length=1, max_length=160), AfterValidator(printable)]


class ExportRange(RequestModel):
    """A range of one channel, at most 24 hours long and not in the future."""

    camera_id: BodyId
    channel: Annotated[int, Field(ge=1, le=9999)]
    start_time: Moment
    end_time: Moment


class Rectangle(RequestModel):
    """A part of the picture, from its top left corner; it must not reach beyond the picture."""

    x: Part
    y: Part
    width: Annotated[Part, Field(ge=0.005)]
    height: Annotated[Part, Field(ge=0.005)]

    @model_validator(mode="after")
    def _inside(self) -> Rectangle:
        if max(self.x + self.width, self.y + self.height) > 1.000001:
            raise ValueError("must not reach beyond the picture")
        return self


class WorkingCopy(RequestModel):
    """A copy that is encoded again as H.264, besides the video itself. At least one field must be set."""

    burn_time: Annotated[bool, Field(description="camera and time of day in the picture")] = False
    blur: list[Rectangle] = Field(default_factory=list, max_length=16, description="parts that nobody can recognize")
    height: Annotated[Literal[720] | None, Field(description="most pixels; smaller video keeps its size")] = None

    @model_validator(mode="after")
    def _changed(self) -> WorkingCopy:
        if not self.burn_time and not self.blur and self.height is None:
            raise ValueError("burn_time, blur or height must be set")
        return self


class ExportRequest(RequestModel):
    """Ranges to take away. Each stretch without a gap becomes a file, and each of `copies` one more."""

    ranges: Annotated[list[ExportRange], Field(min_length=1, max_length=16)]
    format: Annotated[Format, BeforeValidator(_no_package)] = "mp4"
    name: Name | None = None
    notes: Notes = ""
    subtitles: Annotated[
        bool, Field(description="names and time of day as text: a track of each MP4, and a .srt file for each video")
    ] = False
    copies: list[WorkingCopy] = Field(default_factory=list, max_length=4)


class ExportEdit(RequestModel):
    """New values; absent fields and null keep the old ones. A kept export does not expire."""

    name: Name | None = None
    notes: Notes | None = None
    kept: bool | None = None


# --- answers


class GapOfExport(AnswerModel):
    """A part of a range that no file shows. `server`: the name of the server that has it, for the reason away."""

    start_time: Time = Field(validation_alias="start")
    end_time: Time = Field(validation_alias="end")
    reason: str = Field(
        description="not_recorded; not_sent: the list of recordings has one; away: only another server has it, which "
        "does not answer; unknown; or why the server has not recorded it, as in coverage"
    )
    server: str | None


class RangeOfExport(BaseModel):
    """`poster`: address of a small JPEG, the first frame; null until there is one. `gaps`: once the export is done."""

    camera_id: int
    channel: int
    start_time: Time
    end_time: Time
    poster: str | None
    gaps: list[GapOfExport]


class RectangleOfCopy(AnswerModel):
    """A part of the picture, from its top left corner, 0 to 1."""

    x: float
    y: float
    width: float
    height: float


class CopyOfExport(AnswerModel):
    """The changes of a working copy."""

    burn_time: bool = Field(validation_alias="has_burnt_time")
    blur: list[RectangleOfCopy] = Field(validation_alias="blurred")
    height: int | None


class FileOfExport(BaseModel):
    """A finished file. A player shows `start_time` to `end_time`, which are times of the recorder's frames."""

    name: str
    bytes: int
    sha256: str
    url: str = Field(description="with Range and ETag")
    camera_id: int
    channel: int
    start_time: Time
    end_time: Time
    kind: FileKind
    derived: bool = Field(description="the video is encoded again, so it is not the recorder's")
    codec: str
    width: int | None = Field(description="pixels; null for subtitles, and if it is not known")
    height: int | None
    audio_codec: str | None = Field(description="null: no audio, or not known")
    recorded_audio_codec: str | None = Field(description="of the recorder; audio_codec differs if it was converted")
    audio_left_out: str | None = Field(
        description="why the file lacks the audio of the recorder: `the app does not play G.726 in recordings`"
    )
    lead_in_s: float = Field(
        description="a player shows this much before start_time: an MKV begins with a key frame, without an edit list"
    )
    lead_out_s: float = Field(description="a player shows this much after end_time")
    frames_lost: int = Field(description="frames that came incomplete from the recorder and are missing")
    time_confirmed: bool


class Progress(BaseModel):
    """`done_s` and `total_s`: seconds of video. Those that are recorded count, and those of copies to be encoded."""

    done_s: Tenths
    total_s: Tenths
    bytes: int


class Export(BaseModel):
    """A job. `error`: why it waits (`queued`) or failed, or that a `done` one lacks something: recorded time
    (`incomplete`), or working copies (`copy_failed`).

    `expires_at`: its files are deleted then; null: never.
    """

    id: int
    owner: str
    name: str
    notes: str
    format: Format
    subtitles: bool
    copies: list[CopyOfExport]
    state: ExportState
    ranges: list[RangeOfExport]
    files: list[FileOfExport]
    progress: Progress
    eta_s: Tenths = Field(description="null while it is not known")
    speed: Tenths = Field(description="recorded seconds per second; null while it is not known")
    error: Problem | None
    created_at: Time
    ended_at: Time | None
    expires_at: Time | None
    kept: bool
    link: str = Field(description="page with this export, for its owner and admins, after a login (see PUBLIC_URL)")


class ExportList(BaseModel):
    """`used_bytes`: disk space of the files of all users' exports; `limit_bytes`: most that they may use together."""

    exports: list[Export]
    used_bytes: int
    limit_bytes: int


class Estimate(AnswerModel):
    """`about`: the size follows from a bit rate, not from files of the app. `free_bytes`: for exports."""

    seconds: Tenths
    bytes: int = Field(validation_alias="size_bytes")
    about: bool = Field(validation_alias="is_about")
    free_bytes: int
