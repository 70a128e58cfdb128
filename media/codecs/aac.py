"""AAC (ISO/IEC 14496-3): its configuration, ADTS headers, a check of frames, and frames of silence."""

from __future__ import annotations

from dataclasses import dataclass

from media.codecs.bits import BitReader, BitsEnded

FRAME_SAMPLES = 1024
RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
MAX_FRAME_BYTES = 8191  # as ADTS can state it
_ESCAPED_INDEX = 15
_MOST_BANDS_INDEX = 5
_HEAD_BYTES = 8  # hold an element of audio up to its bands
_READ_BYTES = 600
_MAX_ELEMENTS = 4
_MOST_SHORT_BANDS = 15
_LONG_BANDS = (41, 41, 47, 49, 49, 51, 47, 47, 43, 43, 43, 40, 40)  # by the index of the rate, table 4.129 and others
_SHORT_BANDS = (12, 12, 12, 14, 14, 14, 15, 15, 15, 15, 15, 15, 15)
LOW_COMPLEXITY = 2
_LOW_COMPLEXITY_INSIDE = frozenset({2, 5, 29})  # LC, and LC with SBR, or with SBR and PS
_WITH_SBR = frozenset({5, 29})
_SCE, _CPE, _END = 0, 1, 7
_DATA, _PROGRAM, _FILL = 4, 5, 6
_EIGHT_SHORT = 2
_MAX_CHANNELS = 8


@dataclass(frozen=True, slots=True)
class AacConfig:
    """An AudioSpecificConfig (section 1.6.2.1). `rate`: of the core, in Hz; `channels`: 0 if it is not stated.

    `output_rate` is twice the core's with SBR (HE-AAC) that is stated.
    """

    object_type: int
    rate: int
    channels: int
    output_rate: int = 0


def read_config(config: bytes) -> AacConfig | None:
    """Parse an AudioSpecificConfig. None if it is broken, or of an object type above 30 (with an escape)."""
    try:
        return read_config_bits(BitReader(config[:64], is_escaped=False))
    except BitsEnded:
        return None


def read_config_bits(bits: BitReader) -> AacConfig | None:
    """Parse the beginning of an AudioSpecificConfig. None as read_config(). Raises BitsEnded."""
    object_type = bits.u(5)
    rate = read_rate(bits)
    channels = bits.u(4)
    output_rate = rate
    if object_type in _WITH_SBR:
        output_rate = read_rate(bits)
    if not 0 < object_type < 31 or not 4000 <= rate <= 192_000 or channels > _MAX_CHANNELS:
        return None
    return AacConfig(object_type, rate, channels, output_rate)


def read_rate(bits: BitReader) -> int:
    """Return a samplingFrequency in Hz: an index, or the number itself. 0 for an unknown index. Raises BitsEnded."""
    index = bits.u(4)
    if index == _ESCAPED_INDEX:
        return bits.u(24)
    return RATES[index] if index < len(RATES) else 0


def make_config(rate: int, channels: int) -> bytes:
    """Return the AudioSpecificConfig of LC at one of RATES. Raises ValueError for other rates."""
    written = f"{LOW_COMPLEXITY:05b}{RATES.index(rate):04b}{channels:04b}000"
    return int(written, 2).to_bytes(2, "big")


def nearest_rate(rate: float) -> int:
    """Return the one of RATES that is nearest by ratio."""
    return min(RATES, key=lambda known: max(known / rate, rate / known) if rate > 0 else known)


# -- frames ----------------------------------------------------------------------------------------


def split_adts(data: bytes) -> list[tuple[AacConfig, bytes]] | None:
    """Return the configuration and the frame of each ADTS frame (section 1.A.3.2) in `data`.

    None if `data` is not made of whole ADTS frames. A frame of several blocks is left out.
    """
    frames = []
    while data:
        length = adts_length(data)
        if length is None or length > len(data):
            return None
        index, channels = data[2] >> 2 & 0x0F, (data[2] & 1) << 2 | data[3] >> 6
        header_bytes = 7 if data[1] & 1 else 9
        is_single = data[6] & 3 == 0
        if is_single and length > header_bytes:
            config = AacConfig((data[2] >> 6) + 1, RATES[index], channels, RATES[index])
            frames.append((config, data[header_bytes:length]))
        data = data[length:]
    return frames


def adts_length(data: bytes) -> int | None:
    """Return the length that the ADTS header at the start of `data` states. None without such a header."""
    if len(data) < 7 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0 or data[2] >> 2 & 0x0F >= len(RATES):
        return None
    length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    return length if length >= 7 else None


def is_plausible(frame: bytes, rate: int) -> bool:
    """True if a frame can begin like this: False for most bytes that are no AAC.

    It reads the first elements (section 4.4.2.1) up to the number of the audio's bands. `rate`: 0 if it is not certain.
    """
    try:
        is_audio_first = bool(frame) and frame[0] >> 5 in {_SCE, _CPE}
        bits = BitReader(frame[: _HEAD_BYTES if is_audio_first else _READ_BYTES], is_escaped=False)
        for _ in range(_MAX_ELEMENTS):
            element = bits.u(3)
            if element == _PROGRAM:
                return True
            if element in {_SCE, _CPE}:
                return _is_plausible_channel(bits, rate, is_pair=element == _CPE)
            if element == _DATA:
                _skip_data(bits)
            elif element == _FILL:
                _skip_fill(bits)
            else:
                return False
    except BitsEnded:
        return len(frame) > _READ_BYTES
    return False


def _is_plausible_channel(bits: BitReader, rate: int, *, is_pair: bool) -> bool:
    bits.u(4)  # the element's number
    has_common_window = bool(is_pair and bits.u(1))
    if not has_common_window:
        bits.u(8)  # the gain comes before the window
    return _is_plausible_window(bits, rate)


def _skip_data(bits: BitReader) -> None:
    bits.u(4)
    is_aligned = bits.u(1)
    count = bits.u(8)
    if count == 255:
        count += bits.u(8)
    if is_aligned:
        bits.u(bits.left % 8)
    bits.u(8 * count)


def _skip_fill(bits: BitReader) -> None:
    count = bits.u(4)
    if count == 15:
        count += bits.u(8) - 1
    bits.u(8 * count)


def _is_plausible_window(bits: BitReader, rate: int) -> bool:
    """Read ics_info (section 4.4.2.1, table 4.6)."""
    if bits.u(1):
        return False  # a reserved bit
    index = RATES.index(nearest_rate(rate)) if rate else _MOST_BANDS_INDEX
    is_short = bits.u(2) == _EIGHT_SHORT
    bits.u(1)
    if is_short:
        return bits.u(4) <= (_SHORT_BANDS[index] if rate else _MOST_SHORT_BANDS)
    return bits.u(6) <= _LONG_BANDS[index]


def channels_of(frame: bytes) -> int:
    """Return the channels of the frame's first element; 0 if it is none of audio."""
    return {_SCE: 1, _CPE: 2}.get(frame[0] >> 5, 0) if frame else 0


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
