"""Only one app runs per data folder; the error of a second one names the process that holds the lock."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.settings import SettingsError
from tests.patience import LIMIT_S
from web.instance_lock import LOCK_NAME, InstanceLock


def test_a_locked_folder_is_refused_and_its_process_is_named(tmp_path: Path) -> None:
    first = InstanceLock(tmp_path / "data")
    first.acquire()
    with pytest.raises(SettingsError, match=rf"process {os.getpid()}\)"):
        InstanceLock(tmp_path / "data").acquire()
    first.release()
    first.release()
    second = InstanceLock(tmp_path / "data")
    second.acquire()
    second.release()


def test_a_folder_is_made_private(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path / "data")
    lock.acquire()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / LOCK_NAME).stat().st_mode & 0o777 == 0o600
    lock.release()


def test_a_lock_ends_even_if_its_process_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from web.instance_lock import InstanceLock;"
        "InstanceLock(Path(sys.argv[1])).acquire(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, check=False, timeout=LIMIT_S)
    assert (tmp_path / LOCK_NAME).read_text().strip().isdigit()
    lock = InstanceLock(tmp_path)
    lock.acquire()
    lock.release()


def test_the_next_app_waits_for_the_worker_of_a_killed_one(tmp_path: Path) -> None:
    """The worker shares the lock, and takes a moment to end after its master."""
    code = (
        "import os, sys; from pathlib import Path; from web.instance_lock import InstanceLock;"
        "InstanceLock(Path(sys.argv[1])).acquire(); child = os.fork(); child and os._exit(0); sys.stdin.read()"
    )
    root = Path(__file__).resolve().parents[2]
    master = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=root, stdin=subprocess.PIPE)
    assert master.stdin is not None
    master.wait(LIMIT_S)
    with pytest.raises(SettingsError, match=rf"process {master.pid}\)"):
        InstanceLock(tmp_path, worker_end_s=0.2).acquire()
    worker_ends = threading.Timer(0.2, master.stdin.close)
    worker_ends.start()
    lock = InstanceLock(tmp_path, worker_end_s=LIMIT_S)
    lock.acquire()
    lock.release()
    worker_ends.join()


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / LOCK_NAME).symlink_to(victim)
    with pytest.raises(SettingsError, match="cannot be used"):
        InstanceLock(tmp_path / "data").acquire()
    assert victim.read_text() == "precious"


def test_an_error_names_the_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="file/data"):
        InstanceLock(tmp_path / "file" / "data").acquire()
