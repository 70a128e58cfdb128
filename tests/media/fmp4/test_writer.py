"""The fragment of a single frame has the bytes that any fragment has, also in pieces that share the NAL units."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.records import VideoFormat
from media.fmp4.tracks import video_track
from media.fmp4.writer import Sample, TrackRun, fragment, frame_fragment
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


@given(
    nals=st.lists(st.integers(1, 3000).map(bytes), min_size=1, max_size=5),
    duration=st.integers(0, 2**32 - 1),
    is_key=st.booleans(),
)
def test_the_pieces_of_a_frame_share_its_large_nal_units(nals: list[bytes], duration: int, *, is_key: bool) -> None:
    data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
    pieces = frame_fragment(7, VIDEO, 5, duration, nals, is_key=is_key)
    assert b"".join(pieces) == fragment(7, [TrackRun(VIDEO, 5, [Sample(data, duration, is_key)])])
    assert all(any(piece is nal for piece in pieces) for nal in nals if len(nal) >= 1024)
