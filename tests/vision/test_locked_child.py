"""The child opens no file once it runs, so code that loads a module at its first picture would fail there alone."""

from __future__ import annotations

import pytest

from tests.vision.child import running_child
from tests.vision.encoded import EncodedUnit, encoded
from tests.vision.scenes import Picture, street
from tests.vision.watching import look_back
from vision.messages import (
    Began,
    Failed,
    Open,
    Point,
    Region,
    RegionCompare,
    RegionOpen,
    RegionPair,
    RegionPicture,
    Still,
    StillPicture,
    Unit,
    Watched,
)

LEFT: tuple[Point, ...] = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
QUIET = 6


def _with_object() -> Picture:
    picture = street()
    picture[200:280, 120:160] = 235
    return picture


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_the_locked_child_answers_every_message_about_pictures(codec: str) -> None:
    coded = encoded([*[street()] * QUIET, _with_object()], codec=codec, gop=1)
    units = [EncodedUnit(2_000 * number, True, unit.data) for number, unit in enumerate(coded)]
    with running_child() as child:
        for every_picture in (False, True):
            child.send(Open("1:1", codec, 0.001, every_picture=every_picture))
            child.send(*(Unit("1:1", unit.time_ms, unit.is_key, unit.data) for unit in units))
        child.send(look_back("1:1", units[-1].time_ms, units), Still("1:1"))
        child.send(RegionOpen("7", codec, LEFT, "moved"), RegionOpen("8", codec, LEFT, "changed"))
        for unit in units:
            child.send(RegionPicture("7", unit.time_ms, unit.data, is_after_gap=not unit.time_ms))
            probe_ms = int(unit is units[-1])
            child.send(RegionPicture("8", unit.time_ms, unit.data, probe_ms=probe_ms))
        child.send(RegionCompare("8", 0, 1))
        (pair,) = child.wait_for(RegionPair)
        assert pair.difference > 0.02
        assert [answer for answer in child.answers if isinstance(answer, Failed)] == []
        seen = child.wait_for(Region, 2 * len(units))
        assert max(answer.share for answer in seen if answer.id == "7") > 0.02
        child.wait_for(Watched, 2 * len(units))
        child.wait_for(Began)
        child.wait_for(StillPicture)
