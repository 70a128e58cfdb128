"""Main and sub stream of a channel, chosen by codec, size and bit rate."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from core.records import MediaProfile, ProfileRole, VideoFormat

# A wall of 16 tiles is to cost no more than a main stream or two. A Bosch camera offers 1536x864 at 3.4 Mbit/s and
# 512x288 at 400 kbit/s as second and third stream.
_SUB_PIXELS = 704 * 576
_SUB_KBPS = 1000

# tt:BitrateLimit is in kbit/s, but some devices write bit/s. No encoder of a camera needs so many bits for a pixel,
# nor so many kbit/s for a stream.
_MOST_BITS_PER_PIXEL = 8.0
_MOST_KBPS = 200_000
_USUAL_FPS = 25.0


def with_roles(profiles: Iterable[MediaProfile]) -> tuple[MediaProfile, ...]:
    """Return the profiles with roles: main, sub, then the others.

    Main has the most pixels, among H.264 and H.265 if there are such profiles. Sub is the largest other profile of at
    most 704x576 and 1 Mbit/s. Without such a profile it is the first other one with fewer pixels than main, in the
    order in which vendors number tokens (`MediaProfile00000`, `00001`, `00002`); otherwise the first other one.
    """
    ordered = sorted(profiles, key=lambda profile: natural_key(profile.profile_token))
    playable = [item for item in ordered if item.video and item.video.codec in {"h264", "hevc"}]
    candidates = playable or [item for item in ordered if item.video]
    if not candidates:
        return tuple(ordered)
    main = max(candidates, key=pixels_of)  # max keeps the first of equals
    rest = [item for item in candidates if item is not main]
    chosen = [replace(main, role=ProfileRole.MAIN)]
    sub = _sub_of(main, rest)
    if sub is not None:
        chosen.append(replace(sub, role=ProfileRole.SUB))
    return (*chosen, *(item for item in ordered if item is not main and item is not sub))


def _sub_of(main: MediaProfile, rest: list[MediaProfile]) -> MediaProfile | None:
    smaller = [item for item in rest if pixels_of(item) < pixels_of(main)]
    small = [item for item in smaller if _is_small(item)]
    if small:
        return max(small, key=pixels_of)
    return next(iter(smaller or rest), None)


def _is_small(profile: MediaProfile) -> bool:
    video = profile.video
    return 0 < pixels_of(profile) <= _SUB_PIXELS and (video is None or (video.bitrate_kbps or 0) <= _SUB_KBPS)


def pixels_of(profile: MediaProfile) -> int:
    """Return width times height; 0 if the device names neither."""
    video = profile.video
    return (video.width or 0) * (video.height or 0) if video else 0


def with_true_kbps(video: VideoFormat) -> VideoFormat:
    """Return the format with its bit rate in kbit/s, also if the device wrote it in bit/s."""
    kbps = video.bitrate_kbps
    if kbps is None:
        return video
    pixels_per_s = (video.width or 0) * (video.height or 0) * (video.fps or _USUAL_FPS)
    is_in_bits = kbps > _MOST_KBPS or (pixels_per_s > 0 and kbps * 1000 > _MOST_BITS_PER_PIXEL * pixels_per_s)
    return replace(video, bitrate_kbps=max(1, round(kbps / 1000))) if is_in_bits else video


def natural_key(token: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that puts Profile_2 before Profile_10. It never compares a number with a text."""
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", token)
    return tuple((0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts)
