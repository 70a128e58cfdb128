"""An ExportManager over a thin recorder, with a real database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cameras.records import CameraView, HealthCard
from core.access import LOCAL, Principal
from core.clock import Clock, SystemClock
from core.recordings import RecordedPlace
from core.records import CameraStatus, Channel, DeviceInfo
from core.settings import Settings
from database import Database
from export_manager import ExportManager
from exports.records import ExportDraft, ExportJob, ExportRange, ExportState
from media.process import Spawner
from media.rtsp.replay.interface import ReplayRank
from tests.media.encoded import encoded
from tests.patience import until
from tests.prepared_database import prepared
from tests.sessions.replay.thin_recorder import FPS, ThinRecorder
from tests.sessions.stand_ins import NoCameras, ThinRecordings, ThinReplays

START_S = 1_790_000_000.0


class ChannelRecordings(ThinRecordings):
    """One channel, whose first recording is Rec0. `ahead_s`: of the recorder's clock."""

    sure = True
    ahead_s = 0.0

    def channel_places(self, camera_id: int, channel: int, moment: datetime) -> tuple[RecordedPlace, ...]:
        return self.recorded_from(camera_id, "Rec0", moment)

    def recorded_from(
        self, camera_id: int, recording_token: str, moment: datetime, *, prefers_sub: bool = False
    ) -> tuple[RecordedPlace, ...]:
        assert self.recorder is not None
        ahead = timedelta(seconds=self.ahead_s)
        found = self.recorder.recorded(camera_id, recording_token, moment + ahead)
        return tuple(RecordedPlace(one.recording_token, one.start - ahead, one.end - ahead) for one in found)

    def has_sure_recordings(self, camera_id: int, channel: int) -> bool:
        return self.sure


class NamedCameras(NoCameras):
    def channels(self, camera_id: int) -> list[Channel]:
        return [Channel(1, "Hof & Tür", "source1")]

    def get_camera(self, camera_id: int) -> CameraView:
        return CameraView(
            camera_id,
            "Gate",
            "10.0.0.1",
            80,
            "admin",
            CameraStatus.ONLINE,
            info=DeviceInfo("Maker", "Model 5", "1.2.3", "SN-77"),
            clock_offset_s=2.25,
        )

    def health(self, camera_id: int) -> HealthCard:
        return HealthCard(self.get_camera(camera_id), moment(0), clock_measured_at=moment(-60))


def moment(second: float) -> datetime:
    return datetime.fromtimestamp(START_S + second, UTC)


def draft(start: float, end: float, **fields: Any) -> ExportDraft:
    return ExportDraft((ExportRange(1, 1, moment(start), moment(end)),), **fields)


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
    def __init__(self, recorder: ThinRecorder) -> None:
        super().__init__(recorder)
        self.ranks: list[ReplayRank] = []

    def open_replay(self, source, rank=ReplayRank.WATCHED):  # type: ignore[no-untyped-def]
        self.ranks.append(rank)
        return super().open_replay(source, rank)


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
        self.database = Database(prepared(settings.database_file))
        self.database.open()
        self.recordings = ChannelRecordings(self.recorder)
        self.gateway = RankedReplays(self.recorder)
        self.manager = ExportManager(
            self.database, settings, self.clock, self.spawner, self.gateway, NamedCameras(), self.recordings
        )
        self.manager.start()

    def close(self) -> None:
        self.manager.stop()
        self.database.close()
        self.spawner.stop()

    def add(self, start: float, end: float, **fields: str) -> int:
        return self.manager.add(self.who, draft(start, end, **fields)).id

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
