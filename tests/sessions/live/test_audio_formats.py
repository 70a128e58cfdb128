"""Each format of audio over the live socket and over HLS: it is heard, or named and left out."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.records import StreamState
from core.settings import Settings
from media.ffmpeg import find_ffmpeg
from tests.media.encoded import encode_h264
from tests.media.rtsp.camera_peer import PeerCamera
from tests.patience import LIMIT_S, until
from tests.sessions.live.tab import Tab
from tests.sessions.over_gateway import GatewayHarness

pytestmark = pytest.mark.gstreamer

STREAM_ID = "camera1_live"
HLS_ONLY = "the app plays it over HLS only"
# A frame of video lasts 40 ms: the bytes and ticks of that time.
FORMATS = [
    ("PCMU/8000", 320, 320, ""),
    ("PCMA/16000", 640, 640, ""),
    ("PCMU/44100", 1764, 1764, ""),
    ("L16/16000", 1280, 640, ""),
    ("L16/44100/2", 7056, 1764, ""),
    ("G726-16/8000", 80, 320, HLS_ONLY),
    ("G726-32/8000", 160, 320, HLS_ONLY),
    ("G726-40/8000", 200, 320, HLS_ONLY),
    ("AAL2-G726-32/8000", 160, 320, HLS_ONLY),
    ("G722/8000", 320, 320, HLS_ONLY),
    ("G722/16000", 320, 640, HLS_ONLY),
]


@pytest.fixture
def peer() -> Iterator[PeerCamera]:
    started = PeerCamera(stream=encode_h264(), has_audio=True).start()
    yield started
    started.stop()


@pytest.fixture
def rtsp_port(peer: PeerCamera) -> int:
    """The harness uses this camera."""
    return peer.port


def describe(peer: PeerCamera, rtpmap: str, *more: str) -> None:
    peer.audio_lines = ("m=audio 0 RTP/AVP 8", f"a=rtpmap:8 {rtpmap}", *more)


def is_running(harness: GatewayHarness) -> bool:
    return harness.manager.session_view(STREAM_ID).status is StreamState.RUNNING


def segments(folder: Path) -> list[bytes]:
    """Return the present segments. The session removes old ones at any moment."""
    found = []
    for file in sorted(folder.glob("*.ts")):
        with contextlib.suppress(FileNotFoundError):
            found.append(file.read_bytes())
    return found


def sound_s(content: bytes) -> float:
    """Return the length of the audio in a segment; 0.0 if it holds none."""
    options = ["-map", "0:a", "-ar", "8000", "-ac", "1", "-f", "s16le", "-"]
    command = [str(find_ffmpeg()), "-v", "error", "-f", "mpegts", "-i", "pipe:0", *options]
    return len(subprocess.run(command, input=content, capture_output=True, check=False).stdout) / 2 / 8000


def have_whole_audio(folder: Path) -> bool:
    """True if the last two of at least three segments, of one second each, hold two seconds of audio.

    ffmpeg puts 0.4 s more into the first one. After a pause of the machine, audio may come a segment late.
    """
    written = segments(folder)
    return len(written) >= 3 and sum(map(sound_s, written[-2:])) == pytest.approx(2.0, abs=0.5)


@pytest.mark.slow
@pytest.mark.parametrize(("rtpmap", "count", "ticks", "reason"), FORMATS)
def test_each_format_is_heard_or_named(
    harness: GatewayHarness, peer: PeerCamera, settings: Settings, rtpmap: str, count: int, ticks: int, reason: str
) -> None:
    describe(peer, rtpmap)
    peer.audio = (b"\xd5" * count, ticks)
    tab = Tab().open(harness.manager, "live", wants_audio=True)
    until(lambda: len(tab.fragments) > 10 and is_running(harness))
    view = harness.manager.session_view(STREAM_ID)
    assert view.audio_left_out == (reason or None)
    assert (view.audio is None) == bool(reason)
    assert ("flac" in tab.inits[-1].codecs_with_audio) == (not reason)
    if not reason:
        until(lambda: any(piece.audio for piece in tab.fragments))
    _, viewer_id, _ = harness.manager.start_hls(1, "live")
    harness.manager.playlist(STREAM_ID, "stream.m3u8", LIMIT_S, viewer_id)
    view = harness.manager.session_view(STREAM_ID)
    assert (view.audio and view.audio.codec, view.audio_left_out) == ("aac", None)
    until(lambda: have_whole_audio(settings.streams_dir / STREAM_ID), what="audio as long as the video")


@pytest.mark.slow
def test_hls_goes_on_without_audio_that_ffmpeg_cannot_write(harness: GatewayHarness, peer: PeerCamera) -> None:
    """AAC-LD has no place in MPEG-TS: the first ffmpeg ends, the second one gets the picture alone."""
    describe(peer, "MPEG4-GENERIC/16000", "a=fmtp:8 mode=AAC-hbr;config=BC08")
    _, viewer_id, _ = harness.manager.start_hls(1, "live")
    harness.manager.playlist(STREAM_ID, "stream.m3u8", LIMIT_S, viewer_id)
    view = harness.manager.session_view(STREAM_ID)
    assert (view.audio, view.audio_left_out, view.restarts) == (None, "ffmpeg cannot read it", 1)
