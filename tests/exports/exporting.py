"""An ExportManager over a thin recorder, with a real database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cameras.records import CameraView, HealthCard
from core.access import LOCAL, Principal
from core.archive import Origin
from core.clock import Clock, SystemClock
from core.errors import AppError, NotFound
from core.recordings import RecordedPlace, SpanState
from core.records import CameraStatus, Channel, DeviceInfo
from core.settings import Settings
from export_manager import ExportManager
from exports.records import ExportDraft, ExportJob, ExportRange, ExportState
from media.process import Spawner
from media.rtsp.replay.interface import ReplayRank
from recordings.matching import MatchedBy
from recordings.views import ChannelCoverage, ChannelSpan, Coverage, SearchPage
from tests.media.encoded import encoded
from tests.patience import until
from tests.prepared_database import prepared_database
from tests.sessions.replay.thin_recorder import FPS, ThinRecorder
from tests.sessions.stand_ins import NoCameras, ThinRecordings, ThinReplays

START_S = 1_790_000_000.0


class ChannelRecordings(ThinRecordings):
    """One channel, whose first recording is Rec0. `ahead_s`: of the recorder's clock.

    `listed`: the spans of Rec0 in the index, if they are others than those of the recorder; `listed_later`: those after
    the first look at the timeline. `is_list_vague`: the recorder lists no times. `away`: the name of a server that has
    the rest, and does not answer. `problem`: the error that the recorder answers to a search.
    """

    sure = True
    ahead_s = 0.0
    listed: list[tuple[float, float]] | None = None
    listed_later: list[tuple[float, float]] | None = None
    is_list_vague = False
    away: str | None = None
    problem: AppError | None = None

    def channel_places(self, camera_id: int, channel: int, moment: datetime) -> tuple[RecordedPlace, ...]:
        return self.recorded_from(camera_id, "Rec0", moment)

    def recorded_from(
        self,
        camera_id: int,
        recording_token: str,
        moment: datetime,
        *,
        prefers_sub: bool = False,
        only_sure: bool = False,
        avoids_archive: bool = False,
    ) -> tuple[RecordedPlace, ...]:
        assert self.recorder is not None
        ahead = timedelta(seconds=self.ahead_s)
        recorder = self.recorder
        if self.listed is not None:
            recorder = replace(recorder, spans=_absolute(self.listed))
        found = recorder.recorded(camera_id, recording_token, moment + ahead)
        return tuple(replace(one, start=one.start - ahead, end=one.end - ahead) for one in found)

    def search(self, camera_id: int, start: datetime, end: datetime, **_: object) -> SearchPage:
        return SearchPage((), complete=self.problem is None, next_cursor=None, problem=self.problem)

    def coverage(
        self,
        camera_id: int,
        start: datetime,
        end: datetime,
        *,
        channel: int | None = None,
        with_events: bool = True,
        prefers_sub: bool = False,
        only_sure: bool = False,
        source: Origin | None = None,
    ) -> Coverage:
        spans: list[ChannelSpan] = []
        reached = start
        if self.listed_later is not None:
            self.listed = self.listed_later
        for place in self.channel_places(camera_id, 1, start):
            begins, ends = min(place.start, end), min(place.end, end)
            spans.append(ChannelSpan(reached, begins, SpanState.NOT_RECORDED))
            state = SpanState.UNKNOWN if self.is_list_vague else SpanState.RECORDED
            spans.append(ChannelSpan(begins, ends, state, place.recording_token))
            reached = ends
        rest = SpanState.AWAY if self.away else SpanState.NOT_RECORDED
        spans.append(ChannelSpan(reached, end, rest, server=self.away))
        kept = tuple(span for span in spans if span.start < span.end)
        row = ChannelCoverage(1, "", next(iter(MatchedBy)), "Rec0", kept, (), events_truncated=False)
        return Coverage((row,), None, is_stopped=False, event_search=True, clock_offset_s=None, problem=None)

    def has_sure_recordings(self, camera_id: int, channel: int) -> bool:
        return self.sure


class NamedCameras(NoCameras):
    """Any camera, unless it was deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts: dict[int, str] = {}
        self.info = DeviceInfo("Maker", "Model 5", "1.2.3", "SN-77")
        self.deleted: set[int] = set()

    def channels(self, camera_id: int) -> list[Channel]:
        return [Channel(1, "Hof & Tür", "source1")]

    def get_camera(self, camera_id: int) -> CameraView:
        if camera_id in self.deleted:
            raise NotFound(f"There is no camera {camera_id}.")
        host = self.hosts.get(camera_id, "10.0.0.1")
        return CameraView(
            camera_id, "Gate", host, 80, "admin", CameraStatus.ONLINE, info=self.info, clock_offset_s=2.25
        )

    def health(self, camera_id: int) -> HealthCard:
        return HealthCard(self.get_camera(camera_id), moment(0), clock_measured_at=moment(-60))


