"""Parameter sets: those that the frames of a stream use are in use, whatever else a device sends."""

from __future__ import annotations

import pytest

from media.codecs.access_unit import AccessUnit
from media.codecs.video import H264, HEVC
from media.rtsp.client.depacketizing import VideoDepacketizer
from media.rtsp.client.parameter_sets import ParameterSetStore
from media.rtsp.client.sdp import VideoTrack
from tests.media.encoded import CLOCK_RATE, RtpSender, encoded, renumbered

CODECS = {"h264": H264, "hevc": HEVC}


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_the_ids_of_sets_are_read(codec: str) -> None:
    functions = CODECS[codec].functions
    for nal in encoded(codec).sets:
        other = renumbered(codec, nal)
        assert (functions.set_id(nal), functions.set_id(other)) == (0, 1)
        is_first = CODECS[codec].parameter_set_type(nal) == CODECS[codec].parameter_set_types[0]
        assert functions.referred_set_id(nal) == 0
        assert functions.referred_set_id(other) == (0 if is_first else 1)
    assert functions.pps_id(encoded(codec).pictures[0][-1]) == 0


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("is_first", [False, True])
@pytest.mark.parametrize("in_band", [False, True])
def test_sets_that_no_frame_uses_are_left_out(codec: str, is_first: bool, in_band: bool) -> None:
    film, sender = encoded(codec), RtpSender(codec)
    foreign = tuple(renumbered(codec, nal) for nal in encoded(codec, seconds=1, size="640x360").sets)
    sent = (*foreign, *film.sets) if is_first else (*film.sets, *foreign)
    depacketizer = VideoDepacketizer(VideoTrack(CODECS[codec], 96, CLOCK_RATE, "", {}, () if in_band else sent))
    units: list[AccessUnit] = []
    for index, nals in enumerate(film.pictures):
        with_sets = (*sent, *nals) if in_band and index in film.keys else nals
        units += depacketizer.push(sender.picture(index, with_sets))
    units += depacketizer.flush()
    assert [unit.parts for unit in units] == list(film.pictures)
    assert {unit.parameter_sets for unit in units if unit.is_key} == {film.sets}
    assert depacketizer.parameter_sets == film.sets


def test_any_number_of_sets_takes_a_bounded_part_of_the_memory() -> None:
    store = ParameterSetStore(H264)
    sps, pps = encoded("h264").sets
    store.take(sps)
    for number in range(1000):
        store.take(pps + number.to_bytes(2, "big"))
        store.take(bytes([0x68, 0xFF & (number * 7 + 1), number & 0xFF, 0x80]))
    store.take(sps)
    store.take(pps)
    assert len(store.in_use) <= 16
    assert {sps, pps} <= set(store.in_use)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_damaged_set_is_left_out_after_the_next_whole_group(codec: str) -> None:
    """A damaged bit makes another id of it, and a decoder that is described with it never starts."""
    film, sender = encoded(codec), RtpSender(codec)
    depacketizer = VideoDepacketizer(VideoTrack(CODECS[codec], 96, CLOCK_RATE, "", {}))
    damaged = _with_pps_id_1(codec, film.sets[-1])
    units: list[AccessUnit] = []
    for index, nals in enumerate(film.pictures):
        sets = (*film.sets, damaged) if index == min(film.keys) else film.sets
        units += depacketizer.push(sender.picture(index, (*sets, *nals) if index in film.keys else nals))
    first, *later = [unit.parameter_sets for unit in units + depacketizer.flush() if unit.is_key]
    assert first == (*film.sets, damaged), "it may belong to later slices"
    assert later
    assert set(later) == {film.sets}


@pytest.mark.parametrize("in_band", [False, True])
def test_a_pps_of_later_slices_stays_although_it_came_once(in_band: bool) -> None:
    film = encoded("h264")
    other = _with_pps_id_1("h264", film.sets[-1])
    store = ParameterSetStore(H264, () if in_band else (other,))
    key_slice, slice_of_other = film.pictures[min(film.keys)][-1], bytes([0x61, 0b1_1_010_000, 0x80])
    store.take(other)
    for group in range(5):
        for nal in film.sets:
            store.take(nal)
        store.use_for(key_slice)
        assert store.in_use == (*film.sets, other)
        if in_band and group == 0:
            store.note_slices([slice_of_other])


def _with_pps_id_1(codec: str, pps: bytes) -> bytes:
    """Return a pps of id 0 with id 1 instead; it refers to the same sps."""
    header = 1 if codec == "h264" else 2
    bits = "".join(f"{byte:08b}" for byte in pps[header:])
    bits = ("010" + bits[1:]).rstrip("0")
    bits += "0" * (-len(bits) % 8)
    return pps[:header] + bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
