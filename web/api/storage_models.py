"""Requests and answers of the API for the storage of recordings, and for kept ranges."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from archive.records import VolumeState
from object_storage.problems import StorageState
from web.api.models import AnswerModel, Hundredths, SilentNodes, Tenths, Time
from web.fields import BodyId, Moment, PathId, QueryModel, RequestModel, printable


class KeptPath(BaseModel):
    kept_id: PathId


class KeptQuery(QueryModel):
    camera_id: Annotated[PathId | None, Field(description="only the ranges of this camera")] = None


Reason = Annotated[str, Field(max_length=200, description="shown to all users who see the range")]


class KeptRequest(RequestModel):
    """A range to keep. It may end up to a day from now, so that an incident that goes on can be kept."""

    camera_id: BodyId
    channel: BodyId
    start_time: Moment
    end_time: Moment
    reason: Annotated[Reason, AfterValidator(printable)] = ""
    until: Annotated[Moment | None, Field(description="keep it until then; null: until a user releases it")] = None


# --- answers


class NextToGo(AnswerModel):
    """The recording that the app deletes first if the volume needs space."""

    camera_id: int
    channel: int
    start_time: Time = Field(validation_alias="start")
    end_time: Time = Field(validation_alias="end")


class Volume(AnswerModel):
    """A folder of ARCHIVE_DIRS. `slow` is still written to."""

    node: str = Field(description="the server (node) with the disk; empty for a single server")
    id: str
    name: str = Field(description="the folder")
    state: VolumeState
    detail: str = Field(description="the reason of the state, for people; empty if it is `ok`")
    size_bytes: int | None = Field(description="null while the volume does not answer")
    free_bytes: int | None
    used_bytes: int = Field(description="by recordings")
    kept_bytes: int = Field(description="of `used_bytes`: in kept ranges")
    floor_bytes: int = Field(description="with less free space the oldest recordings are deleted")
    inflow_bytes_per_day: int = Field(
        description="measured over the last week or day; in the first day at least by the bit rates of the cameras"
    )
    full_at: Time | None = Field(
        description="from then on the oldest recordings go; null if the limits of all channels fit"
    )
    next_to_go: NextToGo | None
    damaged_files: int = Field(description="files that nothing can be read from; they are deleted like recordings")
    damaged_bytes: int = Field(description="of `used_bytes`: in damaged files")


class StoredChannel(AnswerModel):
    """A channel with recordings or a rule. Names are null if the camera or channel is not known any more.

    With several servers, a channel is listed once for each that has recordings of it or records it.
    """

    node: str = Field(description="the server (node) with the recordings; empty for a single server")
    camera_id: int
    camera_name: str | None
    channel: int
    channel_name: str | None
    bytes: int = Field(validation_alias="size_bytes")
    kept_bytes: int = Field(description="of `bytes`: in kept ranges")
    oldest: Time | None = Field(description="begin of its oldest recording that is not kept")
    newest: Time | None
    inflow_bytes_per_day: int
    wished_days: Hundredths = Field(description="as its rule says, by days, bytes and limit; null without a limit")
    expected_days: Hundredths = Field(description="how far back its recordings will reach; null if unknown")
    limit_days: Hundredths = Field(description="recordings beyond it are always deleted, kept ones too")


class NodeStorage(AnswerModel):
    """The volumes and channels of one server."""

    volumes: list[Volume]
    channels: list[StoredChannel]


class WaitingFiles(AnswerModel):
    """The finished files of a server that have no copy in the object storage yet."""

    node: str = Field(description="the server (node) with the files; empty for a single server")
    files: int
    bytes: int = Field(validation_alias="size_bytes")
    oldest: Time = Field(description="begin of the oldest one")


class ObjectStorageError(AnswerModel):
    """The last failure since the start of the server that answers."""

    state: StorageState
    detail: str = Field(description="for people")
    at: Time


class ObjectStorage(AnswerModel):
    """The bucket with copies of the recordings (OBJECT_STORAGE_URL), as the server that answers sees it."""

    url: str
    state: StorageState = Field(description="of the last request to it")
    detail: str = Field(description="the reason of the state, for people; empty if it is `ok`")
    waiting: list[WaitingFiles] = Field(description="of all servers")
    copies: int = Field(description="files in the bucket")
    copies_bytes: int
    only_copies: int = Field(description="of `copies`: those whose file is on no disk any more")
    only_copies_bytes: int
    days: Hundredths = Field(description="as OBJECT_STORAGE_DAYS; 0: a copy has the days of its channel's rule")
    last_copy_at: Time | None = Field(description="the last upload of the server that answers, since its start")
    last_error: ObjectStorageError | None


class Storage(NodeStorage):
    silent_nodes: SilentNodes
    object_storage: ObjectStorage | None = Field(None, description="null without OBJECT_STORAGE_URL")


class KeptRange(BaseModel):
    """A range that the app does not delete by itself."""

    id: int
    camera_id: int
    channel: int
    start_time: Time
    end_time: Time
    reason: str
    until: Time | None
    by: str
    created_at: Time
    limited_until: Time | None = Field(
        description="the channel has a limit by law, which wins: its beginning is deleted at this time. null: no limit"
    )
    may_delete: bool = Field(description="you may release it: it is yours, or you are an admin")


class NewKeptRange(KeptRange):
    """A range that was just kept, with the parts of it that the server has and lacks. The last two minutes may still
    come."""

    on_server_s: Tenths
    missing_s: Tenths = Field(description="the recorder may have it")
    backfill_id: int | None = Field(
        description="fetches the missing part, because the rule of the channel fills gaps. null: you can ask for it"
    )


class KeptList(BaseModel):
    kept: list[KeptRange]
