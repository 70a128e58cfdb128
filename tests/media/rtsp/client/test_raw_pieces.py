"""Frames cut into payloads in ways that no RFC has: Annex B without fragments, and fragments without marks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from media.codecs.access_unit import AccessUnit
from media.codecs.video import H264, HEVC
from media.rtsp.client.depacketizing import VideoDepacketizer
from media.rtsp.client.marker_habit import MarkerHabit
from media.rtsp.client.rtp import VIDEO, Delivery, RtpPacket
from media.rtsp.client.sdp import VideoTrack
from tests.media.encoded import CLOCK_RATE, Encoded, encoded

CODECS = {"h264": H264, "hevc": HEVC}
START = b"\0\0\0\1"

Cut = Callable[[str, tuple[bytes, ...]], list[bytes]]  # codec and units of a frame to its payloads


def annex_b(codec: str, units: tuple[bytes, ...]) -> list[bytes]:
    """Return the bytes of a frame in pieces, without fragmentation units."""
    return in_pieces(START + START.join(units), 300)


def sets_apart(codec: str, units: tuple[bytes, ...]) -> list[bytes]:
    """Return the same, with a payload of its own for each parameter set."""
    return [piece for unit in units for piece in in_pieces(START + unit, 300)]


def proper(codec: str, units: tuple[bytes, ...]) -> list[bytes]:
    """Return a start code before the first payload of a frame only, and proper packets otherwise."""
    first, *others = [payload for unit in units for payload in fragments(codec, unit)]
    return [START + first, *others]


def unmarked(codec: str, units: tuple[bytes, ...]) -> list[bytes]:
    """Return sets as they are, and slices as fragments that mark neither beginning nor end."""
    flags = 1 if codec == "h264" else 2
    whole, last = units[:-1], fragments(codec, units[-1])
    return [*whole, *(payload[:flags] + bytes([payload[flags] & 0x3F]) + payload[flags + 1 :] for payload in last)]


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def fragments(codec: str, unit: bytes) -> list[bytes]:
    if len(unit) < 100:
        return [unit]
    kind = unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F
    head = bytes([unit[0] & 0xE0 | 28]) if codec == "h264" else bytes([unit[0] & 0x81 | 49 << 1, unit[1]])
    pieces = in_pieces(unit[len(head) :], 300)
    marks = [0x80 * (at == 0) | 0x40 * (at == len(pieces) - 1) for at in range(len(pieces))]
    return [head + bytes([mark | kind]) + piece for mark, piece in zip(marks, pieces, strict=True)]


def packets_of(film: Encoded, cut: Cut, *, has_markers: bool = True) -> list[RtpPacket]:
    packets: list[RtpPacket] = []
    for index, picture in enumerate(film.pictures):
        sets = film.sets if index in film.keys else ()
        payloads = cut(film.codec, (*sets, *picture))
        packets += [
            RtpPacket(VIDEO, 96, has_markers and at == len(payloads) - 1, 0, index * 9000, payload, b"", index / 10)
            for at, payload in enumerate(payloads)
        ]
    for number, packet in enumerate(packets):
        packet.sequence = number & 0xFFFF
    return packets


def taken(film: Encoded, packets: list[RtpPacket], delivery: Delivery = Delivery.STREAM) -> list[AccessUnit]:
    """Return the units of a device that describes no parameter sets."""
    track = VideoTrack(CODECS[film.codec], 96, CLOCK_RATE, "", {})
    frames = VideoDepacketizer(track, delivery=delivery, markers=MarkerHabit(is_patient=True))
    return frames.push(packets)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("has_markers", [True, False])
@pytest.mark.parametrize("cut", [annex_b, sets_apart, proper])
def test_frames_in_pieces_without_fragments_come_out(cut: Cut, codec: str, has_markers: bool) -> None:
    film = encoded(codec, 3)
    units = taken(film, packets_of(film, cut, has_markers=has_markers))
    assert [unit.parts for unit in units] == list(film.pictures[: len(units)])
    assert len(units) >= len(film.pictures) - 1, "only the last frame may wait for the next one"


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("has_markers", [True, False])
def test_fragments_without_marks_are_understood_after_three_frames(codec: str, has_markers: bool) -> None:
    film = encoded(codec, 3)
    units = taken(film, packets_of(film, unmarked, has_markers=has_markers))
    assert [unit.parts for unit in units] == list(film.pictures[3 : 3 + len(units)])
    assert len(units) >= len(film.pictures) - 4


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_lost_piece_costs_its_frame_alone(codec: str) -> None:
    film = encoded(codec, 3)
    packets = packets_of(film, annex_b)
    of_frame = [at for at, packet in enumerate(packets) if packet.timestamp == 10 * 9000]
    del packets[of_frame[1]]
    packets[of_frame[1]].lost_before = 1
    units = taken(film, packets, Delivery.DATAGRAMS)
    assert [unit.parts for unit in units] == [picture for at, picture in enumerate(film.pictures) if at != 10]
    assert sum(unit.frames_dropped_before for unit in units) == 1
