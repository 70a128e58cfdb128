"""The choice of main and sub stream among the profiles of a channel."""

from __future__ import annotations

import pytest

from core.records import MediaProfile, ProfileRole, VideoFormat
from onvif_services.profile_roles import with_roles, with_true_kbps


def _profile(token: str, pixels: tuple[int, int] | None, codec: str = "h264", kbps: int | None = None) -> MediaProfile:
    video = VideoFormat(codec, *pixels, bitrate_kbps=kbps) if pixels else None
    return MediaProfile(token, token, "S", video)


@pytest.mark.parametrize(
    ("given", "main", "sub"),
    [
        ([_profile("P2", (640, 360)), _profile("P1", (1920, 1080))], "P1", "P2"),
        ([_profile("P1", (640, 360)), _profile("P2", (1920, 1080))], "P2", "P1"),
        ([_profile("P10", (704, 576)), _profile("P2", (704, 576)), _profile("P1", (1920, 1080))], "P1", "P2"),
        ([_profile("P1", (1920, 1080)), _profile("P2", (1920, 1080))], "P1", "P2"),
        ([_profile("P3", (1280, 720)), _profile("P2", (640, 360)), _profile("P1", (1920, 1080))], "P1", "P2"),
        ([_profile("P1", (3840, 2160), "mjpeg"), _profile("P2", (1280, 720))], "P2", None),
        ([_profile("P1", (640, 480), "mjpeg")], "P1", None),
        ([_profile("P1", None)], None, None),
        ([], None, None),
    ],
)
def test_main_and_sub_follow_from_pixels_and_the_order_of_tokens(
    given: list[MediaProfile], main: str | None, sub: str | None
) -> None:
    found = with_roles(given)
    assert len(found) == len(given)
    roles = {item.role: item.profile_token for item in found}
    assert roles.get(ProfileRole.MAIN) == main
    assert roles.get(ProfileRole.SUB) == sub


MAIN = _profile("P1", (3840, 2160), kbps=12_000)


@pytest.mark.parametrize(
    ("others", "sub"),
    [
        # Bosch: the second stream is for recording, the third one for a wall of tiles
        ([_profile("P2", (1536, 864), kbps=3400), _profile("P3", (512, 288), kbps=400)], "P3"),
        ([_profile("P2", (352, 288), kbps=128), _profile("P3", (704, 576), kbps=1000)], "P3"),
        ([_profile("P2", (704, 576), kbps=1001), _profile("P3", (352, 240), kbps=300)], "P3"),
        ([_profile("P2", (576, 704), kbps=800), _profile("P3", (320, 240), kbps=300)], "P2"),
        ([_profile("P2", (1280, 720), kbps=900), _profile("P3", (640, 480))], "P3"),
        # none is small enough: the first one with fewer pixels, as before
        ([_profile("P2", (1280, 720), kbps=900), _profile("P3", (960, 540), kbps=500)], "P2"),
        ([_profile("P2", (3840, 2160), kbps=900)], "P2"),
    ],
)
def test_the_sub_stream_is_the_largest_small_one(others: list[MediaProfile], sub: str) -> None:
    roles = {item.role: item.profile_token for item in with_roles([MAIN, *others])}
    assert (roles[ProfileRole.MAIN], roles[ProfileRole.SUB]) == ("P1", sub)


@pytest.mark.parametrize(
    ("video", "kbps"),
    [
        (VideoFormat("h264", 640, 360, 25.0, 512), 512),
        (VideoFormat("h264", 640, 360, 25.0, 512_000), 512),
        (VideoFormat("h264", 1920, 1080, 25.0, 4_194_304), 4194),
        (VideoFormat("h264", 512, 288, None, 400_000), 400),
        (VideoFormat("h264", None, None, None, 2_048_000), 2048),
        (VideoFormat("h264", None, None, None, 8192), 8192),
        (VideoFormat("hevc", 7680, 4320, 30.0, 80_000), 80_000),
        (VideoFormat("mjpeg", 1920, 1080, 25.0, 60_000), 60_000),
        (VideoFormat("h264", 640, 360, 25.0, None), None),
    ],
)
def test_a_bit_rate_in_bit_per_second_is_noticed(video: VideoFormat, kbps: int | None) -> None:
    assert with_true_kbps(video).bitrate_kbps == kbps
