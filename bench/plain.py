"""A plain server to compare with: one page, hls.js with its defaults, and one plain ffmpeg per stream.

/index.html?play=0,1,2     plays these streams; a POST of the page starts each
/index.html?choose=0,1     has a button for each stream; a click plays the stream in the page's only video
"""

from __future__ import annotations

import http.server
import shutil
import subprocess
import tempfile
import threading
import urllib.parse
from pathlib import Path
from typing import Any

import psutil

from bench.load import plain_command
from bench.setting import ROOT
from media.ffmpeg import find_ffmpeg

# no-store: an unread response otherwise keeps Chromium's cache entry locked, and the playlist waits 20 s for it
_PAGE = """<!doctype html><style>video { width: 24%; }</style><script type="module">
import Hls from '/hls.mjs';
const asked = new URLSearchParams(location.search);
const numbers = (name) => (asked.get(name) ?? '').split(',').filter(Boolean);
const isThere = async (url) => (await fetch(url, { method: 'HEAD', cache: 'no-store' })).ok;

async function play(video, number) {
  const url = `/live/${number}/stream.m3u8`;
  video.hls?.destroy();
  await fetch(`/start/${number}`, { method: 'POST' });
  while (!(await isThere(url))) await new Promise((resolve) => setTimeout(resolve, 200));
  video.hls = new Hls();
  video.hls.loadSource(url);
  video.hls.attachMedia(video);
}

function added() {
  const video = document.createElement('video');
  Object.assign(video, { muted: true, autoplay: true });
  document.body.append(video);
  return video;
}

for (const number of numbers('play')) play(added(), number);
const one = numbers('choose').length ? added() : null;
for (const number of numbers('choose')) {
  const button = document.createElement('button');
  button.textContent = button.dataset.channel = number;
  button.addEventListener('click', () => play(one, number));
  document.body.prepend(button);
}
</script><body></body>"""


class PlainServer:
    """Serves the page and the segments of the streams at these RTSP addresses, numbered from 0."""

    def __init__(self, rtsp_urls: list[str]) -> None:
        self._rtsp_urls = rtsp_urls
        self._folder = tempfile.TemporaryDirectory(prefix="bench-plain-")
        self.root = Path(self._folder.name)
        self._ffmpegs: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        (self.root / "index.html").write_text(_PAGE)
        self._server = _QuietServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://localhost:{self._server.server_address[1]}/index.html"

    def start_ffmpeg(self, number: int) -> None:
        with self._lock:
            if number not in self._ffmpegs:
                folder = self.root / "live" / str(number)
                folder.mkdir(parents=True)
                command = plain_command(str(find_ffmpeg()), self._rtsp_urls[number], folder)
                self._ffmpegs[number] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ffmpegs(self) -> list[psutil.Process]:
        """Return the running ffmpeg processes."""
        return [psutil.Process(process.pid) for process in self._ffmpegs.values()]

    def stop_ffmpeg(self, *numbers: int) -> None:
        """End these ffmpeg processes, or all without arguments, and delete their segments."""
        with self._lock:
            for number in numbers or tuple(self._ffmpegs):
                process = self._ffmpegs.pop(number, None)
                if process is not None:
                    process.kill()
                    process.wait()
                    shutil.rmtree(self.root / "live" / str(number))

    def close(self) -> None:
        self.stop_ffmpeg()
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    def __enter__(self) -> PlainServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: pages may close while a segment is sent."""
        del request, client_address


def _handler(plain: PlainServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            plain.start_ffmpeg(int(self.path.rsplit("/", 1)[1]))
            self.send_response(204)
            self.end_headers()

        def do_GET(self) -> None:
            """Read the file once: it may grow meanwhile, and with a wrong length the page hangs for 20 s."""
            file = Path(self.translate_path(self.path))
            try:
                content = file.read_bytes()
            except OSError:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", self.guess_type(str(file)))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def end_headers(self) -> None:
            self.send_header("Cache-Control", "no-store")  # otherwise Chromium caches the playlist
            super().end_headers()

        def translate_path(self, path: str) -> str:
            name = urllib.parse.urlsplit(path).path.lstrip("/")
            return str(ROOT / "static" / "vendor" / name if name == "hls.mjs" else plain.root / name)

        def guess_type(self, path: Any) -> str:
            kinds = {".mjs": "text/javascript", ".m3u8": "application/vnd.apple.mpegurl", ".html": "text/html"}
            return kinds.get(Path(path).suffix, "video/mp2t")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name for it
            del format, args

    return Handler
