"""Parameter sets: those that the frames of a stream use are in use, whatever else a device sends."""

from __future__ import annotations

import pytest

from media.codecs.access_unit import AccessUnit
from media.codecs.video import H264, HEVC
from media.rtsp.client.depacketizing import VideoDepacketizer
from media.rtsp.client.parameter_sets import ParameterSetStore
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
    depacketizer = VideoDepacketizer(CODECS[codec], {}, CLOCK_RATE, more_sets=() if in_band else sent)
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
