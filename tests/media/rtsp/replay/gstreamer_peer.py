"""GStreamer's ONVIF replay server on a free loopback port.

Its recording of a test pattern begins in 1900 and never ends. Each frame shows its own time: 40 cells of 8 pixels in
the upper eight lines, like simulator.burnt_time, drawn here before the encoder. Runs with the system's interpreter
(`/usr/bin/python3`), which has the bindings. Prints one line of JSON with the port and ends with its standard input.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
from typing import Any

import gi  # type: ignore[import-not-found]  # only the system's interpreter has it

gi.require_version("Gst", "1.0")
gi.require_version("GstBase", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, GObject, Gst, GstBase, GstRtsp, GstRtspServer  # type: ignore[import-not-found] # noqa: E402  # as gi asks

Gst.init(None)

WIDTH = 320
RAW = f"video/x-raw,format=I420,width={WIDTH},height=240,framerate=10/1"
CAMERA = f"videotestsrc pattern=ball ! {RAW} ! identity"
ENCODER = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 bitrate=300"
PACKETS = (
    "queue ! h264parse ! rtph264pay pt=96 config-interval=1"
    " ! rtponviftimestamp ntp-offset=0 set-e-bit=true set-t-bit=true drop-out-of-segment=false"
)


NTP_TO_UNIX_S = 2_208_988_800


class BurnTime(GstBase.BaseTransform):  # type: ignore[misc] # gi has no types
    """Draws a frame's time into its upper lines: its position since 1900, as tenths of a second since 1970."""

    __gstmetadata__ = ("Burn time", "Filter/Video", "Writes the time into the picture", "us")
    __gsttemplates__ = tuple(
        Gst.PadTemplate.new(name, direction, Gst.PadPresence.ALWAYS, Gst.Caps.from_string(RAW))
        for name, direction in (("sink", Gst.PadDirection.SINK), ("src", Gst.PadDirection.SRC))
    )

    def do_transform_ip(self, picture: Any) -> object:
        tenths = round(picture.pts / Gst.SECOND * 10) - 10 * NTP_TO_UNIX_S
        bits = [tenths >> (35 - place) & 1 for place in range(36)]
        cells = [1, 0, *bits, sum(bits) % 2, 1 - sum(bits) % 2]
        line = b"".join(bytes([235 if cell else 16]) * 8 for cell in cells)
        picture.fill(0, line * 8)
        return Gst.FlowReturn.OK


class Archive(GstRtspServer.RTSPOnvifMediaFactory):  # type: ignore[misc] # gi has no types
    def do_create_element(self, _url: object) -> object:
        whole = Gst.Bin.new(None)
        described = [Gst.parse_bin_from_description(part, True) for part in (CAMERA, ENCODER, PACKETS)]
        camera, encoder, packets = described
        packets.set_name("pay0")
        chain = [camera, BurnTime(), encoder, packets]
        for element in chain:
            whole.add(element)
        for before, after in itertools.pairwise(chain):
            if not before.link(after):
                raise SystemExit("the pipeline does not fit together")
        return whole


def main() -> None:
    GObject.type_register(BurnTime)
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
