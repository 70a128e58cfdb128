"""The database file and the encryption key, also missing, damaged, locked or of another version."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from cameras.records import CameraChange, CameraDraft
from cameras.store import CameraStore
from cameras.vault import CannotDecrypt, Vault
from core.errors import Conflict, StartRefused, StorageFull, Unavailable
from core.records import CameraStatus, DeviceInfo
from core.secrets import Secret
from database import Database
from tables import Base
from tests.cameras.doubles import CameraHarness
from tests.later_migrations import with_later_migration
from tests.patience import LIMIT_S, promised, until

ROOT = Path(__file__).resolve().parent.parent.parent
CANARY = "Zz9-canary-pässword"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "cameras.sqlite3"


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    database = Database(file)
    yield database
    database.close()


def store_of(harness: CameraHarness) -> CameraStore:
    return CameraStore(Database(harness.settings.database_file), harness.settings.key_file)


def add_camera_row(store: CameraStore, host: str = "cam", port: int | None = 80) -> int:
    return store.add(
        name="",
        host=host,
        port=port,
        username="admin",
        password=Secret(CANARY),
        pretend=False,
        added_at=datetime.now(UTC),
    ).id


def files_and_contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_only_the_owner_can_read_the_folder_and_its_files(harness: CameraHarness) -> None:
    before = os.umask(0)  # the least strict
    try:
        with harness.running() as manager:
            manager.add_camera(CameraDraft(host="cam"))
            data = harness.settings.data_dir
            assert stat.S_IMODE(data.stat().st_mode) == 0o700
            assert {stat.S_IMODE(file.stat().st_mode) for file in data.glob("cameras.sqlite3*")} == {0o600}
            assert stat.S_IMODE(harness.settings.key_file.stat().st_mode) == 0o600
    finally:
        os.umask(before)


# SQLAlchemy cannot read such an index of SQLite; tests/events/test_log_plans.py shows that it is there.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index ix_events_label")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index 'ix_events_label'")
def test_the_migrations_create_the_declared_schema(file: Path, database: Database) -> None:
    database.open()
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_many_threads_can_read_and_write_without_a_lock_error(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "database_dialects.sqlite._BUSY_TIMEOUT_MS", 1000 * LIMIT_S
    )  # SQLite lets no thread wait in a queue
    database.open()
    with database.write() as session:
        session.execute(text("CREATE TABLE counter (n INTEGER)"))
        session.execute(text("INSERT INTO counter VALUES (0)"))
    errors: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(25):
                with database.write() as session:
                    number = session.execute(text("SELECT n FROM counter")).scalar_one()
                    session.execute(text("UPDATE counter SET n = :n"), {"n": number + 1})
                with database.read() as session:
                    session.execute(text("SELECT n FROM counter")).scalar_one()
        except BaseException as error:  # noqa: BLE001 - asserted below
            errors.append(error)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with database.read() as session:
        assert session.execute(text("SELECT n FROM counter")).scalar_one() == 200


def test_a_failed_write_is_rolled_back(harness: CameraHarness) -> None:
    store = store_of(harness)
    store.open()
    add_camera_row(store)
    with pytest.raises(Conflict):
        add_camera_row(store)
    assert len(store.load()) == 1
    store.close()


def test_a_locked_database_is_reported_as_unavailable(
    file: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("database_dialects.sqlite._BUSY_TIMEOUT_MS", 50)
    database.open()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as refused, database.write():
            pass
    assert refused.value.code == "database_locked"


def test_a_full_disk_raises_storage_full(database: Database) -> None:
    database.open()

    def fill_up() -> None:
        with database.write() as session:
            pages = session.execute(text("PRAGMA page_count")).scalar_one()
            session.execute(text(f"PRAGMA max_page_count = {pages}"))  # SQLite then reports a full disk
            session.execute(text("CREATE TABLE big AS SELECT randomblob(100000) AS x"))

    with pytest.raises(StorageFull):
        fill_up()


@pytest.mark.parametrize(
    "content", [b"this is no database at all, but a text" * 100, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_damaged_database_is_refused_and_unchanged(file: Path, database: Database, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(StartRefused, match="damaged"):
        database.open()
    assert file.read_bytes() == content


def test_a_database_damaged_in_the_middle_is_refused(harness: CameraHarness) -> None:
    store = store_of(harness)
    store.open()
    for number in range(50):
        add_camera_row(store, f"cam{number}")
    store.close()
    file = harness.settings.database_file
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(StartRefused, match="damaged"):
        store_of(harness).open()
    assert file.read_bytes() == bytes(content)


def test_a_folder_instead_of_the_database_is_refused(file: Path, database: Database) -> None:
    file.mkdir(parents=True)
    with pytest.raises(StartRefused, match="cannot be used as the database"):
        database.open()


def test_a_database_of_a_newer_version_is_refused_and_unchanged(file: Path, database: Database) -> None:
    database.open()
    database.close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StartRefused, match="newer version"):
        database.open()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)


@pytest.fixture
def later_migrations(tmp_path: Path) -> Path:
    return with_later_migration(tmp_path / "migrations")


def columns(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        return {row[1] for row in connection.execute("PRAGMA table_info(cameras)")}


def test_an_older_schema_is_upgraded_with_all_its_rows(harness: CameraHarness, later_migrations: Path) -> None:
    store = store_of(harness)
    store.open()
    add_camera_row(store)
    store.close()
    newer = Database(harness.settings.database_file, migrations=later_migrations)
    newer.open()
    newer.close()
    assert "note" in columns(harness.settings.database_file)
    assert "hardware" not in columns(harness.settings.database_file)
    with closing(sqlite3.connect(harness.settings.database_file)) as connection:
        assert connection.execute("SELECT host, note FROM cameras").fetchall() == [("cam", "new")]


@pytest.mark.slow
def test_a_kill_during_an_upgrade_keeps_the_old_schema(harness: CameraHarness, later_migrations: Path) -> None:
    store = store_of(harness)
    store.open()
    add_camera_row(store)
    store.close()
    file = harness.settings.database_file
    program = (
        "import sys; from pathlib import Path; from database import Database;"
        "Database(Path(sys.argv[1]), migrations=Path(sys.argv[2])).open()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(file), str(later_migrations)],
        cwd=ROOT,
        env={**os.environ, "HANG_IN_MIGRATION": "1"},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"halfway\n"
        process.send_signal(signal.SIGKILL)
    store = store_of(harness)
    store.open()
    assert [camera.host for camera, _ in store.load()] == ["cam"]
    store.close()
    assert "note" not in columns(file)
    newer = Database(file, migrations=later_migrations)
    newer.open()
    newer.close()
    assert "note" in columns(file)


@pytest.mark.usefixtures("database_engine")
def test_strange_texts_of_a_device_are_stored_alike(harness: CameraHarness) -> None:
    """PostgreSQL refuses NUL, and texts that are longer than their column, unless the app takes care."""
    harness.device(info=DeviceInfo("Dah\0ua", "XVR", "4" * 300, "\ud800", "1.0"))
    stored = DeviceInfo("Dah\ufffdua", "XVR", "4" * 300, "\ufffd", "1.0")
    with harness.running() as manager:
        camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
        harness.wait_status(camera_id, CameraStatus.ONLINE)
    with harness.running() as manager:
        assert manager.get_camera(camera_id).info == stored


def test_no_file_holds_a_plain_password(harness: CameraHarness) -> None:
    with harness.running() as manager:
        harness.device(password=CANARY)
        camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret(CANARY), 80)).id
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        manager.update_camera(camera_id, CameraChange(password=Secret(CANARY + "2")))
        while_running = files_and_contents(harness.settings.data_dir)
    for content in (*while_running.values(), *files_and_contents(harness.settings.data_dir).values()):
        assert CANARY.encode() not in content
        assert CANARY.encode("utf-16-le") not in content


def test_the_key_is_created_once_and_outside_the_data_folder(harness: CameraHarness) -> None:
    with harness.running():
        key = harness.settings.key_file.read_bytes()
    assert harness.settings.data_dir not in harness.settings.key_file.parents
    with harness.running():
        assert harness.settings.key_file.read_bytes() == key
    assert [file.name for file in harness.settings.key_file.parent.iterdir()] == ["secret.key"]


def test_a_missing_key_stops_the_start_and_is_not_replaced(harness: CameraHarness) -> None:
    with harness.running() as manager:
        manager.add_camera(CameraDraft(host="cam", port=80, password=Secret(CANARY)))
    key = harness.settings.key_file.read_bytes()
    harness.settings.key_file.unlink()
    before = files_and_contents(harness.settings.data_dir)
    with pytest.raises(StartRefused, match=r"missing.*SECRET_KEY_FILE"), harness.running():
        pass
    harness.manager.stop()
    assert not harness.settings.key_file.exists()
    assert files_and_contents(harness.settings.data_dir).items() >= before.items()
    harness.settings.key_file.write_bytes(key)
    harness.settings.key_file.chmod(0o600)
    with harness.running() as manager:
        assert manager.get_camera(1).status is not CameraStatus.AUTH_FAILED


@pytest.mark.parametrize("content", [b"", b"no key", b"AAAA", b"\x00" * 32, b"A" * 100_000])
def test_an_invalid_key_file_is_refused_and_unchanged(harness: CameraHarness, content: bytes) -> None:
    harness.settings.key_file.parent.mkdir()
    harness.settings.key_file.write_bytes(content)
    with pytest.raises(StartRefused, match="holds no key"), harness.running():
        pass
    assert harness.settings.key_file.read_bytes() == content


def test_the_key_of_another_database_is_refused_and_unchanged(harness: CameraHarness, tmp_path: Path) -> None:
    with harness.running() as manager:
        manager.add_camera(CameraDraft(host="cam", port=80, password=Secret(CANARY)))
    other = CameraHarness(tmp_path / "other")
    with other.running():
        pass
    wrong = other.settings.key_file.read_bytes()
    harness.settings.key_file.write_bytes(wrong)
    with pytest.raises(StartRefused, match="does not open"), harness.running():
        pass
    assert harness.settings.key_file.read_bytes() == wrong


def test_a_folder_instead_of_the_key_file_is_refused(harness: CameraHarness) -> None:
    harness.settings.key_file.mkdir(parents=True)
    with pytest.raises(StartRefused, match="cannot be used"), harness.running():
        pass


def test_simultaneous_starts_create_one_key(tmp_path: Path) -> None:
    harnesses = [CameraHarness(tmp_path / str(number)) for number in range(6)]
    key_file = tmp_path / "shared" / "secret.key"
    stores = [CameraStore(Database(harness.settings.database_file), key_file) for harness in harnesses]
    threads = [threading.Thread(target=store.open) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        add_camera_row(store)
        store.close()
        store.open()  # raises if its passwords were encrypted with another key
        store.close()


def test_a_password_cannot_be_moved_to_another_row_or_host(harness: CameraHarness) -> None:
    store = store_of(harness)
    store.open()
    add_camera_row(store, "mine")
    add_camera_row(store, "theirs")
    store.close()
    with closing(sqlite3.connect(harness.settings.database_file)) as connection, connection:
        connection.execute(
            "UPDATE cameras SET password_box = (SELECT password_box FROM cameras WHERE id = 1) WHERE id = 2"
        )
        connection.execute("UPDATE cameras SET host = 'evil' WHERE id = 1")
    store.open()
    assert [camera.password for camera, _ in store.load()] == [None, None]
    store.close()


def test_an_undecryptable_password_affects_only_its_camera(harness: CameraHarness) -> None:
    harness.device("a")
    harness.device("b")
    with harness.running() as manager:
        for host in ("a", "b"):
            manager.add_camera(CameraDraft(host, "admin", Secret("right"), 80))
    with closing(sqlite3.connect(harness.settings.database_file)) as connection, connection:
        connection.execute("UPDATE cameras SET password_box = x'00' WHERE id = 1")
    with harness.running() as manager:
        harness.wait_status(2, CameraStatus.ONLINE)
        lost = manager.get_camera(1)
        assert lost.status is CameraStatus.AUTH_FAILED
        assert lost.error is not None
        assert "Enter it again" in lost.error.detail
        assert manager.wait_first_connection(1, LIMIT_S).status is CameraStatus.AUTH_FAILED
        assert manager.refresh(1).status is CameraStatus.AUTH_FAILED
        manager.update_camera(1, CameraChange(name="kept"))
        manager.update_camera(1, CameraChange(password=Secret("right")))
        harness.wait_status(1, CameraStatus.ONLINE)


def test_encryption_is_random_and_detects_each_changed_bit() -> None:
    vault = Vault(b"k" * 32)
    first, second = (vault.encrypt(Secret(CANARY), ("cameras", 1)) for _ in range(2))
    assert first != second
    assert vault.decrypt(first, ("cameras", 1)).reveal() == CANARY
    for position in range(len(first)):
        spoilt = bytearray(first)
        spoilt[position] ^= 1
        with pytest.raises(CannotDecrypt):
            vault.decrypt(bytes(spoilt), ("cameras", 1))


def test_a_database_without_its_key_check_is_refused(harness: CameraHarness) -> None:
    store = store_of(harness)
    store.open()
    add_camera_row(store)
    store.close()
    with closing(sqlite3.connect(harness.settings.database_file)) as connection, connection:
        connection.execute("DELETE FROM vault")
    with pytest.raises(StartRefused, match="check value of their key"):
        store_of(harness).open()


def test_a_locked_database_does_not_delay_reads_of_cameras(harness: CameraHarness) -> None:
    with harness.running() as manager:
        harness.device()
        camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        with closing(sqlite3.connect(harness.settings.database_file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with promised(1.0):
                assert manager.list_cameras()[0].status is CameraStatus.ONLINE
                assert manager.channels(camera_id)
        until(lambda: manager.get_camera(camera_id).status is CameraStatus.ONLINE)
