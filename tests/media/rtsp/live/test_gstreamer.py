"""The gateway with GStreamer's RTSP server: logins and every supported codec."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import CameraAuthFailed, CameraNoSignal, CameraUnsupported
from core.login_gate import LoginGate
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.media.rtsp.asking import read, source, until_state
from tests.media.rtsp.gstreamer_server import GstreamerServer, gstreamer_server
from tests.patience import LIMIT_S, Slowness, until

pytestmark = pytest.mark.gstreamer
PASSWORD = 'se"cret 12'
PEER = Path(__file__).with_name("gstreamer_peer.py")


@pytest.fixture(scope="module")
def digest_server() -> Iterator[GstreamerServer]:
    with gstreamer_server(PEER, "digest") as server:
        yield server


@pytest.fixture
def digest(digest_server: GstreamerServer) -> str:
    return f"rtsp://127.0.0.1:{digest_server.port}"


@pytest.fixture
def basic() -> Iterator[str]:
    with gstreamer_server(PEER, "basic") as server:
        yield f"rtsp://127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    ("path", "video", "audio", "sample_rate"),
    [
        ("/alaw", "h264", "pcm_alaw", 8000),
        ("/mulaw", "h264", "pcm_mulaw", 8000),
        ("/aac", "h264", "aac", 48000),
        ("/g722", "h264", "adpcm_g722", 16000),
        ("/g726", "h264", "g726", 8000),
        ("/hevc", "hevc", "pcm_alaw", 8000),
        ("/l16", "h264", "pcm_s16be", 16000),
        ("/latm", "h264", "aac", 48000),
        ("/opus", "h264", "opus", 48000),
        ("/quiet", "h264", None, None),
    ],
)
def test_each_codec_is_described_and_decoded(
    digest: str, gateway: RtspGateway, path: str, video: str, audio: str | None, sample_rate: int | None
) -> None:
    feed = gateway.open_feed(source(digest + path, password=PASSWORD))
    description = feed.wait_described(LIMIT_S)
    assert description.video
    assert (description.video.codec, description.video.width, description.video.height) == (video, 320, 240)
    assert (description.audio.codec if description.audio else None) == audio
    assert (description.audio.sample_rate if description.audio else None) == sample_rate
    sound = ("-c:a", "pcm_s16le", "-ar", "8000") if audio else ("-an",)
    with Slowness() as machine:  # GStreamer leaves out the audio of a pause
        listing = read(feed, "-c:v", "rawvideo", "-pix_fmt", "gray", *sound, "-f", "framecrc", seconds=2).decode()
    rows = [line.replace(" ", "").split(",") for line in listing.splitlines() if not line.startswith("#")]
    pictures = [row for row in rows if row[0] == "0"]
    samples = sum(int(row[3]) for row in rows if row[0] == "1")
    assert len(pictures) >= 26
    assert len({row[-1] for row in pictures}) > 20, "the pictures move"
    assert not audio or samples > max(0.5, 1.4 - machine.stood_still_s) * 8000
    status = feed.status()
    assert status.lost == 0
    assert status.key_frame_interval_s == pytest.approx(1.0, abs=0.1)


def test_mjpeg_is_described_and_decoded(digest: str, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(digest + "/mjpeg", password=PASSWORD))
    video = feed.wait_described(LIMIT_S).video
    assert video
    assert (video.codec, video.width, video.height) == ("mjpeg", 320, 240)
    listing = read(feed, "-an", "-c:v", "rawvideo", "-pix_fmt", "gray", "-f", "framecrc", seconds=2).decode()
    frames = [line.rsplit(",", 1)[-1] for line in listing.splitlines() if not line.startswith("#")]
    assert len(frames) >= 26
    assert len(set(frames)) > 20, "the pictures move"
    assert feed.status().frames_dropped == 0


def test_basic_login_works_too(basic: str, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(basic + "/quiet", password=PASSWORD, may_be_readable=True))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None


def test_a_wrong_password_in_sixteen_threads_is_tried_once(digest: str, gateway: RtspGateway, gate: LoginGate) -> None:
    codes: list[type[Exception]] = []

    def open_one(number: int) -> None:
        stream = source(digest + "/alaw", token=str(number), password="wrong")
        with pytest.raises(CameraAuthFailed) as caught:
            gateway.open_feed(stream).wait_described(LIMIT_S)
        codes.append(caught.type)

    threads = [threading.Thread(target=open_one, args=(number % 8,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(codes) == 16
    assert gate.attempts("camera1", source("", password="wrong").credential) == 1


def test_an_unknown_path_is_reported_as_no_signal(digest: str, gateway: RtspGateway) -> None:
    with pytest.raises(CameraNoSignal):
        gateway.open_feed(source(digest + "/nothing", password=PASSWORD)).wait_described(LIMIT_S)


@pytest.mark.parametrize(("path", "name"), [("/mpeg4", "MPEG-4 part 2"), ("/vp8", "VP8")])
def test_an_unsupported_codec_is_named(digest: str, gateway: RtspGateway, path: str, name: str) -> None:
    with pytest.raises(CameraUnsupported, match=name):
        gateway.open_feed(source(digest + path, password=PASSWORD)).wait_described(LIMIT_S)


def hashes(text: str) -> dict[tuple[str, str], float]:
    """Return the time of each packet in ffmpeg's framemd5 by (stream, hash); hashes that occur twice are left out."""
    units = {number: 1 / int(rate) for number, rate in re.findall(r"#tb (\d): 1/(\d+)", text)}
    seen: dict[tuple[str, str], list[float]] = {}
    for row in (line.replace(" ", "").split(",") for line in text.splitlines() if not line.startswith("#")):
        seen.setdefault((row[0], row[5]), []).append(int(row[2]) * units[row[0]])
    return {key: times[0] for key, times in seen.items() if len(times) == 1}


def test_the_gateway_keeps_audio_and_video_in_sync(digest: str, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(digest + "/alaw", password=PASSWORD))
    until_state(feed, FeedState.FLOWING)
    until(lambda: feed.status().packets > 60)
    direct = digest.replace("//", "//admin:se%22cret%2012@") + "/alaw"
    command = ["/usr/bin/ffmpeg", "-v", "error", "-copyts", "-rtsp_transport", "tcp"]
    # Slices only: the gateway leaves delimiters out and adds parameter sets.
    hashing = ["-c", "copy", "-bsf:v", "filter_units=pass_types=1-5", "-t", "6", "-f", "framemd5", "-"]
    probing = [
        subprocess.Popen([*command, "-i", url, *hashing], stdout=subprocess.PIPE, text=True)
        for url in (direct, feed.url)
    ]
    plain, ours = (hashes(process.communicate(timeout=LIMIT_S)[0]) for process in probing)
    common = plain.keys() & ours.keys()
    apart = {kind: [ours[key] - plain[key] for key in common if key[0] == kind] for kind in "01"}
    assert len(apart["0"]) > 10
    assert len(apart["1"]) > 5
    middle = {kind: sorted(times)[len(times) // 2] for kind, times in apart.items()}
    assert middle["1"] == pytest.approx(middle["0"], abs=0.15)
