"""RTP payloads into NAL units, packed by hand."""

from __future__ import annotations

import struct

import pytest

from media.codecs.video import H264, HEVC, VideoCodec
from media.rtsp.client.payloads import PayloadReader

SPS, PPS, IDR = b"\x67\x42\xc0", b"\x68\xce\x38", b"\x65\x88\x84"


def sized(*units: bytes, between: bytes = b"") -> bytes:
    return b"".join(struct.pack(">H", len(unit)) + between + unit for unit in units)


def test_rare_kinds_of_packets_are_unpacked() -> None:
    reader = PayloadReader(H264)
    assert reader.take(b"\x79\0\7" + sized(SPS, PPS)) == [SPS, PPS], "STAP-B"
    assert reader.take(b"\x7a\0\7" + sized(SPS, IDR, between=b"\1\0\0")) == [SPS, IDR], "MTAP16"
    assert reader.take(b"\x7b\0\7" + sized(SPS, between=b"\1\0\0\0")) == [SPS], "MTAP24"
    assert reader.take(b"\x7d\x85\0\7" + IDR[1:2]) == []
    assert reader.take(b"\x7c\x45" + IDR[2:]) == [IDR], "FU-B, then FU-A"
    assert not reader.damage
    assert reader.take(b"\x7f\x01\x02") == []
    assert "31" in reader.damage


def test_a_paci_packet_of_h265_is_unpacked() -> None:
    reader, unit = PayloadReader(HEVC), b"\x26\x01\xaf\x09"
    control = (19 << 9 | 3 << 4 | 0b1000).to_bytes(2)  # type, three bytes of extensions
    assert reader.take(b"\x64\x01" + control + b"ext" + unit[2:]) == [unit]
    assert not reader.damage


@pytest.mark.parametrize("codec", [H264, HEVC])
@pytest.mark.parametrize(("form", "counted"), [(">H", 2), ("<H", 0)], ids=["counts itself", "little endian"])
def test_sizes_in_aggregation_packets_may_be_odd(codec: VideoCodec, form: str, counted: int) -> None:
    units = [SPS, PPS, IDR] if codec is H264 else [VPS, KEY]
    reader = PayloadReader(codec)
    head = b"\x78" if codec is H264 else b"\x60\1"
    assert reader.take(head + b"".join(struct.pack(form, len(unit) + counted) + unit for unit in units)) == units
    assert not reader.damage
    assert reader.take(head + b"\0\x50" + units[0]) == []
    assert reader.damage


def test_a_device_that_marks_each_fragment_as_a_beginning_is_understood() -> None:
    reader = PayloadReader(H264)
    fragments = [b"\x7c\x85\x88", b"\x7c\x85\x84", b"\x7c\x85\x11", b"\x7c\x85\x12", b"\x7c\xc5\x22"]
    for _ in range(2):  # the first unit shows it, after an end was seen
        found = [unit for fragment in fragments for unit in reader.take(fragment)]
    reader.damage = ""
    found = [unit for fragment in fragments for unit in reader.take(fragment)]
    assert found == [b"\x65\x88\x84\x11\x12\x22"]
    assert not reader.damage


@pytest.mark.parametrize("way", ["one by one", "together"])
def test_units_cut_off_in_a_row_make_no_later_beginning_false(way: str) -> None:
    reader = PayloadReader(H264)
    begin, middle, end = b"\x7c\x81\x9a", b"\x7c\x01\x11", b"\x7c\x41\x22"

    def taken(*payloads: bytes) -> list[bytes]:
        units: list[bytes] = []
        at = 0
        while at < len(payloads):
            if way == "together" and (place := reader.append(payloads, at)) > at:
                at = place
                continue
            units += reader.take(payloads[at])
            at += 1
        return units

    whole = b"\x61\x9a\x11\x22"
    assert taken(begin, middle, end) == [whole]
    taken(begin, begin, begin, begin, middle, end)
    assert taken(begin, middle, end) == [whole]
    for _ in range(3):
        reader.damage = ""
        assert taken(begin, middle, begin, middle, end) == [whole], "the unit without its end is dropped"
        assert reader.damage == "a NAL unit without its end"


def with_lengths(*units: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units)


def test_units_with_lengths_in_place_of_start_codes_are_split() -> None:
    """As MP4 holds them: several in a packet, in fragments, in an aggregation packet, and ahead of their packet."""
    reader = PayloadReader(H264)
    slice_of_300 = b"\x41\x9a" + bytes(range(1, 255)) + b"\x55" * 44  # its length looks like a start code
    assert reader.take(with_lengths(SPS, PPS)) == [SPS, PPS]
    assert reader.take(with_lengths(slice_of_300)) == [slice_of_300]
    whole = with_lengths(SPS, slice_of_300)
    assert reader.take(b"\x1c\x80" + whole[1:100]) == []
    assert reader.take(b"\x1c\x40" + whole[100:]) == [SPS, slice_of_300]
    assert reader.take(b"\x78" + sized(with_lengths(SPS), with_lengths(PPS))) == [SPS, PPS]
    assert reader.first_bytes(with_lengths(slice_of_300)) == slice_of_300[:60]
    assert not reader.damage


