"""The live playlist made from ffmpeg's: true times, marked discontinuities, numbers that only grow."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from media.hls.live_playlist import LiveTimeline, WrittenPlaylist, WrittenSegment, parse_playlist

BEGAN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

FFMPEG_5_1 = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:3
#EXT-X-MAP:URI="init_0.mp4"
#EXTINF:2.000000,
segment_00003.m4s
#EXTINF:1.960000,
camera1_x/segment_00004.m4s
#EXT-X-ENDLIST
"""


def written(first: int, *durations_s: float, init_name: str | None = None, suffix: str = "ts") -> WrittenPlaylist:
    return WrittenPlaylist(
        tuple(
            WrittenSegment(first + n, f"segment_{first + n:05d}.{suffix}", length)
            for n, length in enumerate(durations_s)
        ),
        init_name,
    )


def at(media_s: float) -> datetime:
    return BEGAN + timedelta(seconds=media_s)


def test_a_playlist_of_ffmpeg_is_parsed() -> None:
    read = parse_playlist(FFMPEG_5_1)
    assert read.init_name == "init_0.mp4"
    assert read.segments == (WrittenSegment(3, "segment_00003.m4s", 2.0), WrittenSegment(4, "segment_00004.m4s", 1.96))


@given(st.text(max_size=400))
def test_any_text_is_parsed_without_an_error(text: str) -> None:
    parse_playlist(text)


@given(st.integers(0, len(FFMPEG_5_1)))
def test_a_truncated_playlist_yields_only_complete_segments(length: int) -> None:
    assert set(parse_playlist(FFMPEG_5_1[:length]).segments) <= set(parse_playlist(FFMPEG_5_1).segments)


def test_a_playlist_has_arrival_times_instead_of_write_times() -> None:
    timeline = LiveTimeline(kept=10, segment_s=2)
    timeline.begin_ffmpeg()
    timeline.add(written(0, 2.0, 1.5), at)
    timeline.add(written(0, 2.0, 1.5, 2.0), at)
    assert re.findall("DATE-TIME:(.*)", timeline.render()) == [
        "2026-11-22T10:00:00.000Z",
        "2026-11-22T10:00:02.000Z",
        "2026-11-22T10:00:03.500Z",
    ]


def test_an_unknown_time_is_looked_up_again_and_then_kept() -> None:
    timeline = LiveTimeline(kept=10, segment_s=2)
    timeline.begin_ffmpeg()
    timeline.add(written(0, 2.0), lambda _media_s: None)
    assert "DATE-TIME" not in timeline.render()
    timeline.add(written(0, 2.0), at)
    first = timeline.render()
    assert "10:00:00.000Z" in first
    timeline.add(written(0, 2.0), lambda media_s: at(media_s + 99))
    assert timeline.render() == first


def test_old_segments_leave_the_window_and_their_files_are_returned() -> None:
    timeline = LiveTimeline(kept=3, segment_s=2)
    timeline.begin_ffmpeg()
    timeline.add(written(0, 2, 2, 2, 2, 2), at)
    assert timeline.forget_old() == ("segment_00000.ts", "segment_00001.ts")
    assert "#EXT-X-MEDIA-SEQUENCE:2\n" in timeline.render()
    assert timeline.forget_old() == ()


def test_a_restart_is_a_discontinuity_and_numbers_continue() -> None:
    timeline = LiveTimeline(kept=3, segment_s=2)
    timeline.begin_ffmpeg()
    timeline.add(written(0, 2, 2), at)
    timeline.begin_ffmpeg()
    assert timeline.next_number == 2
    timeline.add(written(2, 2), lambda media_s: at(media_s + 60))
    lines = timeline.render().splitlines()
    assert lines[lines.index("#EXT-X-DISCONTINUITY") + 1 :] == [
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T10:01:00.000Z",
        "#EXTINF:2.000000,",
        "segment_00002.ts",
    ]
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:0" in lines
    timeline.add(written(2, 2, 2, 2), at)
    timeline.forget_old()
    assert "#EXT-X-DISCONTINUITY\n" in timeline.render()  # the first segment after it is still listed
    timeline.add(written(2, 2, 2, 2, 2), at)
    timeline.forget_old()
    assert "#EXT-X-DISCONTINUITY\n" not in timeline.render()
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:1\n" in timeline.render()


def test_each_run_has_an_init_section_that_is_removed_when_unused() -> None:
    timeline = LiveTimeline(kept=2, segment_s=2)
    timeline.begin_ffmpeg()
    timeline.add(written(0, 2, init_name="init_0.mp4", suffix="m4s"), at)
    timeline.begin_ffmpeg()
    timeline.add(written(1, 2, init_name="init_1.mp4", suffix="m4s"), at)
    text = timeline.render()
    assert text.index("init_0.mp4") < text.index("#EXT-X-DISCONTINUITY\n") < text.index("init_1.mp4")
    assert "#EXT-X-VERSION:6" in text
    timeline.add(written(1, 2, 2, init_name="init_1.mp4", suffix="m4s"), at)
    assert timeline.forget_old() == ("segment_00000.m4s", "init_0.mp4")


@given(st.lists(st.lists(st.floats(0.1, 12), min_size=0, max_size=9), min_size=1, max_size=6), st.integers(1, 5))
def test_sequences_grow_and_the_target_duration_holds_over_restarts(runs: list[list[float]], kept: int) -> None:
    timeline = LiveTimeline(kept=kept, segment_s=2)
    last_media = last_seam = last_target = 0
    for durations in runs:
        timeline.begin_ffmpeg()
        first = timeline.next_number
        for count in range(1, len(durations) + 1):
            timeline.add(written(first, *durations[:count]), at)
            timeline.forget_old()
            text = timeline.render()
            media, seam, target = (
                int(re.findall(f"#EXT-X-{name}:(\\d+)", text)[0])
                for name in ("MEDIA-SEQUENCE", "DISCONTINUITY-SEQUENCE", "TARGETDURATION")
            )
            assert media >= last_media
            assert seam >= last_seam
            assert target >= last_target
            names = [int(number) for number in re.findall(r"segment_(\d+)", text)]
            assert names == list(range(media, media + len(names)))
            assert all(round(float(length)) <= target for length in re.findall(r"#EXTINF:([\d.]+)", text))
            assert "ENDLIST" not in text
            last_media, last_seam, last_target = media, seam, target
