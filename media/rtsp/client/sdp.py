"""SDP (RFC 8866): parses a device's into a few checked values, and builds ours from those values alone.

No text of a device reaches ffmpeg: numbers are parsed and bounded, parameter sets are decoded and encoded again, and
names come from our own tables.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from core.records import AudioFormat
from media.codecs.bits import BitReader, BitsEnded
from media.codecs.nal import split_at_start_codes
from media.codecs.video import BY_ENCODING, ParameterSets, VideoCodec

MAX_SDP_BYTES = 64 * 1024
_MAX_LINES = 1024
_MAX_MEDIA = 16
_MAX_SET_BYTES = 4096
_STATIC = {0: ("pcmu", 8000, 1), 8: ("pcma", 8000, 1), 9: ("g722", 8000, 1)}  # RFC 3551 table 4
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_CONFIG = re.compile(r"\bconfig=([0-9A-Fa-f]{4,128})\b")
_RTPMAP = re.compile(r"(\d{1,3})\s+([A-Za-z0-9.+_-]{1,32})/(\d{1,7})(?:/(\d{1,2}))?")


class SdpError(ValueError):
    """This is no session description that we accept. The error's text contains nothing from the device."""


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """A video track that we can carry. `sets`: the parameter sets in the SDP, often none."""

    codec: VideoCodec
    payload_type: int
    clock_rate: int
    control: str
    sets: ParameterSets


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """An audio track that we can carry. `encoding` and `fmtp` are those for our own SDP."""

    format: AudioFormat
    payload_type: int
    clock_rate: int
    control: str
    encoding: str
    fmtp: str = ""

    @property
    def config(self) -> bytes:
        """The AudioSpecificConfig of AAC; empty for other codecs."""
        found = _CONFIG.search(self.fmtp)
        return bytes.fromhex(found[1]) if found and len(found[1]) % 2 == 0 else b""


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """`control`: the session's address, often empty or `*`. `has_other_video`: only video that we cannot carry."""

    control: str
    video: VideoTrack | None
    audio: AudioTrack | None
    has_other_video: bool = False


@dataclass(slots=True)
class _Media:
    kind: str
    payload_types: list[int]
    control: str = ""
    is_for_sending: bool = False
    rtpmap: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    fmtp: dict[int, dict[str, str]] = field(default_factory=dict)


def parse_sdp(body: bytes) -> SessionDescription:
    """Return the first video and the first audio track that we can carry. Raises SdpError."""
    if len(body) > MAX_SDP_BYTES:
        raise SdpError("a session description larger than the app accepts")
    lines = body.decode("utf-8", "replace").replace("\r", "\n").split("\n")
    lines = [line.strip() for line in lines if line.strip()]
    if len(lines) > _MAX_LINES:
        raise SdpError("a session description with too many lines")
    control, sections = _sections(lines)
    if not sections:
        raise SdpError("a session description without media")
    videos = [section for section in sections if section.kind == "video"]
    video = next((track for section in videos if (track := _video(section))), None)
    audios = (section for section in sections if section.kind == "audio" and not section.is_for_sending)
    audio = next((found for section in audios if (found := _audio(section))), None)
    return SessionDescription(control, video, audio, bool(videos) and video is None)


def _sections(lines: list[str]) -> tuple[str, list[_Media]]:
    control = ""
    sections: list[_Media] = []
    for line in lines:
        if line.startswith("m="):
            sections.append(_media(line))
            if len(sections) > _MAX_MEDIA:
                raise SdpError("a session description with too many media")
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            if sections:
                _take_attribute(sections[-1], name.lower(), value.strip())
            elif name.lower() == "control":
                control = value.strip()
    return control, sections


def _media(line: str) -> _Media:
    words = line[2:].split()
    types = [int(word) for word in words[3:19] if re.fullmatch(r"\d{1,3}", word) and int(word) < 128]
    return _Media(words[0].lower() if words else "", types)


def _take_attribute(media: _Media, name: str, value: str) -> None:
    if name == "control":
        media.control = value
    elif name == "sendonly":  # ONVIF Streaming Specification 5.3: the back channel, from us to the device
        media.is_for_sending = True
    elif name == "rtpmap" and (found := _RTPMAP.match(value)):
        media.rtpmap.setdefault(int(found[1]), (found[2].lower(), int(found[3]), int(found[4] or 1)))
    elif name == "fmtp":
        number, _, rest = value.partition(" ")
        if re.fullmatch(r"\d{1,3}", number):
            pairs = (item.partition("=") for item in rest.split(";")[:32])
            media.fmtp.setdefault(int(number), {key.strip().lower(): text.strip() for key, _, text in pairs})


def _video(media: _Media) -> VideoTrack | None:
    for number in media.payload_types:
        encoding, rate, _ = media.rtpmap.get(number, ("", 0, 0))
        codec = BY_ENCODING.get(encoding)
        fmtp = media.fmtp.get(number, {})
        if codec and 1000 <= rate <= 1_000_000 and not _is_interleaved_mode(fmtp):
            return VideoTrack(codec, number, rate, media.control, _parameter_sets(codec, fmtp))
    return None


def _is_interleaved_mode(fmtp: dict[str, str]) -> bool:
    """True for NAL units in another order, with decoding order numbers (RFC 6184 mode 2, RFC 7798): not carried."""
    return fmtp.get("packetization-mode") == "2" or fmtp.get("sprop-max-don-diff", "0") != "0"


