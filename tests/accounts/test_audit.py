"""The audit log under floods of failed logins and repeated requests."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from accounts import audit as audit_module
from accounts.audit import AUDIT_FILE, STRANGERS_FILE, AuditLog
from tests.hand_clock import HandClock


def _lines(folder: Path, name: str) -> list[dict[str, Any]]:
    files = sorted(folder.glob(f"{name}*"), reverse=True)
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_failed_logins_push_no_line_out_of_the_audit_log(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "_MAX_BYTES", 20_000)
    audit = AuditLog(tmp_path, clock)
    audit.start()
    audit.write("delete_camera", who="Anna", kind="session", address="10.0.0.1", camera_id=3)
    for number in range(5_000):
        clock.move(seconds=1)
        audit.write("log_in", who="(unknown)", kind="nobody", address=f"10.1.0.{number % 250}", outcome="login_failed")
    audit.stop()
    assert [line["action"] for line in _lines(tmp_path, AUDIT_FILE)] == ["delete_camera"]
    assert len(list(tmp_path.glob(f"{STRANGERS_FILE}*"))) == 2
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 50_000


def test_some_failures_a_minute_are_logged_and_the_others_counted(tmp_path: Path, clock: HandClock) -> None:
    audit = AuditLog(tmp_path, clock)
    audit.start()
    for minute in range(2):
        for _ in range(1000):
            audit.write("log_in", who="Anna", kind="nobody", address="10.0.0.9", outcome="login_failed")
        clock.move(seconds=61 + minute)
    audit.write("watch", who="", kind="nobody", address="10.0.0.9", outcome="login_needed")
    audit.stop()
    lines = _lines(tmp_path, STRANGERS_FILE)
    assert [line["action"] for line in lines] == [*(["log_in"] * 30), "left_out"] * 2 + ["watch"]
    assert [line["count"] for line in lines if line["action"] == "left_out"] == [970, 970]


def test_the_count_of_unlogged_failures_is_written_at_stop(tmp_path: Path, clock: HandClock) -> None:
    audit = AuditLog(tmp_path, clock)
    audit.start()
    for _ in range(31):
        audit.write("log_in", who="", kind="nobody", address="10.0.0.9", outcome="login_failed")
    audit.stop()
    assert _lines(tmp_path, STRANGERS_FILE)[-1]["count"] == 1


def test_a_successful_login_is_in_the_main_log(tmp_path: Path, clock: HandClock) -> None:
    audit = AuditLog(tmp_path, clock)
    audit.start()
    audit.write("log_in", who="Anna", kind="nobody", address="10.0.0.9")
    audit.stop()
    assert [line["who"] for line in _lines(tmp_path, AUDIT_FILE)] == ["Anna"]


def test_repeated_actions_are_logged_once_a_minute_with_their_count(tmp_path: Path, clock: HandClock) -> None:
    audit = AuditLog(tmp_path, clock)
    audit.start()
    for _ in range(3):
        for camera_id in (1, 2):
            for who in ("Anna", "Ben"):
                audit.write_seldom(
                    "snapshot", who=who, kind="session", address="::1", outcome="ok", camera_id=camera_id
                )
    clock.move(seconds=61)
    audit.write_seldom("snapshot", who="Ben", kind="session", address="::1", outcome="ok", camera_id=2)
    audit.stop()
    lines = _lines(tmp_path, AUDIT_FILE)
    assert [(line["who"], line["camera_id"], line.get("left_out")) for line in lines] == [
        ("Anna", 1, None),
        ("Ben", 1, None),
        ("Anna", 2, None),
        ("Ben", 2, None),
        ("Ben", 2, 2),
    ]


def test_repeated_downloads_of_a_file_are_logged_once_an_hour(tmp_path: Path, clock: HandClock) -> None:
    audit = AuditLog(tmp_path, clock)
    audit.start()
    for minutes in (0, 59, 2):
        clock.move(minutes=minutes)
        for file in ("a.mp4", "b.mp4"):
            for _ in range(2):
                audit.write_seldom(
                    "download_export",
                    who="Anna",
                    kind="session",
                    address="::1",
                    outcome="ok",
                    camera_id=1,
                    every_s=3600.0,
                    export_id=3,
                    file=file,
                )
    audit.stop()
    found = [(line["file"], line.get("left_out")) for line in _lines(tmp_path, AUDIT_FILE)]
    assert found == [("a.mp4", None), ("b.mp4", None), ("a.mp4", 3), ("b.mp4", 3)]


def test_repeated_watching_is_logged_once_a_minute_for_each_stream(tmp_path: Path, clock: HandClock) -> None:
    audit = AuditLog(tmp_path, clock)
    audit.start()
    for _ in range(3):
        for outcome in ("ok", "stream_limit"):
            for stream_id in ("camera1_a", "camera1_b"):
                audit.write_seldom(
                    "watch",
                    who="Anna",
                    kind="session",
                    address="::1",
                    outcome=outcome,
                    camera_id=1,
                    stream_id=stream_id,
                )
    audit.stop()
    lines = _lines(tmp_path, AUDIT_FILE)
    assert [(line["outcome"], line["stream_id"]) for line in lines] == [
        ("ok", "camera1_a"),
        ("ok", "camera1_b"),
        ("stream_limit", "camera1_a"),
    ]


def test_lines_are_read_back_page_by_page_also_from_rotated_files(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines of the same millisecond come on one page, so that none is left out between two pages."""
    monkeypatch.setattr(audit_module, "_MAX_BYTES", 2_000)
    audit = AuditLog(tmp_path, clock)
    audit.start()
    assert audit.newest(limit=5) == []
    for number in range(30):
        clock.move(seconds=0 if number % 10 == 5 else 1)
        audit.write("watch", who="Anna", kind="session", address="10.0.0.9", camera_id=number)
    with (tmp_path / AUDIT_FILE).open("ab") as file:
        file.write(b'{"time": "2026-11-\n')  # a full disk has cut it
    assert len(list(tmp_path.glob(f"{AUDIT_FILE}.*"))) > 1
    read: list[int] = []
    before, sizes = None, set()
    while page := audit.newest(limit=5, before=before):
        sizes.add(len(page))
        read += [line["camera_id"] for line in page]
        before = datetime.fromisoformat(page[-1]["time"])
    assert sorted(read) == list(range(30))
    assert 6 in sizes
    audit.stop()
    assert audit.newest(limit=5) == []


def test_lines_about_strangers_are_read_apart(tmp_path: Path, clock: HandClock) -> None:
    audit = AuditLog(tmp_path, clock)
    audit.start()
    audit.write("log_in", who="Eve", kind="nobody", address="10.0.0.9", outcome="login_failed")
    assert [line["who"] for line in audit.newest(limit=5, are_strangers=True)] == ["Eve"]
    assert audit.newest(limit=5) == []
    audit.stop()
