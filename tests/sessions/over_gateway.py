"""A stream manager over the real gateway, as the app wires it."""

from __future__ import annotations

from dataclasses import dataclass

from core.records import Credential, StreamSource
from core.secrets import Secret
from media.rtsp.gateway import RtspGateway
from stream_manager import StreamManager

CANARY = "canary-password-7291"


@dataclass
class GatewayHarness:
    """A stream manager over a real gateway, and the RTSP server of its streams."""

    manager: StreamManager
    gateway: RtspGateway
    port: int

    def source(self, camera_id: int, path: str) -> StreamSource:
        uri = f"rtsp://127.0.0.1:{self.port}/{path}"
        return StreamSource(camera_id, path, uri, f"camera{camera_id}", Credential("admin", Secret(CANARY)))
