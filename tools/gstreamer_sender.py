"""Send a file once, from its beginning, with GStreamer's RTSP server on a free port of loopback.

    /usr/bin/python3 tools/gstreamer_sender.py LAUNCH

Run it with the system's interpreter, which has GStreamer's bindings. LAUNCH is the pipeline from file to payloaders,
in the syntax of gst-launch. The program prints one line of JSON with the port and the version, and ends when its
standard input is closed.
"""

from __future__ import annotations

import json
import sys
import threading

import gi  # type: ignore[import-not-found]  # only the system's interpreter has it

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found] # noqa: E402  # gi requires this order


def main(launch: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {launch} )")
    server.get_mount_points().add_factory("/film", factory)
    if not server.attach(None):
        raise SystemExit("no port")
    print(json.dumps({"port": server.get_bound_port(), "version": Gst.version_string()}), flush=True)
    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main(sys.argv[1])
