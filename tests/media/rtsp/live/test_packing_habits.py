"""Cameras that pack frames in unusual ways: every frame arrives, in the fragments of sockets and in HLS alike."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from media.commands import AudioHandling, Container, LiveOptions, VideoHandling, live_command
from media.ffmpeg import find_ffmpeg
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.session_pool import GatewayFeed
from tests.media.encoded import Encoded, encode_h264, with_b_frames
from tests.media.fmp4.player import Player
from tests.media.rtsp.asking import source
from tests.media.rtsp.camera_peer import Asked, PeerCamera, packed, payloads
from tests.patience import LIMIT_S, until

pytestmark = pytest.mark.programs

Cameras = Callable[..., PeerCamera]
Packed = list[tuple[bytes, bool]]
START = b"\0\0\0\1"
FRAMES = 60


def with_start_codes(units: list[bytes]) -> Packed:
    return [(START + payload, marker) for payload, marker in packed(units)]


def joined_by_start_codes(units: list[bytes]) -> Packed:
    return packed([START.join(units)])


def with_lengths(units: list[bytes]) -> Packed:
    return packed([b"".join(len(unit).to_bytes(4) + unit for unit in units)])


def with_a_marker_on_every_slice(units: list[bytes]) -> Packed:
    return [packet for unit in units for packet in packed([unit])]


def without_markers(units: list[bytes]) -> Packed:
    return [(payload, False) for payload, _ in packed(units)]


def with_empty_packets(units: list[bytes]) -> Packed:
    return [(b"", False), *packed(units)]


def with_an_empty_last_fragment(units: list[bytes]) -> Packed:
    found = []
    for unit in units:
        *parts, last = payloads(unit, 500)
        if parts:
            parts += [bytes([last[0], last[1] & 0x3F]) + last[2:], bytes([last[0], 0x40 | last[1] & 0x1F])]
        else:
            parts = [last]
        found += [(part, False) for part in parts]
    return [*found[:-1], (found[-1][0], True)]


def without_audio(asked: Asked) -> bytes:
    return asked.reply("453 Not Enough Bandwidth") if asked.uri.endswith("trackID=1") else asked.camera.usual(asked)


HABITS: dict[str, dict[str, Any]] = {
    "start codes": {"pack": with_start_codes},
    "joined units": {"pack": joined_by_start_codes},
    "lengths": {"pack": with_lengths},
    "a marker on every slice": {"pack": with_a_marker_on_every_slice},
    "no markers": {"pack": without_markers},
    "empty packets": {"pack": with_empty_packets},
    "an empty last fragment": {"pack": with_an_empty_last_fragment},
    "one number for all packets": {"sequence_of": lambda number: 0},
    "numbers count frames": {"numbers_count_frames": True},
    "packets of an ended session": {"has_stale_packets": True},
    "another payload type than described": {"sent_payload_type": 97},
    "refused audio": {"has_audio": True, "answers": {"SETUP": without_audio}},
}


def sums(file: Path) -> list[str]:
    """Return the checksum of each frame that ffmpeg decodes."""
    command = [str(find_ffmpeg()), "-v", "error", "-xerror", "-i", str(file), "-fps_mode", "passthrough"]
    run = subprocess.run([*command, "-f", "framemd5", "-"], capture_output=True, text=True, check=True, timeout=LIMIT_S)
    return [line.split(",")[5].strip() for line in run.stdout.splitlines() if not line.startswith("#")]


def hls(feed: GatewayFeed, folder: Path) -> Path:
    """Read the feed as a live session does, for some seconds; return its segments as one file."""
    folder.mkdir()
    options = LiveOptions(
        VideoHandling.COPY, AudioHandling.NONE, Container.TS, 0, 0, segment_s=1.0, playlist_segments=20
    )
    command = live_command(Path(find_ffmpeg()), feed.url, folder.name, options)
    with subprocess.Popen(command, cwd=folder.parent, stderr=subprocess.PIPE) as ffmpeg:
        until(lambda: ffmpeg.poll() is not None or len(list(folder.glob("*.ts"))) > 2)
        ffmpeg.terminate()
        assert ffmpeg.stderr
        complaints = ffmpeg.stderr.read().decode()
    assert "rror" not in complaints, complaints
    whole = folder / "whole.ts"
    whole.write_bytes(b"".join(path.read_bytes() for path in sorted(folder.glob("segment_*.ts"))[:-1]))
    return whole


@pytest.fixture(scope="module")
def stream() -> bytes:
    return encode_h264("320x240", 25, 2, "-x264-params", "slices=3:sliced-threads=0:keyint=25:scenecut=0")


@pytest.mark.slow
@pytest.mark.parametrize("habit", HABITS)
def test_every_frame_of_an_unusual_camera_arrives(
    camera: Cameras, gateway: RtspGateway, stream: bytes, habit: str, tmp_path: Path
) -> None:
    (tmp_path / "sent.h264").write_bytes(stream)
    sent = sums(tmp_path / "sent.h264")
    feed = gateway.open_feed(source(camera(stream=stream, **HABITS[habit]).uri()))
    player = Player()
    feed.open_fragments(player)
    whole = hls(feed, tmp_path / "hls")
    until(lambda: len(player.fragments) >= FRAMES)
    (tmp_path / "live.mp4").write_bytes(player.film())
    for file in (tmp_path / "live.mp4", whole):
        found = sums(file)
        assert len(found) >= 25
        begin = sent.index(found[0])
        assert found == [sent[(begin + index) % len(sent)] for index in range(len(found))]
    status = feed.status()
    assert (status.frames_dropped, status.damage, status.lost) == (0, "", 0)


@pytest.mark.slow
def test_a_stream_with_b_frames_has_hls(camera: Cameras, gateway: RtspGateway, tmp_path: Path) -> None:
    film, shown = with_b_frames()
    stream = START + START.join([nal for number, nals in enumerate(film.pictures) for nal in _with_sets(film, number)])
    (tmp_path / "sent.h264").write_bytes(stream)
    sent = sums(tmp_path / "sent.h264")
    peer = camera(stream=stream, fps=10.0, shown=shown)
    whole = hls(gateway.open_feed(source(peer.uri())), tmp_path / "hls")
    found = sums(whole)
    assert len(found) >= 10
    begin = sent.index(found[0])
    assert found == [sent[(begin + index) % len(sent)] for index in range(len(found))]


def _with_sets(film: Encoded, number: int) -> tuple[bytes, ...]:
    return (*film.sets, *film.pictures[number]) if number in film.keys else film.pictures[number]


@pytest.mark.slow
def test_stamps_of_another_frame_rate_keep_the_times_right(camera: Cameras, gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(camera(stamped_fps=40.0).uri()))
    player = Player()
    feed.open_fragments(player)
    until(lambda: len(player.fragments) >= 12 * 25)
    keys = [piece for piece in player.fragments if piece.arrived_utc is not None][-4:]
    for before, after in pairwise(keys):
        assert before.arrived_utc is not None
        assert after.arrived_utc is not None
        passed_s = (after.arrived_utc - before.arrived_utc).total_seconds()
        assert after.start_s - before.start_s == pytest.approx(passed_s, abs=0.1)
