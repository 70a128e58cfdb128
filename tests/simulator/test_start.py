"""The command line: start, output, end."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.patience import LIMIT_S, promised, until
from tests.simulator.conftest import Start
from tests.simulator.process import ROOT
from tests.simulator.rtsp_client import RtspClient
from tests.simulator.soap_client import ask, token


def _run(*options: str, password: str | None = "x") -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "SIMULATOR_PASSWORD"}
    if password:
        environment["SIMULATOR_PASSWORD"] = password
    return subprocess.run(
        [sys.executable, "-m", "simulator", *options],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip


def test_the_recorder_starts_and_ends_quickly(start: Start) -> None:
    with promised(5):  # alone on a machine: a third of a second
        simulator = start()
    assert set(simulator.ready) == {"ready", "onvif_port", "rtsp_port", "control_port", "username"}
    with promised(3):
        assert simulator.stop() == 0
    assert simulator.errors == ""


@pytest.mark.parametrize(("fault", "value"), [("soap_silent", True), ("slow", 30), ("drip", 1)])
def test_the_recorder_ends_while_clients_wait(start: Start, fault: str, value: object) -> None:
    simulator = start("--channels", "8")
    simulator.fault(fault, value)
    with (
        socket.create_connection(("127.0.0.1", simulator.onvif_port)) as waiting,
        RtspClient(simulator.live_url(8)) as mute,
    ):
        waiting.sendall(b"GET / HTTP/1.1\r\n\r\n")
        mute.ask("OPTIONS")
        mute.send("DESCRIBE", mute.url, {}, login=False)
        time.sleep(0.1)
        assert simulator.stop() == 0
    assert simulator.errors == ""


def test_the_recorder_ends_while_encoding_and_leaves_no_child(start: Start, tmp_path: Path) -> None:
    simulator = start("--prepare", "all", "--cache-dir", str(tmp_path), profile="full")
    children: list[psutil.Process] = []

    def is_encoding() -> bool:
        children[:] = psutil.Process(simulator.process.pid).children(recursive=True)
        return len(children) >= 2

    until(is_encoding, what="encoding")
    assert simulator.stop() == 0
    psutil.wait_procs(children, timeout=LIMIT_S)
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert "Traceback" not in simulator.errors


def test_a_password_is_generated_if_none_is_given(cache_dir: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "SIMULATOR_PASSWORD"}
    argv = [sys.executable, "-m", "simulator", "--channels", "1", "--no-discovery", "--cache-dir", str(cache_dir)]
    with subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.terminate()
    assert len(ready["password"]) >= 12


def test_a_password_file_is_read(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from a file ü\nsecond line\n", "utf-8")
    simulator = start("--channels", "1", "--password-file", str(file))
    assert "password" not in simulator.ready
    assert ask(simulator, "GetDeviceInformation", header=token("from a file ü")).status == 200


def test_child_processes_do_not_get_the_password(start: Start, tmp_path: Path) -> None:
    simulator = start(
        "--channels", "2", "--prepare", "all", "--cache-dir", str(tmp_path), profile="full", password="CANARY"
    )
    parent = psutil.Process(simulator.process.pid)
    argv = parent.cmdline()
    seen: list[str] = []

    def has_read_painter_and_ffmpeg() -> bool:
        for child in parent.children(recursive=True):
            with contextlib.suppress(psutil.Error):  # children come and go
                command = child.cmdline()
                if command != argv:  # otherwise it is a fork that shows the parent's memory until its exec
                    seen.append(" ".join([*command, *child.environ().values()]))
        return any("simulator.painter" in text for text in seen) and any("rawvideo" in text for text in seen)

    until(has_read_painter_and_ffmpeg, what="encoding")
    assert "CANARY" not in " ".join(seen)
    assert "CANARY" not in " ".join(psutil.Process(simulator.process.pid).cmdline())


@pytest.mark.parametrize(
    "options",
    [
        ["--channels", "0"],
        ["--channels", "65"],
        ["--channels", "x"],
        ["--host", "0.0.0.0"],
        ["--profile", "huge"],
        ["--dead", "1:tired"],
        ["--port", "70000"],
        ["--password-file", "/nonexistent"],
        ["--cache-dir", "/proc/nothing"],
    ],
)
def test_a_wrong_option_is_refused_with_a_reason(options: list[str]) -> None:
    done = _run(*options)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_taken_port_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = _run("--rtsp-port", str(taken.getsockname()[1]), "--cache-dir", str(tmp_path), "--no-discovery")
    assert done.returncode == 2
    assert "cannot start" in done.stderr


def test_help_lists_channels_faults_and_profiles() -> None:
    text = _run("--help").stdout
    for word in ("session_limit", "rtcp_only", "small", "H.265", "SIMULATOR_PASSWORD", "/frames?channel=1"):
        assert word in text


def test_the_recorder_may_end_with_its_parent(cache_dir: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'simulator', '--die-with-parent', '--no-discovery',"
        f" '--cache-dir', {str(cache_dir)!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="its end")


def test_channels_from_one_to_sixty_four(start: Start) -> None:
    few, many = start("--channels", "1"), start("--channels", "64", "--dead", "2:silence,64:not_found")
    assert [channel["dead"] for channel in few.get("/state")["channels"]] == [None]
    channels = many.get("/state")["channels"]
    assert len(channels) == 64
    assert {channel["number"]: channel["dead"] for channel in channels if channel["dead"]} == {
        2: "silence",
        64: "not_found",
    }
    with RtspClient(many.live_url(63, "sub")) as client:
        client.play()
        client.next_video()
