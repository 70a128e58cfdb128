"""SDP (RFC 8866): parses a device's into a few checked values, and builds ours from those values alone.

No text of a device reaches ffmpeg: numbers are parsed and bounded, parameter sets are decoded and encoded again, and
names come from our own tables.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from media.codecs.nal import split_at_start_codes
from media.codecs.video import BY_ENCODING, ParameterSets, VideoCodec
from media.rtsp.client.codec_judge import is_sps, other_codec
from media.rtsp.client.sdp_audio import OTHER_CODECS, STATIC_TYPES, AudioTrack, audio_name, audio_track

__all__ = [
    "MAX_SDP_BYTES",
    "OUR_AUDIO_TYPE",
    "OUR_VIDEO_RATE",
    "OUR_VIDEO_TYPE",
    "AudioTrack",
    "SdpError",
    "SessionDescription",
    "VideoTrack",
    "build_sdp",
    "parse_sdp",
]

MAX_SDP_BYTES = 64 * 1024
_MAX_LINES = 1024
_MAX_MEDIA = 16
_MAX_SET_BYTES = 4096
_STATIC_VIDEO = {26: "jpeg"}  # RFC 3551 table 5
_OTHER_CODECS = {
    "mp4v-es": "MPEG-4 part 2",
    "mpv": "MPEG-1 or MPEG-2",
    "mp2t": "an MPEG transport stream",
    "h261": "H.261",
    "h263": "H.263",
    "h263-1998": "H.263",
    "h263-2000": "H.263",
    "h266": "H.266",
    "av1": "AV1",
    "vp8": "VP8",
    "vp9": "VP9",
    "jpeg2000": "JPEG 2000",
    "svac": "SVAC",
    "raw": "uncompressed video",
}
_OTHER_STATIC = {31: "h261", 32: "mpv", 33: "mp2t", 34: "h263"}  # RFC 3551 table 5
_RTPMAP = re.compile(r"(\d{1,3})\s+([A-Za-z0-9.+_-]{1,32})(?:\s*/\s*(\d{1,7})(?:\s*/\s*(\d{1,2}))?)?", re.ASCII)
_FMTP = re.compile(r"(\d{1,3})?[\s;,:]*(.*)", re.ASCII)
_PARAMETER = re.compile(r"\s*([\w-]+)\s*[=:]\s*(.*)", re.ASCII)
_NO_TYPE = -1  # of an fmtp line without a payload type
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*")
_ONLY_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){4,4096}")
_SET_END = re.compile(r",|%2C", re.IGNORECASE)
_MULTICAST = re.compile(r"c\s*=\s*IN\s+IP4\s+2(?:2[4-9]|3\d)\.", re.IGNORECASE)
_ENCRYPTED = re.compile(r"m\s*=\s*video\b.*\bRTP/SAVPF?\b", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\s*([\w.-]+)\s*[:=\s]?\s*(.*)")  # also a=rtpmap 96 H264/90000, a=fmtp=96
_LINE = re.compile(r"([A-Za-z])\s*=\s*(.*)")
# Parameters are parted by semicolons; some devices part them by spaces or commas, which also stand inside of values.
_PARAMETER_END = re.compile(
    r";|(?<![\s,])[\s,]+(?=(?:sprop-[a-z-]+|packetization-mode|profile-level-id|config|mode|sizelength|indexlength|indexdeltalength"
    r"|streamtype|profile-id|level-id|tier-flag)\s*[=:])",
    re.IGNORECASE,
)
_MAX_PARAMETERS = 32
_NO_LAW = frozenset({"g711", "g.711"})
_DYNAMIC_TYPES = 96  # from here on, RFC 3551 section 3
_ALIASES = {"h.264": "h264", "avc": "h264", "x-h264": "h264", "h.265": "h265", "x-h265": "h265"}
_VIDEO_RATE = 90_000
_AUDIO_RATE = 8000


class SdpError(ValueError):
    """This is no session description that we accept. The error's text contains nothing from the device."""


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """A video track that we can carry.

    `sets`: the first parameter set of each type in the SDP, often none; `more_sets`: the others.
    `has_order_numbers`: its packets have decoding order numbers (H.265, RFC 7798 section 4.4).
    """

    codec: VideoCodec
    payload_type: int
    clock_rate: int
    control: str
    sets: ParameterSets
    more_sets: tuple[bytes, ...] = ()
    has_order_numbers: bool = False


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """`control`: the session's address, often empty or `*`. `has_other_video`: only video that we cannot carry.

    `other_video`: the name of its codec, from our own table; empty if it is not in there.
    `other_transport`: "by multicast only" or "encrypted (SRTP)" if it names such a transport of the video. Devices that
    offer the usual ones as well write it, too.
    `other_audio`: the codec of the audio if there is only audio that we cannot carry, for users; otherwise empty.
    """

    control: str
    video: VideoTrack | None
    audio: AudioTrack | None
    has_other_video: bool = False
    other_video: str = ""
    other_audio: str = ""
    other_transport: str = ""


