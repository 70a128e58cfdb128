"""A channel that the server and a recorder have recorded, and exports of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from archive.gaps import GapStore
from core.access import LOCAL
from core.archive import GapReason, Origin
from export_manager import ExportManager
from exports.records import ExportJob, ExportState
from media.ffmpeg import find_ffmpeg
from media.process import Spawner
from tests.archive.recorded import FPS, Footage
from tests.exports.exporting import NamedCameras, RankedReplays, draft, moment
from tests.media.encoded import encoded
from tests.patience import until
from tests.recordings.recorder import Archive, asked
from tests.sessions.replay.thin_recorder import ThinRecorder

START_S = moment(0).timestamp()
FILM = encoded("h264")
GOP = FILM.pictures[:FPS]


class ServerExporting:
    """Exports of a channel that a thin recorder (Rec1) and the archive have recorded. Seconds count from START_S."""

    def __init__(self, folder: Path, spawner: Spawner) -> None:
        self.spawner = spawner
        self.archive = Archive(folder, export_min_free_bytes=0)
        self.archive.clock.now = moment(7200)
        self.recorder = ThinRecorder([], pictures=GOP, parameter_sets=FILM.sets)
        self.footage = Footage(self.archive.server.index, folder / "volume", FILM.sets, gop=GOP)
        self.gateway = RankedReplays(self.recorder)
        self.manager = ExportManager(
            self.archive.database,
            self.archive.settings,
            self.archive.clock,
            spawner,
            self.gateway,
            NamedCameras(),
            self.archive.manager,
        )
        self.manager.start()

    def close(self) -> None:
        self.manager.stop()
        self.archive.close()

    def device_has(self, start_s: float, end_s: float) -> None:
        self.recorder.spans = [(START_S + start_s, START_S + end_s)]
        self.archive.recorder.spans = {"Rec1": [(moment(start_s), moment(end_s))], "Rec2": []}
        asked(self.archive, moment(-3600), moment(7200))

    def server_has(self, start_s: float, end_s: float, *, origin: Origin = Origin.SERVER) -> None:
        self.footage.record(START_S + start_s, START_S + end_s, origin=origin)

    def server_lacks(self, start_s: float, end_s: float, reason: GapReason) -> None:
        gaps = GapStore(self.archive.database, self.archive.clock)
        gaps.begin(1, 1, moment(start_s), reason, end=moment(end_s))

    def exported(self, start_s: float, end_s: float) -> ExportJob:
        export_id = self.manager.add(LOCAL, draft(start_s, end_s)).id
        until(lambda: not self.manager.get(LOCAL, export_id).state.is_unfinished, what="the end of the export")
        job = self.manager.get(LOCAL, export_id)
        assert job.state is ExportState.DONE, job.problem
        return job

    def frames(self, job: ExportJob, number: int = 0) -> list[bytes]:
        """Return the slices in a file, in order."""
        path = self.manager.file(LOCAL, job.id, job.files[number].name)[0]
        command = [str(find_ffmpeg()), "-v", "error", "-ignore_editlist", "1", "-i", str(path), "-c", "copy"]
        made = subprocess.run([*command, "-f", "h264", "-"], check=True, capture_output=True).stdout
        units = [unit for unit in made.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
        return [unit for unit in units if unit[0] & 0x1F in (1, 5)]
