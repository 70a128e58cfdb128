"""Cases and the life of their packages: changes, deleted exports, limits and restarts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.access import LOCAL, Principal, Role
from core.errors import Conflict, LimitReached, NotFound
from evidence.records import Case, PackageState
from evidence.texts import export_title
from tables import UserRow
from tests.evidence.packaging import Packaging
from tests.exports.exporting import moment, recorder_of
from tests.patience import until

pytestmark = pytest.mark.slow
Make = Callable[..., Packaging]


def test_a_change_of_the_case_deletes_its_package(make: Make) -> None:
    packaging = make([(0, 20)])
    first, second = packaging.export(2, 5), packaging.export(5, 8)
    case = packaging.case(first)
    changes: list[Callable[[], Case]] = [
        lambda: packaging.manager.change(LOCAL, case.id, notes="more"),
        lambda: packaging.manager.add_export(LOCAL, case.id, second),
        lambda: packaging.manager.remove_export(LOCAL, case.id, second),
    ]
    for change in changes:
        assert packaging.made(case.id).package.state is PackageState.READY
        assert change().package.state is PackageState.NONE
        with pytest.raises(NotFound):
            packaging.content(case.id)
        until(lambda: list((packaging.folder / "packages").iterdir()) == [], what="the end of the package's files")


def test_a_deleted_export_leaves_the_case_without_its_package(make: Make) -> None:
    packaging = make([(0, 20)])
    first, second = packaging.export(2, 5), packaging.export(5, 8)
    case = packaging.made(packaging.case(first, second).id)
    packaging.exporting.manager.remove(LOCAL, first)
    now = packaging.get(case.id)
    assert now.export_ids == (second,)
    assert now.package.state is PackageState.NONE
    packaging.manager.stop()
    packaging.manager.start()
    until(lambda: list((packaging.folder / "packages").iterdir()) == [], what="the end of the package's files")


def packed_incomplete_export(make: Make) -> tuple[Packaging, Case]:
    """Return a ready package of an export that lacks a minute, which the recorder has now."""
    packaging = make([(0, 20), (80, 200)])
    packaging.exporting.recordings.listed = [(0, 200)]
    case = packaging.made(packaging.case(packaging.export(10, 100)).id)
    assert packaging.exporting.job(case.export_ids[0]).is_incomplete
    packaging.exporting.recorder.spans[:] = recorder_of([(0, 200)]).spans
    return packaging, case


def test_an_export_with_other_files_than_the_package_ends_it(make: Make) -> None:
    packaging, case = packed_incomplete_export(make)
    packaging.exporting.manager.retry(LOCAL, case.export_ids[0])
    packaging.exporting.done(case.export_ids[0])
    assert packaging.get(case.id).package.state is PackageState.NONE
    with pytest.raises(NotFound):
        packaging.content(case.id)
    again = packaging.made(case.id)
    assert again.package.state is PackageState.READY
    assert again.package.size_bytes > case.package.size_bytes


def test_a_ready_package_has_its_files_after_a_cancelled_retry(make: Make) -> None:
    packaging, case = packed_incomplete_export(make)
    recorder = packaging.exporting.recorder
    recorder.holds_at = sum(line.sent for line in recorder.lines) + 50  # type: ignore[attr-defined]
    files = packaging.exporting.job(case.export_ids[0]).files
    packaging.exporting.manager.retry(LOCAL, case.export_ids[0])
    packaging.exporting.until_held()
    assert packaging.get(case.id).package.state is PackageState.READY
    job = packaging.exporting.manager.cancel(LOCAL, case.export_ids[0])
    now = packaging.get(case.id)
    assert (now.package.state is PackageState.READY) == (job.files == files)
    if now.package.state is PackageState.READY:
        assert packaging.content(case.id).startswith(b"PK")


def test_exports_of_a_case_do_not_expire(make: Make) -> None:
    packaging = make([(0, 20)])
    export_id = packaging.export(2, 5)
    packaging.case(export_id)
    assert packaging.exporting.job(export_id).is_kept
    assert packaging.exporting.job(export_id).expires_at is None


def test_only_finished_exports_are_packed(make: Make) -> None:
    packaging = make([(0, 20)])
    with pytest.raises(Conflict) as empty:
        packaging.manager.make_package(LOCAL, packaging.case().id)
    assert empty.value.code == "case_empty"
    done = packaging.export(2, 5)
    packaging.exporting.recorder.holds_at = 0  # type: ignore[attr-defined]
    wanted = replace(packaging.exporting.job(done).draft, name="Van at the gate")
    job = packaging.exporting.manager.cancel(LOCAL, packaging.exporting.manager.add(LOCAL, wanted).id)
    with pytest.raises(Conflict) as unfinished:
        packaging.manager.make_package(LOCAL, packaging.case(done, job.id).id)
    assert unfinished.value.code == "export_unfinished"
    detail = unfinished.value.detail
    assert "Van at the gate (cancelled)" in detail
    assert "take them out of the case" in detail


def test_an_export_is_named_by_its_camera_if_it_has_no_name(make: Make) -> None:
    packaging = make([(0, 20)])
    export_id = packaging.export(2, 10)
    packaging.exporting.path(export_id).unlink()
    problem = packaging.made(packaging.case(export_id).id).package.problem
    assert problem is not None
    assert "of Gate, Hof & Tür is gone" in problem.detail
    unread = replace(packaging.exporting.job(export_id), origins={})
    assert export_title(unread) == "the export from 2026-09-21 14:13:22 UTC"


def test_a_user_may_have_half_of_all_cases(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evidence.store.MOST_CASES", 2)
    packaging = make([(0, 20)])
    with packaging.exporting.database.write() as session:
        session.add(
            UserRow(
                id=7,
                name="Ben",
                name_key="ben",
                password_hash="",
                role="reviewer",
                created_at=moment(0),
                password_changed_at=moment(0),
            )
        )
    ben = Principal("session", "Ben", Role.REVIEWER, user_id=7)
    packaging.manager.add(ben, "First", "", ())
    with pytest.raises(LimitReached) as refused:
        packaging.manager.add(ben, "Second", "", ())
    assert refused.value.code == "case_limit"
    packaging.manager.add(LOCAL, "Of an admin", "", ())


def test_packages_count_as_disk_space_of_exports(make: Make) -> None:
    packaging = make([(0, 20)])
    case = packaging.case(packaging.export(2, 5))
    before = packaging.exporting.manager.space().used_bytes
    packaging.made(case.id)
    own = sum(path.stat().st_size for path in (packaging.folder / "packages").rglob("*") if path.is_file())
    assert packaging.exporting.manager.space().used_bytes == before + own
    assert own > 1000


def test_another_users_case_does_not_exist(make: Make) -> None:
    packaging = make([(0, 20)])
    case = packaging.case(packaging.export(2, 5))
    other = Principal("session", "Ben", Role.REVIEWER, user_id=7)
    assert packaging.manager.cases(other) == []
    for call in (
        lambda: packaging.manager.get(other, case.id),
        lambda: packaging.manager.make_package(other, case.id),
        lambda: packaging.manager.open_package(other, case.id),
        lambda: packaging.manager.remove(other, case.id),
        lambda: packaging.manager.add(other, "Mine", "", case.export_ids),
    ):
        with pytest.raises(NotFound):
            call()


def test_an_unfinished_package_is_made_after_a_restart(make: Make, tmp_path: Path) -> None:
    first = make([(0, 20)], tmp_path / "same")
    case = first.case(first.export(2, 5))
    first.manager.stop()
    first.manager.make_package(LOCAL, case.id)
    draft = first.folder / "packages" / f"{case.id}.part"
    draft.mkdir()
    (draft / "outline.json").write_bytes(b"half")
    first.close()
    again = make([(0, 20)], tmp_path / "same")
    until(lambda: again.get(case.id).package.state is PackageState.READY)
    assert again.content(case.id).startswith(b"PK")
    assert not draft.exists()


def test_a_deleted_case_leaves_nothing_on_the_disk(make: Make) -> None:
    packaging = make([(0, 20)])
    case = packaging.made(packaging.case(packaging.export(2, 5)).id)
    packaging.manager.remove(LOCAL, case.id)
    assert list((packaging.folder / "packages").iterdir()) == []
    assert packaging.exporting.job(case.export_ids[0]).files
