"""MJPEG through the gateway: ffmpeg gets the payloads as the camera sent them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from core.errors import CameraUnsupported
from media.commands import snapshot_command
from media.ffmpeg import find_ffmpeg
from media.rtsp.client.mjpeg_depacketizing import MjpegDepacketizer
from media.rtsp.client.rtp import VIDEO, Delivery, RtpPacket
from media.rtsp.client.sdp import parse_sdp
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from sessions.live.plan import plan_for
from tests.media.rtsp.asking import read, source, until_state
from tests.media.rtsp.mjpeg_peer import MjpegCamera, jpegs, payloads_of
from tests.patience import LIMIT_S, until


@pytest.fixture
def mjpeg() -> Iterator[Callable[..., MjpegCamera]]:
    started: list[MjpegCamera] = []

    def start(**options: Any) -> MjpegCamera:
        started.append(MjpegCamera(**options))
        started[-1].start()
        return started[-1]

    yield start
    for peer in started:
        peer.stop()


def _hashes(*arguments: str, data: bytes | None = None) -> list[str]:
    command = [str(find_ffmpeg()), "-nostdin", "-v", "error", *arguments, "-an", "-f", "framemd5", "-"]
    if data is not None:
        command.remove("-nostdin")
    made = subprocess.run(command, input=data, capture_output=True, timeout=LIMIT_S, check=True).stdout.decode()
    return [line.rpartition(",")[2].strip() for line in made.splitlines() if not line.startswith("#")]


@pytest.mark.slow
@pytest.mark.parametrize("has_audio", [False, True])
def test_every_picture_reaches_ffmpeg_unchanged(
    mjpeg: Callable[..., MjpegCamera], gateway: RtspGateway, has_audio: bool
) -> None:
    feed = gateway.open_feed(source(mjpeg(has_audio=has_audio).uri()))
    described = feed.wait_described(LIMIT_S)
    assert described.video is not None
    assert (described.video.codec, described.video.width, described.video.height) == ("mjpeg", 320, 240)
    assert (described.audio is not None) is has_audio
    original = _hashes("-f", "mjpeg", "-i", "-", data=b"".join(jpegs()))
    assert len(set(original)) == 50
    listing = read(feed, "-fps_mode", "passthrough", "-an", "-f", "framemd5", seconds=2).decode()
    seen = [line.rpartition(",")[2].strip() for line in listing.splitlines() if not line.startswith("#")]
    assert len(seen) > 20
    assert set(seen) <= set(original)
    assert feed.status().lost == 0


def test_a_still_is_taken_from_mjpeg(mjpeg: Callable[..., MjpegCamera], gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(mjpeg(size="1920x1080").uri()))
    feed.wait_described(LIMIT_S)
    command = snapshot_command(find_ffmpeg(), feed.url)
    still = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=True).stdout
    assert still.startswith(b"\xff\xd8\xff")


def test_another_size_begins_another_description(mjpeg: Callable[..., MjpegCamera], gateway: RtspGateway) -> None:
    camera = mjpeg()
    feed = gateway.open_feed(source(camera.uri()))
    until_state(feed, FeedState.FLOWING)
    camera._pictures = [payloads_of(jpeg) for jpeg in jpegs("160x120")]
    until(lambda: (video := feed.status().video) is not None and video.width == 160)


@pytest.mark.slow
def test_pictures_too_large_for_rtp_are_named(mjpeg: Callable[..., MjpegCamera], gateway: RtspGateway) -> None:
    feed = gateway.open_feed(source(mjpeg(size="2560x1440").uri()))
    described = feed.wait_described(LIMIT_S)
    with pytest.raises(CameraUnsupported, match="2040 pixels"):
        plan_for(described, is_hevc_variant=False)


def _sdp(*lines: str) -> bytes:
    return "\r\n".join(("v=0", "o=- 0 0 IN IP4 1.2.3.4", "s=x", "t=0 0", *lines, "")).encode()


@pytest.mark.parametrize(
    ("lines", "codec"),
    [
        (("m=video 0 RTP/AVP 26", "a=control:a"), "mjpeg"),
        (("m=video 0 RTP/AVP 96", "a=rtpmap:96 JPEG/90000"), "mjpeg"),
        (("m=video 0 RTP/AVP 26", "m=video 0 RTP/AVP 97", "a=rtpmap:97 H264/90000"), "h264"),
    ],
)
def test_mjpeg_is_taken_if_there_is_nothing_better(lines: tuple[str, ...], codec: str) -> None:
    video = parse_sdp(_sdp(*lines)).video
    assert video is not None
    assert video.codec.name == codec


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("MP4V-ES/90000", "MPEG-4 part 2"),
        ("VP8/90000", "VP8"),
        ("AV1/90000", "AV1"),
        ("H263-1998/90000", "H.263"),
        ("<script>/90000", ""),
    ],
)
def test_other_formats_have_a_name_of_our_own(encoding: str, name: str) -> None:
    description = parse_sdp(_sdp("m=video 0 RTP/AVP 96", f"a=rtpmap:96 {encoding}"))
    assert description.video is None
    assert (description.has_other_video, description.other_video) == (True, name)


# -- frames ------------------------------------------------------------------------------------


def _packets(numbers: Sequence[int] = range(3), *, marks: bool = True) -> list[RtpPacket]:
    """Return the packets of some pictures, 40 ms apart."""
    packets: list[RtpPacket] = []
    for number in numbers:
        payloads = payloads_of(jpegs()[number])
        for payload in payloads:
            is_last = marks and payload is payloads[-1]
            packets.append(RtpPacket(VIDEO, 26, is_last, len(packets), number * 3600, payload, b"", 0.0))
    return packets


def _frames(packets: Sequence[RtpPacket], delivery: Delivery = Delivery.STREAM) -> tuple[list[list[bytes]], str]:
    """Return the payloads of each whole frame, and the damage."""
    depacketizer = MjpegDepacketizer(
        90_000, delivery=delivery, place=lambda ticks, arrived_s, clock_went_back=False: arrived_s
    )
    units = [unit for packet in packets for unit in depacketizer.push((packet,))]
    assert all(unit.is_key for unit in units)
    return [list(unit.parts) for unit in units], depacketizer.damage


WHOLE = [payloads_of(jpeg) for jpeg in jpegs()[:3]]


def test_frames_end_at_the_marker_or_where_the_next_one_begins() -> None:
    assert _frames(_packets()) == (WHOLE, "")
    assert _frames(_packets(marks=False)) == (WHOLE[:2], "")  # the last one has no end yet
    same_time = [replace(packet, timestamp=0, marker=False) for packet in _packets()]
    assert _frames(same_time) == (WHOLE[:2], "")


def test_a_stream_may_be_joined_within_a_frame() -> None:
    assert _frames(_packets()[3:]) == (WHOLE[1:], "")


@pytest.mark.parametrize("missing", [0, 1, 4])
def test_a_frame_with_a_missing_piece_is_discarded_and_named(missing: int) -> None:
    packets = _packets((0, 1, 2))
    del packets[len(WHOLE[0]) + missing]
    assert _frames(packets) == ([WHOLE[0], WHOLE[2]], "a missing piece of a frame")


def test_pieces_without_data_are_not_held() -> None:
    first, *_ = _packets()
    empty = replace(first, payload=bytes([0, 0, 0, 1, 64, 80, 1, 1]) + bytes(4))  # with a restart header, at offset 1
    begin = replace(first, payload=bytes([0, 0, 0, 0, 1, 80, 1, 1]) + b"x", marker=False)
    frames, damage = _frames([begin, *[replace(empty, marker=False)] * 100])
    assert (frames, damage) == ([], "a frame larger than the app accepts")


def test_over_udp_a_lost_end_is_noticed_by_the_numbers() -> None:
    packets = _packets()
    end = len(WHOLE[0]) + len(WHOLE[1]) - 1
    del packets[end]
    packets[end] = replace(packets[end], lost_before=1)
    assert _frames(packets, Delivery.DATAGRAMS) == ([WHOLE[0], WHOLE[2]], "lost packets")
