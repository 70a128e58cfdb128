"""A recorder's replay server that is not ours: GStreamer's ONVIF classes, on a free port of loopback.

It has recorded a test picture since 1900 and until for ever. Run with the interpreter of the system
(`/usr/bin/python3`), where its bindings are. Prints one line of JSON with the port, ends with its
standard input.
"""

from __future__ import annotations

import json
import sys
import threading

import gi  # type: ignore[import-not-found]  # only the system's interpreter has it

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found] # noqa: E402  # as gi asks

PICTURE = (
    "videotestsrc pattern=ball ! video/x-raw,width=320,height=240,framerate=10/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 bitrate=300"
)
PACKETS = (
    "queue ! h264parse ! rtph264pay pt=96 config-interval=1"
    " ! rtponviftimestamp ntp-offset=0 set-e-bit=true set-t-bit=true drop-out-of-segment=false"
)


class Archive(GstRtspServer.RTSPOnvifMediaFactory):  # type: ignore[misc] # gi has no types
    def do_create_element(self, _url: object) -> object:
        whole = Gst.Bin.new(None)
        pictures = Gst.parse_bin_from_description(PICTURE, True)
        packets = Gst.parse_bin_from_description(PACKETS, True)
        packets.set_name("pay0")
        whole.add(pictures)
        whole.add(packets)
        pictures.link(packets)
        return whole


def main() -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPOnvifServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    archive = Archive()
    archive.set_media_gtype(GstRtspServer.RTSPOnvifMedia.__gtype__)
    archive.set_replay_support(True)
    permissions = GstRtspServer.RTSPPermissions()
    for right in ("access", "construct"):
        permissions.add_permission_for_role("user", f"media.factory.{right}", True)
    archive.set_permissions(permissions)
    server.get_mount_points().add_factory("/recording", archive)
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_digest("admin", "pass 12", token)
    server.set_auth(auth)
    if not server.attach(None):
        raise SystemExit("no port")
    print(json.dumps({"port": server.get_bound_port()}), flush=True)
    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
