"""Any stream over UDP, packetized in any way, with any loss and reordering: frames come out exact or not at all."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence, Set
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media.codecs.access_unit import AccessUnit
from media.codecs.video import H264, HEVC, ParameterSets
from media.ffmpeg import find_ffmpeg
from media.rtsp.client.audio_depacketizing import AudioDepacketizer
from media.rtsp.client.rtp import VIDEO, Delivery, RtpPacket, parse_rtp
from media.rtsp.client.sdp import VideoTrack, parse_sdp
from tests.media.encoded import CLOCK_RATE, FPS, RtpSender, encoded, sound_packet
from tests.media.fmp4.player import Player
from tests.media.recording import FOLDER, Recording, film, picture_numbers, undamaged_frames, watched

CODECS = {"h264": H264, "hevc": HEVC}
PAYLOADERS = {
    "slices.h264": "h264parse ! rtph264pay config-interval=-1 aggregate-mode={mode}",
    "plain.h265": "h265parse ! rtph265pay config-interval=-1 aggregate-mode={mode}",
}
# Faults of the network: (kind, packet number modulo the count, places by which the packet is late).
faults = st.lists(
    st.tuples(st.sampled_from(["lost", "twice", "late"]), st.integers(0, 10_000), st.integers(1, 90)), max_size=6
)


def order_of(count: int, chosen_faults: Sequence[tuple[str, int, int]]) -> list[int]:
    """Return the arrival order of the packets as indexes of the sent ones."""
    order = list(range(count))
    for how, which, places in chosen_faults:
        at = which % count
        if at not in order:
            continue
        place = order.index(at)
        if how != "twice":
            del order[place]
        if how != "lost":
            order.insert(place + places, at)
    return order


def taken(
    codec: str, sets: ParameterSets, packets: Sequence[RtpPacket], order: Sequence[int]
) -> tuple[list[AccessUnit], Player]:
    """Return the access units and the player. Each packet arrives at the time of its timestamp, in any order."""
    player = Player()
    batches = []
    for at in order:
        passed = (packets[at].timestamp - packets[0].timestamp) & 0xFFFF_FFFF
        batches.append((replace(packets[at], arrived_s=1000.0 + passed / CLOCK_RATE),))
    take = Recording(VideoTrack(CODECS[codec], 96, CLOCK_RATE, "", sets), None, tuple(batches), ())
    viewers = watched(take, player, delivery=Delivery.DATAGRAMS)
    return [unit for viewer in viewers for unit in viewer.units], player


def assert_right(found: list[int], keys: Set[int], packets: Sequence[RtpPacket], order: Sequence[int]) -> None:
    """Assert that all undamaged frames after the first undamaged key frame came out, once and in order.

    `found`: indexes of the frames that came out; `keys`: indexes of the key frames.
    """
    assert found == sorted(set(found))
    undamaged = undamaged_frames(packets, order)
    begins = min(keys & undamaged, default=len(packets))
    last = picture_numbers(packets)[-1]  # a frame without a sure marker ends with the next one
    assert set(found) >= {index for index in undamaged if begins <= index < last}


Pictures = list[tuple[bool, list[int]]]  # (is a key frame, the size of each slice)
# After these the timeline has settled, and markers of key frames and others have proven to end a frame.
INTRO: Pictures = [(False, [4]), (False, [4]), (True, [4]), (False, [4])]
pictures = st.lists(st.tuples(st.booleans(), st.lists(st.integers(4, 3000), min_size=1, max_size=4)), min_size=1)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(pictures, st.integers(20, 60_000), st.sampled_from(["h264", "hevc"]), faults)
def test_invented_frames_come_out_exact_or_not_at_all(
    made_up: Pictures, limit_bytes: int, codec: str, chosen_faults: list[tuple[str, int, int]]
) -> None:
    film = [*INTRO, *made_up]
    sender, packets, sent = RtpSender(codec, limit_bytes), [], []
    for index, (is_key, sizes) in enumerate(film):
        nals = tuple(slice_of(codec, is_key, index, number, size) for number, size in enumerate(sizes))
        sent.append(nals)
        packets += sender.picture(index, nals)
    first = len(INTRO)
    order = [*range(first), *(first + at for at in order_of(len(packets) - first, chosen_faults))]
    units, player = taken(codec, encoded(codec).named_sets(), packets, order)
    keys = {index for index, (is_key, _) in enumerate(film) if is_key}
    assert_right([sent.index(unit.parts) for unit in units], keys, packets, order)
    if player.fragments:
        assert player.fragments[0].is_key


def slice_of(codec: str, is_key: bool, picture: int, number: int, size: int) -> bytes:
    """Return a slice with a valid header and, as data, its own number and that of its frame."""
    heads = {"h264": (b"\x41", b"\x65"), "hevc": (b"\x02\x01", b"\x26\x01")}
    return (
        heads[codec][is_key]
        + (b"\x88" if number == 0 else b"\x08")
        + bytes([picture % 255 + 1, picture // 255 + 1, number + 1]) * size  # no zero: it would be a start code
    )


@lru_cache(maxsize=32)
def cut_by_gstreamer(name: str, mtu: int, mode: str) -> tuple[RtpPacket, ...]:
    """Return the packets of a whole film, read from RFC 4571 framing; sequence numbers and timestamps wrap."""
    payloader = PAYLOADERS[name].format(mode=mode).split(" ")
    wraps = ["pt=96", f"mtu={mtu}", "seqnum-offset=65500", "timestamp-offset=4294960000"]
    pack = [str(find_ffmpeg()), "-v", "error", "-r", str(FPS), "-i", str(FOLDER / name), "-c", "copy"]
    packed = subprocess.run([*pack, "-f", "matroska", "-"], capture_output=True, check=True).stdout
    command = ["/usr/bin/gst-launch-1.0", "-q", "fdsrc", "fd=0", "!", "matroskademux", "!", *payloader, *wraps]
    command += ["!", "rtpstreampay", "!", "fdsink", "fd=1"]
    data = subprocess.run(command, input=packed, capture_output=True, check=True).stdout
    packets: list[RtpPacket] = []
    while data:
        stop = 2 + int.from_bytes(data[:2])
        packet = parse_rtp(data[2:stop], VIDEO, 1000.0 + len(packets) * 0.01)
        assert packet
        packets.append(packet)
        data = data[stop:]
    return tuple(packets)


@pytest.mark.slow
@pytest.mark.gstreamer
@pytest.mark.parametrize("name", PAYLOADERS)
@settings(max_examples=40, deadline=None)
@given(
    mtu=st.sampled_from([28, 60, 200, 500, 1400, 9000]),
    mode=st.sampled_from(["none", "zero-latency"]),
    chosen_faults=faults,
)
def test_frames_packetized_by_gstreamer_come_out_exact_or_not_at_all(
    name: str, mtu: int, mode: str, chosen_faults: list[tuple[str, int, int]]
) -> None:
    reference, packets = film(name), cut_by_gstreamer(name, mtu, mode)
    order = order_of(len(packets), chosen_faults)
    units, player = taken("h264" if name.endswith(".h264") else "hevc", {}, packets, order)
    found = [reference.pictures.index(unit.parts) for unit in units[1:]]
    if units:  # the SEI message before the first frame may have been lost
        found.insert(
            0, (reference.slices if units[0].parts in reference.slices else reference.pictures).index(units[0].parts)
        )
    assert_right(found, reference.keys, packets, order)
    if player.fragments:
        assert player.fragments[0].is_key


AAC = parse_sdp(
    b"m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/16000/1\n"
    b"a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408\n"
).audio
AAC_BEGIN = bytes(3)  # one channel, no gain, one long window without bands


@settings(max_examples=200, deadline=None)
@example([bytes(31)], 8, set())  # the header of 34 bytes reads as one of 0 and 4 bytes, too
@example([bytes(31)], 9, set())
@example([bytes(297)], 28, set())  # as one of 2 and 24 bytes
@given(
    st.lists(st.binary(min_size=1, max_size=1500), min_size=1, max_size=12, unique=True),
    st.integers(8, 1400),
    st.sets(st.integers(0, 100)),
)
def test_aac_frames_come_out_exact_or_not_at_all(frames: list[bytes], limit_bytes: int, lost: set[int]) -> None:
    assert AAC
    frames = [AAC_BEGIN + frame for frame in frames]
    packets = []
    for index, frame in enumerate(frames):
        head = b"\x00\x10" + (len(frame) << 3).to_bytes(2)
        parts = [frame[at : at + limit_bytes] for at in range(0, len(frame), limit_bytes)]
        packets += [sound_packet(head + part, index * 1024, marker=part is parts[-1]) for part in parts]
    came = [at for at in range(len(packets)) if at not in lost]
    for before, at in pairwise(came):
        packets[at].lost_before = at - before - 1
    units = AudioDepacketizer(AAC).push([packets[at] for at in came])
    found = [unit.parts[0] for unit in units]
    whole = [
        frame
        for index, frame in enumerate(frames)
        if all(at not in lost for at, packet in enumerate(packets) if packet.timestamp == index * 1024)
    ]
    assert found == whole
