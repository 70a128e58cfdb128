"""Index and files agree again after a crash, after files were moved or deleted, and after the index was lost."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from archive.index import ArchiveIndex
from archive.records import FileState, IndexedFile, from_ms, to_ms
from archive.recovery import Recovery
from archive.reindexing import Reindexed, reindex
from archive.volumes import Volumes
from archive.writer import ArchiveWriter
from archive_manager import ArchiveManager
from core.archive import ArchiveStretch, GapReason, Origin
from core.clock import SystemClock
from core.errors import StorageFull
from media.archive.file_reader import ArchiveFile
from tests.archive.hand_events import HandEvents
from tests.archive.indexed import bytes_by_stream, file_at, unfinished_stretches
from tests.archive.recording import STREAM, Recording, all_files, frames_in, same
from tests.archive.writing_child import STREAMS, settings_of
from tests.patience import PATIENCE, Slowness, promised, until
from tests.project_files import ROOT
from web.instance_lock import InstanceLock
from web.recordings_command import recordings_commands


def crashed(recording: Recording, tmp_path: Path) -> Recording:
    """Start again without having stopped anything."""
    last_ms = to_ms(recording.clock.now)
    recording.index.finish_stretches(GapReason.SERVER_OFF)
    recording.close()
    again = Recording(tmp_path, crashed_at_ms=last_ms)
    again.clock.now = recording.clock.now + timedelta(minutes=2)
    again.sent = recording.sent
    return again


def compare(recording: Recording) -> None:
    """Let the writer compare rows and files to the end."""
    until(lambda: recording.run() or recording.writer._comparison is None)  # type: ignore[func-returns-value]


def test_open_files_are_repaired_and_adopted_after_a_crash(recording: Recording, tmp_path: Path) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 18)  # 10 s are in the index, of which some are in an open file
    in_index = len(recording.stored())
    again = crashed(recording, tmp_path)
    stored = again.stored()
    assert len(stored) > in_index
    assert same(stored, again.sent[STREAM][: len(stored)])
    assert len(again.sent[STREAM]) - len(stored) <= 5, "at most the group that was not complete"
    assert {it.state for it in again.files()} == {FileState.CLOSED}
    (stretch,) = again.stretches()
    assert stretch.end_reason is GapReason.SERVER_OFF
    assert to_ms(stretch.end) == again.files()[-1].end_ms
    again.close()


def test_files_that_were_never_in_the_index_are_adopted(recording: Recording, tmp_path: Path) -> None:
    recording.frames(recording.open_stream(), 3)
    assert recording.files() == []
    assert len(all_files(recording.folders[0])) == 1
    again = crashed(recording, tmp_path)
    assert same(again.stored(), again.sent[STREAM][:10])
    assert len(again.stretches()) == 1
    again.close()


def test_a_file_without_a_picture_is_deleted(recording: Recording, tmp_path: Path) -> None:
    recording.frames(recording.open_stream(), 3)
    (name,) = all_files(recording.folders[0])
    path = recording.folders[0] / name
    with ArchiveFile.open(path) as file:
        begin = file.init_section
    path.write_bytes(begin + b"\0" * 1000)
    again = crashed(recording, tmp_path)
    assert all_files(again.folders[0]) == set()
    assert again.files() == []
    again.close()


@pytest.mark.parametrize("starts_again", [False, True])
def test_a_large_file_that_cannot_be_read_is_kept(recording: Recording, tmp_path: Path, *, starts_again: bool) -> None:
    recording.frames(recording.open_stream(), 3, size=10_000)
    recording.flush()
    (name,) = all_files(recording.folders[0])
    path = recording.folders[0] / name
    with path.open("r+b") as file:
        file.write(b"\0" * 64)  # the head of its description
    content = path.read_bytes()
    if starts_again:
        recording.close()
        for part in (tmp_path / "data").iterdir():
            part.unlink()
        again = Recording(tmp_path)
        compare(again)
        assert again.index.damaged() == {1: (1, len(content))}
        again.close()
    else:
        assert reindexed(recording).files == 1
        assert recording.index.damaged() == {1: (1, len(content))}
        assert recording.stretches() == []
        assert reindexed(recording).files == 1, "known by its name"
        assert recording.index.damaged() == {1: (1, len(content))}
    assert all_files(recording.folders[0]) == set()
    assert path.with_name(f"{path.name}.damaged").read_bytes() == content


def test_a_crash_leaves_no_file_that_only_the_disk_knows(recording: Recording, tmp_path: Path) -> None:
    recording.frames(recording.open_stream(), 3, size=10_000)
    (name,) = all_files(recording.folders[0])
    path = recording.folders[0] / name
    with path.open("r+b") as file:
        file.write(b"\0" * 64)
    again = crashed(recording, tmp_path)
    assert again.index.damaged() == {1: (1, path.with_name(f"{path.name}.damaged").stat().st_size)}
    assert again.stretches() == []
    again.close()


def test_a_lost_file_that_comes_back_is_adopted(recording: Recording) -> None:
    recording.frames(recording.open_stream(), 130)
    recording.flush()
    stretches, lost = recording.stretches(), recording.files()[1]
    path, busy = recording.path(lost), [it.key for it in recording.files() if it.state is FileState.OPEN]
    aside = path.rename(path.with_name("aside"))
    list(Recovery(recording.index, recording.volume).compare(busy))
    assert len(recording.stretches()) == 2
    aside.rename(path)
    list(Recovery(recording.index, recording.volume).compare(busy))
    covered = recording.stretches()
    assert (covered[0].start, covered[-1].end) == (stretches[0].start, stretches[-1].end)
    assert sum((it.end - it.start for it in covered), timedelta()) == stretches[0].end - stretches[0].start
    assert recording.stored()


def test_a_torn_end_with_zeros_is_cut_off(recording: Recording, tmp_path: Path) -> None:
    recording.frames(recording.open_stream(), 18)
    newest = recording.folders[0] / max(all_files(recording.folders[0]))
    with newest.open("r+b") as file:
        file.seek(-300, 2)
        file.write(b"\0" * 300)
    again = crashed(recording, tmp_path)
    stored = again.stored()
    assert same(stored, again.sent[STREAM][: len(stored)])
    assert len(stored) == 80, "all groups but the torn one and the one that was not complete"
    again.close()


def test_a_file_that_vanished_is_lost_and_its_time_is_a_gap(recording: Recording, tmp_path: Path) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 200)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    victim = recording.files()[1]
    recording.path(victim).unlink()
    again = crashed(recording, tmp_path)
    compare(again)
    first, second = again.stretches()
    assert (to_ms(first.end), to_ms(second.start)) == (victim.start_ms, victim.end_ms)
    assert first.end_reason is GapReason.DAMAGED
    assert file_at(again.index, STREAM, from_ms(victim.start_ms + 1000)) is None
    again.close()


def test_files_on_a_volume_that_is_gone_are_not_lost(recording: Recording, tmp_path: Path) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 100)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    recording.close()
    away = recording.folders[0].rename(tmp_path / "away")
    recording.folders[0].mkdir()
    again = crashed(Recording(tmp_path), tmp_path)
    again.clock.now = recording.clock.now
    again.run()
    assert {it.state for it in again.files()} == {FileState.CLOSED}
    assert len(again.stretches()) == 1
    assert away.exists()
    again.close()


def test_open_files_of_a_disk_that_vanishes_meanwhile_are_not_lost(recording: Recording) -> None:
    recording.frames(recording.open_stream(), 18)
    (file,) = recording.index.open_files(recording.volume.id)
    recording.folders[0].rename(recording.folders[0].with_name("unmounted"))
    recording.folders[0].mkdir()
    with pytest.raises(FileNotFoundError):
        list(Recovery(recording.index, recording.volume).finish_open_files())
    assert recording.index.open_files(recording.volume.id) == [file]


def test_files_that_the_retention_deletes_are_not_adopted_again(recording: Recording, tmp_path: Path) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 200)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    recording.index.delete([recording.files()[0].key])
    again = crashed(recording, tmp_path)  # before the file itself was deleted
    compare(again)
    assert len(again.files()) == len(recording_files(again)) - 1
    assert len(again.index.trash(again.volume.id)) == 1
    again.close()


def recording_files(recording: Recording) -> set[str]:
    return all_files(recording.folders[0])


def test_a_file_that_is_deleted_during_a_comparison_is_not_adopted_again(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 200)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    files = recording.files()
    rows_of = Recovery._rows

    def delete_before(recovery: Recovery, *day: Any) -> list[IndexedFile]:
        if not recording.index.trash(recording.volume.id):
            recording.index.delete([files[0].key])  # the file itself is deleted later
        return rows_of(recovery, *day)

    monkeypatch.setattr(Recovery, "_rows", delete_before)
    list(Recovery(recording.index, recording.volume).compare())
    assert recording.files() == files[1:]


def test_a_file_being_written_is_not_adopted_by_the_comparison(recording: Recording) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 3)  # no row yet
    recording.writer._is_recovered = recording.writer._is_compared = False
    recording.writer._check(0.0)
    compare(recording)
    recording.frames(stream, 30)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    assert recording.is_all_stored()
    assert len(recording.stretches()) == 1


def test_a_file_whose_row_could_not_be_saved_yet_is_not_adopted(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise StorageFull("no space")

    stream = recording.open_stream()
    recording.frames(stream, 3)
    stream.on_end(GapReason.STALLED)
    recording.run()
    with monkeypatch.context() as patch:
        patch.setattr(ArchiveIndex, "commit", refuse)
        with pytest.raises(StorageFull):
            recording.writer.flush()
    recording.writer._is_recovered = recording.writer._is_compared = False
    recording.writer._check(0.0)
    assert recording.files() == []
    compare(recording)
    recording.flush()
    assert [it.end_reason for it in recording.stretches()] == [GapReason.STALLED]


def without_reasons(stretches: list[ArchiveStretch]) -> list[ArchiveStretch]:
    return [replace(it, end_reason=None) for it in stretches]


def test_an_index_made_from_the_files_is_the_same(recording: Recording, tmp_path: Path) -> None:
    stream = recording.open_stream()
    for reason in (GapReason.DEVICE_AWAY, GapReason.STALLED, GapReason.SWITCHED_OFF):
        recording.frames(stream, 130)
        stream.on_end(reason)
        recording.clock.move(seconds=20)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    files, stretches = recording.files(), recording.stretches()
    assert len(stretches) == 3
    recording.close()
    for path in (tmp_path / "data").iterdir():
        path.unlink()
    again = Recording(tmp_path)
    again.clock.now = recording.clock.now
    compare(again)
    assert without_reasons(again.stretches()) == without_reasons(stretches)
    assert shown(again.files()) == shown(files)
    assert bytes_by_stream(again.index) == {STREAM: sum(it.size_bytes for it in files)}
    again.close()


def shown(files: list[IndexedFile]) -> list[tuple[str, int, int]]:
    return [(it.key.path, it.end_ms, it.size_bytes) for it in files]


def test_the_time_without_the_app_is_known_at_the_next_start(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data", tmp_path / "volume")
    index = ArchiveIndex(settings.archive_index_file)
    writer = ArchiveWriter(settings, SystemClock(), Volumes(settings), index)
    writer.start(is_new_index=index.open())
    assert writer.was_off is None
    writer.stop()
    stopped = SystemClock().now_utc()
    again = ArchiveWriter(settings, SystemClock(), Volumes(settings), index)
    again.start()
    assert again.was_off is not None
    since, until_ = again.was_off
    assert abs((since - stopped).total_seconds()) < 1
    assert since <= until_ <= SystemClock().now_utc()
    again.stop()
    index.close()


# ---- kill -9 -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_writer_leaves_true_rows_and_loses_one_group(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "volume"
    command = [sys.executable, "-m", "tests.archive.writing_child", str(data), str(folder)]
    for _ in range(3):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "writing\n"
            with Slowness() as machine:
                time.sleep(random.uniform(0.0, 1.5))
                killed_s = time.time()
                child.send_signal(signal.SIGKILL)
        # A group lasts 0.5 s and waits at most as long for the writer.
        check_after_kill(data, folder, not_before_s=killed_s - PATIENCE * machine.allowed_s(2.0))


def check_after_kill(data: Path, folder: Path, not_before_s: float) -> None:
    settings = settings_of(data, folder)
    index = ArchiveIndex(settings.archive_index_file)
    index.open()
    begin, end = from_ms(0), SystemClock().now_utc() + timedelta(days=1)
    for stream in STREAMS:
        for file in index.files_of(stream, begin, end):
            assert (folder / file.key.path).stat().st_size >= file.size_bytes
            assert frames_in(folder / file.key.path, file.size_bytes)
    volumes = Volumes(settings)
    with promised(1.0):  # 16 open files
        writer = ArchiveWriter(settings, SystemClock(), volumes, index)
        writer.start()
        until(lambda: not index.open_files(1))
    assert unfinished_stretches(index) == []
    for stream in STREAMS:
        newest = index.files_of(stream, begin, end)[-1]
        assert newest.state is FileState.CLOSED
        assert newest.end_ms / 1000 > not_before_s
        stored = [frame for file in index.files_of(stream, begin, end) for frame in frames_in(folder / file.key.path)]
        assert all(after > before for (_, before), (_, after) in itertools.pairwise(stored))
    writer.stop()
    index.close()


# ---- the command ---------------------------------------------------------------------------------


def reindexed(recording: Recording) -> Reindexed:
    recording.index.open()
    return reindex(recording.index, Volumes(recording.settings))


def test_reindexing_keeps_reasons_and_origins(recording: Recording) -> None:
    fetched = recording.open_stream(origin=Origin.DEVICE, clock_correction_s=1.0)
    recording.frames(fetched, 70)
    fetched.finish(GapReason.UNKNOWN)
    recording.flush()
    recording.clock.move(seconds=30)
    stream = recording.open_stream()
    for reason in (GapReason.DEVICE_AWAY, GapReason.PAUSED):
        recording.frames(stream, 70)
        stream.on_end(reason)
        recording.clock.move(seconds=20)
    recording.flush()
    files, stretches = recording.files(), recording.stretches()
    recording.index.mark_lost([files[0].key])
    result = reindexed(recording)
    assert (result.files, result.missing_volumes) == (len(files), ())
    assert recording.stretches() == stretches
    assert shown(recording.files()) == shown(files)


def test_reindexing_takes_over_a_volume_of_another_installation(recording: Recording, tmp_path: Path) -> None:
    recording.frames(recording.open_stream(), 20)
    recording.flush()
    count = len(recording.files())
    recording.close()
    other = Recording(tmp_path / "other", volumes=0, archive_dirs=str(tmp_path / "second"))
    other.frames(other.open_stream(), 5)
    settings = replace(other.settings, archive_dirs=f"{tmp_path / 'second'}:{recording.folders[0]}")
    volumes = Volumes(settings)
    assert volumes.open(volumes.all()[0], other.index)
    assert not volumes.open(volumes.all()[1], other.index)
    result = reindex(other.index, Volumes(settings))
    assert result.files == count + 1
    again = Volumes(settings)
    assert all(again.open(volume, other.index) for volume in again.all())
    other.close()


def test_reindexing_tells_which_volumes_it_could_not_read(recording: Recording) -> None:
    (recording.folders[0] / "archive-volume.json").write_text("{}")
    result = reindexed(recording)
    assert result.files == 0
    assert "damaged" in result.missing_volumes[0]


def test_the_command_reindexes_and_refuses_while_the_app_runs(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data", tmp_path / "volume")
    archive = ArchiveManager(None, settings, SystemClock(), None, None, HandEvents())  # type: ignore[arg-type] # only the index
    app = Flask(__name__)
    app.cli.add_command(recordings_commands(settings, archive))
    done = app.test_cli_runner().invoke(args=["recordings", "reindex"])
    assert done.exit_code == 0, done.output
    assert done.output == "0 files with 0.0 GB are in the index.\n"
    lock = InstanceLock(settings.data_dir)
    lock.acquire()
    refused = app.test_cli_runner().invoke(args=["recordings", "reindex"])
    lock.release()
    assert refused.exit_code == 1
