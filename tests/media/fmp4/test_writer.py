"""The fragment of a single frame has the bytes that any fragment has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.records import VideoFormat
from media.fmp4.tracks import video_track
from media.fmp4.writer import Sample, TrackRun, fragment
from tests.media.encoded import encoded

VIDEO = video_track(VideoFormat("h264", 64, 64), encoded("h264").sets, 90_000)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.builds(Sample, st.binary(max_size=40), st.integers(0, 2**32 - 1), st.booleans(), st.integers(-5, 5)),
)
def test_the_boxes_of_a_single_frame_are_those_of_any_fragment(number: int, start: int, sample: Sample) -> None:
    run = TrackRun(VIDEO, start, [sample])
    assert fragment(number, [run]) == fragment(number, [run, TrackRun(VIDEO, 0, [])])
