"""The header extension of ONVIF replay, as the specification has it and as devices write it."""

from __future__ import annotations

import struct

import pytest

from media.rtsp.client.onvif_replay_extension import read_stamp
from media.rtsp.client.rtp import VIDEO, parse_rtp
from tests.media.encoded import replay_extension

TIME_S = 1_795_341_600.25
WORDS = replay_extension(TIME_S, bits=0x90, cseq=7)[4:]  # without the header
JPEG = struct.pack(">HHI", 0xFFD8, 1, 0x01020304)
PAYLOAD = b"\x41\x9a\x12\x34"


def extension(profile: int, body: bytes) -> bytes:
    return struct.pack(">HH", profile, len(body) // 4) + body


@pytest.mark.parametrize(
    "header",
    [
        extension(0xABAC, WORDS),
        extension(0xABAC, WORDS + JPEG),
        extension(0xABAC, WORDS + bytes(4)),
        extension(0xFFD8, JPEG[4:] + extension(0xABAC, WORDS)),
        extension(0xBEDE, b"\x1b" + WORDS + bytes(3)),
        extension(0xBEDE, b"\x20\x55\x00\x1b" + WORDS),
        extension(0x1000, b"\x01\x0c" + WORDS + bytes(2)),
    ],
    ids=["standard", "before JPEG", "with padding", "behind JPEG", "one byte", "second element", "two bytes"],
)
def test_a_stamp_is_found_in_every_form(header: bytes) -> None:
    stamp = read_stamp(header)
    assert stamp is not None
    assert stamp.device_s == pytest.approx(TIME_S)
    assert (stamp.is_clean, stamp.is_terminal, stamp.play_cseq) == (True, True, 7)


def test_a_stamp_without_its_third_word_has_a_time_only() -> None:
    stamp = read_stamp(extension(0xABAC, WORDS[:8]))
    assert stamp is not None
    assert stamp.device_s == pytest.approx(TIME_S)
    assert (stamp.is_clean, stamp.play_cseq) == (False, 0)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xab\xac",
        extension(0xABAC, b""),
        extension(0xABAC, WORDS[:4]),
        extension(0xFFD8, JPEG[4:]),
        extension(0xBEDE, b"\x22\x01\x02\x03" + b"\x10\xff\x00\x00"),
        extension(0xBEDE, b"\x1b" + bytes(15)),
        extension(0x1000, b"\x01\xff\x00\x00"),
        extension(0x1234, WORDS),
    ],
)
def test_another_extension_is_no_stamp(header: bytes) -> None:
    assert read_stamp(header) is None


@pytest.mark.parametrize(
    ("words", "more"), [(3, b""), (5, JPEG), (12, b""), (16, b""), (40, b"")], ids=["3", "JPEG", "bytes", "all", "long"]
)
def test_a_wrong_length_takes_no_payload(words: int, more: bytes) -> None:
    header = struct.pack(">BBHII", 0x90, 96 | 0x80, 1, 2, 3) + struct.pack(">HH", 0xABAC, words) + WORDS + more
    payload = PAYLOAD * 30 if words != 40 else PAYLOAD
    packet = parse_rtp(header + payload, VIDEO, 0.0)
    assert packet is not None
    assert packet.payload == payload
    stamp = read_stamp(packet.extension)
    assert stamp is not None
    assert stamp.device_s == pytest.approx(TIME_S)
