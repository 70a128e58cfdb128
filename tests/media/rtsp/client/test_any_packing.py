"""Known frames over TCP, packed in any way that devices use, with any sequence numbers: exactly they come out."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs.access_unit import AccessUnit
from media.codecs.video import H264, HEVC
from media.rtsp.client.depacketizing import VideoDepacketizer
from media.rtsp.client.marker_habit import MarkerHabit
from media.rtsp.client.rtp import VIDEO, RtpPacket
from media.rtsp.client.sdp import VideoTrack
from tests.media.encoded import CLOCK_RATE, Encoded, encoded

CODECS = {"h264": H264, "hevc": HEVC}
FRAMES = 24
STEP = CLOCK_RATE // 25


@dataclass(frozen=True)
class Habits:
    """How a device packs its frames.

    `start_codes`: "" none, "packet" before each payload, "joined" all NAL units of a frame as one, with start codes,
    "fragment" inside a fragmented unit without a type, "lengths" all NAL units of a frame as one, each behind its
    length in place of a start code, "cut" all of a frame with start codes, cut into payloads that are no fragments.
    `markers`: on the last packet of each "frame", "slice", "unit"
    or packet, or never. `numbers`: of the packets.
    """

    limit_bytes: int = 1400
    start_codes: str = ""
    markers: str = "frame"
    numbers: str = "normal"
    aggregates: bool = False
    empty_packets: bool = False
    empty_last_fragment: bool = False
    one_fragment: bool = False
    has_delimiters: bool = False
    trailing_zeros: bool = False
    sets_between_slices: bool = False
    stamps: str = "normal"


class Device:
    """Packs the frames of a film."""

    def __init__(self, codec: str, habits: Habits) -> None:
        self._is_h264 = codec == "h264"
        self._head = 1 if self._is_h264 else 2
        self._habits = habits
        self._sent = 0

    def frame(self, index: int, sets: tuple[bytes, ...], slices: tuple[bytes, ...]) -> list[RtpPacket]:
        """Return the packets of a frame."""
        habits = self._habits
        units = self._units(sets, slices)
        is_one = habits.start_codes in {"joined", "lengths", "cut"}
        payloads: list[tuple[bytes, bool, bool]] = []  # payload, ends a unit, ends a slice
        if habits.aggregates and not is_one and len(units) > 1:
            payloads.append((self._aggregate(units[: len(sets) or 2]), True, False))
            units = units[len(sets) or 2 :]
        for unit in units:
            parts = self._parts(unit)
            is_slice = unit.rstrip(b"\0") in slices or is_one
            payloads += [(part, part is parts[-1], is_slice and part is parts[-1]) for part in parts]
        packets = [self._packet(index, *payload, is_last=payload is payloads[-1]) for payload in payloads]
        if habits.empty_packets:
            packets.insert(len(packets) // 2, replace(packets[0], payload=b"", marker=False))
        return packets

    def _units(self, sets: tuple[bytes, ...], slices: tuple[bytes, ...]) -> list[bytes]:
        """Return the NAL units of a frame; a single one if the device joins them."""
        habits = self._habits
        units = [*sets]
        for number, nal in enumerate(slices):
            if number and sets and habits.sets_between_slices:
                units += sets
            units.append(nal)
        if habits.has_delimiters:
            units.insert(0, b"\x09\xf0" if self._is_h264 else b"\x46\x01\x50")
        if habits.trailing_zeros:
            units = [unit + bytes(number % 3) for number, unit in enumerate(units)]
        if habits.start_codes == "cut":
            units = [b"\0\0\0\1" + b"\0\0\0\1".join(units)]
        elif habits.start_codes == "joined":
            units = [b"\0\0\0\1".join(units)]
        elif habits.start_codes == "lengths":
            units = [b"".join(struct.pack(">I", len(unit)) + unit for unit in units)]
        return units

    def _packet(self, index: int, payload: bytes, ends_unit: bool, ends_slice: bool, *, is_last: bool) -> RtpPacket:
        marks = {"frame": is_last, "slice": ends_slice, "unit": ends_unit, "packet": True, "never": False}
        if self._habits.start_codes == "packet":
            payload = b"\0\0\0\0\1"[self._sent % 3 :] + payload
        self._sent += 1
        number = {"normal": self._sent, "zero": 0, "frames": index, "no zero": self._sent % 65535 + 1}.get(
            self._habits.numbers, self._sent * self._sent * 7919
        )
        stamp = {"never": 77, "pairs": 0xFFFF_F000 + index // 2 * 2 * STEP, "packets": 0xFFFF_F000 + index * STEP}.get(
            self._habits.stamps, 0xFFFF_F000 + index * STEP
        )
        if self._habits.stamps == "packets":
            stamp += self._sent % 5
        return RtpPacket(
            VIDEO,
            96,
            marks[self._habits.markers],
            number & 0xFFFF,
            stamp & 0xFFFF_FFFF,
            payload,
            b"",
            100.0 + index / 25,
        )

    def _aggregate(self, units: Sequence[bytes]) -> bytes:
        head = b"\x78" if self._is_h264 else b"\x60\x01"
        return head + b"".join(struct.pack(">H", len(unit)) + unit for unit in units)

    def _parts(self, unit: bytes) -> list[bytes]:
        """Return the payloads of a unit: itself, or fragments."""
        habits = self._habits
        if habits.start_codes == "cut":
            return [unit[at : at + habits.limit_bytes] for at in range(0, len(unit), habits.limit_bytes)]
        if len(unit) <= habits.limit_bytes and not habits.one_fragment and habits.start_codes != "fragment":
            return [unit]
        body, kind = unit[self._head :], unit[0] & 0x1F if self._is_h264 else unit[0] >> 1 & 0x3F
        if habits.start_codes == "fragment":
            body, kind = b"\0\0\1" + unit, 0
        pieces = [body[at : at + habits.limit_bytes] for at in range(0, len(body), habits.limit_bytes)]
        if habits.empty_last_fragment:
            pieces.append(b"")
        head = bytes([unit[0] & 0xE0 | 28]) if self._is_h264 else bytes([unit[0] & 0x81 | 49 << 1, unit[1]])
        last = len(pieces) - 1
        return [
            head + bytes([(0x80 if number == 0 else 0) | (0x40 if number == last else 0) | kind]) + piece
            for number, piece in enumerate(pieces)
        ]


def received(codec: str, habits: Habits, *, slices: int) -> tuple[Encoded, VideoDepacketizer, list[AccessUnit]]:
    """Return the film that was sent, and the units that came out."""
    film, device = encoded(codec, 3, slices=slices), Device(codec, habits)
    frames = VideoDepacketizer(VideoTrack(CODECS[codec], 96, CLOCK_RATE, "", {}), markers=MarkerHabit(is_patient=True))
    units: list[AccessUnit] = []
    for index in range(FRAMES):
        packets = device.frame(index, film.sets if index in film.keys else (), film.pictures[index])
        for packet in packets:
            units += frames.push([packet])
    for index in (FRAMES, FRAMES + 1):  # they end the last frame without a marker
        units += frames.push(device.frame(index, (), film.pictures[index]))
    return film, frames, units[:FRAMES]


habits = st.builds(
    Habits,
    limit_bytes=st.integers(20, 60_000),
    start_codes=st.sampled_from(["", "packet", "joined", "fragment", "lengths", "cut"]),
    markers=st.sampled_from(["frame", "slice", "unit", "never"]),
    numbers=st.sampled_from(["normal", "zero", "frames", "no zero", "random"]),
    aggregates=st.booleans(),
    empty_packets=st.booleans(),
    empty_last_fragment=st.booleans(),
    one_fragment=st.booleans(),
    has_delimiters=st.booleans(),
    trailing_zeros=st.booleans(),
    sets_between_slices=st.booleans(),
    stamps=st.sampled_from(["normal", "normal", "pairs", "never"]),
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(habits, st.sampled_from(["h264", "hevc"]), st.sampled_from([1, 3]))
def test_exactly_the_frames_that_were_sent_come_out(chosen: Habits, codec: str, slices: int) -> None:
    film, frames, units = received(codec, chosen, slices=slices)
    assert [unit.parts for unit in units] == list(film.pictures[:FRAMES])
    assert {index for index, unit in enumerate(units) if unit.is_key} == {key for key in film.keys if key < FRAMES}
    assert set(frames.parameter_sets) == set(film.sets)
    assert (frames.frames_dropped, frames.damage) == (0, "")


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_stamp_of_its_own_in_each_packet_does_not_cut_a_frame(codec: str) -> None:
    film, _, units = received(codec, Habits(stamps="packets", limit_bytes=300), slices=3)
    assert [unit.parts for unit in units] == list(film.pictures[:FRAMES])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(habits, st.sampled_from(["h264", "hevc"]), st.data())
def test_a_fragment_that_a_server_left_out_costs_its_frame_alone(
    chosen: Habits, codec: str, data: st.DataObject
) -> None:
    """Servers that cannot send fast enough drop packets, also over TCP. A lost beginning or end is noticed."""
    chosen = replace(
        chosen,
        stamps="normal",
        start_codes="",
        aggregates=False,
        has_delimiters=False,
        limit_bytes=min(chosen.limit_bytes, 500),
    )
    film, device = encoded(codec, 3), Device(codec, chosen)
    frames = VideoDepacketizer(
        VideoTrack(CODECS[codec], 96, CLOCK_RATE, "", film.named_sets()), markers=MarkerHabit(is_patient=True)
    )
    packets = [packet for index in range(FRAMES) for packet in device.frame(index, (), film.pictures[index])]
    flags, fragment = (1, 28) if codec == "h264" else (2, 49)
    ends = []
    for at, packet in enumerate(packets):
        payload = packet.payload.ljust(3)
        kind = payload[0] & 0x1F if codec == "h264" else payload[0] >> 1 & 0x3F
        is_outer = packet.timestamp in {packets[0].timestamp, packets[-1].timestamp}
        if kind == fragment and payload[flags] & 0xC0 in {0x40, 0x80} and len(payload) > 3 and not is_outer:
            ends.append(at)
    if not ends:
        return
    lost = data.draw(st.sampled_from(ends))
    units = frames.push([packet for at, packet in enumerate(packets) if at != lost])
    hurt = ((packets[lost].timestamp - packets[0].timestamp) & 0xFFFF_FFFF) // STEP
    found = [film.pictures.index(unit.parts) for unit in units]
    assert set(range(FRAMES - 1)) - set(found) == {hurt}
    assert frames.frames_dropped == 1
    assert frames.damage in {"a NAL unit without its beginning", "a NAL unit without its end"}
