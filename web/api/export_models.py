"""Requests and answers of the API for exports."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from exports.records import ExportState
from web.api.models import AnswerModel, Problem, Tenths, Time
from web.fields import BodyId, Moment, Name, PathId, RequestModel, printable

Format = Annotated[Literal["mp4"], Field(description="mp4: plays everywhere; video copied bit by bit, audio as AAC")]


def _of_lines(value: str) -> str:
    for line in value.split("\n"):
        printable(line)
    return value


Notes = Annotated[str, Field(max_length=2000, description="Several lines are allowed"), AfterValidator(_of_lines)]


class ExportPath(BaseModel):
    export_id: PathId


class ExportFilePath(ExportPath):
    file: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(printable)]


class ExportRange(RequestModel):
    """A range of one channel, at most 24 hours long and not in the future."""

    camera_id: BodyId
    channel: Annotated[int, Field(ge=1, le=9999)]
    start_time: Moment
    end_time: Moment


class ExportRequest(RequestModel):
    """Ranges to take away. Each stretch without a gap becomes a file."""

    ranges: Annotated[list[ExportRange], Field(min_length=1, max_length=16)]
    format: Format = "mp4"
    name: Name | None = None
    notes: Notes = ""
    subtitles: Annotated[bool, Field(description="a .srt file for each video: names and time of day as text")] = False


class ExportEdit(RequestModel):
    """New values; absent fields and null keep the old ones. A kept export does not expire."""

    name: Name | None = None
    notes: Notes | None = None
    kept: bool | None = None


# --- answers


class RangeOfExport(AnswerModel):
    camera_id: int
    channel: int
    start_time: Time = Field(validation_alias="start")
    end_time: Time = Field(validation_alias="end")


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
    codec: str
    frames_lost: int = Field(description="frames that came incomplete from the recorder and are missing")
    time_confirmed: bool


class Progress(AnswerModel):
    """`done_s` and `total_s`: recorded seconds."""

    done_s: Tenths
    total_s: Tenths
    bytes: int = Field(validation_alias="size_bytes")


class Export(BaseModel):
    """A job. `error`: why it waits (`queued`) or failed, or that a `done` one lacks something (`incomplete`).

    `expires_at`: its files are deleted then; null: never.
    """

    id: int
    owner: str
    name: str
    notes: str
    format: Format
    subtitles: bool
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
    link: str = Field(description="page with this export, to share; it asks for a login (see PUBLIC_URL)")


class ExportList(BaseModel):
    exports: list[Export]


class Estimate(AnswerModel):
    """`about`: the size follows from a typical bit rate. `free_bytes`: disk space for exports."""

    seconds: Tenths
    bytes: int = Field(validation_alias="size_bytes")
    about: bool = Field(validation_alias="is_about")
    free_bytes: int
