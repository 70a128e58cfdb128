"""GStreamer's RTSP server of the session tests, and a client that shows whether it sends."""

from __future__ import annotations

import subprocess
import threading
import time

from tests.patience import LIMIT_S
from tests.sessions.thin_device import SERVER

_FLOWED_WITHIN_S = 5.0
_STUCK_AFTER_S = 20.0


class GstreamerLive:
    """The server starts again if it has died, or sends nothing to a client that reads.

    The client keeps the shared media running, like a camera that always streams: a restart takes a second, and two
    clients of media that just starts can crash GStreamer 1.22.
    """

    def __init__(self) -> None:
        self._start()

    @property
    def port(self) -> int:
        ends_s = time.monotonic() + _STUCK_AFTER_S
        while self._keeper.poll() is None and time.monotonic() < ends_s:
            if time.monotonic() - self._flowed_s < _FLOWED_WITHIN_S:
                return self._port
            time.sleep(0.1)
        self.end()
        self._start()
        return self._port

    def _start(self) -> None:
        self._server = subprocess.Popen(["/usr/bin/python3", "-c", SERVER], stdout=subprocess.PIPE)
        assert self._server.stdout is not None
        self._port = int(self._server.stdout.readline())
        url = f"rtsp://127.0.0.1:{self._port}/plain"
        keep = ["ffmpeg", "-v", "quiet", "-nostdin", "-rtsp_transport", "tcp", "-i", url]
        keep += ["-c", "copy", "-progress", "pipe:1", "-stats_period", "1", "-f", "null", "-"]
        self._keeper = subprocess.Popen(keep, stdout=subprocess.PIPE)
        self._flowed_s = time.monotonic()
        has_begun = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._keeper, has_begun))
        self._reader.start()
        assert has_begun.wait(LIMIT_S)

    def _read(self, keeper: subprocess.Popen[bytes], has_begun: threading.Event) -> None:
        assert keeper.stdout is not None
        seen: set[bytes] = set()
        for line in keeper.stdout:
            if line.startswith(b"frame=") and line not in seen:
                seen = {line}
                self._flowed_s = time.monotonic()
                has_begun.set()

    def end(self) -> None:
        for process in (self._keeper, self._server):
            process.kill()
        self._reader.join()
        for process in (self._keeper, self._server):
            process.communicate()
