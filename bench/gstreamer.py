"""Latency with another RTSP server: GStreamer's in place of the pretend recorder's.

GStreamer sends the recorder's encoded loop, whose frames are numbered. The recorder still answers ONVIF requests,
behind a relay that replaces its RTSP addresses with GStreamer's.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import live
from bench.figures import Figure
from bench.setting import PASSWORD, ROOT, App, Recorder
from simulator.clip_store import default_cache_dir
from simulator.layout import clip_spec, make_layout

_PYTHON = Path("/usr/bin/python3")
_CHANNEL = 1
_PASSED_ON = ("authorization", "content-type", "soapaction")


@dataclass(frozen=True, slots=True)
class Camera:
    """A running GStreamer server: its stream URI without a login, and the time rule of its frames."""

    url: str
    rule: dict[str, Any]


def figures(recorder: Recorder, app: App, runs: int) -> Iterator[Figure]:
    """Measure the latency. The main loops of `recorder` must be encoded already."""
    with camera() as sender, relay(recorder, sender) as front:
        camera_id = app.add_recorder(front)
        address = f"{app.url}/viewer/{camera_id}?channel={_CHANNEL}&quality=main"
        url = front.rtsp_url(sender.url)
        yield from live.compared(address, url, lambda: sender.rule, runs, source="GStreamer")
        app.call("DELETE", f"/api/cameras/{camera_id}")


@contextlib.contextmanager
def camera() -> Iterator[Camera]:
    """Run a GStreamer server that sends the loop of channel 1 from the pretend recorder's cache."""
    spec = clip_spec(make_layout(16, dead={})[_CHANNEL - 1], "main")
    file = default_cache_dir() / spec.file_name
    command = [str(_PYTHON), str(ROOT / "bench" / "gstreamer_camera.py"), str(file)]
    with subprocess.Popen(
        [*command, str(spec.stream.fps), str(spec.stream.frames)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), "RTSP_PASSWORD": PASSWORD},
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("GStreamer's server did not start")
        ready = json.loads(line)
        try:
            yield Camera(f"rtsp://127.0.0.1:{ready['port']}/main", ready["rule"])
        finally:
            process.stdin.close()


@contextlib.contextmanager
def relay(recorder: Recorder, sender: Camera) -> Iterator[Recorder]:
    """Relay the recorder's ONVIF services at another port and replace each RTSP address by the sender's."""
    own = f"127.0.0.1:{recorder.onvif_port}"

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._relay("GET", None)

        def do_POST(self) -> None:
            self._relay("POST", self.rfile.read(int(self.headers["Content-Length"])))

        def _relay(self, method: str, asked: bytes | None) -> None:
            headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
            request = urllib.request.Request(f"http://{own}{self.path}", asked, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    self._pass_on(answer.status, answer.headers, answer.read())
            except urllib.error.HTTPError as refusal:
                self._pass_on(refusal.code, refusal.headers, refusal.read())

        def _pass_on(self, status: int, headers: Any, body: bytes) -> None:
            if "xml" in headers.get("Content-Type", ""):
                body = re.sub(rb"rtsp://[^<]+", sender.url.encode(), body)
                body = body.replace(own.encode(), f"127.0.0.1:{server.server_address[1]}".encode())
            self.send_response(status)
            for name in ("Content-Type", "WWW-Authenticate"):
                for value in headers.get_all(name, []):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name for it
            del format, args

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield replace(recorder, onvif_port=server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
