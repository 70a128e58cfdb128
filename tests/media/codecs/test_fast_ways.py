"""FLAC's checksum and the search for start codes: each in a fast way, beside the plain one."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from media.codecs import flac
from media.codecs.nal import split_at_start_codes


def checksum(data: bytes) -> int:
    """Return the checksum of RFC 9639 section 9.3, bit by bit."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x8005 if value & 0x8000 else value << 1) & 0xFFFF
    return value


@given(st.binary(min_size=2, max_size=80).filter(lambda pcm: len(pcm) % 2 == 0), st.integers(0, 2**36 - 1))
def test_a_flac_frame_of_any_length_ends_with_its_checksum(pcm: bytes, first_sample: int) -> None:
    frame = flac.frame(pcm, first_sample, 8000)
    assert frame[-2:] == checksum(frame[:-2]).to_bytes(2, "big")


@given(st.lists(st.sampled_from([b"\0", b"\1", b"\2", b"\0\0\1", b"\0\1"]), max_size=30).map(b"".join))
@example(b"\0\1\2")
@example(b"\2\0\1\2\0\0\1\2")
def test_units_are_split_at_every_start_code(data: bytes) -> None:
    pieces = [piece.rstrip(b"\0") for piece in data.split(b"\0\0\1")]
    expected = [piece for piece in pieces if piece]
    if data and data[-1:] != b"\0" and b"\0\0\1" not in data:
        expected = [data]
    assert split_at_start_codes(data) == (expected or ([] if data else [b""]))
