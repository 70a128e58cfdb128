"""`python app.py database copy --to URL`: all rows and the last ids, in both directions, all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Boolean, Float, Integer, LargeBinary, Table, delete, func, insert, select, text

import app
from core.errors import StartRefused
from database import Database
from database_copy import copy_database
from tables import Base, CameraRow, ChannelRow, EventRow, WallRow
from tables.base import Json, UtcDateTime
from tests.placement.running_node import running_node
from tests.postgres import Databases
from tests.prepared_database import prepared
from web.instance_lock import InstanceLock

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of the app that the environment describes."""
    for name in ("DATA_DIR", "HOST", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def file_database(folder: Path) -> Iterator[Database]:
    database = Database(prepared(folder / "cameras.sqlite3"))
    database.open()
    yield database
    database.close()


@pytest.fixture
def server_database(postgres_databases: Databases, tmp_path: Path) -> Iterator[Database]:
    yield postgres_databases.database(tmp_path)
    postgres_databases.empty()


def camera(name: str) -> CameraRow:
    return CameraRow(
        name=name,
        host=name,
        port=80,
        port_found=False,
        username="admin",
        password_box=b"\0\xff",
        pretend=False,
        added_at=NOW,
        stream_uris={"main": "rtsp://cam/é\ud83d\ude00"},
    )


def fill(database: Database) -> None:
    """Write rows of all kinds of columns; the last camera and the last wall are deleted again."""
    with database.write() as session:
        cameras = [camera("gate"), camera("yard"), camera("gone")]
        session.add_all(cameras)
        session.flush()
        session.add(
            ChannelRow(
                camera_id=cameras[1].id,
                video_source_token="source",
                number=1,
                present=True,
                device_name="",
                profiles=[{"token": "a"}],
            )
        )
        event = {"kind": "motion", "source": "device", "severity": "notice", "minute": 3, "changed_ms": 1}
        session.add_all(
            EventRow(camera_id=1, channel=1, start_ms=2**41 + number, arrived_ms=2**41, score=0.1, **event)
            for number in range(1200)
        )
        session.execute(delete(CameraRow).where(CameraRow.name == "gone"))
        session.add(WallRow(name="all", layout=4, tiles=[]))
        session.flush()
        session.execute(text("UPDATE walls SET tiles = 'nobody can read this'"))


def row_of(table: Table, number: int) -> dict[str, object]:
    """Return a row without the id that the database gives; the numbers of rows and of the rows they refer to agree."""
    row: dict[str, object] = {}
    for column in table.columns:
        if column is table.autoincrement_column:
            continue
        values = {Boolean: True, Json: [], UtcDateTime: NOW, LargeBinary: b"%d" % number}
        values |= dict.fromkeys((Integer, BigInteger, Float), number)
        kind = next((kind for kind in values if isinstance(column.type, kind)), None)
        row[column.name] = f"text {number}" if kind is None else values[kind]
    return row


def add_to_each_table(database: Database, number: int) -> None:
    with database.write() as session:
        for table in Base.metadata.sorted_tables:
            if session.scalar(select(func.count()).select_from(table)) == number - 1:  # migrations make some rows
                session.execute(insert(table).values(row_of(table, number)))


def content_of(database: Database) -> dict[str, list[tuple[object, ...]]]:
    database.open()
    with database.read() as session:
        connection = session.connection()
        found = {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }
        found["stored"] = [tuple(row) for row in connection.execute(text("SELECT tiles FROM walls"))]
    return found


def test_all_rows_and_ids_get_into_the_server_and_back(
    file_database: Database, server_database: Database, tmp_path: Path
) -> None:
    fill(file_database)
    counts = copy_database(file_database, server_database)
    assert counts["events"] == 1200
    assert content_of(server_database) == content_of(file_database)
    back = Database(prepared(tmp_path / "back" / "cameras.sqlite3"))
    assert copy_database(server_database, back) == counts
    assert content_of(back) == content_of(file_database)
    for database in (server_database, back):
        with database.write() as session:
            session.add(added := camera("new"))
            session.flush()
            assert added.id == 4, "no camera gets the number of a deleted one"
    back.close()


def test_each_table_of_the_server_takes_a_new_row_after_a_copy(
    file_database: Database, server_database: Database
) -> None:
    add_to_each_table(file_database, 1)
    assert set(copy_database(file_database, server_database).values()) == {1}
    add_to_each_table(server_database, 2)
    with server_database.read() as session:
        for table in Base.metadata.sorted_tables:
            if (key := table.autoincrement_column) is not None:
                assert list(session.scalars(select(key).order_by(key))) == [1, 2], table.name


def test_a_target_with_rows_is_refused_and_unchanged(file_database: Database, server_database: Database) -> None:
    fill(file_database)
    server_database.open()
    with server_database.write() as session:
        session.add(WallRow(name="mine", layout=1, tiles=[]))
    before = content_of(server_database)
    with pytest.raises(StartRefused, match="has rows in the table walls"):
        copy_database(file_database, server_database)
    assert content_of(server_database) == before


def test_no_database_is_copied_while_a_node_uses_it(file_database: Database, tmp_path: Path) -> None:
    fill(file_database)
    target = Database(prepared(tmp_path / "other" / "cameras.sqlite3"))
    node = running_node(Database(tmp_path / "data" / "cameras.sqlite3"), "south")
    with node, pytest.raises(StartRefused, match="These nodes use the database: south"):
        copy_database(file_database, target)
    assert copy_database(file_database, target)["cameras"] == 2
    target.close()


def test_an_error_in_the_middle_leaves_the_target_empty(file_database: Database, server_database: Database) -> None:
    fill(file_database)
    with file_database.write() as session:
        session.execute(text("UPDATE events SET count = 99999999999 WHERE id = 1199"))  # SQLite stores any number
    with pytest.raises(Exception, match="database"):
        copy_database(file_database, server_database)
    with server_database.read() as session:
        assert session.scalar(select(func.count()).select_from(CameraRow)) == 0


def test_the_command_prints_the_numbers_of_rows(
    file_database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(file_database)
    assert app.main(["database", "copy", "--to", f"sqlite:///{tmp_path / 'other.sqlite3'}"]) == 0, capsys.readouterr()
    printed = capsys.readouterr().out
    assert "1200 events" in printed
    assert "2 cameras" in printed


@pytest.mark.parametrize("url", ["", "mysql://secret@host/x"])
def test_the_command_refuses_an_address_of_another_kind(
    file_database: Database, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main(["database", "copy", "--to", url]) == 2
    assert "secret" not in capsys.readouterr().err


def test_the_command_refuses_while_the_app_runs(
    file_database: Database, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = InstanceLock(folder)
    running.acquire()
    try:
        assert app.main(["database", "copy", "--to", f"sqlite:///{tmp_path / 'other.sqlite3'}"]) == 2
    finally:
        running.release()
    assert "in use by another running app" in capsys.readouterr().err
    assert not (tmp_path / "other.sqlite3").exists()


def test_the_command_refuses_without_a_database(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del folder
    assert app.main(["database", "copy", "--to", f"sqlite:///{tmp_path / 'other.sqlite3'}"]) == 2
    assert "nothing to copy" in capsys.readouterr().err
