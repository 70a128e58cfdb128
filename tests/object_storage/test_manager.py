"""The whole of the copies: start, stop, and what an app without them loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from archive_manager import ArchiveManager
from core.login_gate import LoginGate
from core.settings import ROOT
from media.rtsp.gateway import RtspGateway
from object_storage_manager import ObjectStorageManager
from placement.alone import Alone
from tests.archive.hand_events import HandEvents
from tests.archive.test_archive_manager import KnownCameras
from tests.object_storage.node_with_files import NodeWithFiles
from tests.patience import promised, until
from tests.s3_server import S3Server


def manager_of(node: NodeWithFiles) -> ObjectStorageManager:
    gateway = RtspGateway(login_gate=LoginGate(node.clock), clock=node.clock, settings=node.settings)
    archive = ArchiveManager(node.database, node.settings, node.clock, gateway, KnownCameras(1), HandEvents())
    archive.volumes = node.volumes
    return ObjectStorageManager(node.database, node.settings, node.clock, Alone(), archive)


def test_a_started_manager_copies_until_it_stops(node: NodeWithFiles) -> None:
    row_ids = [node.record(minutes_ago=number) for number in (10, 20, 30)]
    manager = manager_of(node)
    manager.start()
    until(lambda: all(node.key_of(row_id) for row_id in row_ids), what="the copies")
    manager.stop()
    manager.stop()
    view = manager.view()
    assert (view.copies.files, view.waiting) == (3, ())


def test_a_storage_that_hangs_does_not_hold_up_the_stop(node: NodeWithFiles, s3_server: S3Server) -> None:
    node.record()
    manager = manager_of(node)
    s3_server.freeze()
    try:
        manager.start()
        until(lambda: manager._uploader.uploading, what="the upload")
        with promised(5):
            manager.stop()
    finally:
        s3_server.go_on()
    until(lambda: not manager._uploader.uploading, what="the end of the upload")


@pytest.mark.slow
def test_an_app_without_an_object_storage_loads_nothing_of_it() -> None:
    code = "import sys, wiring; print(sorted(it for it in sys.modules if it.startswith(('object_storage', 'obstore'))))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "['object_storage', 'object_storage.problems']"  # the states for the API
