"""Key rotation encrypts every password with the new key; a crash at any point loses no password."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cameras.rotation import rotate_key
from cameras.store import CameraStore
from cameras.vault import make_next_key
from core.errors import StartRefused
from core.secrets import Secret
from notifications.push_store import PushStore
from notifications.records import SinkDraft
from notifications.sink_settings import EmailSettings
from notifications.sinks import SinkKind
from notifications.store import SinkStore
from tables import NotificationSinkRow
from tests.placement.running_node import running_node
from tests.prepared_database import prepared_database

PASSWORDS = ["first-pässword", "second", "", "x" * 200]

MAIL = SinkDraft(
    "Mail", EmailSettings("mail.lan", 587, "tls", "a@b.example", ("d@e.example",), "cameras"), Secret("mail-secret")
)


class Crash(BaseException):
    """A power failure: no code catches it."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = _store(tmp_path)
    store.open()
    for number, password in enumerate(PASSWORDS):
        store.add(
            name="",
            host=f"cam{number}",
            port=80,
            username="admin",
            password=Secret(password),
            pretend=False,
            added_at=datetime.now(UTC),
        )
    store.close()
    return tmp_path


def _store(folder: Path) -> CameraStore:
    return CameraStore(prepared_database(folder / "data" / "cameras.sqlite3"), folder / "keys" / "secret.key")


def _rotate(folder: Path) -> int:
    database = prepared_database(folder / "data" / "cameras.sqlite3")
    try:
        return rotate_key(database, folder / "keys" / "secret.key")
    finally:
        database.close()


def _passwords(folder: Path) -> list[str]:
    store = _store(folder)
    store.open()
    try:
        return [camera.password.reveal() if camera.password is not None else "(lost)" for camera, _ in store.load()]
    finally:
        store.close()


def test_every_password_opens_with_the_new_key_and_none_with_the_old(folder: Path) -> None:
    key_file = folder / "keys" / "secret.key"
    old = key_file.read_bytes()
    assert _rotate(folder) == len(PASSWORDS)
    assert key_file.read_bytes() != old
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert _passwords(folder) == PASSWORDS
    assert [file.name for file in key_file.parent.iterdir()] == ["secret.key"]
    key_file.write_bytes(old)
    before = (folder / "data" / "cameras.sqlite3").read_bytes()
    with pytest.raises(StartRefused, match="does not open"):
        _passwords(folder)
    assert (folder / "data" / "cameras.sqlite3").read_bytes() == before


@pytest.mark.usefixtures("database_engine")
def test_the_secrets_of_notifications_open_with_the_new_key(folder: Path) -> None:
    store = _store(folder)
    store.open()
    sinks, push = SinkStore(store._database), PushStore(store._database, store)
    sink_id = sinks.add(MAIL, SinkKind.EMAIL, store.vault, datetime.now(UTC))
    public_key = push.signer(datetime.now(UTC)).public_key
    store.close()
    assert _rotate(folder) == len(PASSWORDS) + 2
    store = _store(folder)
    store.open()
    assert SinkStore(store._database).sinks(store.vault)[sink_id - 1].secret == Secret("mail-secret")
    assert PushStore(store._database, store).signer(datetime.now(UTC)).public_key == public_key
    store.close()


@pytest.mark.usefixtures("database_engine")
def test_a_moved_secret_of_a_sink_does_not_open(folder: Path) -> None:
    store = _store(folder)
    store.open()
    sinks = SinkStore(store._database)
    sink_id = sinks.add(MAIL, SinkKind.EMAIL, store.vault, datetime.now(UTC))
    with store._database.write() as session:
        row = session.get(NotificationSinkRow, sink_id)
        assert row is not None
        row.settings = {**row.settings, "host": "evil.example"}
    moved = sinks.sinks(store.vault)[sink_id - 1]
    assert (moved.secret, moved.is_readable) == (None, False)
    store.close()


@pytest.mark.usefixtures("database_engine")
def test_no_key_is_rotated_while_a_node_of_another_machine_runs(folder: Path) -> None:
    """The node would keep the old key, and store new passwords with it."""
    key_file = folder / "keys" / "secret.key"
    before = key_file.read_bytes()
    database = prepared_database(folder / "data" / "cameras.sqlite3")
    with running_node(database, "south"):
        with pytest.raises(StartRefused, match="These nodes use the database: south"):
            _rotate(folder)
        assert key_file.read_bytes() == before
        assert [file.name for file in key_file.parent.iterdir()] == ["secret.key"]
    assert _rotate(folder) == len(PASSWORDS)


@pytest.mark.usefixtures("database_engine")
def test_no_key_is_rotated_beside_a_node_that_has_just_started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = prepared_database(folder / "data" / "cameras.sqlite3")
    with ExitStack() as nodes:

        def start_node(key_file: Path) -> bytes:
            nodes.enter_context(running_node(database, "south"))
            return make_next_key(key_file)

        monkeypatch.setattr("cameras.rotation.make_next_key", start_node)
        with pytest.raises(StartRefused, match="south"):
            _rotate(folder)
    assert _passwords(folder) == PASSWORDS


def test_a_key_can_be_rotated_repeatedly(folder: Path) -> None:
    for _ in range(3):
        _rotate(folder)
    assert _passwords(folder) == PASSWORDS


def test_a_wrong_key_changes_nothing(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    store = _store(other)
    store.open()
    store.close()
    shutil.copy(other / "keys" / "secret.key", folder / "keys" / "secret.key")
    with pytest.raises(StartRefused, match="does not open"):
        _rotate(folder)
    assert not (folder / "keys" / "secret.key.next").exists()


def _crash(*_: object) -> None:
    raise Crash


@pytest.mark.parametrize(
    "where",
    [
        lambda patch: patch.setattr("cameras.rotation.Vault", _crash),  # only the draft of the key is written
        lambda patch: patch.setattr("cameras.rotation.Vault.make_check", _crash),  # inside the transaction
        lambda patch: patch.setattr("cameras.rotation.adopt_next_key", _crash),  # after the commit, before the rename
    ],
    ids=["drafted", "in_transaction", "committed"],
)
def test_a_crash_during_a_rotation_loses_no_password(
    folder: Path, monkeypatch: pytest.MonkeyPatch, where: Callable[[pytest.MonkeyPatch], None]
) -> None:
    with monkeypatch.context() as patch:
        where(patch)
        with pytest.raises(Crash):
            _rotate(folder)
    assert (folder / "keys" / "secret.key.next").exists()
    assert _passwords(folder) == PASSWORDS
    assert not (folder / "keys" / "secret.key.next").exists()
    _rotate(folder)
    assert _passwords(folder) == PASSWORDS
