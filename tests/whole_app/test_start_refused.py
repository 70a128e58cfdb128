"""A start with unusable settings ends before any process starts, with a plain message and exit code 2."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import app
from core.settings import Settings, SettingsError
from tools.running import free_port
from web.instance_lock import InstanceLock

Start = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Start]:
    """Return a function that starts the app with settings, expects exit code 2, and returns standard error."""
    umask = os.umask(0o077)
    for name, value in {"PORT": str(free_port()), "DATA_DIR": tmp_path / "d", "STREAMS_DIR": tmp_path / "s"}.items():
        monkeypatch.setenv(name, str(value))

    def start(**environ: str) -> str:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        assert app.main([]) == 2
        return capsys.readouterr().err

    yield start
    os.umask(umask)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_a_loopback_host_is_accepted(host: str) -> None:
    assert Settings(host=host).is_loopback
    app.check_port(Settings(host=host, port=free_port()))


def test_one_message_names_all_unusable_settings(refused: Start) -> None:
    said = refused(
        PORT="80a",
        SEGMENT_S="99",
        LOG_LEVEL="LOUD",
        MAX_SESSIONS="0",
        IDLE_END_S="nan",
        BROWSER_DECODER="hls",
        BACKFILL_HOURS="25",
    )
    for name in ("PORT", "SEGMENT_S", "LOG_LEVEL", "MAX_SESSIONS", "IDLE_END_S", "BROWSER_DECODER", "BACKFILL_HOURS"):
        assert name in said


@pytest.mark.parametrize("port", ["0", "65536", "-1", "1e3"])
def test_a_message_names_the_port_out_of_range(refused: Start, port: str) -> None:
    assert f"PORT='{port}'" in refused(PORT=port)


def test_a_message_names_the_folder_that_cannot_be_made(refused: Start) -> None:
    assert "The folder /proc/nothing cannot be used" in refused(DATA_DIR="/proc/nothing")


def test_a_message_names_the_port_in_use(refused: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"Port {port} on 127.0.0.1 cannot be used" in refused(PORT=port)


def test_a_second_start_names_the_process_before_the_taken_port(refused: Start, tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path / "d")
    lock.acquire()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert f"process {os.getpid()}" in refused(PORT=str(taken.getsockname()[1]))
    lock.release()


@pytest.mark.parametrize(
    ("data", "streams"), [("/x/d", "/x/d"), ("/x/d", "/x/d/s"), ("/x/s/d", "/x/s"), ("/x/d", "/"), ("/", "/x")]
)
def test_streams_and_data_folders_may_not_contain_each_other(data: str, streams: str) -> None:
    with pytest.raises(SettingsError, match=f"STREAMS_DIR={streams} is refused"):
        app.check_folders(Settings(data_dir=Path(data), streams_dir=Path(streams)))


@pytest.mark.parametrize("folder", ["/a/streams/archive", "/a/streams"])
def test_recordings_are_never_beside_streams_that_the_start_deletes(folder: str) -> None:
    settings = Settings(data_dir=Path("/data"), streams_dir=Path("/a/streams"), archive_dirs=f"/b:{folder}")
    with pytest.raises(SettingsError, match=f"ARCHIVE_DIRS={folder} is refused"):
        app.check_folders(settings)


def test_create_app_starts_nothing_and_touches_no_folder(tmp_path: Path) -> None:
    before = set(threading.enumerate())  # threads of earlier tests may end meanwhile
    made = app.create_app(Settings(data_dir=tmp_path / "d", streams_dir=tmp_path / "s", secret_key_file=tmp_path / "k"))
    assert made.test_client().get("/api/health").status_code == 503
    assert set(threading.enumerate()) <= before
    assert not list(tmp_path.iterdir())
