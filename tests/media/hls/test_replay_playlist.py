"""The playlist of a replay: true times, discontinuities at gaps, an end, and numbers that only grow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import NotFound
from media.hls.replay_playlist import ReplayPlaylist, ReplaySegment
from sessions.folders import empty_folder, remove_leftovers, served_file
from sessions.ids import is_stream_id, new_replay_id, stream_id_of

NIGHT = datetime(2026, 11, 22, 2, 13, 4, 200_000, tzinfo=UTC)


def segment(number: int, *, at_s: float, seam: bool = False, init: int = 0, size: int = 100) -> ReplaySegment:
    began_utc = NIGHT + timedelta(seconds=at_s)
    return ReplaySegment(f"run1_{number}.m4s", f"run1_init{init}.mp4", began_utc, 2.0, size, seam)


def playlist(*segments: ReplaySegment) -> ReplayPlaylist:
    made = ReplayPlaylist(target_s=2.0)
    for item in segments:
        made.add(item)
    return made


def test_each_segment_has_its_capture_time() -> None:
    text = playlist(segment(0, at_s=0), segment(1, at_s=2.0)).render()
    assert text == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-START:TIME-OFFSET=0.0,PRECISE=YES\n#EXT-X-TARGETDURATION:2\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
        '#EXT-X-MAP:URI="run1_init0.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T02:13:04.200Z\n#EXTINF:2.000000,\nrun1_0.m4s\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T02:13:06.200Z\n#EXTINF:2.000000,\nrun1_1.m4s\n"
    )


def test_gaps_and_new_parameter_sets_are_discontinuities() -> None:
    text = playlist(segment(0, at_s=0), segment(1, at_s=3600, seam=True), segment(2, at_s=3602, seam=True, init=1))
    lines = text.render().splitlines()
    assert lines.count("#EXT-X-DISCONTINUITY") == 2
    assert lines[lines.index("run1_0.m4s") + 1 :][:2] == [
        "#EXT-X-DISCONTINUITY",
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T03:13:04.200Z",
    ]
    assert lines[lines.index("run1_1.m4s") + 1 :][:2] == ["#EXT-X-DISCONTINUITY", '#EXT-X-MAP:URI="run1_init1.mp4"']


def test_the_playlist_ends_with_the_recording() -> None:
    made = playlist(segment(0, at_s=0))
    assert "ENDLIST" not in made.render()
    made.end()
    assert made.render().endswith("run1_0.m4s\n#EXT-X-ENDLIST\n")


def test_dropped_segments_are_counted_and_their_files_returned() -> None:
    made = playlist(segment(0, at_s=0), segment(1, at_s=3600, seam=True, init=1), segment(2, at_s=3602, init=1))
    assert made.size_bytes == 300
    assert made.drop_oldest() == ("run1_0.m4s", "run1_init0.mp4")
    text = made.render()
    # The discontinuity counts as dropped as soon as its segment is the first one.
    assert "MEDIA-SEQUENCE:1\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-MAP" in text
    assert made.drop_oldest() == ("run1_1.m4s",)
    assert made.size_bytes == 100
    assert made.length_s == 6.0


def test_the_playlist_knows_the_end_of_each_segment() -> None:
    made = playlist(segment(0, at_s=0), segment(1, at_s=3600, seam=True))
    assert (made.end_s_of("run1_0.m4s"), made.end_s_of("run1_1.m4s"), made.end_s_of("../x")) == (2.0, 4.0, None)


def test_a_long_gop_raises_the_target_duration() -> None:
    made = playlist(ReplaySegment("run1_0.m4s", "run1_init0.mp4", NIGHT, 9.6, 1))
    assert "#EXT-X-TARGETDURATION:10\n" in made.render()


def test_replay_ids_are_unique_and_differ_from_live_ids() -> None:
    one, other = new_replay_id(7), new_replay_id(7)
    assert one != other
    assert one.startswith("replay7_")
    assert is_stream_id(one)
    assert not stream_id_of(7, "replay7_x").startswith("replay")


def test_replay_files_are_served_and_removed_like_live_ones(tmp_path: Path) -> None:
    folder = tmp_path / new_replay_id(1)
    folder.mkdir()
    for name in ("run1_0.m4s", "run1_init0.mp4", "run12_3.hevc.m4s", "run12_init0.hevc.mp4", "run1_4.m4s.tmp"):
        (folder / name).touch()
    assert served_file(folder, "run1_0.m4s").is_file()
    assert served_file(folder, "run1_init0.mp4").is_file()
    for refused in ("run12_3.hevc.m4s", "run12_init0.hevc.mp4", "run1_4.m4s.tmp", "run1.m3u8", "run1_9.m4s"):
        with pytest.raises(NotFound):
            served_file(folder, refused)
    empty_folder(folder)
    assert list(folder.iterdir()) == []
    remove_leftovers(tmp_path)
    assert not folder.exists()
