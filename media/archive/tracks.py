"""The tracks of an archive file: video as in fragments, audio as the device sent it.

G.711 is `alaw` and `ulaw` (ISO/IEC 14496-12 leaves the names to its registration authority), PCM is QuickTime's `twos`,
AAC and Opus are as in fragments. G.722 and G.726 have no name in MP4 and are left out; a box in moov says so.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from core.records import AudioFormat, VideoFormat
from media.fmp4.boxes import box, box_in, boxes_in
from media.fmp4.tracks import AUDIO_ID, VIDEO_ID, Track, audio_sample_entry, audio_track, video_track
from media.units import UnitDescription

VIDEO_TIMESCALE = 90_000
_SAMPLE_ENTRIES = {"pcm_alaw": b"alaw", "pcm_mulaw": b"ulaw", "pcm_s16be": b"twos"}
_CODECS = {kind: codec for codec, kind in _SAMPLE_ENTRIES.items()} | {b"Opus": "opus", b"mp4a": "aac"}
_NAMES = {"adpcm_g722": "G.722", "g726": "G.726"}
_LEFT_OUT = b"aulo"  # a box of this app in moov's udta: the name of the audio that is left out
_LONGEST_NAME = 32
_VISUAL_BYTES, _AUDIO_BYTES = 78, 28  # of a sample entry up to the boxes in it
_AVC_HEAD_BYTES, _HEVC_HEAD_BYTES = 5, 22  # of the decoder's configuration up to the parameter sets


def archive_tracks(description: UnitDescription) -> tuple[Track, Track | None]:
    """Return the tracks of video and audio; None for audio that is left out.

    Raises TrackError (media/fmp4/tracks.py) if the parameter sets describe no video.
    """
    video = video_track(description.video, description.parameter_sets, VIDEO_TIMESCALE)
    audio = description.audio
    return video, _audio_track(audio, description.audio_config) if audio else None


def left_out_box(description: UnitDescription) -> bytes:
    """Return the box that names the audio without a track; nothing if there is no audio."""
    audio = description.audio
    if audio is None:
        return b""
    return box(_LEFT_OUT, _NAMES.get(audio.codec, audio.codec).encode("ascii", "replace")[:_LONGEST_NAME])


def _audio_track(audio: AudioFormat, config: bytes) -> Track | None:
    kind = _SAMPLE_ENTRIES.get(audio.codec)
    if kind is None:
        return audio_track(audio, config)
    rate, channels = audio.sample_rate or 8000, audio.channels or 1
    if not 4000 <= rate <= 192_000 or not 1 <= channels <= 8:
        return None
    return Track(AUDIO_ID, rate, kind.decode(), audio_sample_entry(kind, channels, rate), is_video=False)


# -- reading ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredTracks:
    """The description of a file, and the timescale of its audio; 0 without audio."""

    description: UnitDescription
    audio_timescale: int


def read_tracks(moov: memoryview) -> StoredTracks:
    """Read the content of moov. Raises ValueError if it is damaged, or describes no video that we write."""
    video: tuple[VideoFormat, tuple[bytes, ...]] | None = None
    audio: AudioFormat | None = None
    audio_config, audio_timescale = b"", 0
    try:
        for trak in boxes_in(moov, b"trak"):
            (track_id,) = struct.unpack_from(">I", box_in(trak, b"tkhd"), 12)
            media = box_in(trak, b"mdia")
            (timescale,) = struct.unpack_from(">I", box_in(media, b"mdhd"), 12)
            table = box_in(box_in(box_in(media, b"minf"), b"stbl"), b"stsd")
            kind = bytes(table[12:16])
            entry = table[16:]
            if track_id == VIDEO_ID:
                video = _read_video(kind, entry)
            elif track_id == AUDIO_ID:
                audio_timescale = timescale
                audio, audio_config = _read_audio(kind, entry, timescale)
    except (struct.error, IndexError, KeyError) as error:
        raise ValueError("a damaged moov") from error
    if video is None:
        raise ValueError("no video")
    left_out = _read_left_out(moov) if audio is None else ""
    return StoredTracks(UnitDescription(*video, audio, audio_config, left_out), audio_timescale)


def _read_left_out(moov: memoryview) -> str:
    for user_data in boxes_in(moov, b"udta"):
        for name in boxes_in(user_data, _LEFT_OUT):
            text = bytes(name[:_LONGEST_NAME]).decode("ascii", "replace")
            return f"recordings on the server cannot hold {text}" if text.isprintable() else ""
    return ""


def _read_video(kind: bytes, entry: memoryview) -> tuple[VideoFormat, tuple[bytes, ...]]:
    width, height = struct.unpack_from(">HH", entry, 24)
    boxes = entry[_VISUAL_BYTES:]
    if kind == b"avc1":
        return VideoFormat("h264", width, height), _avc_sets(bytes(box_in(boxes, b"avcC")))
    if kind == b"hvc1":
        return VideoFormat("hevc", width, height), _hevc_sets(bytes(box_in(boxes, b"hvcC")))
    raise ValueError("a codec of another writer")


def _avc_sets(config: bytes) -> tuple[bytes, ...]:
    """Read AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3.1)."""
    sets: list[bytes] = []
    place = _AVC_HEAD_BYTES
    for mask in (0x1F, 0xFF):  # sps, pps
        count = config[place] & mask
        place = _append_sets(sets, config, place + 1, count)
    return tuple(sets)


def _hevc_sets(config: bytes) -> tuple[bytes, ...]:
    """Read HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 8.3.3.1)."""
    sets: list[bytes] = []
    place = _HEVC_HEAD_BYTES + 1
    for _ in range(config[_HEVC_HEAD_BYTES]):
        (count,) = struct.unpack_from(">H", config, place + 1)
        place = _append_sets(sets, config, place + 3, count)
    return tuple(sets)


def _append_sets(sets: list[bytes], config: bytes, place: int, count: int) -> int:
    for _ in range(count):
        (size,) = struct.unpack_from(">H", config, place)
        place += 2
        if place + size > len(config):
            raise ValueError("a parameter set is not complete")
        sets.append(config[place : place + size])
        place += size
    return place


def _read_audio(kind: bytes, entry: memoryview, timescale: int) -> tuple[AudioFormat, bytes]:
    (channels,) = struct.unpack_from(">H", entry, 16)
    codec = _CODECS[kind]
    if codec == "opus":
        (rate,) = struct.unpack_from(">I", box_in(entry[_AUDIO_BYTES:], b"dOps"), 4)
        return AudioFormat(codec, rate, channels), b""
    config = _decoder_config(bytes(box_in(entry[_AUDIO_BYTES:], b"esds"))) if codec == "aac" else b""
    return AudioFormat(codec, timescale, channels), config


def _decoder_config(esds: bytes) -> bytes:
    """Return the AudioSpecificConfig in esds as media/fmp4/tracks.py writes it: after 24 bytes."""
    tag, size = esds[24], esds[25]
    if tag != 0x05 or len(esds) < 26 + size:
        raise ValueError("a damaged esds")
    return esds[26 : 26 + size]
