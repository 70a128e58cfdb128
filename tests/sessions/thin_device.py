"""A stand-in for the gateway's feeds: an address of GStreamer's RTSP server, and switches for faults of a device.

Most session tests are not about the gateway. Their feeds point at a real RTSP server, as the gateway's feeds point
at the gateway's own server; the test sets the state that the gateway would report.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from core.errors import AppError, CameraUnreachable
from core.records import AudioFormat, Credential, Problem, StreamSource, StreamState, VideoFormat
from core.secrets import Secret
from media.fmp4.live import FragmentSink
from media.rtsp.live.feed import FeedState, FeedStatus, MediaDescription
from media.rtsp.live.session_pool import GatewayFeed
from media.units import UnitSink
from stream_manager import StreamManager
from tests.patience import LIMIT_S, until

# GStreamer's Python bindings belong to the system's Python, so the server is a program of its own.
# A camera has no place to go to. `compositor` says so of its output; without it each PLAY with a range moves the shared
# media to the beginning, for all clients, and GStreamer 1.22 may lock up meanwhile.
SERVER = """
import gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer(); server.set_address("127.0.0.1"); server.set_service("0")
raw = "videotestsrc is-live=true ! video/x-raw,width=%d,height=%d,framerate=10/1 ! compositor ! "
h264 = raw + "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=%d bitrate=200 ! h264parse " \\
    "! rtph264pay name=pay0 pt=96 config-interval=1 "
h265 = raw + "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=%d ! h265parse " \\
    "! rtph265pay name=pay0 pt=96 config-interval=1 "
alaw = "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8"
aac = "audiotestsrc is-live=true ! audioconvert ! avenc_aac ! aacparse ! rtpmp4gpay name=pay1 pt=97"
sub = "videotestsrc is-live=true horizontal-speed=4 ! video/x-raw,width=640,height=360,framerate=20/1 " \\
    "! compositor ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=40 bitrate=700 ! h264parse " \\
    "! rtph264pay name=pay0 pt=96 config-interval=1 "
for path, launch in {
    "/sub": sub + alaw,
    "/plain": h264 % (192, 108, 5), "/alaw": h264 % (192, 108, 5) + alaw, "/aac": h264 % (192, 108, 5) + aac,
    "/hevc": h265 % (192, 108, 5) + alaw, "/other": h264 % (160, 96, 5), "/slow": h264 % (192, 108, 20),
}.items():
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch("( " + launch + " )"); factory.set_shared(path == "/plain")
    server.get_mount_points().add_factory(path, factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""

H264 = VideoFormat("h264", 192, 108, 10.0)
HEVC = VideoFormat("hevc", 192, 108, 10.0)
ALAW = AudioFormat("pcm_alaw", 8000, 1)
AAC = AudioFormat("aac", 44100, 1)

MakeManager = Callable[..., StreamManager]


TOKEN = "MediaProfile00000"
ID = "camera1_MediaProfile00000"


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class Device:
    """The present behaviour of the simulated device, which its feeds read."""

    port: int = 0
    path: str = "/plain"
    video: VideoFormat | None = field(default_factory=lambda: H264)
    audio: AudioFormat | None = None
    error: AppError | None = None
    state: FeedState = FeedState.FLOWING
    problem: Problem | None = None
    key_frame_interval_s: float | None = 0.5
    packets: int = 0
    frames_dropped: int = 0  # of each feed
    damage: str = ""
    opened: list[ThinFeed] = field(default_factory=list)
    resolved: int = 0
    may_answer: threading.Event = field(default_factory=_set)  # clear it: the device does not answer yet
    may_describe: threading.Event = field(default_factory=_set)  # clear it: no description has come yet
    key_frames_asked: int = 0
    looks: int = 0  # of a session at its feed
    noted: list[tuple[int, str, str | None]] = field(default_factory=list)

    def resolve(self, camera_id: int, profile_token: str) -> StreamSource:
        self.resolved += 1
        assert self.may_answer.wait(LIMIT_S)
        return StreamSource(camera_id, profile_token, "rtsp://127.0.0.1/x", "camera1", Credential("admin", Secret("x")))

    def open_feed(self, source: StreamSource) -> ThinFeed:
        self.opened.append(ThinFeed(self))
        return self.opened[-1]

    def request_key_frame(self, camera_id: int, profile_token: str) -> None:
        self.key_frames_asked += 1

    def note_stream(self, camera_id: int, profile_token: str, problem: Problem | None) -> None:
        self.noted.append((camera_id, profile_token, problem.code if problem else None))

    def refuse(self, error: AppError | None) -> None:
        """Let running feeds and new connections fail with `error`; None ends the fault.

        A session may look between two of these lines: a feed never fails without a reason, and none opens failed.
        """
        if error is not None:
            self.problem = Problem(error.code, error.detail)
            self.error = error
            self.state = FeedState.FAILED
        else:
            self.state = FeedState.FLOWING
            self.problem = self.error = None


@dataclass
class ThinFeed(GatewayFeed):
    device: Device
    opened_utc: datetime = field(default_factory=lambda: datetime.now(UTC))
    is_closed: bool = False
    sink: FragmentSink | None = None
    has_sound: bool = False

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.device.port}{self.device.path}"

    def wait_described(self, timeout_s: float) -> MediaDescription:
        while not self.device.may_describe.wait(0.01):
            if self.is_closed:
                raise CameraUnreachable("The feed was closed.")
        if self.device.error is not None:
            raise self.device.error
        return MediaDescription(self.device.video, self.device.audio)

    def wait_playing(self, timeout_s: float) -> None:
        device = self.device
        while device.state is FeedState.CONNECTING and not device.may_describe.wait(0.01) and not self.is_closed:
            pass

    def status(self) -> FeedStatus:
        device = self.device
        device.looks += 1
        return FeedStatus(
            device.state,
            device.problem,
            device.video,
            device.audio,
            bitrate_kbps=200,
            fps=10.0,
            key_frame_interval_s=device.key_frame_interval_s,
            packets=device.packets,
            frames_dropped=device.frames_dropped,
            damage=device.damage,
        )

    def is_failed(self) -> bool:
        return self.device.state is FeedState.FAILED

    def wall_time_of(self, media_s: float) -> datetime | None:
        return self.opened_utc + timedelta(seconds=media_s)

    def open_fragments(self, sink: FragmentSink, *, origin_s: float | None = None) -> None:
        self.sink = sink

    def open_units(self, sink: UnitSink) -> None:
        raise NotImplementedError

    def enable_audio(self) -> None:
        self.has_sound = True

    def fragments_origin_s(self) -> float | None:
        return None

    def close(self) -> None:
        self.is_closed = True


def look_again(device: Device) -> None:
    """Wait until a session has looked at its feed twice more: then it has acted after the first of these looks."""
    looks = device.looks
    until(lambda: device.looks > looks + 1)


class Seen(NamedTuple):
    """The state and error code of a session."""

    state: StreamState
    code: str | None


def seen(manager: StreamManager, stream_id: str = ID) -> Seen:
    view = manager.session_view(stream_id)
    return Seen(view.status, view.error.code if view.error else None)


def is_running(manager: StreamManager, stream_id: str = ID) -> bool:
    return seen(manager, stream_id) == (StreamState.RUNNING, None)
