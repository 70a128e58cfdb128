"""Parts of segments, which are sent before their segment is complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from media.codecs.access_unit import VIDEO, AccessUnit
from media.fmp4.segments import Part, SegmentBuilder
from tests.media.encoded import CLOCK_RATE, FPS, with_b_frames
from tests.media.fmp4.decoding import decoded
from tests.media.fmp4.film import ALAW, PARTS, START_S, STEP, audio_unit, builder, builder_of, made, picture

pytestmark = pytest.mark.usefixtures("cut")


def parts_of(units: Sequence[AccessUnit], build: SegmentBuilder) -> list[Part]:
    made(units, build)
    return list(PARTS)


in_parts = pytest.mark.parametrize("cut", ["in parts"], indirect=True)


@in_parts
def test_the_first_part_is_sent_once_its_end_is_certain() -> None:
    build = builder()
    build.push(picture(0))
    build.push(picture(1))
    assert not PARTS  # a B-frame between these two may follow
    build.push(picture(2))
    assert [(part.start_s, part.start_device_s, part.is_key) for part in PARTS] == [(0.0, START_S, True)]


@in_parts
def test_parts_follow_without_a_gap_and_have_capture_times() -> None:
    later = [picture(index, device_s=START_S + 3600 + index / FPS) for index in range(30, 60)]
    parts = parts_of([picture(index) for index in range(25)] + later, builder())
    times, at_s = [], 0.0
    for part in parts:
        frames = frames_in(part)
        assert part.start_s == pytest.approx(at_s)
        at_s += frames / FPS
        times += [(part.start_device_s or 0.0) + number / FPS for number in range(frames)]
    assert at_s == pytest.approx(5.5)
    assert max(map(frames_in, parts)) <= 0.2 * FPS + 1
    told = [START_S + index / FPS for index in range(25)] + [START_S + 3600 + index / FPS for index in range(30, 60)]
    assert times == pytest.approx(told)


def frames_in(part: Part) -> int:
    """Return the sample count of the trun box (ISO/IEC 14496-12, 8.8.8).

    A part without a key frame cannot be decoded alone, so its frames cannot be counted with ffmpeg.
    """
    place = part.data.index(b"trun") + 8
    return int.from_bytes(part.data[place : place + 4], "big")


@in_parts
def test_parts_do_not_split_reordered_frames() -> None:
    film, shown = with_b_frames()
    units = [
        AccessUnit(VIDEO, nals, place * STEP, CLOCK_RATE, index in film.keys, START_S + place / FPS)
        for index, (nals, place) in enumerate(zip(film.pictures, shown, strict=True))
    ]
    parts = parts_of(units, builder_of(film.sets))
    assert [part.start_s for part in parts] == pytest.approx([0.0, 2.0, 4.0])


@in_parts
def test_missing_audio_delays_the_first_frames_by_at_most_a_second(tmp_path: Path) -> None:
    build = builder(audio=ALAW)
    for index in range(19):
        build.push(replace(picture(index), is_key=index == 0))
    content = build.init + b"".join(part.data for part in PARTS)
    assert decoded(tmp_path, content, "a"), "there is silence before the segment is complete"


@in_parts
def test_a_part_includes_the_audio_of_its_frames(tmp_path: Path) -> None:
    units: list[AccessUnit] = []
    for index in range(60):
        units += [audio_unit(index * 5 + part) for part in range(5)] if index else []
        units.append(picture(index))
    build = builder(audio=ALAW)
    parts = parts_of(units, build)
    first = decoded(tmp_path, build.init + b"".join(part.data for part in parts[:3]), "a")
    assert parts[3].start_s <= first[-1][0] + first[-1][1] <= parts[3].start_s + 0.3
