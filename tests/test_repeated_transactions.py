"""A transaction that PostgreSQL ends for another one runs once more, if it is a function without other effects."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text, update

from cameras.store import CameraStore
from core.errors import Unavailable
from core.secrets import Secret
from database import Database, repeated
from tables import ChoiceRow
from tests.patience import until
from tests.postgres import Databases, PostgresServer


@pytest.fixture
def database(postgres_databases: Databases, tmp_path: Path) -> Iterator[Database]:
    database = postgres_databases.database(tmp_path / "cameras.sqlite3")
    database.open()
    yield database
    postgres_databases.empty()


class Other:
    """Another transaction of the same database, which PostgreSQL never chooses to end."""

    def __init__(self, server: PostgresServer, database: Database) -> None:
        self._database = database.name.split("'")[1]
        self._server = server
        self._connection = self._connect()
        self._observer = self._connect(autocommit=True)  # a new connection for each look takes too long
        self._connection.execute("SET deadlock_timeout = '1h'")

    def _connect(self, *, autocommit: bool = False) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self._server.folder),
            port=self._server.port,
            dbname=self._database,
            user="administrator",
            autocommit=autocommit,
        )

    def run(self, statement: str) -> None:
        self._connection.execute(statement.encode())

    def run_once_the_app_waits(self, statement: str) -> threading.Thread:
        """Run a statement, and commit, in a thread of its own, once a transaction of the app waits for this one."""

        def work() -> None:
            until(self._is_awaited, what="a transaction that waits")
            self.run(statement)
            self.commit()

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def commit(self) -> None:
        self._connection.commit()

    def close(self) -> None:
        self._connection.close()
        self._observer.close()

    def _is_awaited(self) -> bool:
        awaited = "SELECT count(*) FROM pg_locks WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid))"
        found = self._observer.execute(awaited, (self._connection.info.backend_pid,)).fetchone()
        return found is not None and found != (0,)


@pytest.fixture
def other(postgres: PostgresServer, database: Database) -> Iterator[Other]:
    with set_for(postgres, database, "deadlock_timeout", "'50ms'"):
        other = Other(postgres, database)
        yield other
        other.close()


@contextmanager
def set_for(server: PostgresServer, database: Database, name: str, value: str) -> Iterator[None]:
    """Change a setting of the server for the connections that this database opens from now on."""
    of = database.name.split("'")[1]
    server.run(f"ALTER DATABASE {of} SET {name} = {value}")
    database.close()
    database.open()
    try:
        yield
    finally:
        server.run(f"ALTER DATABASE {of} RESET {name}")
        database.close()
        database.open()


class Choices:
    """A store with one row for each of two names."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.tries = 0
        with database.write() as session:
            session.add_all([ChoiceRow(name="a", value="0"), ChoiceRow(name="b", value="0")])

    def raise_both_once(self) -> int:
        self.tries += 1
        with self._database.write() as session:
            for name in ("a", "b"):
                chosen = select(ChoiceRow.value).where(ChoiceRow.name == name)
                found = session.scalars(chosen.with_for_update()).one()  # the other transaction may not have ended yet
                session.execute(update(ChoiceRow).where(ChoiceRow.name == name).values(value=str(int(found) + 1)))
            return self.tries

    raise_both = repeated(raise_both_once)

    @repeated
    def fail(self, state: str) -> None:
        self.tries += 1
        with self._database.write() as session:
            session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'none' USING ERRCODE = '{state}'; END $$"))

    def values(self) -> list[str]:
        with self._database.read() as session:
            return list(session.scalars(select(ChoiceRow.value).order_by(ChoiceRow.name)))


def test_a_transaction_that_a_deadlock_ended_runs_once_more(database: Database, other: Other) -> None:
    choices = Choices(database)
    other.run("UPDATE choices SET value = '10' WHERE name = 'b'")
    thread = other.run_once_the_app_waits("UPDATE choices SET value = '10' WHERE name = 'a'")
    assert choices.raise_both() == 2
    thread.join()
    assert choices.values() == ["11", "11"], "both transactions count, one after the other"


def test_a_transaction_that_read_old_rows_runs_once_more(
    database: Database, other: Other, postgres: PostgresServer
) -> None:
    """SQLSTATE 40001, where the owner of the database has chosen another isolation."""
    choices = Choices(database)
    with set_for(postgres, database, "default_transaction_isolation", "'repeatable read'"):
        other.run("UPDATE choices SET value = '10' WHERE name = 'b'")
        thread = other.run_once_the_app_waits("SELECT 1")
        assert choices.raise_both() == 2
        thread.join()
    assert choices.values() == ["1", "11"]


@pytest.mark.parametrize(("state", "tries"), [("40P01", 2), ("40001", 2), ("57014", 1), ("53100", 1)])
def test_only_a_conflict_is_tried_again_and_only_once(database: Database, state: str, tries: int) -> None:
    choices = Choices(database)
    with pytest.raises(Exception) as refused:  # noqa: PT011  # of two kinds
        choices.fail(state)
    assert choices.tries == tries
    assert getattr(refused.value, "code", "") == ("storage_full" if state == "53100" else "database_locked")


def test_a_transaction_without_that_promise_is_not_repeated(database: Database, other: Other) -> None:
    choices = Choices(database)
    other.run("UPDATE choices SET value = '10' WHERE name = 'b'")
    thread = other.run_once_the_app_waits("UPDATE choices SET value = '10' WHERE name = 'a'")
    with pytest.raises(Unavailable) as refused:
        choices.raise_both_once()
    thread.join()
    assert refused.value.code == "database_locked"
    assert choices.values() == ["10", "10"]


def test_a_camera_is_deleted_despite_a_deadlock(database: Database, other: Other, tmp_path: Path) -> None:
    store = CameraStore(database, tmp_path / "secret.key")
    store.open()
    camera = store.add(
        name="", host="cam", port=80, username="admin", password=Secret("x"), pretend=False, added_at=datetime.now(UTC)
    )
    with database.write() as session:
        session.execute(
            text(
                f"INSERT INTO camera_states (camera_id, node, epoch, status, written_at, "
                f"refused_logins, refused_of_place, refused_box) "
                f"VALUES ({camera.id}, 'a', 1, 'online', 0, 0, 0, '')"
            )
        )
    other.run(f"UPDATE camera_states SET epoch = 2 WHERE camera_id = {camera.id}")
    thread = other.run_once_the_app_waits(f"UPDATE cameras SET epoch = 2 WHERE id = {camera.id}")
    store.delete(camera.id)
    thread.join()
    assert store.load() == []
