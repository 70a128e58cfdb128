"""Export jobs: states, interruptions, limits, owners. The recorder is a stand-in that the tests interrupt."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Insert, insert

from core.access import LOCAL, Principal, Role, scope_of
from core.errors import (
    CameraAuthFailed,
    CameraBusy,
    CameraUnreachable,
    Conflict,
    InvalidRequest,
    LimitReached,
    NotFound,
    StorageFull,
)
from exports import range_pieces, waiting
from exports.folders import ExportFolders
from exports.records import ExportDraft, ExportRange, ExportState
from media.ffmpeg import find_ffmpeg
from media.rtsp.replay.interface import ReplayRank
from tables import CaseExportRow, CaseRow, UserRow
from tests.exports.exporting import Exporting, Make, decodable_recorder, draft, moment, recorder_of
from tests.hand_clock import HandClock
from tests.media.mp4.stretch import shown_s
from tests.patience import promised, until
from tests.sessions.replay.thin_recorder import FPS


def sha256s(exporting: Exporting, export_id: int) -> list[str]:
    return [file.sha256 for file in exporting.done(export_id).files]


def test_a_range_becomes_one_file_from_the_requested_frame_on(make: Make) -> None:
    exporting = make(decodable_recorder([(0, 60)]))
    job = exporting.done(exporting.add(10.4, 31.0))
    (file,) = job.files
    assert file.name == "Gate_Hof-Tur_20260921T141330Z.mp4"
    assert (file.start, file.end) == (moment(10.4), moment(31.0))
    assert shown_s(exporting.path(job.id)) == [pytest.approx(index / FPS, abs=0.001) for index in range(103)]
    assert exporting.path(job.id).stat().st_size == file.size_bytes == job.progress.size_bytes
    assert job.progress.done_s == job.progress.total_s == pytest.approx(20.6, abs=0.01)
    assert exporting.gateway.ranks == [ReplayRank.EXPORT]
    assert exporting.recorder.open_lines() == 0


def test_subtitles_tell_names_and_time_of_day(make: Make) -> None:
    exporting = make(recorder_of([(0, 60)]))
    job = exporting.done(exporting.manager.add(LOCAL, replace(draft(10.4, 13.0), has_subtitles=True)).id)
    video, subtitles = job.files
    assert (video.codec, subtitles.codec) == ("h264", "subrip")
    assert subtitles.name == video.name.replace(".mp4", ".srt")
    assert job.progress.done_s == pytest.approx(2.6)
    text = exporting.path(job.id, 1).read_text()
    local = moment(11).astimezone()
    assert text.startswith("1\n00:00:00,000 --> 00:00:00,600\nGate, Hof & Tür\n2026-09-21 14:13:30 UTC (")
    assert (
        f"2\n00:00:00,600 --> 00:00:01,600\nGate, Hof & Tür\n2026-09-21 14:13:31 UTC ({local:%H:%M:%S %z})\n\n" in text
    )
    assert text.count("-->") == 3
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(exporting.path(job.id, 1)), "-f", "srt", "-"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.count("-->") == 3


@pytest.mark.parametrize("format_", ["mp4", "original"])
def test_an_export_says_why_its_audio_is_left_out(make: Make, format_: str) -> None:
    recorder = recorder_of([(0, 60)])
    recorder.audio_left_out = "the app does not play G.726 in recordings"
    exporting = make(recorder)
    (file,) = exporting.done(exporting.add(10.4, 13.0, format=format_)).files
    assert (file.audio_codec, file.audio_left_out) == (None, recorder.audio_left_out)


def test_each_stretch_without_a_gap_becomes_a_file(make: Make) -> None:
    exporting = make(recorder_of([(0, 10), (20, 30)]))
    job = exporting.done(exporting.add(5, 25))
    assert [(file.start, file.end) for file in job.files] == [
        (moment(5), moment(10)),
        (moment(20), moment(25)),
    ]


def test_a_channel_cut_into_recordings_becomes_one_file(make: Make) -> None:
    recorder = recorder_of([(0, 10)])
    recorder.others["Rec1"] = [(recorder.spans[0][1], recorder.spans[0][1] + 10)]
    exporting = make(recorder)
    job = exporting.done(exporting.add(5, 15))
    assert [(file.start, file.end) for file in job.files] == [(moment(5), moment(15))]


@pytest.mark.slow
@pytest.mark.parametrize("frames", [3, 24, 26, 40, 71])
def test_the_file_is_the_same_after_a_lost_line(make: Make, frames: int) -> None:
    whole = make(recorder_of([(0, 60)]))
    expected = sha256s(whole, whole.add(3.2, 40.0))
    recorder = recorder_of([(0, 60)])
    recorder.fails_after = [(frames, CameraUnreachable("gone")), (frames, CameraBusy("full"))]
    broken = make(recorder)
    assert sha256s(broken, broken.add(3.2, 40.0)) == expected
    assert len(recorder.plays) == 3


@pytest.mark.slow
@pytest.mark.parametrize("frames", [3, 50, 90])
def test_the_file_is_the_same_after_pause_and_resume(make: Make, frames: int) -> None:
    whole = make(recorder_of([(0, 600)]))
    expected = sha256s(whole, whole.add(3.2, 590.0))
    recorder = recorder_of([(0, 600)], holds_at=frames)
    exporting = make(recorder)
    export_id = exporting.add(3.2, 590.0)
    exporting.until_held()
    exporting.manager.pause(LOCAL, export_id)
    recorder.holds_at = 10**9
    assert exporting.job(export_id).state is ExportState.PAUSED
    assert exporting.recorder.open_lines() == 0
    assert exporting.job(export_id).progress.total_s == pytest.approx(586.8)
    exporting.manager.resume(LOCAL, export_id)
    assert sha256s(exporting, export_id) == expected
    assert len(exporting.recorder.plays) == 2


@pytest.mark.slow
def test_a_job_goes_on_after_a_restart(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(range_pieces, "PIECE_S", 30.0)
    whole = make(recorder_of([(0, 3000)]))
    expected = sha256s(whole, whole.add(3.2, 2990.0))
    first = make(recorder_of([(0, 3000)], holds_at=200), tmp_path / "same")
    export_id = first.add(3.2, 2990.0)
    until(lambda: first.job(export_id).progress.done_s > 30)
    first.close()
    again = make(recorder_of([(0, 3000)]), tmp_path / "same")
    assert sha256s(again, export_id) == expected
    assert again.recorder.plays[0] > moment(3.2).timestamp() + 20


@pytest.mark.slow
def test_cancel_frees_place_and_disk(make: Make) -> None:
    recorder = recorder_of([(0, 600)], holds_at=100)
    exporting = make(recorder)
    export_id = exporting.add(0, 600)
    exporting.until_held()
    with promised(2.0):
        exporting.manager.cancel(LOCAL, export_id)
        assert exporting.recorder.open_lines() == 0
        assert not (exporting.folder / "exports" / str(export_id)).exists()
    assert exporting.job(export_id).state is ExportState.CANCELLED
    recorder.holds_at = 10**9
    exporting.manager.retry(LOCAL, export_id)
    assert exporting.done(export_id).progress.done_s == 600.0


def test_a_job_may_be_deleted_while_its_cancel_frees_the_disk(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list shows a job as cancelled before a slow disk has deleted its files."""
    exporting = make(recorder_of([(0, 600)], holds_at=100))
    export_id = exporting.add(0, 600)
    exporting.until_held()
    delete = ExportFolders.remove

    def delete_late(folders: ExportFolders, deleted_id: int) -> None:
        monkeypatch.undo()
        exporting.manager.remove(LOCAL, export_id)
        delete(folders, deleted_id)

    monkeypatch.setattr(ExportFolders, "remove", delete_late)
    ended = exporting.manager.cancel(LOCAL, export_id)
    assert (ended.state, ended.progress.size_bytes, ended.files) == (ExportState.CANCELLED, 0, ())
    assert exporting.manager.jobs(LOCAL) == []


