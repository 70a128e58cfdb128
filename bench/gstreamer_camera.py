"""Send an endless loop of H.264 with GStreamer's RTSP server, on a free port of loopback, timed by the clock.

    /usr/bin/python3 bench/gstreamer_camera.py FILE FPS FRAMES

Run it with the system's interpreter, which has GStreamer's bindings. FILE is an Annex B byte stream of FRAMES frames
without B-frames that begins with a key frame. RTSP_PASSWORD is the password of the user admin, for Digest. The program
prints one line of JSON with the port and the time rule (as the pretend recorder's: tick k is sent at epoch second
k / fps and shows frame k mod frames), and ends when its standard input is closed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

import gi  # type: ignore[import-not-found]  # only the system's interpreter has it

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found] # noqa: E402  # gi requires this order

_CAPS = "video/x-h264,stream-format=byte-stream,alignment=au"
_LAUNCH = (
    f"( appsrc name=loop is-live=true format=time do-timestamp=true caps={_CAPS},framerate={{fps}}/1"
    " ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)


def pictures(path: str) -> list[bytes]:
    """Return the access units of the file."""
    pipeline = Gst.parse_launch(
        f"filesrc location={path} ! h264parse ! {_CAPS} ! appsink name=units sync=false max-buffers=8"
    )
    units = pipeline.get_by_name("units")
    pipeline.set_state(Gst.State.PLAYING)
    found = []
    while (sample := units.emit("pull-sample")) is not None:
        buffer = sample.get_buffer()
        found.append(buffer.extract_dup(0, buffer.get_size()))
    pipeline.set_state(Gst.State.NULL)
    return found


class Loop:
    """Feeds the source that the server has created for its clients."""

    def __init__(self, loop: list[bytes], fps: int) -> None:
        self._loop, self._fps = loop, fps

    def begin(self, _factory: object, media: object) -> None:
        source = media.get_element().get_by_name("loop")  # type: ignore[attr-defined] # no types for gi
        threading.Thread(target=self._send, args=(source,), daemon=True).start()

    def _send(self, source: object) -> None:
        tick = int(time.time() * self._fps) + 1
        while True:
            time.sleep(max(0.0, tick / self._fps - time.time()))
            buffer = Gst.Buffer.new_wrapped(self._loop[tick % len(self._loop)])
            if source.emit("push-buffer", buffer) == Gst.FlowReturn.FLUSHING:  # type: ignore[attr-defined] # the same
                return  # the last client has gone
            tick += 1


def main(path: str, fps: int, frames: int) -> None:
    Gst.init(None)
    units = pictures(path)
    if len(units) != frames:
        raise SystemExit(f"{len(units)} access units, not {frames}")
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(_LAUNCH.format(fps=fps))
    factory.set_shared(True)
    permissions = GstRtspServer.RTSPPermissions()
    for right in ("access", "construct"):
        permissions.add_permission_for_role("user", f"media.factory.{right}", True)
    factory.set_permissions(permissions)
    factory.connect("media-configure", Loop(units, fps).begin)
    server.get_mount_points().add_factory("/main", factory)
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest("admin", os.environ["RTSP_PASSWORD"], token)
    server.set_auth(auth)
    if not server.attach(None):
        raise SystemExit("no port")
    rule = {"fps": fps, "frames": len(units), "phase": 0.0, "offset": 0}
    print(json.dumps({"port": server.get_bound_port(), "rule": rule}), flush=True)
    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