@dataclass(slots=True)
class _Media:
    kind: str
    payload_types: list[int]
    control: str = ""
    is_for_sending: bool = False
    is_named: bool = False  # it has an rtpmap line, readable or not
    rtpmap: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    fmtp: dict[int, dict[str, str]] = field(default_factory=dict)


def parse_sdp(body: bytes) -> SessionDescription:
    """Return the first video and the first audio track that we can carry. Raises SdpError."""
    if len(body) > MAX_SDP_BYTES:
        raise SdpError("a session description larger than the app accepts")
    text = body.decode("utf-8", "replace").translate({0: None, 0xFEFF: None}).replace("\r", "\n")
    lines = _lines(text)
    if len(lines) > _MAX_LINES:
        raise SdpError("a session description with too many lines")
    whole, sections = _sections(lines)
    if not sections:
        is_page = text.lstrip()[:1] == "<"
        raise SdpError("a web page or XML in its place" if is_page else "a session description without media")
    _find_misplaced(whole, sections)
    videos = [section for section in sections if section.kind == "video"]
    tracks = [track for section in videos if (track := _video(section))]
    video = next((track for track in tracks if track.codec.has_fragments), next(iter(tracks), None))
    # A device that marks its video, too, means its own view: it sends the audio.
    means_itself = any(section.is_for_sending for section in videos)
    audios = [item for item in sections if item.kind == "audio" and (means_itself or not item.is_for_sending)]
    audios = [item for item in audios if item.payload_types]  # `m=audio 0 RTP/AVP (null)`: a camera without audio
    audio = next((found for section in audios if (found := _audio(section))), None)
    other_audio = _audio_name(audios[0]) if audios and audio is None else ""
    return SessionDescription(
        *(whole.control, video, audio, bool(videos) and video is None, _other_video(videos), other_audio),
        other_transport=_other_transport(lines),
    )


def _lines(text: str) -> list[str]:
    """Return the lines without surrounding space. A line that begins with space, and is none, continues another."""
    lines: list[str] = []
    for line in text.split("\n"):
        if lines and line[:1].isspace() and not _LINE.match(line.strip()):
            lines[-1] += line.strip()
        elif line.strip():
            lines.append(line.strip())
    return lines


def _other_transport(lines: list[str]) -> str:
    if any(map(_ENCRYPTED.match, lines)):
        return "encrypted (SRTP)"
    return "by multicast only" if any(map(_MULTICAST.match, lines)) else ""


def _sections(lines: list[str]) -> tuple[_Media, list[_Media]]:
    """Return the attributes of the session, in the shape of a medium, and the media."""
    whole = _Media("", [])
    sections: list[_Media] = []
    for line in lines:
        found = _LINE.match(line)
        kind = found[1].lower() if found else ""
        if found and kind == "m":
            sections.append(_media(found[2]))
            if len(sections) > _MAX_MEDIA:
                raise SdpError("a session description with too many media")
        elif found and kind == "a" and (attribute := _ATTRIBUTE.match(found[2])):
            target = sections[-1] if sections else whole
            _take_attribute(target, attribute[1].lower(), attribute[2].strip())
    return whole, sections


def _media(value: str) -> _Media:
    """Read `video 0 RTP/AVP 96 97`; port and protocol may be missing."""
    words = value.split()
    start = next((index + 1 for index, word in enumerate(words[:4]) if "/AVP" in word.upper()), 3)
    types = [int(word) for word in words[start : start + 16] if re.fullmatch(r"[0-9]{1,3}", word) and int(word) < 128]
    return _Media(words[0].lower() if words else "", types)


