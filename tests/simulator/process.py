"""The pretend recorder as a process, started by its command line, and its control port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.patience import LIMIT_S, until

ROOT = Path(__file__).resolve().parent.parent.parent
USERNAME, PASSWORD = "admin", "Kn0w&<ü 7"


class Simulator:
    """A running pretend recorder."""

    def __init__(self, cache_dir: Path, *options: str, password: str = PASSWORD, profile: str = "small") -> None:
        argv = [sys.executable, "-m", "simulator", "--cache-dir", str(cache_dir), "--profile", profile, *options]
        if "--discovery" not in options:
            argv.append("--no-discovery")
        self.process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env={**os.environ, "SIMULATOR_PASSWORD": password},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, problem = self.process.communicate(timeout=LIMIT_S)
            raise AssertionError(f"it did not start: {problem}")
        self.ready: dict[str, Any] = json.loads(line)
        self.onvif_port, self.rtsp_port = int(self.ready["onvif_port"]), int(self.ready["rtsp_port"])
        self.control_port = int(self.ready["control_port"])
        self.errors = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.onvif_port}"

    def live_url(self, channel: int, role: str = "main") -> str:
        """The URL that the media services give, without a login."""
        path = f"cam/realmonitor?channel={channel}&subtype={0 if role == 'main' else 1}&unicast=true&proto=Onvif"
        return f"rtsp://127.0.0.1:{self.rtsp_port}/{path}"

    def control(self, method: str, path: str, body: object | None = None) -> tuple[int, Any]:
        """Send a request to the control port. Return its status and JSON."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"http://127.0.0.1:{self.control_port}{path}", data, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=LIMIT_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def get(self, path: str) -> Any:
        status, value = self.control("GET", path)
        assert status == 200, value
        return value

    def fault(self, name: str, value: object = True, **more: object) -> None:
        """Switch a fault on, or off with None."""
        status, answer = self.control("POST", "/fault", {"name": name, "value": value, **more})
        assert status == 200, answer

    def clear(self) -> None:
        """Switch all faults off, and wait until the device is up again."""
        assert self.control("POST", "/clear")[0] == 200
        until(lambda: self.get("/state")["up"], what="coming up again")

    def frames(self, channel: int, role: str = "main") -> dict[str, Any]:
        return dict(self.get(f"/frames?channel={channel}&role={role}"))

    def logins(self) -> dict[str, Any]:
        return dict(self.get("/logins"))

    def stop(self) -> int:
        """End it with SIGTERM. Return its exit code; may be called twice."""
        if self.process.poll() is None:
            self.process.terminate()
        _, errors = self.process.communicate(timeout=LIMIT_S)
        self.errors += errors or ""
        return self.process.returncode

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=LIMIT_S)


class Makes(dict[str, Simulator]):
    """One recorder of each make, started on first use. `stop` ends them."""

    def __init__(self, folder: Path, *, channels: int) -> None:
        super().__init__()
        self._folder = folder
        self._channels = channels

    def __missing__(self, make: str) -> Simulator:
        self[make] = Simulator(self._folder, "--make", make, "--channels", str(self._channels))
        return self[make]

    def stop(self) -> None:
        for simulator in self.values():
            simulator.stop()
