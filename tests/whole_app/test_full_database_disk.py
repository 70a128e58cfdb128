"""The disk of the PostgreSQL database is full: changes are refused with a clear message, and live pictures go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from tests.missing import skip_outside_ci
from tests.patience import LIMIT_S, stays, until
from tests.postgres import PostgresMissing, PostgresServer
from tests.whole_app.accounts import log_in, set_up

pytestmark = [pytest.mark.stress, pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")]

SUB = "MediaProfile00001"
WALLS = 2_000  # more than the free space in the pages that the database has already
_CHUNK = b"\0" * 4096


class SmallDisk:
    """A disk of 64 MB that the database's server may use."""

    def __init__(self, owner: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="small-disk-", dir="/var/tmp"))  # which the server enters
        self._folder.chmod(0o755)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", self._folder], check=True)
        self.space = self._folder / "space"
        self.space.mkdir()
        shutil.chown(self.space, owner.owner(), owner.group())
        self._filler = self._folder / "filler"

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no free byte while the block runs."""
        with self._filler.open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(_CHUNK):
                pass
        try:
            yield
        finally:
            self._filler.unlink()

    def remove(self) -> None:
        subprocess.run(["umount", self._folder], check=True)
        self._folder.rmdir()


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    try:
        made = PostgresServer.made()
    except PostgresMissing as missing:
        skip_outside_ci(missing)
    yield made
    made.remove()


@pytest.fixture
def disk(server: PostgresServer) -> Iterator[SmallDisk]:
    made = SmallDisk(server.folder / "data")
    yield made
    server.stop()
    made.remove()


def has_media(client: ClientConnection) -> bool:
    return isinstance(client.recv(LIMIT_S), bytes)


def test_a_full_disk_refuses_changes_and_ends_no_stream(
    make_app: Callable[..., Any], server: PostgresServer, disk: SmallDisk, recorder: Any
) -> None:
    """The app is a node, so it also has to renew its lease on the full disk, or else it loses the camera."""
    server.run(f"CREATE TABLESPACE small LOCATION '{disk.space}'")
    app = make_app(DATABASE_URL=server.copy("small", space="small"), NODE_NAME="north", NODE_LEASE_S="3").start()
    recorder.add_to(app)
    anna = set_up(app)
    cookie = "; ".join(f"{one.name}={one.value}" for one in anna.cookies)
    with connect(
        f"{app.url.replace('http', 'ws')}/live/1/{SUB}",
        proxy=None,
        additional_headers={"Cookie": cookie, "Origin": app.url},
        open_timeout=LIMIT_S,
        max_size=None,
    ) as client:
        until(lambda: has_media(client))
        with disk.full():
            refused = first_refused_wall(app.url, anna)
            assert refused.status_code == 503
            assert refused.headers["Retry-After"] == "30"
            problem = refused.json()
            assert problem["code"] == "storage_full"
            assert problem["detail"] == "The disk that holds the database is full; nothing was saved."
            count = len(anna.get(f"{app.url}/api/walls", timeout=LIMIT_S).json()["walls"])
            assert anna.get(f"{app.url}/api/cameras", timeout=LIMIT_S).status_code == 200
            stays(lambda: client.recv(LIMIT_S), for_s=6.0)  # two leases
            until(lambda: has_media(client))
        assert add_wall(app.url, anna, "after").status_code == 201
    assert len(log_in(app.url).get(f"{app.url}/api/walls", timeout=LIMIT_S).json()["walls"]) == count + 1
    assert "the database cannot write to its disk" in app.errors()
    assert "Traceback" not in app.errors()


def add_wall(url: str, session: requests.Session, name: str) -> requests.Response:
    return session.post(f"{url}/api/walls", json={"name": name, "layout": 1, "tiles": []}, timeout=LIMIT_S)


def first_refused_wall(url: str, session: requests.Session) -> requests.Response:
    """Add walls until the database needs a page more than it has."""
    answers = (add_wall(url, session, f"{number:060}") for number in range(WALLS))
    return next(answer for answer in answers if answer.status_code != 201)
