"""Two processes of the app and an object storage: the recordings of a killed node play from the other one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from core.clock import rfc3339
from database import Database
from tables import ArchiveFileRow
from tests.missing import skip_outside_ci
from tests.patience import LIMIT_S, until
from tests.prepared_database import prepared
from tests.s3_server import KEY_ID, SECRET, S3Missing, S3Server, running_server
from tests.whole_app.running_app import Recorder, RunningApp
from tools.leaks import leaks_in

pytestmark = pytest.mark.slow

RULE = {"mode": "continuous", "quality": "sub"}


@pytest.fixture
def s3_server() -> Iterator[S3Server]:
    try:
        with running_server() as server:
            yield server
    except S3Missing as missing:
        skip_outside_ci(missing)


class NodesWithStorage:
    """Two nodes on one SQLite file and one bucket, with files of ten seconds."""

    def __init__(self, folder: Path, server: S3Server) -> None:
        file = prepared(folder / "shared" / "cameras.sqlite3")
        self.bucket = server.new_bucket()
        self.database = Database(file)
        self.database.open()
        self.north, self.south = (
            self._make(folder / name, NODE_NAME=name, DATABASE_URL=f"sqlite:///{file}", server=server)
            for name in ("north", "south")
        )

    def _make(self, home: Path, *, server: S3Server, **environ: str) -> RunningApp:
        home.mkdir()
        return RunningApp(
            home,
            NODE_LEASE_S="2",
            SECRET_KEY_FILE=str(home.parent / "secret.key"),
            REQUEST_THREADS="8",
            ARCHIVE_FILE_S="10",
            ARCHIVE_FLUSH_S="1",
            ARCHIVE_MIN_FREE_BYTES="0",
            OBJECT_STORAGE_URL=f"s3://{self.bucket}/site",
            OBJECT_STORAGE_ENDPOINT=server.address,
            OBJECT_STORAGE_KEY_ID=KEY_ID,
            OBJECT_STORAGE_SECRET=SECRET,
            **environ,
        )

    def copied(self) -> list[tuple[int, int]]:
        """Return beginning and end of the files with copies, in ms since 1970."""
        row = ArchiveFileRow
        wanted = select(row.start_ms, row.end_ms).where(row.object_key.is_not(None)).order_by(row.start_ms)
        with self.database.read() as session:
            return [(start_ms, end_ms) for start_ms, end_ms in session.execute(wanted)]

    def close(self) -> None:
        for app in (self.north, self.south):
            app.close()
        self.database.close()


@pytest.fixture
def nodes(tmp_path: Path, s3_server: S3Server) -> Iterator[NodesWithStorage]:
    made = NodesWithStorage(tmp_path, s3_server)
    yield made
    made.close()
    assert not leaks_in(tmp_path, [SECRET, KEY_ID])


def coverage(app: RunningApp, camera_id: int) -> list[dict[str, Any]]:
    """Return the recorded spans of channel 1 on servers, in the last hour."""
    now = datetime.now(UTC)
    window = {"start_time": rfc3339(now - timedelta(hours=1)), "end_time": rfc3339(now), "channel": "1"}
    answer = requests.get(f"{app.url}/api/cameras/{camera_id}/recordings/coverage", params=window, timeout=LIMIT_S)
    if not answer.ok:
        return []
    spans = [span for row in answer.json()["channels"] for span in row["spans"]]
    return [span for span in spans if (span["state"], span["source"]) == ("recorded", "server")]


def _started(app: RunningApp, body: dict[str, Any]) -> str:
    """Start a replay. Return the address of its playlist; "" while the app does not know the camera's state yet."""
    answer = requests.post(f"{app.url}/api/playback/start", json=body, timeout=LIMIT_S)
    return str(answer.json()["playlist_url"]) if answer.ok else ""


def _playlist(app: RunningApp, address: str) -> str:
    """Return a playlist; "" while it has no segment."""
    answer = requests.get(f"{app.url}{address}", timeout=LIMIT_S)
    return answer.text if answer.ok and "PROGRAM-DATE-TIME" in answer.text else ""


def test_recordings_of_a_killed_node_play_from_the_storage(nodes: NodesWithStorage, recorder: Recorder) -> None:
    north, south = nodes.north.start(), nodes.south
    camera_id = recorder.add_to(north)
    rule = f"{north.url}/api/cameras/{camera_id}/channels/1/recording-rule"
    assert requests.put(rule, json=RULE, timeout=LIMIT_S).ok
    copied = until(nodes.copied, what="the first copy")
    worker = north.worker()
    north.process.kill()
    worker.kill()
    north.process.wait(LIMIT_S)
    south.start()
    start = datetime.fromtimestamp(copied[0][0] / 1000, UTC)
    until(
        lambda: any(span["start_time"] <= rfc3339(start + timedelta(seconds=1)) for span in coverage(south, camera_id)),
        what="the coverage of the killed node's recording",
    )
    body = {
        "camera_id": camera_id,
        "recording_token": "server-1-sub",
        "start_time": rfc3339(start + timedelta(seconds=2)),
        "end_time": rfc3339(start + timedelta(seconds=6)),
    }
    address = until(lambda: _started(south, body), what="the replay")
    playlist = until(lambda: _playlist(south, address), what="the playlist")
    (date,) = [line for line in playlist.splitlines() if "PROGRAM-DATE-TIME" in line][:1]
    played = datetime.fromisoformat(date.partition(":")[2])
    assert abs((played - start).total_seconds()) < 4.0