def test_a_deleted_job_leaves_nothing(make: Make) -> None:
    exporting = make(recorder_of([(0, 3600)], holds_at=100))
    export_id = exporting.add(0, 3600)
    exporting.until_held()
    exporting.manager.remove(LOCAL, export_id)
    assert exporting.manager.jobs(LOCAL) == []
    assert not (exporting.folder / "exports" / str(export_id)).exists()
    with pytest.raises(NotFound):
        exporting.job(export_id)


def test_jobs_run_in_their_order(make: Make) -> None:
    exporting = make(recorder_of([(0, 600)]))
    first, second = exporting.add(0, 500), exporting.add(0, 5)
    exporting.done(second)
    assert exporting.job(first).state is ExportState.DONE


@pytest.mark.slow
def test_a_job_whose_recorder_is_away_lets_others_run(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_FIRST_WAIT_S", 3600.0)
    monkeypatch.setattr(waiting, "_LONGEST_WAIT_S", 3600.0)
    recorder = recorder_of([(0, 600)])
    recorder.fails_after = [(10, CameraUnreachable("The recorder does not answer."))]
    exporting = make(recorder)
    first = exporting.add(0, 500)
    until(lambda: exporting.job(first).problem is not None)
    assert exporting.job(first).state is ExportState.QUEUED
    exporting.done(exporting.add(0, 5))
    exporting.manager.retry(LOCAL, first)
    assert exporting.done(first).problem is None


def test_a_refused_password_ends_the_job_with_the_reason(make: Make) -> None:
    recorder = recorder_of([(0, 600)])
    recorder.fails_after = [(10, CameraAuthFailed("The recorder refuses the password."))]
    exporting = make(recorder)
    job = exporting.ended(exporting.add(0, 500))
    assert job.state is ExportState.FAILED
    assert job.problem is not None
    assert job.problem.code == "camera_auth_failed"
    exporting.manager.retry(LOCAL, job.id)
    assert exporting.done(job.id).problem is None


def test_finished_jobs_refuse_other_states(make: Make) -> None:
    exporting = make(recorder_of([(0, 10)]))
    job = exporting.done(exporting.add(0, 10))
    for call in (exporting.manager.pause, exporting.manager.resume, exporting.manager.cancel, exporting.manager.retry):
        with pytest.raises(Conflict):
            call(LOCAL, job.id)


def test_impossible_ranges_are_refused(make: Make) -> None:
    exporting = make(recorder_of([(0, 10)]))
    with pytest.raises(NotFound):
        exporting.add(20, 30)
    for start, end in ((5, 5), (6, 5), (0, 90_000), (0, 10**9)):
        with pytest.raises(InvalidRequest):
            exporting.add(start, end)
    with pytest.raises(InvalidRequest):
        exporting.manager.add(LOCAL, ExportDraft(()))
    with pytest.raises(InvalidRequest):
        exporting.add(0, 5, format="avi")


def test_too_little_space_refuses_a_job(make: Make) -> None:
    exporting = make(recorder_of([(0, 600)]), settings={"export_min_free_bytes": 10**18})
    with pytest.raises(StorageFull):
        exporting.add(0, 600)
    exporting = make(recorder_of([(0, 600)]), settings={"export_bytes": 10_000_000})
    with pytest.raises(LimitReached):
        exporting.add(0, 600)
    exporting = make(recorder_of([(0, 3600)]), settings={"export_bytes": 400_000_000})
    exporting.add(0, 600)
    with pytest.raises(LimitReached):
        exporting.add(0, 600)
    exporting = make(recorder_of([(0, 600)]), settings={"max_exports": 1})
    exporting.add(0, 600)
    with pytest.raises(LimitReached):
        exporting.add(0, 600)


def test_a_user_may_have_half_of_all_exports_and_admins_the_rest(make: Make) -> None:
    exporting = make(recorder_of([(0, 600)]), settings={"max_exports": 4})
    with exporting.database.write() as session:
        for number in (7, 8):
            session.execute(_insert_user(number))
    for _ in range(2):
        exporting.add(0, 10, who=user(7))
    with pytest.raises(LimitReached) as refused:
        exporting.add(0, 10, who=user(7))
    assert refused.value.code == "export_limit"
    exporting.add(0, 10, who=user(8))
    exporting.add(0, 10)  # an admin
    with pytest.raises(LimitReached):
        exporting.add(0, 10)


def test_a_job_that_fails_after_a_range_is_done_but_incomplete(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exports.disk.CHECK_BYTES", 1)
    exporting = make(recorder_of([(0, 3600)]))
    files = exporting.folder / "exports" / "1" / "files"
    ranges = (ExportRange(1, 1, moment(0), moment(20)), ExportRange(1, 1, moment(60), moment(80)))

    def disk_usage(_: Path) -> object:
        return SimpleNamespace(free=-1 if any(files.glob("*.mp4")) else 10**12)  # the first file fills the disk

    with monkeypatch.context() as full:
        full.setattr("exports.disk.shutil.disk_usage", disk_usage)
        export_id = exporting.manager.add(LOCAL, ExportDraft(ranges)).id
        job = exporting.ended(export_id)
    assert job.is_incomplete
    assert job.problem is not None
    assert job.problem.code == "incomplete"
    assert [file.range_index for file in job.files] == [0]
    assert exporting.path(export_id).is_file()
    exporting.manager.retry(LOCAL, export_id)
    until(lambda: not exporting.job(export_id).state.is_unfinished, what="the end of the retry")
    job = exporting.job(export_id)
    assert (job.problem, [file.range_index for file in job.files]) == (None, [0, 1])


def test_a_disk_that_fills_up_ends_the_job(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exports.disk.CHECK_BYTES", 1)
    recorder = recorder_of([(0, 3600)], holds_at=100)
    exporting = make(recorder)
    export_id = exporting.add(0, 3600)
    exporting.until_held()
    monkeypatch.setattr("exports.disk.shutil.disk_usage", lambda _: type("Usage", (), {"free": -1}))
    recorder.holds_at = 10**9
    job = exporting.ended(export_id)
    assert job.state is ExportState.FAILED
    assert job.problem is not None
    assert job.problem.code == "storage_full"


def test_exports_expire_unless_they_are_kept_or_in_a_case(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exports.worker._EXPIRE_EVERY_S", 0.05)
    clock = HandClock(moment(3600))
    exporting = make(recorder_of([(0, 10)]), clock=clock)
    kept, in_case, other = (exporting.add(0, 10) for _ in range(3))
    with exporting.database.write() as session:
        session.add(CaseRow(id=1, owner="anna", name="Theft", notes="", created_at=clock.now_utc()))
        session.flush()
        session.add(CaseExportRow(case_id=1, export_id=in_case, position=0))
    exporting.done(in_case)
    exporting.done(other)
    assert exporting.job(other).expires_at == clock.now_utc() + timedelta(days=7)
    exporting.manager.change(LOCAL, kept, kept=True)
    clock.move(days=8)
    until(lambda: [job.id for job in exporting.manager.jobs(LOCAL)] == [in_case, kept])
    until(lambda: not (exporting.folder / "exports" / str(other)).exists())
    assert exporting.path(kept).is_file()
    assert exporting.path(in_case).is_file()


def user(user_id: int, role: Role = Role.REVIEWER, *, channels: set[int] | None = None) -> Principal:
    scope = scope_of(None if channels is None else [(1, channels)])
    return Principal("session", f"user{user_id}", role, scope, user_id)


def test_users_see_their_own_jobs_and_admins_all(make: Make) -> None:
    exporting = make(recorder_of([(0, 10)]))
    with exporting.database.write() as session:
        for number in (7, 8):
            session.execute(_insert_user(number))
    export_id = exporting.manager.add(user(7), draft(0, 10)).id
    exporting.done(export_id)
    assert exporting.manager.get(user(7), export_id).owner == "user7"
    assert exporting.manager.get(user(9, Role.ADMIN), export_id)
    assert exporting.manager.get(user(7, channels={1}), export_id)
    name = exporting.job(export_id).files[0].name
    for stranger in (user(8), user(8, Role.OPERATOR), user(7, channels={2}), user(9, Role.ADMIN, channels={1})):
        assert exporting.manager.jobs(stranger) == []
        for call in (
            lambda who=stranger: exporting.manager.get(who, export_id),
            lambda who=stranger: exporting.manager.cancel(who, export_id),
            lambda who=stranger: exporting.manager.remove(who, export_id),
            lambda who=stranger: exporting.manager.change(who, export_id, name="x"),
            lambda who=stranger: exporting.manager.file(who, export_id, name),
        ):
            with pytest.raises(NotFound):
                call()
    exporting.recordings.sure = False
    assert exporting.manager.jobs(user(7, channels={1})) == []
    assert exporting.manager.jobs(user(7))


def _insert_user(user_id: int) -> Insert:
    return insert(UserRow).values(
        id=user_id,
        name=f"user{user_id}",
        name_key=f"user{user_id}",
        password_hash="",
        role="reviewer",
        created_at=moment(0),
        password_changed_at=moment(0),
    )


def test_the_estimate_follows_from_earlier_exports(make: Make) -> None:
    exporting = make(recorder_of([(0, 600)]))
    before = exporting.manager.estimate(draft(0, 100))
    assert (before.seconds, before.is_about, before.size_bytes) == (100.0, True, 50_000_000)
    job = exporting.done(exporting.add(0, 50))
    after = exporting.manager.estimate(draft(0, 100))
    assert after.size_bytes == pytest.approx(2 * job.files[0].size_bytes, rel=0.1)


def test_a_recorder_whose_clock_is_wrong_is_asked_by_its_clock(make: Make) -> None:
    recorder = recorder_of([(100, 160)])
    recorder.ahead_s = 100.0
    exporting = make(recorder)
    exporting.recordings.ahead_s = 100.0
    (file,) = exporting.done(exporting.add(10.4, 20.0)).files
    assert (file.start, file.end) == (moment(10.4), moment(20))
    assert recorder.plays == [pytest.approx(moment(110.4).timestamp())]


def test_the_origin_of_range_and_file_is_noted_when_it_is_read(make: Make) -> None:
    exporting = make(recorder_of([(0, 20), (30, 60)]))
    job = exporting.done(exporting.add(5.4, 40))
    origin = job.origins[0]
    assert (origin.camera, origin.channel_name, origin.manufacturer, origin.serial) == (
        "Gate",
        "Hof & Tür",
        "Maker",
        "SN-77",
    )
    assert (origin.clock_offset_s, origin.clock_measured_at) == (2.25, moment(-60))
    assert origin.recorded == ((moment(5.4), moment(20)), (moment(30), moment(40)))
    assert origin.not_recorded == ((moment(20), moment(30)),)
    first, second = (file.origin for file in job.files)
    assert first is not None
    assert second is not None
    assert (first.delivered_start, second.delivered_start) == (moment(5), moment(30))
    assert first.frames == 15 * FPS
    assert first.sources == second.sources == (("Rec0", ""),)
    assert not first.is_signed
    assert first.correction_s == 0
