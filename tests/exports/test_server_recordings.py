"""Exports of recordings of the server, and of ranges that the server and the device have in turn."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.access import LOCAL
from core.records import AudioFormat
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

    def server_has(self, start_s: float, end_s: float) -> None:
        self.footage.record(START_S + start_s, START_S + end_s)

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


@pytest.fixture
def exporting(tmp_path: Path) -> Iterator[ServerExporting]:
    spawner = Spawner()
    spawner.start()
    made = ServerExporting(tmp_path, spawner)
    yield made
    made.close()
    spawner.stop()


def test_an_export_has_the_very_slices_that_were_recorded(exporting: ServerExporting) -> None:
    exporting.server_has(0, 30)
    job = exporting.exported(4.2, 23)
    (file,) = job.files
    assert (file.start, file.end) == (moment(4.2), moment(23))
    slices = [nal for parts in GOP for nal in parts if nal[0] & 0x1F in (1, 5)]
    frames = exporting.frames(job)
    assert frames == (slices * 20)[: len(frames)]
    assert len(frames) >= 19 * FPS
    assert exporting.gateway.ranks == []
    assert file.origin is not None
    assert file.origin.sources == (("server-1-main", "server"),)


def test_the_device_fills_the_gap_of_the_server(exporting: ServerExporting) -> None:
    exporting.device_has(0, 60)
    exporting.server_has(0, 20)
    exporting.server_has(30, 60)
    job = exporting.exported(10, 50)
    assert [(file.start, file.end) for file in job.files] == [
        (moment(10), moment(20)),
        (moment(20), moment(30)),
        (moment(30), moment(50)),
    ]
    assert [file.origin and file.origin.sources[0][0] for file in job.files] == [
        "server-1-main",
        "Rec1",
        "server-1-main",
    ]
    assert [len(exporting.frames(job, number)) for number in range(3)] == [10 * FPS, 10 * FPS, 20 * FPS]
    assert job.progress.done_s == pytest.approx(40, abs=0.1)
    assert exporting.recorder.open_lines() == 0


def test_an_export_says_why_the_server_has_no_audio(exporting: ServerExporting) -> None:
    exporting.footage.record(START_S, START_S + 20, audio=AudioFormat("adpcm_g722", 16_000, 1))
    (file,) = exporting.exported(5, 15).files
    assert file.audio_left_out == "recordings on the server cannot hold G.722"


def test_a_gap_that_nobody_recorded_makes_two_files(exporting: ServerExporting) -> None:
    exporting.server_has(0, 20)
    exporting.server_has(100, 120)
    job = exporting.exported(5, 115)
    assert [(file.start, file.end) for file in job.files] == [
        (moment(5), moment(20)),
        (moment(100), moment(115)),
    ]