def _parameter_sets(codec: VideoCodec, fmtp: dict[str, str]) -> ParameterSets:
    names = ("sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps")
    sets: dict[str, bytes] = {}
    for text in (item for name in names for item in fmtp.get(name, "").split(",")[:8]):
        try:
            nal = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        for unit in split_at_start_codes(nal) if len(nal) <= _MAX_SET_BYTES else ():
            if set_type := codec.parameter_set_type(unit):
                sets.setdefault(set_type, unit)
    return sets


def _audio(media: _Media) -> AudioTrack | None:
    for number in media.payload_types:
        encoding, rate, channels = media.rtpmap.get(number) or _STATIC.get(number, ("", 0, 0))
        if not 4000 <= rate <= 192_000 or not 1 <= channels <= 8:
            continue
        if encoding == "mpeg4-generic":
            track = _aac(media, number, rate)
        else:
            track = _plain_audio(media, number, encoding, rate, channels)
        if track:
            return track
    return None


def _plain_audio(media: _Media, number: int, encoding: str, rate: int, channels: int) -> AudioTrack | None:
    codecs = {"pcma": "pcm_alaw", "pcmu": "pcm_mulaw", "g722": "adpcm_g722"}
    codecs |= {f"g726-{bits}": "g726" for bits in (16, 24, 32, 40)}
    if encoding not in codecs:
        return None
    # RFC 3551 section 4.5.2: G.722's RTP clock is 8000, its sampling rate 16000.
    sample_rate = 16000 if encoding == "g722" else rate
    suffix = f"/{channels}" if channels > 1 else ""
    shown = AudioFormat(codecs[encoding], sample_rate, channels)
    return AudioTrack(shown, number, rate, media.control, f"{encoding.upper()}/{rate}{suffix}")


def _aac(media: _Media, number: int, rate: int) -> AudioTrack | None:
    """Return a track of AAC (RFC 3640), in the modes AAC-hbr and AAC-lbr. None for others."""
    fmtp = media.fmtp.get(number, {})
    mode = {"aac-hbr": "AAC-hbr", "aac-lbr": "AAC-lbr"}.get(fmtp.get("mode", "AAC-hbr").lower())
    config = fmtp.get("config", "")
    default = (13, 3, 3) if mode == "AAC-hbr" else (6, 2, 2)
    names = ("sizelength", "indexlength", "indexdeltalength")
    lengths = [fmtp.get(name, str(value)) for name, value in zip(names, default, strict=True)]
    if not mode or not re.fullmatch(r"(?:[0-9A-Fa-f]{2}){2,64}", config):
        return None
    if not all(re.fullmatch(r"\d{1,2}", length) and int(length) <= 32 for length in lengths):
        return None
    shown = _aac_format(bytes.fromhex(config))
    if shown is None:
        return None
    sizes = ";".join(f"{name}={int(length)}" for name, length in zip(names, lengths, strict=True))
    fmtp_text = f"streamtype=5;profile-level-id=1;mode={mode};{sizes};config={config.upper()}"
    encoding = f"MPEG4-GENERIC/{rate}/{shown.channels}"
    return AudioTrack(shown, number, rate, media.control, encoding, fmtp_text)


def _aac_format(config: bytes) -> AudioFormat | None:
    """Parse an AudioSpecificConfig (ISO 14496-3 section 1.6.2.1)."""
    try:
        bits = BitReader(config)
        if bits.u(5) == 31:
            bits.u(6)
        index = bits.u(4)
        sample_rate = bits.u(24) if index == 15 else _AAC_RATES[index] if index < len(_AAC_RATES) else 0
        channels = bits.u(4)
    except BitsEnded:
        return None
    return AudioFormat("aac", sample_rate, channels or 1) if 7000 <= sample_rate <= 192_000 and channels <= 7 else None


OUR_VIDEO_TYPE = 96
OUR_AUDIO_TYPE = 97
OUR_VIDEO_RATE = 90_000


def build_sdp(codec: VideoCodec, sets: ParameterSets, audio: AudioTrack | None) -> bytes:
    """Return our description for a reader on loopback: track 0 is video, track 1 audio."""
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=live", "c=IN IP4 127.0.0.1", "t=0 0", "a=control:*"]
    lines += [f"m=video 0 RTP/AVP {OUR_VIDEO_TYPE}", f"a=rtpmap:{OUR_VIDEO_TYPE} {codec.encoding}/{OUR_VIDEO_RATE}"]
    known = {
        set_type: base64.b64encode(sets[set_type]).decode()
        for set_type in codec.parameter_set_types
        if set_type in sets
    }
    if codec.encoding == "H264":
        fmtp = ["packetization-mode=1"]
        if codec.has_all(sets):
            fmtp += [f"profile-level-id={sets['sps'][1:4].hex()}", f"sprop-parameter-sets={','.join(known.values())}"]
    else:
        fmtp = [f"sprop-{set_type}={text}" for set_type, text in known.items()]
    if fmtp:
        lines.append(f"a=fmtp:{OUR_VIDEO_TYPE} {';'.join(fmtp)}")
    lines.append("a=control:track0")
    if audio:
        lines += [f"m=audio 0 RTP/AVP {OUR_AUDIO_TYPE}", f"a=rtpmap:{OUR_AUDIO_TYPE} {audio.encoding}"]
        if audio.fmtp:
            lines.append(f"a=fmtp:{OUR_AUDIO_TYPE} {audio.fmtp}")
        lines.append("a=control:track1")
    return "\r\n".join((*lines, "")).encode()
