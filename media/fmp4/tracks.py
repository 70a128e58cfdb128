"""Tracks of an init section: sample entries, codec strings, decoder configurations.

H.264 as avc1 and H.265 as hvc1 (ISO/IEC 14496-15), AAC as mp4a (14496-14), G.711 and PCM as fLaC
(the FLAC project's mapping into ISO BMFF), Opus as Opus (Xiph's mapping).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.records import AudioFormat, VideoFormat
from media.codecs import aac, flac, h264, h265, opus
from media.codecs.bits import BitReader, BitsEnded
from media.codecs.h264_sps import covering_level, parse_sps
from media.fmp4.boxes import box, full_box, u16, u32

VIDEO_ID, AUDIO_ID = 1, 2
_MAX_SET_BYTES = 65_535
_AS_FLAC = {"pcm_alaw", "pcm_mulaw", "pcm_s16be"}
_PLAIN_PROFILES = {66, 77, 88}
_USUAL_FPS = 30.0
_MOST_STATED_FPS = 60.0  # VUI of some cameras states thousands


class TrackError(ValueError):
    """These parameter sets do not describe a track. The text contains nothing from the device."""


@dataclass(frozen=True, slots=True)
class Track:
    """One track of an init section. `codec_string` as in RFC 6381; times are in units of 1/`timescale` s.

    `config`: the decoder's configuration, of video only.
    """

    track_id: int
    timescale: int
    codec_string: str
    sample_entry: bytes
    is_video: bool
    width: int = 0
    height: int = 0
    config: bytes = b""


def video_track(
    video: VideoFormat, parameter_sets: tuple[bytes, ...], timescale: int = 90_000, *, frame_rate: float = 0.0
) -> Track:
    """Return a track of H.264 (sps, pps) or H.265 (vps, sps, pps). Raises TrackError.

    `frame_rate`: as measured, 0 if it is not known. The level in the codec string of H.264 covers it.
    """
    if video.codec == "h264":
        type_of, frame_size = h264.parameter_set_type, h264.frame_size
    elif video.codec == "hevc":
        type_of, frame_size = h265.parameter_set_type, h265.frame_size
    else:
        raise TrackError("neither H.264 nor H.265")
    sets: dict[str, list[bytes]] = {"vps": [], "sps": [], "pps": []}
    for nal in parameter_sets:
        if len(nal) <= _MAX_SET_BYTES and (set_type := type_of(nal)):
            sets[set_type].append(nal)
    if not sets["sps"] or not sets["pps"] or (video.codec == "hevc" and not sets["vps"]):
        raise TrackError("parameter sets are missing")
    width, height = frame_size(sets["sps"][0]) or (video.width or 0, video.height or 0)
    if not 0 < width < 65536 or not 0 < height < 65536:
        raise TrackError("the size of the video is not known")
    try:
        if video.codec == "h264":
            kinds, config, name = (b"avc1", b"avcC"), _avc_configuration(sets), _avc_name(sets["sps"][0], frame_rate)
        else:
            general = _hevc_general(sets["sps"][0])
            kinds, config, name = (b"hvc1", b"hvcC"), _hevc_configuration(sets, general), _hevc_name(general)
    except (BitsEnded, IndexError) as error:
        raise TrackError("the parameter sets cannot be read") from error
    entry = box(
        kinds[0],
        bytes(6) + u16(1) + bytes(16) + u16(width, height) + u32(0x480000, 0x480000, 0) + u16(1),
        bytes(32) + u16(24, 0xFFFF),
        box(kinds[1], config),
    )
    return Track(VIDEO_ID, timescale, name, entry, is_video=True, width=width, height=height, config=config)


def has_fragments_of(audio: AudioFormat) -> bool:
    """True if audio_track() has a track for this audio, provided that its configuration can be read."""
    return audio.codec in _AS_FLAC | {"aac", "opus"}


def audio_track(audio: AudioFormat, audio_config: bytes = b"") -> Track | None:
    """Return a track of AAC (`audio_config`: its AudioSpecificConfig), G.711, PCM or Opus. None for other audio."""
    rate, channels = audio.sample_rate or 8000, audio.channels or 1
    if not 4000 <= rate <= 192_000 or not 1 <= channels <= 8:
        return None
    if audio.codec in _AS_FLAC:
        streaminfo = bytes([0x80]) + (34).to_bytes(3, "big") + flac.stream_info(rate, channels)
        entry = audio_sample_entry(b"fLaC", channels, rate, full_box(b"dfLa", 0, 0, streaminfo))
        return Track(AUDIO_ID, rate, "flac", entry, is_video=False)
    if audio.codec == "opus" and channels <= 2:
        head = bytes([0, channels]) + u16(0) + u32(rate) + u16(0) + bytes([0])  # big-endian, unlike in Ogg
        entry = audio_sample_entry(b"Opus", channels, opus.RATE, box(b"dOps", head))
        return Track(AUDIO_ID, opus.RATE, "opus", entry, is_video=False)
    if audio.codec == "aac" and len(audio_config) <= 64 and (config := aac.read_config(audio_config)):
        entry = audio_sample_entry(b"mp4a", config.channels or channels, rate, _esds(audio_config))
        return Track(AUDIO_ID, rate, f"mp4a.40.{config.object_type}", entry, is_video=False)
    return None


def audio_sample_entry(kind: bytes, channels: int, rate: int, config: bytes = b"") -> bytes:
    """Return an AudioSampleEntry (ISO/IEC 14496-12 section 12.2.3) of 16 bits a sample, with a box for its decoder."""
    shown_rate = rate << 16 if rate < 65536 else 0
    return box(kind, bytes(6) + u16(1) + bytes(8) + u16(channels, 16, 0, 0) + u32(shown_rate), config)


def _esds(config: bytes) -> bytes:
    """Return esds (ISO/IEC 14496-1 section 7.2.6): ES, decoder configuration, decoder specific information, SL."""
    specific = bytes([0x05, len(config)]) + config
    decoder = bytes([0x04, 13 + len(specific), 0x40, 0x15]) + bytes(3) + u32(0, 0) + specific
    stream = u16(AUDIO_ID) + bytes([0]) + decoder + bytes([0x06, 1, 2])
    return full_box(b"esds", 0, 0, bytes([0x03, len(stream)]) + stream)


# -- H.264 -----------------------------------------------------------------------------------------


def _avc_name(sps: bytes, frame_rate: float) -> str:
    """Return the codec string (RFC 6381 section 3.3), with a level that covers the frame size and rate."""
    level = sps[3]
    if (parsed := parse_sps(sps)) is not None:
        stated = parsed.frame_rate or 0.0
        level = covering_level(parsed, max(frame_rate, stated if 1 <= stated <= _MOST_STATED_FPS else _USUAL_FPS))
    return f"avc1.{sps[1]:02X}{sps[2]:02X}{level:02X}"


def _avc_configuration(sets: dict[str, list[bytes]]) -> bytes:
    """Return an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3.1)."""
    sps = sets["sps"][0]
    parts = [bytes([1, sps[1], sps[2], sps[3], 0xFF, 0xE0 | min(len(sets["sps"]), 31)])]
    for nal in sets["sps"][:31]:
        parts += [u16(len(nal)), nal]
    parts.append(bytes([min(len(sets["pps"]), 255)]))
    for pps in sets["pps"][:255]:
        parts += [u16(len(pps)), pps]
    if sps[1] not in _PLAIN_PROFILES:
        bits = BitReader(sps[4:64])
        bits.ue()
        chroma = bits.ue()
        if chroma == 3:
            bits.u(1)
        parts.append(bytes([0xFC | chroma & 3, 0xF8 | bits.ue() & 7, 0xF8 | bits.ue() & 7, 0]))
    return b"".join(parts)


# -- H.265 -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _HevcGeneral:
    """The fields of an sps that hvcC repeats (ITU-T H.265 section 7.3.2.2.1). `profile_tier_level`: twelve bytes."""

    profile_tier_level: bytes
    sub_layers: int
    is_nested: bool
    chroma: int
    luma_depth: int
    chroma_depth: int


def _hevc_general(sps: bytes) -> _HevcGeneral:
    plain = sps[2:256].replace(b"\0\0\3", b"\0\0")
    bits = BitReader(sps[2:256])
    bits.u(4)
    sub_layers = bits.u(3)
    is_nested = bool(bits.u(1))
    h265.skip_profile_tier_level(bits, sub_layers)
    bits.ue()
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    bits.ue()
    bits.ue()
    if bits.u(1):
        for _ in range(4):
            bits.ue()
    return _HevcGeneral(plain[1:13], sub_layers + 1, is_nested, chroma & 3, bits.ue() & 7, bits.ue() & 7)


def _hevc_name(general: _HevcGeneral) -> str:
    """Return the codec string (ISO/IEC 14496-15 annex E): profile, reversed compatibility, tier, level, constraints."""
    first = general.profile_tier_level[0]
    space = ("", "A", "B", "C")[first >> 6]
    compatible = int(f"{int.from_bytes(general.profile_tier_level[1:5], 'big'):032b}"[::-1], 2)
    tier = "H" if first & 0x20 else "L"
    constraints = re.sub(r"(\.0)+$", "", "".join(f".{byte:X}" for byte in general.profile_tier_level[5:11]))
    return f"hvc1.{space}{first & 0x1F}.{compatible:X}.{tier}{general.profile_tier_level[11]}{constraints}"


def _hevc_configuration(sets: dict[str, list[bytes]], general: _HevcGeneral) -> bytes:
    """Return an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 8.3.3.1); NAL lengths are four bytes."""
    head = bytes([1]) + general.profile_tier_level + u16(0xF000) + bytes([0xFC, 0xFC | general.chroma])
    head += bytes([0xF8 | general.luma_depth, 0xF8 | general.chroma_depth]) + u16(0)
    head += bytes([general.sub_layers << 3 | general.is_nested << 2 | 3, 3])
    arrays = []
    for kind, set_type in ((32, "vps"), (33, "sps"), (34, "pps")):
        arrays += [bytes([0x80 | kind]), u16(len(sets[set_type]))]
        for nal in sets[set_type]:
            arrays += [u16(len(nal)), nal]
    return head + b"".join(arrays)


def smhd_box() -> bytes:
    return full_box(b"smhd", 0, 0, u16(0, 0))


def vmhd_box() -> bytes:
    return full_box(b"vmhd", 0, 1, u16(0, 0, 0, 0))
