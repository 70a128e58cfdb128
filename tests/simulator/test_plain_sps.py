"""The fault `plain_sps`: the sps has no VUI, in SDP and in band, and its frames are the same."""

from __future__ import annotations

import base64
import re

import pytest

from media.codecs.h264_sps import parse_sps
from simulator.plain_sps import SPS_KINDS, without_vui
from tests.media.encoded import encoded
from tests.simulator.process import Simulator
from tests.simulator.rtsp_client import RtspClient


def test_the_sps_loses_its_vui_and_nothing_else() -> None:
    sps = encoded("h264").named_sets()["sps"]
    before, after = parse_sps(sps), parse_sps(without_vui(sps))
    assert before is not None
    assert after is not None
    assert before.head == after.head
    assert (after.restriction, after.frame_rate) == (None, None)


@pytest.mark.parametrize("kind", SPS_KINDS)
def test_the_sps_gets_another_profile_and_level(kind: str) -> None:
    sps = encoded("h264").named_sets()["sps"]
    plain, other = without_vui(sps), without_vui(sps, kind)
    profile, level = kind.split()
    assert other[1] == {"baseline": 66, "main": 77, "high": 100}[profile]
    before, after = parse_sps(plain), parse_sps(other)
    assert before is not None
    assert after is not None
    assert after.level == round(10 * float(level))
    sizes = [
        (each.width_in_macroblocks, each.height_in_macroblocks, each.max_num_ref_frames) for each in (before, after)
    ]
    assert sizes[0] == sizes[1]
    assert after.restriction is None


def test_the_fault_changes_the_sdp(simulator: Simulator) -> None:
    simulator.fault("plain_sps", channel=1)
    try:
        with RtspClient(simulator.live_url(1, "main")) as client:
            described = client.ask("DESCRIBE").body
    finally:
        simulator.clear()
    found = re.search(r"sprop-parameter-sets=([^,;]+)", described)
    assert found
    parsed = parse_sps(base64.b64decode(found[1]))
    assert parsed is not None
    assert parsed.restriction is None
