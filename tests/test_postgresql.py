"""PostgreSQL beside SQLite: start, transactions, errors by SQLSTATE; no message has the password."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, literal, select, text
from sqlalchemy.exc import IntegrityError

from core.errors import AppError, StartRefused, StorageFull, Unavailable
from core.settings import ROOT, Settings, SettingsError
from database import MIGRATIONS, Database
from tables import Base, ChoiceRow, WallRow
from tests.events.logged import stored_camera
from tests.later_migrations import with_later_migration
from tests.patience import LIMIT_S, until
from tests.postgres import PASSWORD, Databases, PostgresServer

CANARY = "Zz9-canary"


@pytest.fixture
def database(postgres_databases: Databases, tmp_path: object) -> Iterator[Database]:
    database = postgres_databases.database(tmp_path)  # type: ignore[arg-type]
    database.open()
    yield database
    postgres_databases.empty()


def url_with(server: PostgresServer, *, host: str = "127.0.0.1", name: str = "postgres", password: str = CANARY) -> str:
    return f"postgresql://viewer:{quote(password, safe='')}@{host}:{server.port}/{name}"


def refusal_of(url: str) -> str:
    with pytest.raises(StartRefused) as refused:
        Database(url).open()
    message = str(refused.value)
    assert CANARY not in message
    assert PASSWORD not in message
    return message


def test_the_migrations_make_the_declared_schema(database: Database) -> None:
    with database.read() as session:
        connection = session.connection()
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_wrong_password_is_refused_without_showing_it(postgres: PostgresServer) -> None:
    message = refusal_of(url_with(postgres))
    assert "password authentication failed" in message
    assert "Check DATABASE_URL" in message


def test_an_unknown_database_is_refused_by_its_name(postgres: PostgresServer) -> None:
    assert "'missing'" in refusal_of(url_with(postgres, name="missing", password=PASSWORD))


def test_an_unknown_host_is_refused_by_its_name(postgres: PostgresServer) -> None:
    assert "nowhere.invalid" in refusal_of(url_with(postgres, host="nowhere.invalid"))


def test_a_server_that_does_not_run_is_refused() -> None:
    assert "127.0.0.1" in refusal_of(f"postgresql://viewer:{CANARY}@127.0.0.1:1/cameras")


@pytest.mark.parametrize(
    "url", [f"postgresql://viewer:{CANARY}@host:port/name", f"postgres://viewer:{CANARY}@[::1/name"]
)
def test_a_url_that_nobody_can_read_is_refused_without_showing_it(url: str) -> None:
    assert "percent-encoded" in refusal_of(url)


@pytest.mark.parametrize("url", [f"mysql://viewer:{CANARY}@host/name", f"postgresql:viewer:{CANARY}", "sqlite://x"])
def test_a_setting_of_another_kind_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL") as refused:
        Settings.from_environ({"DATABASE_URL": url})
    assert CANARY not in str(refused.value)
    assert url not in str(refused.value)


def test_the_settings_show_no_url() -> None:
    assert CANARY not in repr(Settings.from_environ({"DATABASE_URL": f"postgresql://viewer:{CANARY}@host/name"}))


def test_the_url_of_a_file_names_the_sqlite_file() -> None:
    settings = Settings.from_environ({"DATABASE_URL": "sqlite:////srv/cameras.sqlite3"})
    assert str(settings.database_place) == "/srv/cameras.sqlite3"
    assert replace(settings, database_url="").database_place == settings.data_dir / "cameras.sqlite3"


def test_a_database_of_another_encoding_is_refused(postgres: PostgresServer) -> None:
    postgres.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' OWNER viewer")
    try:
        message = refusal_of(postgres.url("latin"))
    finally:
        postgres.run("DROP DATABASE latin")
    assert "LATIN1" in message
    assert "CREATE DATABASE" in message


def test_a_database_of_a_newer_version_is_refused(database: Database, postgres: PostgresServer) -> None:
    with database.write() as session:
        before = session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    try:
        with pytest.raises(StartRefused, match="newer version"):
            database.open()
    finally:
        name = database.name.split("'")[1]
        postgres.run(f"UPDATE alembic_version SET version_num = '{before}'", name)


def test_a_database_that_only_reads_is_refused(database: Database, postgres: PostgresServer) -> None:
    database.close()
    name = database.name.split("'")[1]
    postgres.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        with pytest.raises(StartRefused, match="standby, or set to read-only"):
            database.open()
    finally:
        postgres.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")


def test_a_missing_driver_is_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "make postgresql" in refusal_of("postgresql://viewer@127.0.0.1/cameras")


@pytest.mark.slow
def test_nodes_that_start_together_make_and_upgrade_the_tables_once(postgres: PostgresServer, tmp_path: Path) -> None:
    """All start: one of them makes the tables of an empty database, and later upgrades them. The others wait."""
    postgres.run("CREATE DATABASE together TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8' OWNER viewer")
    url = postgres.url("together")
    later = with_later_migration(tmp_path / "migrations")
    program = (
        "import sys; from pathlib import Path; from database import Database;"
        "Database(sys.argv[1], migrations=Path(sys.argv[2])).open()"
    )
    try:
        for migrations in (MIGRATIONS, later):
            command = [sys.executable, "-c", program, url, str(migrations)]
            nodes = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(3)]
            failures = [message for node in nodes if (message := node.communicate(timeout=LIMIT_S)[1])]
            assert [node.returncode for node in nodes] == [0, 0, 0], failures
            if migrations is MIGRATIONS:
                database = Database(url)
                database.open()
                with database.write() as session:
                    session.add(stored_camera(1))
                database.close()
        assert postgres.run("SELECT id, note FROM cameras", "together") == [(1, "new")]
        with pytest.raises(StartRefused, match="newer version"):
            Database(url).open()
    finally:
        postgres.run("DROP DATABASE together WITH (FORCE)")


def test_a_read_sees_one_state_while_another_writes(database: Database) -> None:
    with database.read() as reading:
        assert reading.scalar(select(func.count()).select_from(ChoiceRow)) == 0
        with database.write() as writing:
            writing.add(ChoiceRow(name="a", value="b"))
        assert reading.scalar(select(func.count()).select_from(ChoiceRow)) == 0
    with database.read() as reading:
        assert reading.scalar(select(func.count()).select_from(ChoiceRow)) == 1


def test_a_read_refuses_to_write(database: Database) -> None:
    with pytest.raises(AppError), database.read() as session:
        session.execute(insert(ChoiceRow).values(name="a", value="b"))


def test_writers_of_several_threads_take_turns(database: Database) -> None:
    with database.write() as session:
        session.add(ChoiceRow(name="count", value="0"))

    def count() -> None:
        for _ in range(20):
            with database.write() as session:
                row = session.get(ChoiceRow, "count")
                assert row is not None
                row.value = str(int(row.value) + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.get_one(ChoiceRow, "count").value == "80"


def test_a_writer_that_waits_too_long_is_told_to_come_back(database: Database) -> None:
    other = database.apart(0.2)
    other.open()
    try:
        with database.write() as held:
            held.execute(text("LOCK TABLE choices"))
            with pytest.raises(Unavailable) as refused, other.write() as session:
                session.execute(insert(ChoiceRow).values(name="a", value="b"))
    finally:
        other.close()
    assert refused.value.code == "database_locked"


def test_a_database_apart_writes_beside_the_writer(database: Database) -> None:
    other = database.apart(2.0)
    other.open()
    try:
        with database.write() as held:
            held.add(ChoiceRow(name="a", value="b"))
            held.flush()
            with other.write() as session:
                session.add(ChoiceRow(name="c", value="d"))
    finally:
        other.close()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(ChoiceRow)) == 2


def test_leases_are_on_the_disk_before_a_node_relies_on_them(database: Database) -> None:
    """The server of the tests answers before, and so does that of an owner who wants speed."""
    other = database.apart(2.0)
    other.open()
    try:
        with other.read() as own, database.read() as shared:
            assert own.scalar(text("SHOW synchronous_commit")) == "on"
            assert shared.scalar(text("SHOW synchronous_commit")) == "off"
    finally:
        other.close()


def test_a_violated_constraint_stays_an_error_of_the_caller(database: Database) -> None:
    with database.write() as session:
        session.add(ChoiceRow(name="a", value="b"))
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(ChoiceRow(name="a", value="c"))


@pytest.mark.parametrize(
    ("state", "kind", "code"),
    [
        ("53100", StorageFull, "storage_full"),
        ("57014", Unavailable, "database_locked"),
        ("40P01", Unavailable, "database_locked"),
        ("57P01", Unavailable, "database_unreachable"),
        ("53300", Unavailable, "database_unreachable"),
        ("08006", Unavailable, "database_unreachable"),
        ("25006", Unavailable, "database_failed"),
        ("XX000", Unavailable, "database_failed"),
    ],
)
def test_an_error_of_the_server_becomes_one_of_the_app(
    database: Database, state: str, kind: type[AppError], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    statement = f"DO $$ BEGIN RAISE EXCEPTION '{CANARY}' USING ERRCODE = '{state}'; END $$"
    with pytest.raises(kind) as refused, database.write() as session:
        session.execute(text(statement))
    assert refused.value.code == code
    assert CANARY not in refused.value.detail
    with database.write() as session:  # the next one works
        session.add(ChoiceRow(name="a", value="b"))
    assert PASSWORD not in caplog.text


def test_a_text_keeps_all_but_what_no_database_stores(database: Database) -> None:
    long = "é" * 300
    with database.write() as session:
        session.add(WallRow(name="a\0b\ud800c", layout=1, tiles=[]))
        session.add(WallRow(name=long, layout=1, tiles=[]))
    with database.read() as session:
        assert sorted(session.scalars(select(WallRow.name))) == ["a\ufffdb\ufffdc", long]


def test_a_product_of_small_numbers_is_not_cut(database: Database) -> None:
    with database.read() as session:
        assert session.scalar(select(literal(300) * literal(300))) == 90_000


@pytest.mark.parametrize("number", [2**31, 2**40, 2**63 - 1])
def test_an_id_beyond_the_column_matches_no_row(database: Database, number: int) -> None:
    with database.read() as session:
        assert session.get(WallRow, number) is None
        assert session.scalars(select(WallRow).where(WallRow.layout.in_([1, number]))).all() == []


def test_connections_that_the_server_ended_are_replaced(
    database: Database, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "database_dialects")

    def lose() -> None:
        with database.write() as session:
            own = session.scalar(text("SELECT pg_backend_pid()"))
            postgres.run(f"SELECT pg_terminate_backend({own}, 5000)")
            session.execute(text("SELECT 1"))

    with pytest.raises(Unavailable) as refused:
        lose()
    assert refused.value.code == "database_unreachable"
    assert refused.value.retry_after_s == 5
    with database.write() as session:
        session.add(ChoiceRow(name="a", value="b"))
    assert caplog.text.count("cannot be reached") == 1
    assert "answers again" in caplog.text


def test_a_transaction_of_an_app_that_hangs_ends(database: Database) -> None:
    hanging = database.apart(0.2)
    hanging.open()
    try:
        with suppress(Unavailable), hanging.write() as session:
            session.execute(text("LOCK TABLE choices"))
            with database.write() as other:  # waits until the server ends the other one
                other.add(ChoiceRow(name="a", value="b"))
            session.execute(text("SELECT 1"))
    finally:
        hanging.close()
    with database.read() as session:
        assert session.get(ChoiceRow, "a") is not None


def test_a_statement_that_waits_ends_with_its_connection(database: Database) -> None:
    def wait() -> None:
        with database.read() as session:
            session.execute(text("SELECT pg_sleep(60)"))

    def end() -> None:
        until(lambda: database.longest_s() > 0.2)
        database.end_connections()

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(Unavailable) as refused:
        wait()
    ending.join()
    assert refused.value.code == "database_unreachable"
    assert database.longest_s() < 0.01  # no session is open
    with database.read() as session:  # a new connection
        assert session.scalar(text("SELECT 1")) == 1
