"""The package of a range that the server has recorded itself, in part."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.access import LOCAL
from core.archive import GapReason, Origin
from evidence.records import PackageState
from evidence_manager import EvidenceManager
from media.process import Spawner
from tests.exports.exporting import moment
from tests.exports.server_exporting import ServerExporting
from tests.patience import until

pytestmark = pytest.mark.slow


@pytest.fixture
def exporting(tmp_path: Path) -> Iterator[ServerExporting]:
    spawner = Spawner()
    spawner.start()
    made = ServerExporting(tmp_path, spawner)
    made.archive.settings = replace(made.archive.settings, secret_key_file=tmp_path / "secret.key")
    yield made
    made.close()
    spawner.stop()


def test_the_manifest_names_the_servers_own_recordings_and_its_gaps(exporting: ServerExporting) -> None:
    exporting.device_has(45, 55)
    exporting.server_has(0, 20)
    exporting.server_has(20, 30, origin=Origin.DEVICE)
    exporting.server_lacks(30, 45, GapReason.DISK_FULL)
    job = exporting.exported(5, 55)
    archive = exporting.archive
    evidence = EvidenceManager(archive.database, archive.settings, archive.clock, exporting.spawner, exporting.manager)
    evidence.start()
    try:
        case_id = evidence.add(LOCAL, "Theft", "", [job.id]).id
        evidence.make_package(LOCAL, case_id)
        until(lambda: evidence.get(LOCAL, case_id).package.state is PackageState.READY, what="the package")
        _, _, reader = evidence.open_package(LOCAL, case_id)
        with reader, zipfile.ZipFile(io.BytesIO(reader.read())) as package:
            manifest = json.loads(package.read("manifest.json"))
    finally:
        evidence.stop()
    assert manifest["exports"][0]["ranges"][0]["gaps"] == [
        {"start_time": _text(30), "end_time": _text(45), "reason": "disk_full"}
    ]
    own = {"recording_token": "server-1-main", "kind": "server", "replay": "server"}
    fetched = [{"start_time": _text(20), "end_time": _text(30)}]
    assert [item["source"] for item in manifest["files"] if "source" in item] == [
        {"kind": "server", "recordings": [own], "fetched_from_recorder": []},
        {"kind": "server", "recordings": [own], "fetched_from_recorder": fetched},
        {"kind": "recorder", "recordings": [{"recording_token": "Rec1", "kind": "recorder", "replay": None}]},
    ]


def _text(second: float) -> str:
    return moment(second).isoformat(timespec="milliseconds").replace("+00:00", "Z")
