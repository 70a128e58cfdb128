"""GStreamer's live RTSP server on a free loopback port.

Runs with the system's interpreter (`/usr/bin/python3`), which has the bindings. Prints one line of JSON with the port
and ends with its standard input. Arguments: the login method (digest, basic, none), then `udp` to refuse interleaved
TCP, or `tls` with the files of a certificate and its key.
"""

from __future__ import annotations

import json
import sys
import threading

import gi  # type: ignore[import-not-found]  # only the system's interpreter has it

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found] # noqa: E402  # as gi asks

_RAW = "video/x-raw,width=320,height=240,framerate=15/1"
# A camera has no place to go to. `compositor` and `audiomixer` say so of their output; without them each PLAY with a
# range moves the shared media to the beginning, for all clients, and GStreamer 1.22 may lock up meanwhile.
VIDEO = f"videotestsrc is-live=true pattern=ball ! {_RAW} ! compositor ! {_RAW}"
H264 = (
    f"{VIDEO} ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=300"
    " ! h264parse ! rtph264pay name=pay0 pt=96 config-interval={interval}"
)
H265 = (
    f"{VIDEO} ! x265enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=300"
    " ! h265parse ! rtph265pay name=pay0 pt=96 config-interval=-1"
)
TONE = "audiotestsrc is-live=true wave=pink-noise ! audiomixer ! audio/x-raw,rate={rate},channels=1"
MOUNTS = {
    "/alaw": f"{H264.format(interval=1)} {TONE.format(rate=8000)} ! alawenc ! rtppcmapay name=pay1 pt=8",
    "/mulaw": f"{H264.format(interval=0)} {TONE.format(rate=8000)} ! mulawenc ! rtppcmupay name=pay1 pt=0",
    "/aac": f"{H264.format(interval=1)} {TONE.format(rate=48000)} ! audioconvert ! avenc_aac ! aacparse"
    " ! rtpmp4gpay name=pay1 pt=97",
    "/g722": f"{H264.format(interval=1)} {TONE.format(rate=16000)} ! avenc_g722 ! rtpg722pay name=pay1 pt=9",
    "/g726": f"{H264.format(interval=1)} {TONE.format(rate=8000)} ! avenc_g726 ! rtpg726pay name=pay1 pt=98",
    "/l16": f"{H264.format(interval=1)} {TONE.format(rate=16000)} ! audioconvert ! rtpL16pay name=pay1 pt=98",
    "/latm": f"{H264.format(interval=1)} {TONE.format(rate=48000)} ! audioconvert ! avenc_aac ! aacparse"
    " ! rtpmp4apay name=pay1 pt=97",
    "/opus": f"{H264.format(interval=1)} {TONE.format(rate=48000)} ! opusenc ! rtpopuspay name=pay1 pt=97",
    "/mjpeg": f"{VIDEO},format=I420 ! jpegenc ! rtpjpegpay name=pay0 pt=26",
    "/quiet": H264.format(interval=1),
    "/hevc": f"{H265} {TONE.format(rate=8000)} ! alawenc ! rtppcmapay name=pay1 pt=8",
    "/vp8": f"{VIDEO} ! vp8enc deadline=1 ! rtpvp8pay name=pay0 pt=96",
    "/mpeg4": f"{VIDEO} ! avenc_mpeg4 ! rtpmp4vpay name=pay0 pt=96",
}


def main(login: str, transport: str = "", *tls_files: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    permissions = GstRtspServer.RTSPPermissions()
    for right in ("access", "construct"):
        permissions.add_permission_for_role("user", f"media.factory.{right}", True)
    for path, launch in MOUNTS.items():
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {launch} )")
        factory.set_shared(True)
        if transport == "udp":
            factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
        if login != "none":
            factory.set_permissions(permissions)
        server.get_mount_points().add_factory(path, factory)
    auth = _auth(login)
    if tls_files:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(*tls_files))
    if login != "none" or tls_files:
        server.set_auth(auth)
    if not server.attach(None):
        raise SystemExit("no port")
    print(json.dumps({"port": server.get_bound_port()}), flush=True)
    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


def _auth(login: str) -> GstRtspServer.RTSPAuth:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if login == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest("admin", 'se"cret 12', token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic("admin", 'se"cret 12'), token)
    return auth


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["digest"]))
