"""The variants of HLS that a channel offers: main and sub stream in one codec, described without asking the device.

A session that runs or has run tells codec, size and bit rate exactly. Before the first one they come from the
configuration that the device has reported.

One list never mixes H.264 and H.265: hls.js keeps to the codec with which it began, or fails at the change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.records import AudioFormat, Channel, MediaProfile, ProfileRole, StreamState, VideoFormat
from media.codecs.h264_sps import lowest_level
from media.hls.multivariant_playlist import VariantLine
from sessions.ids import stream_id_of
from sessions.live.plan import needs_transcode
from sessions.view import StreamView

ROLES = (ProfileRole.MAIN, ProfileRole.SUB)
_AUDIO = "mp4a.40.2"  # all audio of HLS is AAC, copied or encoded
_AUDIO_KBPS = 64
_PEAK = 1.25  # a segment above the configured bit rate: a key frame more than its share, and the container
_USUAL_FPS = 25.0
_USUAL_BITS_PER_PIXEL = 0.1
_ENCODED_WIDTH = 1920  # these two as in media.commands
_ENCODED_KBPS = 4000
_USUAL_SIZE = {ProfileRole.MAIN: (1920, 1080), ProfileRole.SUB: (640, 360)}
_USUAL_HEVC = "hvc1.1.6.L{level}.B0"
_HEVC_LEVELS = ((552_960, 90), (983_040, 93), (2_228_224, 120), (8_912_896, 150))  # luma samples (H.265 table A.8)
_LARGEST_HEVC_LEVEL = 180


@dataclass(frozen=True, slots=True)
class HlsVariant:
    """A media profile as a variant. `is_hevc`: its H.265 is copied; `is_encoded`: H.264 is made of another codec."""

    profile: MediaProfile
    is_hevc: bool
    is_encoded: bool


def variants_of(
    channel: Channel, *, wants_hevc: bool, codec_of: Callable[[MediaProfile], str | None]
) -> list[HlsVariant]:
    """Return the variants, the one to begin with first: those that need no encoder, then those with few pixels.

    With `wants_hevc` the H.265 profiles alone, if the main stream is H.265; otherwise all profiles as H.264.
    """
    profiles = [profile for role in ROLES for profile in channel.profiles if profile.role is role]
    codecs = [codec_of(profile) for profile in profiles]
    if wants_hevc and codecs and codecs[0] == "hevc":
        return [
            HlsVariant(profile, is_hevc=True, is_encoded=False)
            for profile, codec in zip(profiles, codecs, strict=True)
            if codec == "hevc"
        ]
    variants = [
        HlsVariant(profile, is_hevc=False, is_encoded=needs_transcode(codec, is_hevc_variant=False))
        for profile, codec in zip(profiles, codecs, strict=True)
    ]
    copied = [variant for variant in variants if not variant.is_encoded]
    return copied + [variant for variant in reversed(variants) if variant.is_encoded]


def variant_line(
    variant: HlsVariant, camera_id: int, uri: str, view_of: Callable[[str], StreamView | None]
) -> VariantLine:
    """Return the variant's line. `view_of`: the present or last view of a session, None without one."""
    profile = variant.profile
    view = view_of(stream_id_of(camera_id, profile.profile_token, is_hevc=variant.is_hevc))
    if view is not None and _is_outdated(view, profile.video):
        view = None
    stated = profile.video
    seen = view.video if view is not None else None
    width, height = _size(seen, stated)
    guessed_width, guessed_height = (width, height) if width and height else _USUAL_SIZE[profile.role]
    fps = _fps(seen, stated)
    if variant.is_encoded:
        guessed_width, guessed_height = _encoded_size(guessed_width, guessed_height)
    codec = _codec_string(variant, view, guessed_width, guessed_height, fps or _USUAL_FPS)
    audio = _audio(view, profile)
    pixels_a_second = guessed_width * guessed_height * (fps or _USUAL_FPS)
    stated_kbps = None if variant.is_encoded or stated is None else stated.bitrate_kbps
    guessed_kbps = stated_kbps or int(pixels_a_second * _USUAL_BITS_PER_PIXEL / 1000)
    if variant.is_encoded:
        guessed_kbps = min(guessed_kbps, _ENCODED_KBPS)
    guessed_peak_kbps = round(guessed_kbps * _PEAK) + (_AUDIO_KBPS if audio is not None else 0)
    return VariantLine(
        uri,
        (codec,) if audio is None else (codec, _AUDIO),
        (view.peak_kbps if view is not None else None) or guessed_peak_kbps,
        guessed_width if width else None,
        guessed_height if height else None,
        fps,
    )


def _is_outdated(view: StreamView, stated: VideoFormat | None) -> bool:
    """True for an ended session of another size than the device states now."""
    if view.status is not StreamState.STOPPED or view.video is None or stated is None or view.transcoding:
        return False
    return None not in (view.video.width, stated.width) and view.video.width != stated.width


def _size(seen: VideoFormat | None, stated: VideoFormat | None) -> tuple[int | None, int | None]:
    for video in (seen, stated):
        if video is not None and video.width and video.height:
            return video.width, video.height
    return None, None


def _fps(seen: VideoFormat | None, stated: VideoFormat | None) -> float | None:
    """Return the stated rate while the measured one is no higher: it is the most that the device may send."""
    stated_fps = stated.fps if stated is not None else None
    seen_fps = seen.fps if seen is not None else None
    if stated_fps and seen_fps and seen_fps > 1.05 * stated_fps:
        return float(round(seen_fps))
    return stated_fps or (float(round(seen_fps)) if seen_fps else None)


def _encoded_size(width: int, height: int) -> tuple[int, int]:
    if width <= _ENCODED_WIDTH:
        return width, height
    return _ENCODED_WIDTH, round(height * _ENCODED_WIDTH / width / 2) * 2


def _audio(view: StreamView | None, profile: MediaProfile) -> AudioFormat | None:
    return view.audio if view is not None and view.video is not None else profile.audio


def _codec_string(variant: HlsVariant, view: StreamView | None, width: int, height: int, fps: float) -> str:
    """Return the codec string as seen, otherwise one that covers this size and rate, in the most common profile."""
    if view is not None and view.source_codec_string and not variant.is_encoded:
        return view.source_codec_string
    if variant.is_hevc:
        level = next((level for most, level in _HEVC_LEVELS if width * height <= most), _LARGEST_HEVC_LEVEL)
        return _USUAL_HEVC.format(level=level)
    return f"avc1.6400{lowest_level(width, height, fps):02X}"
