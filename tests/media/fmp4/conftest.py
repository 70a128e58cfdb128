"""Fixtures of the tests of fragmented MP4."""

from __future__ import annotations

from functools import partial

import pytest

from media.fmp4.segments import SegmentBuilder
from tests.media.fmp4 import film


@pytest.fixture(params=["whole", "in parts"])
def cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with and without a consumer of parts."""
    film.PARTS.clear()
    if request.param == "in parts":
        monkeypatch.setattr(film, "SegmentBuilder", partial(SegmentBuilder, on_part=film.PARTS.append))