def _take_attribute(media: _Media, name: str, value: str) -> None:
    if name == "control":
        media.control = value.strip("\"'") if media.control in {"", "*"} else media.control
    elif name == "sendonly":  # ONVIF Streaming Specification 5.3: the back channel, from us to the device
        media.is_for_sending = True
    elif name == "rtpmap" and value:
        media.is_named = True
        _take_rtpmap(media, value)
    elif name == "fmtp" and (found := _FMTP.match(value)):
        parameters = media.fmtp.setdefault(int(found[1] or _NO_TYPE), {})
        last = ""
        for item in _PARAMETER_END.split(found[2])[:_MAX_PARAMETERS]:
            parameter = _PARAMETER.match(item)
            if last.startswith("sprop-") and _ONLY_BASE64.fullmatch(item.strip()):  # a semicolon between the sets
                parameters[last] += f",{item.strip()}"
            elif parameter and len(parameters) < _MAX_PARAMETERS:
                last = parameter[1].lower()
                parameters.setdefault(last, parameter[2].strip().strip("\"'"))


def _take_rtpmap(media: _Media, value: str) -> None:
    if found := _RTPMAP.match(value):
        rate = int(found[3] or 0) or (_VIDEO_RATE if media.kind == "video" else _AUDIO_RATE)
        media.rtpmap.setdefault(int(found[1]), (found[2].lower(), rate, int(found[4] or 1)))


def _find_misplaced(whole: _Media, sections: list[_Media]) -> None:
    """Let each medium have its rtpmap and fmtp lines that stand elsewhere, such as behind the next medium.

    A line belongs to the medium whose payload type it names, unless the medium around it has that type, too. A type
    that no medium has belongs to the medium around it, if that has no line for its own types.
    """
    known = {number for media in sections for number in media.payload_types}
    for media in sections:
        if media.payload_types:
            _take_unknown_types(media, known)
        else:
            media.payload_types = list(media.rtpmap) or [_DYNAMIC_TYPES] * (media.kind == "video")
    for media in sections:
        for other in (whole, *sections):
            for number in set(media.payload_types) - set(other.payload_types):
                if number in other.rtpmap:
                    media.rtpmap.setdefault(number, other.rtpmap[number])
                if number in other.fmtp:
                    media.fmtp.setdefault(number, other.fmtp[number])


def _take_unknown_types(media: _Media, known: set[int]) -> None:
    """Let a medium without a line for its own types have those of a type that no medium has.

    A media server of Hikvision writes fmtp:97 behind rtpmap:104.
    """
    first, own = media.payload_types[0], set(media.payload_types)
    for number in set(media.rtpmap) - known:
        if min(own) >= _DYNAMIC_TYPES and not own & set(media.rtpmap):
            media.rtpmap[first] = media.rtpmap[number]
            media.fmtp.setdefault(first, media.fmtp.get(number, {}))
    unknown = next((number for number in media.fmtp if number not in known), None)
    if unknown is not None and not own & set(media.fmtp):
        media.fmtp[first] = media.fmtp[unknown]


def _video(media: _Media) -> VideoTrack | None:
    for number in media.payload_types:
        fmtp = media.fmtp.get(number, {})
        encoding, rate, _ = media.rtpmap.get(number) or ("", _VIDEO_RATE, 1)
        codec = BY_ENCODING.get(_ALIASES.get(encoding, encoding))
        if codec is None and encoding not in _OTHER_CODECS:
            codec = BY_ENCODING.get(_guessed_encoding(number, fmtp, is_named=media.is_named or encoding != ""))
        if codec:
            rate = rate if 1000 <= rate <= 1_000_000 else _VIDEO_RATE
            codec = _codec_of_sets(codec, fmtp)
            sets, more_sets = _parameter_sets(codec, fmtp)
            return VideoTrack(codec, number, rate, media.control, sets, more_sets, _has_order_numbers(fmtp))
    return None


def _codec_of_sets(codec: VideoCodec, fmtp: dict[str, str]) -> VideoCodec:
    """Return the codec to which the parameter sets belong: that of the rtpmap line, or the one it is mixed up with.

    Without sets, the rtpmap line counts (see `codec_judge` for the packets).
    """
    other = other_codec(codec)
    if other is None or "sps" in _parameter_sets(codec, fmtp)[0]:
        return codec
    sets, _ = _parameter_sets(other, fmtp)
    return other if other.has_all(sets) and is_sps(other, sets["sps"]) else codec


def _guessed_encoding(number: int, fmtp: dict[str, str], *, is_named: bool) -> str:
    """Return the encoding of a payload type without an rtpmap line, or with a name that is no codec's.

    A dynamic type that nothing describes is most likely H.264; the packets show if it is not (`codec_judge`).
    """
    if "sprop-parameter-sets" in fmtp or "packetization-mode" in fmtp:
        return "h264"
    if "sprop-vps" in fmtp:
        return "h265"
    return "h264" if number >= _DYNAMIC_TYPES and not is_named else _STATIC_VIDEO.get(number, "")


