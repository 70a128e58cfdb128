"""go2rtc and MediaMTX, run with the recorder's streams: `GO2RTC=` and `MEDIAMTX=` name their programs.

Each pulls a stream by RTSP over TCP when its first viewer comes, as this app does.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tools.running import free_port

_READY_WITHIN_S = 30.0
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Peer:
    """A running peer. Streams have the numbers of the RTSP addresses that it was started with.

    `whep`: address of a stream over WebRTC (WHEP); `reader`: for `bench.peer_readers`; both with `{}` for the number.
    """

    name: str
    version: str
    pid: int
    whep: str
    reader: str

    def processes(self) -> list[psutil.Process]:
        process = psutil.Process(self.pid)
        return [process, *process.children(recursive=True)]


Start = Callable[[Path, list[str]], AbstractContextManager[Peer]]


@contextlib.contextmanager
def go2rtc(program: Path, rtsp_urls: list[str]) -> Iterator[Peer]:
    """Run go2rtc. Its readers take MSE fragments over a WebSocket, as its page does."""
    web, media = free_port(), free_port()
    settings = {
        "api": {"listen": f"{_LOOPBACK}:{web}"},
        "rtsp": {"listen": ""},
        "srtp": {"listen": ""},
        "webrtc": {
            "listen": f":{media}",
            "candidates": [f"{_LOOPBACK}:{media}"],
            "ice_servers": [],
            "filters": {"loopback": True},
        },
        "log": {"level": "error"},
        "streams": {str(number): url for number, url in enumerate(rtsp_urls)},
    }
    with _running(program, settings, "-config", {}, web) as pid:
        base = f"{_LOOPBACK}:{web}/api"
        yield Peer(
            "go2rtc",
            version(program, "-version"),
            pid,
            whep=f"http://{base}/webrtc?src={{}}",
            reader=f"ws://{base}/ws?src={{}}",
        )


@contextlib.contextmanager
def mediamtx(program: Path, rtsp_urls: list[str]) -> Iterator[Peer]:
    """Run MediaMTX. Its readers take RTSP over TCP, because its pages' WebRTC needs a browser for each viewer."""
    web, media, rtsp = free_port(), free_port(), free_port()
    settings = {
        "logLevel": "error",
        **dict.fromkeys(("rtmp", "hls", "srt"), False),
        "rtspTransports": ["tcp"],
        "rtspAddress": f"{_LOOPBACK}:{rtsp}",
        "webrtcAddress": f"{_LOOPBACK}:{web}",
        "webrtcLocalUDPAddress": f"{_LOOPBACK}:{media}",
        "webrtcIPsFromInterfaces": False,
        "webrtcAdditionalHosts": [_LOOPBACK],
        "paths": {
            str(number): {
                "source": url,
                "sourceOnDemand": True,
                "sourceOnDemandCloseAfter": "1s",
                "rtspTransport": "tcp",
            }
            for number, url in enumerate(rtsp_urls)
        },
    }
    # Only newer versions know this protocol, and older ones refuse an unknown name in the file.
    with _running(program, settings, None, {"MTX_MOQ": "no"}, web) as pid:
        yield Peer(
            "MediaMTX",
            version(program, "--version"),
            pid,
            whep=f"http://{_LOOPBACK}:{web}/{{}}/whep",
            reader=f"rtsp://{_LOOPBACK}:{rtsp}/{{}}",
        )


STARTS: Mapping[str, Start] = {"GO2RTC": go2rtc, "MEDIAMTX": mediamtx}


def named(environment: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Return the programs that the environment names, by variable. Raise ValueError if a file is missing."""
    programs = {name: Path(environment[name]).resolve() for name in STARTS if environment.get(name)}
    for name, program in programs.items():
        if not program.is_file():
            raise ValueError(f"{name}={environment[name]} is not a file")
    return programs


def version(program: Path, option: str) -> str:
    """Return the version that a program prints; "unknown version" without one."""
    printed = subprocess.run([program, option], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+\.\d+(?:\.\d+)?(?:[-+][\w.]+)*", printed)
    return found[0].rstrip(".") if found else "unknown version"


@contextlib.contextmanager
def _running(
    program: Path, settings: object, option: str | None, environment: Mapping[str, str], port: int
) -> Iterator[int]:
    """Run a peer with a settings file (JSON is YAML) until the block ends; yield its process id once it listens."""
    with tempfile.TemporaryDirectory(prefix="bench-peer-") as name:
        file = Path(name) / "settings.yml"
        file.write_text(json.dumps(settings))
        command = [str(program), *([option] if option else []), str(file)]
        process = subprocess.Popen(
            command,
            cwd=name,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_listening(process, program, port)
            yield process.pid
        finally:
            process.kill()
            process.wait()


def _wait_listening(process: subprocess.Popen[bytes], program: Path, port: int) -> None:
    deadline_s = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise RuntimeError(f"{program} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection((_LOOPBACK, port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{program} does not listen")
