"""The audio of a session description: which of a device's tracks can be carried, and the names of the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.records import AudioFormat
from media.codecs import aac, latm, opus
from media.codecs.g711 import TrackLaw

_CONFIG = re.compile(r"\bconfig=([0-9A-Fa-f]{4,128})\b")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){2,64}")
_MAX_CHANNELS = 8
G722_CLOCK = 8000  # RFC 3551 section 4.5.2, although the sampling rate is 16000
_PLAIN = {
    "pcma": "pcm_alaw",
    "pcmu": "pcm_mulaw",
    "g722": "adpcm_g722",
    "l16": "pcm_s16be",
    **{f"{prefix}g726-{bits}": "g726" for prefix in ("", "aal2-") for bits in (16, 24, 32, 40)},
}
_ALIASES = {
    **dict.fromkeys(
        ("aac", "aac-hbr", "aac-lbr", "aac-lc", "mp4a", "mpeg4-generic-lc", "x-aac", "x-mpeg4-generic"), "mpeg4-generic"
    ),
    # G.711 without a law is taken for A-law: its bytes show if it is the other one (media/codecs/g711.py).
    **dict.fromkeys(("alaw", "a-law", "g711", "g.711", "g711a", "g.711a", "g711-a", "pcm_alaw", "x-pcma"), "pcma"),
    **dict.fromkeys(("ulaw", "u-law", "mulaw", "mu-law", "g711u", "g.711u", "g711-u", "pcm_mulaw", "x-pcmu"), "pcmu"),
    **dict.fromkeys(("g721", "g726", "g.726"), "g726-32"),
    "g.722": "g722",
}
# RFC 3551 table 4. Type 2 was G.721, which is G.726 at 32 kbit/s.
STATIC_TYPES = {
    0: ("pcmu", 8000, 1),
    2: ("g726-32", 8000, 1),
    3: ("gsm", 8000, 1),
    4: ("g723", 8000, 1),
    5: ("dvi4", 8000, 1),
    8: ("pcma", 8000, 1),
    9: ("g722", 8000, 1),
    10: ("l16", 44100, 2),
    11: ("l16", 44100, 1),
    14: ("mpa", 90000, 1),
    18: ("g729", 8000, 1),
}
# Codecs that the app cannot carry. Such a name counts even behind a static payload type of another codec.
OTHER_CODECS = frozenset(
    ("ac3", "amr", "amr-wb", "dvi4", "evs", "g723", "g728", "g729", "gsm", "ilbc", "mpa", "qcelp", "speex", "vorbis")
)
_NAMES = {
    "dvi4": "ADPCM (DVI4)",
    "g722": "G.722",
    "g723": "G.723.1",
    "g729": "G.729",
    "mpa": "MPEG audio",
    "mpeg4-generic": "an unusual AAC",
    "mp4a-latm": "an unusual AAC",
}


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """An audio track that we can carry. `encoding` and `fmtp` are those for our own SDP.

    `mux_config`: the StreamMuxConfig of MP4A-LATM, empty if it comes in band; None for all other packings.
    `law`: of G.711, as earlier sessions with this track have shown it.
    """

    format: AudioFormat
    payload_type: int
    clock_rate: int
    control: str
    encoding: str
    fmtp: str = ""
    mux_config: bytes | None = None
    law: TrackLaw | None = field(default=None, compare=False)

    @property
    def config(self) -> bytes:
        """The AudioSpecificConfig of AAC; empty for other codecs, and if the device does not tell it."""
        found = _CONFIG.search(self.fmtp)
        return bytes.fromhex(found[1]) if found and len(found[1]) % 2 == 0 else b""


def audio_name(encoding: str) -> str:
    """Return the name of an encoding for users."""
    if "g726" in encoding.lower():
        return "G.726"
    return _NAMES.get(encoding.lower(), encoding.upper()) or "unknown"


def audio_track(number: int, control: str, rtpmap: tuple[str, int, int], fmtp: Mapping[str, str]) -> AudioTrack | None:
    """Return the track of this payload type. None if it cannot be carried."""
    encoding, rate, channels = rtpmap
    encoding = _ALIASES.get(encoding, encoding)
    if not 4000 <= rate <= 192_000 or not 1 <= channels <= _MAX_CHANNELS:
        return None
    if encoding == "mpeg4-generic":
        return _aac(number, control, rate, channels, fmtp)
    if encoding == "mp4a-latm":
        return _latm(number, control, rate, channels, fmtp)
    if encoding == "opus":
        shown = AudioFormat("opus", opus.RATE, 2 if fmtp.get("sprop-stereo") == "1" else 1)
        return AudioTrack(shown, number, rate, control, f"opus/{opus.RATE}/2")
    if encoding not in _PLAIN:
        return None
    if encoding == "g722":
        return AudioTrack(AudioFormat(_PLAIN[encoding], 16_000, channels), number, rate, control, f"G722/{G722_CLOCK}")
    suffix = f"/{channels}" if channels > 1 else ""
    shown = AudioFormat(_PLAIN[encoding], rate, channels)
    return AudioTrack(shown, number, rate, control, f"{encoding.upper()}/{rate}{suffix}")


def aac_track(track: AudioTrack, config: bytes) -> AudioTrack:
    """Return `track` as RFC 3640 in the usual mode AAC-hbr, with this AudioSpecificConfig. Its clock counts samples."""
    read = aac.read_config(config)
    if read is None:
        return track
    shown = AudioFormat("aac", read.rate, read.channels or track.format.channels or 1)
    sizes = "sizelength=13;indexlength=3;indexdeltalength=3"
    fmtp = f"streamtype=5;profile-level-id=1;mode=AAC-hbr;{sizes};config={config.hex().upper()}"
    encoding = f"MPEG4-GENERIC/{read.rate}/{shown.channels}"
    return AudioTrack(shown, track.payload_type, read.rate, track.control, encoding, fmtp)


def _aac(number: int, control: str, rate: int, channels: int, fmtp: Mapping[str, str]) -> AudioTrack | None:
    """Return a track of AAC (RFC 3640), in the mode AAC-lbr, or AAC-hbr in whatever spelling. None for CELP.

    Some cameras leave `config` out: rate and channels of the rtpmap line are taken.
    """
    stated_mode = fmtp.get("mode", "").lower()
    mode = "AAC-lbr" if "lbr" in stated_mode else "AAC-hbr"
    default = (13, 3, 3) if mode == "AAC-hbr" else (6, 2, 2)
    names = ("sizelength", "indexlength", "indexdeltalength")
    lengths = [fmtp.get(name, str(value)) for name, value in zip(names, default, strict=True)]
    config = fmtp.get("config", "").strip("\"'").removeprefix("0x")
    if stated_mode.startswith("celp"):
        return None
    if not all(re.fullmatch(r"\d{1,2}", length) and int(length) <= 32 for length in lengths):
        return None
    if _HEX.fullmatch(config):
        shown = _aac_format(bytes.fromhex(config))
        if shown is None:
            return None
    else:
        config = ""
        shown = AudioFormat("aac", aac.nearest_rate(rate) if rate in aac.RATES else 16_000, min(channels, 2))
    sizes = ";".join(f"{name}={int(length)}" for name, length in zip(names, lengths, strict=True))
    stated = f";config={config.upper()}" if config else ""
    fmtp_text = f"streamtype=5;profile-level-id=1;mode={mode};{sizes}{stated}"
    encoding = f"MPEG4-GENERIC/{rate}/{shown.channels}"
    return AudioTrack(shown, number, rate, control, encoding, fmtp_text)


def _aac_format(config: bytes) -> AudioFormat | None:
    read = aac.read_config(config)
    return AudioFormat("aac", read.rate, read.channels or 1) if read and read.rate >= 7000 else None


def _latm(number: int, control: str, rate: int, channels: int, fmtp: Mapping[str, str]) -> AudioTrack | None:
    """Return a track of AAC in LATM (RFC 6416). None for a configuration that we do not read."""
    text = fmtp.get("config", "").strip("\"'")
    mux_config = bytes.fromhex(text) if _HEX.fullmatch(text) else b""
    read = latm.read_mux_config(mux_config) if mux_config else None
    if mux_config and read is None:
        return None
    if read is None:
        rate_guess = rate if rate in aac.RATES else 16_000
        shown = AudioFormat("aac", rate_guess, min(channels, 2))
    else:
        shown = AudioFormat("aac", read.aac.rate, read.aac.channels or 1)
    return AudioTrack(shown, number, rate, control, f"MP4A-LATM/{rate}", mux_config=mux_config)
