"""/api/storage with an object storage: its state, and what waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from core.access import Role
from core.clock import rfc3339
from object_storage.health import Purpose
from object_storage.problems import ObjectStorageFailed, StorageState
from object_storage_manager import ObjectStorageManager
from placement.alone import Alone
from tests.object_storage.node_with_files import NodeWithFiles
from tests.recordings.recorder import Archive
from tests.web.web_harness import WebHarness
from web.services import EXTENSION, Services

SECRET = "canary-secret"


@pytest.fixture
def manager(harness: WebHarness, archive: Archive) -> ObjectStorageManager:
    services: Services = harness.app.extensions[EXTENSION]
    settings = replace(
        archive.settings,
        object_storage_url="s3://cameras/north",
        object_storage_endpoint="http://127.0.0.1:9",
        object_storage_key_id="canary-id",
        object_storage_secret=SECRET,
        object_storage_days=90.0,
    )
    made = ObjectStorageManager(archive.database, settings, archive.clock, Alone(), archive.server)
    services.object_storage = made
    return made


def test_without_an_object_storage_there_is_none_in_the_answer(harness: WebHarness, archive: Archive) -> None:
    del archive
    assert harness.token_client(Role.ADMIN).request("GET", "/api/storage").get_json()["object_storage"] is None


def test_the_state_of_the_object_storage_is_told_with_what_waits(
    harness: WebHarness, archive: Archive, manager: ObjectStorageManager, add_row: Callable[..., None]
) -> None:
    oldest = archive.clock.now - timedelta(hours=3)
    add_row(oldest, 1000)
    add_row(oldest + timedelta(hours=1), 2000)
    add_row(oldest - timedelta(days=1), 4000, object_key="1/a.mp4", is_on_disk=False)
    detail = "The object storage refuses the access key, or the key lacks a right (AccessDenied)."
    manager._health.note_failure(ObjectStorageFailed(StorageState.REFUSED, detail), Purpose.UPLOAD)
    answer = harness.token_client(Role.ADMIN).request("GET", "/api/storage")
    assert answer.get_json()["object_storage"] == {
        "url": "s3://cameras/north",
        "state": "refused",
        "detail": detail,
        "waiting": [{"node": "", "files": 2, "bytes": 3000, "oldest": rfc3339(oldest)}],
        "copies": 1,
        "copies_bytes": 4000,
        "only_copies": 1,
        "only_copies_bytes": 4000,
        "days": 90.0,
        "last_copy_at": None,
        "last_error": {"state": "refused", "detail": detail, "at": rfc3339(archive.clock.now)},
    }
    assert "canary" not in answer.get_data(as_text=True)


def test_a_storage_that_fails_for_a_minute_is_a_trouble(archive: Archive, manager: ObjectStorageManager) -> None:
    manager._health.note_failure(ObjectStorageFailed(StorageState.FULL, "The object storage is full."), Purpose.UPLOAD)
    assert manager.troubles() == ()
    archive.clock.ahead_s += 61
    (trouble,) = manager.troubles()
    assert (trouble.reason, trouble.label) == ("copies_full", "s3://cameras/north")
    manager._health.note_success(Purpose.UPLOAD)
    assert manager.troubles() == ()


@pytest.fixture
def add_row(archive: Archive) -> Callable[..., None]:
    def add(start: object, size_bytes: int, **columns: object) -> None:
        NodeWithFiles.add_row(archive.database, start, size_bytes, **columns)  # type: ignore[arg-type]

    return add
