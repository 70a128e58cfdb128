"""Exports of recordings of the server, and of ranges that the server and the device have in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.archive import GapReason, Origin
from core.records import AudioFormat
from exports.gaps import Gap, range_gaps
from exports.records import WorkingCopy
from media.process import Spawner
from tests.archive.recorded import FPS
from tests.exports.exporting import draft, moment
from tests.exports.server_exporting import GOP, START_S, ServerExporting


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


def test_the_size_of_own_recordings_is_known_before_the_export(exporting: ServerExporting) -> None:
    exporting.device_has(100, 130)
    exporting.server_has(0, 60)
    wanted = draft(4.2, 53)
    estimate = exporting.manager.estimate(wanted)
    (file,) = exporting.exported(4.2, 53).files
    assert not estimate.is_about
    assert estimate.size_bytes == pytest.approx(file.size_bytes, rel=0.01)
    assert exporting.manager.estimate(draft(4.2, 53, copies=(WorkingCopy(height=90),))).is_about
    assert exporting.manager.estimate(draft(50, 110)).is_about


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


def test_the_origin_names_fetched_time_and_the_reasons_of_gaps(exporting: ServerExporting) -> None:
    exporting.device_has(-60, -50)
    exporting.server_has(0, 20)
    exporting.server_has(20, 30, origin=Origin.DEVICE)
    exporting.server_has(50, 60)
    exporting.server_lacks(30, 45, GapReason.DISK_FULL)
    job = exporting.exported(5, 55)
    assert [file.origin and file.origin.fetched for file in job.files] == [(), ((moment(20), moment(30)),), ()]
    assert range_gaps(job, 0) == [
        Gap(moment(30), moment(45), "disk_full"),
        Gap(moment(45), moment(50), "not_recorded"),
    ]
