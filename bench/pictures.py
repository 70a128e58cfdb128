"""From opening a page to its first picture in Chromium: plain ffmpeg with hls.js as it comes, and this app."""

from __future__ import annotations

import contextlib
import http.server
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, sync_playwright

from bench.load import plain_command
from bench.setting import ROOT, App
from media.ffmpeg import find_ffmpeg

_FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--no-first-run", "--disable-quic"),
    "--autoplay-policy=no-user-gesture-required",
]
_WATCH_FIRST_FRAME = """
const watch = setInterval(() => {
  const video = document.querySelector('video');
  if (!video) return;
  clearInterval(watch);
  video.requestVideoFrameCallback(() => { window.firstPictureMs = performance.now(); });
}, 5);
"""
# no-store: an unread answer otherwise keeps Chromium's cache entry locked, and the playlist waits 20 s for it
_PLAIN_PAGE = """<!doctype html><video muted autoplay></video><script type="module">
import Hls from '/hls.mjs';
await fetch('/start', {method: 'POST'});
const there = () => fetch('/live/stream.m3u8', {method: 'HEAD', cache: 'no-store'});
while (!(await there()).ok) await new Promise((r) => setTimeout(r, 200));
const hls = new Hls();
hls.loadSource('/live/stream.m3u8');
hls.attachMedia(document.querySelector('video'));
</script>"""


@contextlib.contextmanager
def browser() -> Iterator[BrowserContext]:
    with tempfile.TemporaryDirectory(prefix="bench-browser-") as profile, sync_playwright() as play:
        context = play.chromium.launch_persistent_context(
            profile, executable_path=shutil.which("chromium"), headless=False, args=_FLAGS
        )
        context.add_init_script(_WATCH_FIRST_FRAME)
        yield context
        context.close()


def first_picture_ms(context: BrowserContext, address: str) -> float:
    page = context.new_page()
    try:
        page.goto(address)
        deadline_s = time.monotonic() + 60
        while time.monotonic() < deadline_s:  # the page's policy forbids what wait_for_function would do
            first_ms = float(page.evaluate("window.firstPictureMs ?? 0"))
            if first_ms > 0:
                return first_ms
            page.wait_for_timeout(50)
        raise RuntimeError(f"no picture in 60 s at {address}")
    finally:
        page.close()


class PlainServer:
    """What somebody builds in an evening: a page, hls.js with its defaults, one ffmpeg started by a POST."""

    def __init__(self, rtsp_url: str) -> None:
        self._rtsp_url = rtsp_url
        self._folder = tempfile.TemporaryDirectory(prefix="bench-plain-")
        self.root = Path(self._folder.name)
        self._ffmpeg: subprocess.Popen[bytes] | None = None
        plain = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                plain.start_ffmpeg()
                self.send_response(204)
                self.end_headers()

            def do_GET(self) -> None:
                """One read, one length: a file may grow while it is sent, and then the page hangs for 20 s."""
                file = Path(self.translate_path(self.path))
                if not file.is_file():
                    self.send_error(404)
                    return
                content = file.read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", self.guess_type(str(file)))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def end_headers(self) -> None:
                self.send_header("Cache-Control", "no-store")  # else Chromium keeps the playlist for itself
                super().end_headers()

            def translate_path(self, path: str) -> str:
                name = urllib.parse.urlsplit(path).path.lstrip("/")
                return str(ROOT / "static" / "vendor" / name if name == "hls.mjs" else plain.root / name)

            def guess_type(self, path: Any) -> str:
                kinds = {".mjs": "text/javascript", ".m3u8": "application/vnd.apple.mpegurl", ".html": "text/html"}
                return kinds.get(Path(path).suffix, "video/mp2t")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name for it
                del format, args

        class QuietServer(http.server.ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A page that closes in mid-segment is no news."""
                del request, client_address

        (self.root / "index.html").write_text(_PLAIN_PAGE)
        self._server = QuietServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://localhost:{self._server.server_address[1]}/index.html"

    def start_ffmpeg(self) -> None:
        if self._ffmpeg is None:
            (self.root / "live").mkdir()
            command = plain_command(str(find_ffmpeg()), self._rtsp_url, self.root / "live")
            self._ffmpeg = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop_ffmpeg(self) -> None:
        if self._ffmpeg is not None:
            self._ffmpeg.kill()
            self._ffmpeg.wait()
            self._ffmpeg = None
            shutil.rmtree(self.root / "live")

    def close(self) -> None:
        self.stop_ffmpeg()
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()


def plain_pictures(context: BrowserContext, rtsp_url: str, runs: int) -> tuple[list[float], list[float]]:
    """(cold, warm) milliseconds to the first picture."""
    server = PlainServer(rtsp_url)
    try:
        cold = []
        for _ in range(runs):
            cold.append(first_picture_ms(context, server.url))
            server.stop_ffmpeg()
        server.start_ffmpeg()
        time.sleep(8)
        return cold, [first_picture_ms(context, server.url) for _ in range(runs)]
    finally:
        server.close()


def app_pictures(
    context: BrowserContext, app: App, camera_id: int, channel: int, token: str, runs: int
) -> tuple[list[float], list[float]]:
    """(cold, warm) milliseconds to the first picture on the viewer page."""
    address = f"{app.url}/viewer/{camera_id}?channel={channel}&quality=main"
    cold = []
    for _ in range(runs):
        cold.append(first_picture_ms(context, address))
        for stream in app.call("GET", "/api/streams/all")["streams"]:
            app.call("POST", "/api/streams/stop", {"stream_id": stream["stream_id"]})
        time.sleep(7)  # the gateway keeps a device session for a few seconds; cold means without it
    app.call("POST", "/api/streams/start", {"camera_id": camera_id, "profile_token": token})
    time.sleep(8)
    return cold, [first_picture_ms(context, address) for _ in range(runs)]
