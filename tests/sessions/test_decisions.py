"""Viewers, back-off, plans and commands: decisions without a device or a clock."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import CameraUnsupported, LimitReached
from core.records import AudioFormat, VideoFormat
from media.commands import (
    AudioHandling,
    Container,
    LiveOptions,
    VideoHandling,
    live_command,
    snapshot_command,
)
from media.ffmpeg import FfmpegMissing, find_ffmpeg
from media.rtsp.live.feed import MediaDescription
from sessions.backoff import BREAKS_AFTER, BROKEN_S, session_backoff
from sessions.context import TranscodeSlots
from sessions.live.plan import needs_transcode, plan_for
from sessions.viewers import MAX_COUNTED, Viewers

FFMPEG = Path("/usr/bin/ffmpeg")
URL = "rtsp://127.0.0.1:4000/abc_DEF-123"


def viewers() -> Viewers:
    return Viewers(now_s=100.0, idle_end_s=30.0, unwatched_end_s=300.0)


def test_a_session_never_watched_ends_after_five_minutes() -> None:
    watched = viewers()
    watched.add(100.0)
    assert not watched.is_over(399.0)
    assert watched.is_over(400.0)


def test_a_session_ends_half_a_minute_after_its_last_viewer() -> None:
    watched = viewers()
    viewer_id = watched.add(100.0)
    watched.watch(viewer_id, 200.0)
    assert not watched.is_over(229.0)
    assert watched.is_over(230.0)


def test_a_viewer_counts_while_it_fetches() -> None:
    watched = viewers()
    one, two = watched.add(100.0), watched.add(100.0)
    watched.watch(one, 125.0)
    assert watched.count(126.0) == 2
    assert watched.count(131.0) == 1
    assert watched.leave(two, 131.0) is False
    assert watched.leave(one, 131.0) is True


def test_unnamed_players_count_as_one_viewer() -> None:
    watched = viewers()
    watched.touch(None, 110.0)
    watched.touch("stranger", 110.0)
    assert watched.count(110.0) == 0
    watched.watch(None, 110.0)
    watched.watch(None, 111.0)
    assert watched.count(112.0) == 1


def test_invented_viewer_ids_do_not_fill_the_memory() -> None:
    watched = viewers()
    for number in range(MAX_COUNTED + 50):
        watched.watch(f"v{number}", 110.0)
    assert watched.count(110.0) == MAX_COUNTED


def test_a_session_waits_longer_and_longer_then_breaks() -> None:
    backoff = session_backoff()
    waits = [backoff.failed_after(0.0) for _ in range(BREAKS_AFTER + 1)]
    expected = [0.5, 1.0, 2.0, 4.0, 8.0, BROKEN_S, BROKEN_S]
    assert all(0.75 * wait_s <= seen <= 1.25 * wait_s for wait_s, seen in zip(expected, waits, strict=True))
    assert backoff.is_broken
    assert backoff.failed_after(61.0) <= 0.7, "a long healthy run forgets earlier failures"
    assert not backoff.is_broken


@pytest.mark.parametrize(
    ("video", "audio", "is_hevc", "expected"),
    [
        ("h264", "aac", False, ("copy", "copy", "ts")),
        ("h264", "pcm_alaw", False, ("copy", "encode", "ts")),
        ("h264", None, False, ("copy", "none", "ts")),
        ("hevc", "aac", False, ("transcode", "copy", "ts")),
        ("hevc", "pcm_mulaw", True, ("copy", "encode", "fmp4")),
    ],
)
def test_only_codecs_that_the_player_lacks_are_transcoded(
    video: str, audio: str | None, is_hevc: bool, expected: tuple[str, str, str]
) -> None:
    described = MediaDescription(VideoFormat(video), AudioFormat(audio) if audio else None)
    plan = plan_for(described, is_hevc_variant=is_hevc)
    assert (plan.video, plan.audio, plan.container) == expected
    assert plan.is_transcoding == needs_transcode(video, is_hevc_variant=is_hevc)
    assert plan.out_video.codec == ("hevc" if is_hevc else "h264")


@pytest.mark.parametrize(("video", "is_hevc"), [(None, False), (VideoFormat("h264"), True)])
def test_a_source_that_cannot_become_the_promised_stream_is_refused(video: VideoFormat | None, is_hevc: bool) -> None:
    with pytest.raises(CameraUnsupported):
        plan_for(MediaDescription(video, None), is_hevc_variant=is_hevc)


def test_transcodes_are_limited_and_the_error_names_the_streams() -> None:
    slots = TranscodeSlots(2)
    slots.take("a", one := object())
    slots.take("b", object())
    slots.take("a", successor := object())
    with pytest.raises(LimitReached) as refused:
        slots.take("c", object())
    assert refused.value.code == "transcode_limit"
    assert refused.value.used_by == ("a", "b")
    slots.give_back("a", one)  # no effect: the slot belongs to the successor
    with pytest.raises(LimitReached):
        slots.take("c", object())
    slots.give_back("a", successor)
    slots.take("c", object())


def options(**changed: object) -> LiveOptions:
    values: dict[str, object] = {
        "video": VideoHandling.COPY,
        "audio": AudioHandling.ENCODE,
        "container": Container.TS,
        "start_number": 7,
        "ffmpeg_number": 2,
        "segment_s": 2.0,
        "playlist_segments": 10,
    }
    return LiveOptions(**(values | changed))  # type: ignore[arg-type]  # by name


def test_a_live_command_copies_video_and_aac_and_encodes_other_audio() -> None:
    argv = live_command(FFMPEG, URL, "camera1_x", options())
    pairs = list(pairwise(argv))
    for pair in [
        ("-c:v", "copy"),
        ("-c:a", "aac"),
        ("-hls_time", "2"),
        ("-hls_list_size", "10"),
        ("-start_number", "7"),
    ]:
        assert pair in pairs
    assert argv[-1] == "camera1_x/stream.m3u8"
    assert "camera1_x/segment_%05d.ts" in argv
    copied = live_command(FFMPEG, URL, "x", options(audio=AudioHandling.COPY))
    assert ("-c:a", "copy") in pairwise(copied)
    assert "-an" in live_command(FFMPEG, URL, "x", options(audio=AudioHandling.NONE))


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://10.0.0.1:554/x",
        "rtsp://user:pass@127.0.0.1:554/x",
        "file:///etc/passwd",
        "rtsp://127.0.0.1:1/x\n-i",
        "-i",
        "concat:x",
        "rtsp://127.0.0.1:1/x?y",
    ],
)
def test_ffmpeg_reads_from_our_own_gateway_only(url: str) -> None:
    with pytest.raises(ValueError, match="gateway"):
        live_command(FFMPEG, url, "camera1_x", options())
    with pytest.raises(ValueError, match="gateway"):
        snapshot_command(FFMPEG, url)


@pytest.mark.parametrize("folder", ["../x", "/x", "-x", "", "a/b", "a:b", "%d"])
def test_a_folder_name_with_a_meaning_for_ffmpeg_is_refused(folder: str) -> None:
    with pytest.raises(ValueError, match="folder"):
        live_command(FFMPEG, URL, folder, options())


def test_the_bundled_ffmpeg_is_used_unless_the_setting_names_another() -> None:
    assert "imageio_ffmpeg" in str(find_ffmpeg())
    assert find_ffmpeg("ffmpeg") == FFMPEG
    assert find_ffmpeg(str(FFMPEG)) == FFMPEG
    for missing in ("/no/such/ffmpeg", "/etc/passwd", "no-such-ffmpeg"):
        with pytest.raises(FfmpegMissing):
            find_ffmpeg(missing)