def _other_video(videos: list[_Media]) -> str:
    """Return the name of a codec that we do not carry; "" if the table does not have it."""
    for media in videos:
        for number in media.payload_types:
            encoding = media.rtpmap[number][0] if number in media.rtpmap else _OTHER_STATIC.get(number, "")
            if encoding in _OTHER_CODECS:
                return _OTHER_CODECS[encoding]
    return ""


def _has_order_numbers(fmtp: dict[str, str]) -> bool:
    """True for H.265 with decoding order numbers in its packets (RFC 7798 section 4.4).

    Of H.264, packetization-mode=2 would mean the same, but devices write it and send the packets of mode 1.
    """
    return fmtp.get("sprop-max-don-diff", "0") not in {"", "0"}


def _parameter_sets(codec: VideoCodec, fmtp: dict[str, str]) -> tuple[ParameterSets, tuple[bytes, ...]]:
    """Return the first set of each type, and the others."""
    names = ("sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps")
    sets: dict[str, bytes] = {}
    more: list[bytes] = []
    for text in (item for name in names for item in _SET_END.split(fmtp.get(name, ""))[:8]):
        for unit in _units_of(codec, re.sub(r"[\"']", "", text)):
            set_type = codec.parameter_set_type(unit)
            if set_type and sets.setdefault(set_type, unit) != unit:
                more.append(unit)
    return sets, tuple(more)


def _units_of(codec: VideoCodec, text: str) -> list[bytes]:
    """Return the NAL units in one value of an sprop parameter, in any of the forms that devices write.

    That is base64, also with space in it or between two units, hexadecimal digits, or the record of MP4 (avcC).
    """
    words = [_units(_decoded(word)) for word in text.split()[:8]]
    if all(units and codec.parameter_set_type(units[0]) for units in words):
        return [unit for units in words for unit in units]
    text = "".join(text.split())
    if _HEX.fullmatch(text) and any(map(codec.parameter_set_type, found := _units(bytes.fromhex(text)))):
        return found
    data = _decoded(text)
    return _units(data) if data[:1] != b"\1" or codec.name != "h264" else _units_of_record(data)


def _units(data: bytes) -> list[bytes]:
    return split_at_start_codes(data) if 0 < len(data) <= _MAX_SET_BYTES else []


def _units_of_record(data: bytes) -> list[bytes]:
    """Return the parameter sets of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3.1)."""
    units: list[bytes] = []
    position = 5
    for mask in (0x1F, 0xFF):  # sps, pps
        count = data[position] & mask if position < len(data) else 0
        position += 1
        for _ in range(count):
            start = position + 2
            position = start + int.from_bytes(data[position:start], "big")
            if start < position <= len(data):
                units.append(data[start:position])
    return units


def _decoded(text: str) -> bytes:
    """Return the bytes of a base64 text up to its first other character: devices get its end or its padding wrong."""
    found = _BASE64.match(text)
    digits = found[0] if found else ""
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    return base64.b64decode(digits + "=" * (-len(digits) % 4), altchars=b"-_")


def _audio(media: _Media) -> AudioTrack | None:
    """Return the first track that can be carried. A static payload type counts if its rtpmap line names no codec."""
    for number in media.payload_types:
        own = _encoding(media, number)
        if own[0] in _NO_LAW:
            own = STATIC_TYPES.get(number, own)
        for rtpmap in (own, None if own[0] in OTHER_CODECS else STATIC_TYPES.get(number)):
            if rtpmap and (track := audio_track(number, media.control, rtpmap, media.fmtp.get(number, {}))):
                return track
    return None


def _audio_name(media: _Media) -> str:
    return audio_name(next((_encoding(media, number)[0] for number in media.payload_types), ""))


def _encoding(media: _Media, number: int) -> tuple[str, int, int]:
    return media.rtpmap.get(number) or STATIC_TYPES.get(number, ("", 0, 0))


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
    elif codec.encoding == "H265":
        fmtp = [f"sprop-{set_type}={text}" for set_type, text in known.items()]
    else:
        fmtp = []
    if fmtp:
        lines.append(f"a=fmtp:{OUR_VIDEO_TYPE} {';'.join(fmtp)}")
    lines.append("a=control:track0")
    if audio:
        lines += [f"m=audio 0 RTP/AVP {OUR_AUDIO_TYPE}", f"a=rtpmap:{OUR_AUDIO_TYPE} {audio.encoding}"]
        if audio.fmtp:
            lines.append(f"a=fmtp:{OUR_AUDIO_TYPE} {audio.fmtp}")
        lines.append("a=control:track1")
    return "\r\n".join((*lines, "")).encode()