def test_units_of_h265_with_lengths_are_split() -> None:
    reader = PayloadReader(HEVC)
    assert reader.take(with_lengths(VPS, KEY)) == [VPS, KEY]
    whole = with_lengths(VPS, KEY)
    assert reader.take(b"\x62\0\x80" + whole[2:10]) == []
    assert reader.take(b"\x62\0\x40" + whole[10:]) == [VPS, KEY]


def test_a_start_code_that_could_be_a_length_stays_a_start_code() -> None:
    reader = PayloadReader(H264)
    unit = b"\x41" + b"\x9a" * (0x141 - 1)  # its start code and first byte read as its length plus one
    assert [*reader.take(b"\0\0\1" + unit), *reader.take_raw()] == [unit]
    assert [*reader.take(b"\0\0\0\1" + unit), *reader.take_raw()] == [unit]
    units = [*reader.take(with_lengths(SPS)), *reader.take_raw()]
    assert units != [SPS], "the device has shown that it writes start codes"


VPS, KEY, REST = b"\x40\1\x0c\1\xff\xff\1\x60", b"\x26\1\xaf\x09\x11", b"\2\1\xd0\x22\x33"


def test_order_numbers_of_h265_are_skipped() -> None:
    reader = PayloadReader(HEVC, has_order_numbers=True)
    for unit in (VPS, KEY):
        assert reader.take(unit[:2] + b"\0\7" + unit[2:]) == [unit]
    units = (KEY, REST, VPS)
    assert reader.take(b"\x60\1\0\7" + b"\0".join(sized(unit) for unit in units)) == list(units), "aggregate"
    assert reader.take(b"\x62\1\x93\0\7" + KEY[2:4]) == []
    assert reader.take(b"\x62\1\x53" + KEY[4:]) == [KEY], "fragments"
    assert reader.first_bytes(KEY[:2] + b"\0\7" + KEY[2:] + b"x") == KEY + b"x"
    assert not reader.damage


def test_order_numbers_that_only_the_description_has_are_not_skipped() -> None:
    reader = PayloadReader(HEVC, has_order_numbers=True)
    assert [unit for payload in (VPS, KEY, REST) for unit in reader.take(payload)] == [VPS, KEY, REST]


def test_a_device_that_never_marks_an_end_is_understood() -> None:
    reader = PayloadReader(H264)
    assert reader.take(b"\x7c\x85\x88") == []
    assert reader.take(b"\x7c\x05\x84") == []
    assert reader.take(b"\x7c\x81\x9a") == [IDR]
    assert reader.take(b"\x68\xce\x38") == [b"\x61\x9a", PPS]
    assert not reader.damage


def test_a_device_that_never_marks_a_beginning_is_understood() -> None:
    reader = PayloadReader(H264)
    for _ in range(3):
        assert reader.take(b"\x7c\x05\x88") == []
        assert reader.take(b"\x7c\x45\x84") == []
        assert reader.damage
        reader.damage = ""
    assert reader.take(b"\x7c\x05\x88") == []
    assert reader.take(b"\x7c\x45\x84") == [IDR]
    assert not reader.damage


def test_a_device_that_marks_each_fragment_as_an_end_is_understood() -> None:
    reader = PayloadReader(H264)
    fragments = [b"\x7c\xc5\x88", *[b"\x7c\x45" + bytes([at]) for at in range(1, 6)]]
    first = [unit for payload in fragments for unit in reader.take(payload)]
    assert first == [IDR[:2]]
    reader.damage = ""
    later = [unit for payload in (*fragments, *fragments, SPS) for unit in reader.take(payload)]
    assert later == [b"\x65\x88\1\2\3\4\5"] * 2 + [SPS]
    assert not reader.damage


def test_lost_beginnings_make_no_end_false() -> None:
    reader = PayloadReader(H264)
    whole = [b"\x7c\x85\x88", *[b"\x7c\x05\x11"] * 5, b"\x7c\x45\x84"]
    for _ in range(4):
        for payload in (*whole, *whole[1:]):
            reader.take(payload)
    assert [unit for payload in whole for unit in reader.take(payload)] == [b"\x65\x88" + b"\x11" * 5 + b"\x84"]


def test_beginnings_lost_on_the_way_make_no_end_false() -> None:
    reader, frame = PayloadReader(H264, has_loss=True), [b"\x7c\x85\x88", b"\x7c\x45\x84"]
    for payload in frame:
        units = reader.take(payload)
    for _ in range(5):
        reader.take(frame[1])
    reader.damage = ""
    assert units == [unit for payload in frame for unit in reader.take(payload)] == [IDR]
    assert not reader.damage


@pytest.mark.parametrize("lost", [0, 2])
def test_a_unit_without_its_beginning_or_end_is_damage(lost: int) -> None:
    reader = PayloadReader(H264)
    whole = [b"\x7c\x85\x88", b"\x7c\x05\x11", b"\x7c\x45\x84"]
    for payload in whole:
        units = reader.take(payload)
    assert units == [b"\x65\x88\x11\x84"]
    units = [unit for at, payload in enumerate([*whole, SPS]) if at != lost for unit in reader.take(payload)]
    assert units == [SPS]
    assert reader.damage == ("a NAL unit without its beginning" if lost == 0 else "a NAL unit without its end")


def test_an_aggregate_that_is_cut_off_is_damage() -> None:
    reader = PayloadReader(H264)
    assert reader.take(b"\x78" + sized(SPS, PPS)[:-1]) == [SPS]
    assert reader.damage
