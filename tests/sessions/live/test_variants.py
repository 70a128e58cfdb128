"""The variants of a channel: their order, and how they are described before and after their first session."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.records import AudioFormat, Channel, MediaProfile, ProfileRole, StreamKind, StreamState, VideoFormat
from media.hls.multivariant_playlist import VariantLine, multivariant_playlist
from sessions.live.variants import HlsVariant, variant_line, variants_of
from sessions.view import StreamView

AUDIO = AudioFormat("pcm_alaw", 8000, 1)


def profile(role: str, codec: str, width: int, height: int, kbps: int | None = None) -> MediaProfile:
    video = VideoFormat(codec, width, height, 25.0, kbps)
    return MediaProfile(role, role, "source", video, role=ProfileRole(role))


def variants(*profiles: MediaProfile, wants_hevc: bool = False) -> list[tuple[str, bool, bool]]:
    found = variants_of(
        Channel(1, "Door", "source", profiles),
        wants_hevc=wants_hevc,
        codec_of=lambda one: one.video.codec if one.video else None,
    )
    return [(one.profile.profile_token, one.is_hevc, one.is_encoded) for one in found]


MAIN, SUB = profile("main", "h264", 1920, 1080, 4096), profile("sub", "h264", 640, 360, 512)
HEVC_MAIN, HEVC_SUB = profile("main", "hevc", 1920, 1080, 4096), profile("sub", "hevc", 640, 360, 512)


@pytest.mark.parametrize("wants_hevc", [False, True])
def test_main_comes_first_if_no_stream_needs_an_encoder(wants_hevc: bool) -> None:
    expected = [("main", False, False), ("sub", False, False)]
    assert variants(SUB, MAIN, wants_hevc=wants_hevc) == expected


def test_a_list_has_one_codec() -> None:
    assert variants(HEVC_MAIN, SUB) == [("sub", False, False), ("main", False, True)]
    assert variants(HEVC_MAIN, SUB, wants_hevc=True) == [("main", True, False)]
    assert variants(HEVC_MAIN, HEVC_SUB, wants_hevc=True) == [("main", True, False), ("sub", True, False)]


def test_of_encoded_streams_the_small_one_comes_first() -> None:
    assert variants(HEVC_MAIN, HEVC_SUB) == [("sub", False, True), ("main", False, True)]


def test_other_profiles_and_channels_without_video_have_no_variant() -> None:
    assert variants(replace(MAIN, role=ProfileRole.OTHER)) == []
    assert variants() == []


def line(
    one: MediaProfile, view: StreamView | None = None, *, is_hevc: bool = False, is_encoded: bool = False
) -> VariantLine:
    return variant_line(HlsVariant(one, is_hevc, is_encoded), 1, "main.m3u8", lambda _stream_id: view)


def view_of(video: VideoFormat | None, status: StreamState = StreamState.RUNNING, **more: object) -> StreamView:
    view = StreamView(
        stream_id="camera1_main",
        camera_id=1,
        profile_token="main",
        kind=StreamKind.LIVE,
        status=status,
        error=None,
        started_at=datetime.now(UTC),
        uptime_s=1.0,
        viewers=1,
        restarts=0,
        video=video,
        audio=None,
        audio_left_out=None,
        transcoding=False,
        bitrate_kbps=None,
        last_segment_age_s=None,
        frames_dropped=0,
        playlist_url="",
    )
    return replace(view, **more)  # type: ignore[arg-type]  # any field, by name


def test_before_the_first_session_the_configuration_is_described() -> None:
    assert line(MAIN) == VariantLine("main.m3u8", ("avc1.640028",), 5120, 1920, 1080, 25.0)
    assert line(SUB) == VariantLine("main.m3u8", ("avc1.64001E",), 640, 640, 360, 25.0)
    assert line(replace(SUB, audio=AUDIO)).codec_strings == ("avc1.64001E", "mp4a.40.2")
    assert line(HEVC_MAIN, is_hevc=True).codec_strings == ("hvc1.1.6.L120.B0",)


def test_a_session_describes_its_stream_exactly() -> None:
    seen = view_of(VideoFormat("h264", 704, 576, 24.9), source_codec_string="avc1.4D401F", peak_kbps=777, audio=AUDIO)
    expected = VariantLine("main.m3u8", ("avc1.4D401F", "mp4a.40.2"), 777, 704, 576, 25.0)
    assert line(SUB, seen) == expected


def test_a_session_that_has_ended_counts_while_the_size_is_the_same() -> None:
    ended = view_of(VideoFormat("h264", 640, 360), StreamState.STOPPED, peak_kbps=777)
    assert line(SUB, ended).peak_kbps == 777
    assert line(profile("sub", "h264", 352, 288, 100), ended).peak_kbps == 125


def test_an_encoded_stream_is_described_as_h264_of_at_most_1920_pixels() -> None:
    found = line(profile("main", "hevc", 3840, 2160, 8000), is_encoded=True)
    assert found == VariantLine("main.m3u8", ("avc1.640028",), 5000, 1920, 1080, 25.0)
    seen = view_of(VideoFormat("hevc", 640, 360), source_codec_string="hvc1.1.6.L90.B0")
    assert line(HEVC_SUB, seen, is_encoded=True).codec_strings == ("avc1.64001E",)


def test_an_unknown_stream_is_described_without_a_size() -> None:
    unknown = MediaProfile("main", "main", "source", None, role=ProfileRole.MAIN)
    assert line(unknown) == VariantLine("main.m3u8", ("avc1.640028",), 6480, None, None, None)


def test_the_text_of_a_multivariant_playlist() -> None:
    assert multivariant_playlist([line(MAIN), VariantLine("sub.m3u8", ("avc1.64001E", "mp4a.40.2"), 600)]) == (
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=5120000,CODECS="avc1.640028",RESOLUTION=1920x1080,FRAME-RATE=25.000\n'
        "main.m3u8\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=600000,CODECS="avc1.64001E,mp4a.40.2"\n'
        "sub.m3u8\n"
    )
