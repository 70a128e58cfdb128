"""Places of frames in exported files: for MP4 exactly, for MKV by cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from media.mkv.places import cluster_places
from media.mp4.places import FramePlaces, frame_places
from tests.evidence.packaging import Packaging
from tests.exports.exporting import START_S
from tests.sessions.replay.thin_recorder import FPS

Make = Callable[..., Packaging]
Read = Callable[[Path], FramePlaces]
READERS = [("mp4", frame_places, FPS), ("original", cluster_places, 1)]


def exported(make: Make, form: str) -> Path:
    packaging = make([(0, 40)])
    return packaging.exporting.path(packaging.export(2.4, 30, format=form))


@pytest.mark.parametrize(("form", "read", "a_second"), READERS, ids=["mp4", "mkv"])
def test_each_place_has_the_frame_of_its_time(make: Make, form: str, read: Read, a_second: int) -> None:
    path = exported(make, form)
    content = path.read_bytes()
    places = read(path)
    assert len(places.offsets) == 28 * a_second
    assert places.end_s == pytest.approx(28)
    for offset, time_s in zip(places.offsets, places.times_s, strict=True):
        marked = content[offset : offset + 60].split(b"|")[0][-12:]
        assert float(marked) == pytest.approx(START_S + 2 + time_s, abs=0.01)


@pytest.mark.parametrize(("form", "read"), [(form, read) for form, read, _ in READERS], ids=["mp4", "mkv"])
def test_other_files_have_no_places(tmp_path: Path, form: str, read: Read) -> None:
    path = tmp_path / "file"
    for content in (
        b"",
        b"1\n00:00:00,000 --> 00:00:01,000\n",
        bytes(100),
        b"\x00\x00\x00\x10moov" + b"\xff" * 8,
        b"\x1a\x45\xdf\xa3",
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"."):
            read(path)


def test_bytes_between_frames_belong_to_the_frame_before(make: Make) -> None:
    places = frame_places(exported(make, "mp4"))
    assert places.times_between(0, 50) is None
    first, second = places.offsets[:2]
    for start, end, times_s in (
        (first, first + 1, (0.0, 1 / FPS)),
        (first + 5, second + 1, (0.0, 2 / FPS)),
        (places.offsets[-1] + 1, 10**9, (28 - 1 / FPS, 28.0)),
    ):
        assert list(places.times_between(start, end) or ()) == pytest.approx(list(times_s))