def moment(second: float) -> datetime:
    return datetime.fromtimestamp(START_S + second, UTC)


def draft(start: float, end: float, **fields: Any) -> ExportDraft:
    """`fields`: of the draft, and `camera_id`, 1 unless given."""
    camera_id = fields.pop("camera_id", 1)
    return ExportDraft((ExportRange(camera_id, 1, moment(start), moment(end)),), **fields)


def decodable_recorder(spans: list[tuple[float, float]]) -> ThinRecorder:
    """A recorder whose frames ffmpeg decodes: the first five frames of each second of a film."""
    film = encoded("h264")
    return ThinRecorder(_absolute(spans), pictures=film.pictures[:FPS], parameter_sets=film.sets)


class HeldRecorder(ThinRecorder):
    """Falls silent after `holds_at` frames, so that a test can act in the middle of an export."""

    holds_at = 10**9

    @property
    def silent(self) -> bool:
        return sum(line.sent for line in self.lines) >= self.holds_at

    @silent.setter
    def silent(self, value: bool) -> None:
        """Ignore the field's default."""


def recorder_of(spans: list[tuple[float, float]], *, holds_at: int = 10**9) -> HeldRecorder:
    recorder = HeldRecorder(_absolute(spans))
    recorder.holds_at = holds_at
    return recorder


def _absolute(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(START_S + start_s, START_S + end_s) for start_s, end_s in spans]


class RankedReplays(ThinReplays):
    """`cameras`: those of the opened connections, in order."""

    def __init__(self, recorder: ThinRecorder) -> None:
        super().__init__(recorder)
        self.ranks: list[ReplayRank] = []
        self.cameras: list[int] = []

    def open_replay(self, source, rank=ReplayRank.WATCHED):  # type: ignore[no-untyped-def]
        self.ranks.append(rank)
        self.cameras.append(source.camera_id)
        return super().open_replay(source, rank)


Make = Callable[..., "Exporting"]
"""The fixture `make`: takes a recorder and the fields of an Exporting."""


@dataclass
class Exporting:
    """Call close() at the end."""

    folder: Path
    recorder: ThinRecorder
    clock: Clock = field(default_factory=SystemClock)
    who: Principal = LOCAL
    settings: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = {"export_min_free_bytes": 0} | self.settings
        settings = Settings(data_dir=self.folder, **values)  # type: ignore[arg-type]
        self.spawner = Spawner()
        self.spawner.start()
        self.database = prepared_database(settings.database_file)
        self.database.open()
        self.recordings = ChannelRecordings(self.recorder)
        self.gateway = RankedReplays(self.recorder)
        self.cameras = NamedCameras()
        self.manager = ExportManager(
            self.database, settings, self.clock, self.spawner, self.gateway, self.cameras, self.recordings
        )
        self.manager.start()

    def close(self) -> None:
        self.manager.stop()
        self.database.close()
        self.spawner.stop()

    def add(self, start: float, end: float, *, who: Principal | None = None, **fields: Any) -> int:
        return self.manager.add(who or self.who, draft(start, end, **fields)).id

    def job(self, export_id: int) -> ExportJob:
        return self.manager.get(self.who, export_id)

    def ended(self, export_id: int) -> ExportJob:
        """Wait for the end of a job."""
        until(lambda: not self.job(export_id).state.is_unfinished, what="the end of the export")
        return self.job(export_id)

    def done(self, export_id: int) -> ExportJob:
        job = self.ended(export_id)
        assert job.state is ExportState.DONE, job.problem
        return job

    def path(self, export_id: int, number: int = 0) -> Path:
        return self.manager.file(self.who, export_id, self.job(export_id).files[number].name)[0]

    def until_held(self) -> None:
        """Wait until a recorder of recorder_of() has fallen silent."""
        until(lambda: self.recorder.silent, what="all frames before the recorder's silence")
