"""Free disk space while a job writes, the speed at which it reads, and its end while it makes files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.access import LOCAL
from core.errors import StorageFull
from core.reading_pace import ReadingPace
from core.records import AudioFormat
from exports.disk import CheckedFile, SpaceCheck
from exports.records import ExportState
from media.child_shim import ChildLimits
from media.process import Spawner, SupervisedProcess
from tests.exports.exporting import Make, decodable_recorder, recorder_of
from tests.hand_clock import HandClock
from tests.patience import promised, until
from tests.sessions.replay.thin_recorder import ThinRecorder


def with_audio(end_s: float) -> ThinRecorder:
    """Return a recorder whose frames each come with G.711."""
    recorder = decodable_recorder([(0, end_s)])
    recorder.audio = AudioFormat("pcm_alaw", 8000, 1)
    recorder.sends_audio = True
    return recorder


def test_each_64_mb_are_counted_over_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exports.disk.CHECK_BYTES", 1000)
    free = SimpleNamespace(free=10_000)
    looks: list[Path] = []

    def disk_usage(place: Path) -> SimpleNamespace:
        looks.append(place)
        return free

    monkeypatch.setattr("exports.disk.shutil.disk_usage", disk_usage)
    space = SpaceCheck(tmp_path, 5000)
    with CheckedFile(tmp_path / "a", space) as one, CheckedFile(tmp_path / "b", space) as other:
        for _ in range(4):
            one.write(bytes(300))
            other.write(bytes(300))
        assert len(looks) == 2
        free.free = 4999
        one.write(bytes(300))
        other.write(bytes(300))
        other.write(bytes(300))
        with pytest.raises(StorageFull):
            other.write(bytes(300))


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["pcm", "aac", "video"])
def test_a_disk_that_fills_up_while_files_are_made_ends_the_job(
    make: Make, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    monkeypatch.setattr("exports.disk.CHECK_BYTES", 1)
    exporting = make(with_audio(20))
    folder = exporting.folder / "exports" / "1" / "files"
    begun = {"pcm": "audio.pcm", "aac": "audio.adts", "video": "video.part"}[phase]

    def disk_usage(_: Path) -> SimpleNamespace:
        is_full = (folder / begun).exists()
        return SimpleNamespace(free=-1 if is_full else 10**12)

    monkeypatch.setattr("exports.disk.shutil.disk_usage", disk_usage)
    job = exporting.ended(exporting.add(0, 20))
    assert job.problem is not None
    assert (job.state, job.problem.code) == (ExportState.FAILED, "storage_full")
    assert list(folder.iterdir()) == []
    monkeypatch.undo()
    exporting.manager.retry(LOCAL, job.id)
    assert exporting.done(job.id).files


def test_a_disk_that_is_full_to_the_last_byte_ends_the_job(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    exporting = make(recorder_of([(0, 600)]))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("exports.pieces.os.fsync", full)
    job = exporting.ended(exporting.add(0, 500))
    assert job.problem is not None
    assert job.problem.code == "storage_full"
    assert exporting.recorder.open_lines() == 0
    assert not any(path.suffix == ".video" for path in (exporting.folder / "exports").rglob("*"))


def test_ffmpeg_of_an_export_is_nice_and_ends_with_the_job(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    exporting = make(with_audio(20))
    spawn = Spawner.spawn
    limits: list[ChildLimits] = []

    def spawn_endless(spawner: Spawner, argv: list[str], **options: Any) -> SupervisedProcess:
        limits.append(options["limits"])
        return spawn(spawner, ["/bin/sleep", "600"], **options)

    monkeypatch.setattr(Spawner, "spawn", spawn_endless)
    export_id = exporting.add(0, 20)
    until(exporting.spawner.running, what="the start of ffmpeg")
    with promised(2.0):
        exporting.manager.cancel(LOCAL, export_id)
        assert not (exporting.folder / "exports" / str(export_id)).exists()
    assert exporting.spawner.running() == ()
    assert [one.nice for one in limits] == [10]


def test_the_reading_speed_has_a_limit() -> None:
    clock = HandClock()
    pace = ReadingPace(clock, 8.0)  # a megabyte a second
    assert pace.wait_s() == 0
    pace.took(3_000_000)
    assert pace.wait_s() == pytest.approx(3.0)
    clock.move(seconds=3)
    assert pace.wait_s() == 0
    clock.move(seconds=60)  # a pause gives at most two seconds for later
    pace.took(3_000_000)
    assert pace.wait_s() == pytest.approx(1.0)
    unlimited = ReadingPace(clock, 0.0)
    unlimited.took(10**12)
    assert unlimited.wait_s() == 0


@pytest.mark.slow
def test_an_export_reads_at_most_so_fast(make: Make) -> None:
    recorder = recorder_of([(0, 600)])
    recorder.picture_bytes = 20_000
    exporting = make(recorder, settings={"export_max_mbps": 40.0})
    began_s = exporting.clock.monotonic_s()
    job = exporting.done(exporting.add(0, 300))
    assert job.progress.size_bytes > 30_000_000
    assert exporting.clock.monotonic_s() - began_s > 3.0  # 12 MB come before the recorder is asked to wait
