"""ipycam, an independent virtual camera from PyPI: only its HTTP server or an HTTPS one, on loopback, with one frame.

It checks the clock of a username token even for GetSystemDateAndTime, and wants Basic authentication for snapshots.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from ipycam.camera import IPCamera, ReusableThreadingTCPServer
from ipycam.config import CameraConfig
from ipycam.http import IPCameraHTTPHandler

from tests.onvif_services.tls import server_context


@pytest.fixture
def ipycam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IPCamera]:
    monkeypatch.chdir(tmp_path)  # ipycam writes its presets to the current folder
    with _serving(None) as camera:
        yield camera


@pytest.fixture
def secure_ipycam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IPCamera]:
    """ipycam behind HTTPS. It still names http addresses."""
    monkeypatch.chdir(tmp_path)
    with _serving(server_context(tmp_path, "ipycam")) as camera:
        yield camera


@contextmanager
def _serving(tls: ssl.SSLContext | None) -> Iterator[IPCamera]:
    config = CameraConfig(local_ip="127.0.0.1", rtsp_port=8554, username="admin", password="Pass w0rd/&<")
    camera = IPCamera(config)
    camera._last_frame = np.zeros((480, 640, 3), np.uint8)

    class Handler(IPCameraHTTPHandler):  # type: ignore[misc] # ipycam has no types
        pass

    Handler.camera = camera
    server = ReusableThreadingTCPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    config.onvif_port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield camera
    server.shutdown()
    thread.join()
    server.server_close()
    if camera.ptz:
        camera.ptz.stop()
