"""AAC (ISO/IEC 14496-3): the configuration that a container needs, and frames of silence."""

from __future__ import annotations

from dataclasses import dataclass

from media.codecs.bits import BitReader, BitsEnded

FRAME_SAMPLES = 1024
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_LOW_COMPLEXITY_INSIDE = frozenset({2, 5, 29})  # LC, and LC with SBR, or with SBR and PS
_SCE, _CPE, _END = 0, 1, 7


@dataclass(frozen=True, slots=True)
class AacConfig:
    """An AudioSpecificConfig (section 1.6.2.1). `rate`: of the core, in Hz; `channels`: 0 if it is not stated."""

    object_type: int
    rate: int
    channels: int


def read_config(config: bytes) -> AacConfig | None:
    """Parse an AudioSpecificConfig. None if it is broken, or of an object type above 30 (with an escape)."""
    try:
        bits = BitReader(
            config[:64].replace(b"\0\0\3", b"\0\0\3\3")
        )  # BitReader removes bytes that AAC does not escape
        object_type = bits.u(5)
        index = bits.u(4)
        rate = bits.u(24) if index == 15 else _RATES[index]
        channels = bits.u(4)
    except (BitsEnded, IndexError):
        return None
    if not 0 < object_type < 31 or not 4000 <= rate <= 192_000:
        return None
    return AacConfig(object_type, rate, channels)


def silent_frame(config: AacConfig) -> bytes | None:
    """Return one frame of silence: no scale factor band is coded (section 4.4.2, tables 4.4 and 4.50).

    None for other configurations than mono and stereo LC.
    """
    if config.object_type not in _LOW_COMPLEXITY_INSIDE or config.channels not in {1, 2}:
        return None
    # global_gain; then 0 as reserved bit, ONLY_LONG_SEQUENCE, sine window, max_sfb 0, no prediction;
    # then no pulses, no noise shaping, no gain control
    stream = f"{0:08b}" + "0" * 11 + "000"
    elements = {1: f"{_SCE:03b}0000{stream}", 2: f"{_CPE:03b}00000{stream}{stream}"}
    written = elements[config.channels]
    written += f"{_END:03b}"
    written += "0" * (-len(written) % 8)
    return int(written, 2).to_bytes(len(written) // 8, "big")
