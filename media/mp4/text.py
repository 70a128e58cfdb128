"""A track of timed text (3GPP TS 26.245, `tx3g`): players list it as subtitles."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from media.fmp4.boxes import box, u16, u32
from media.fmp4.tracks import Track
from media.mp4.video import TIMESCALE

TEXT_ID = 3
_BOTTOM, _CENTRE = b"\xff", b"\x01"  # -1 and 1: justification
_WHITE = b"\xff\xff\xff\xff"
_CLEAR = bytes(4)
_FONT, _FONT_SIZE = b"Arial", 16  # with others ffmpeg writes tags into SubRip
_LONGEST_BYTES = 1000


@dataclass(slots=True)
class TextSamples:
    """The samples of a track that begins with the first frame that is shown."""

    track: Track = field(default_factory=lambda: Track(TEXT_ID, TIMESCALE, "tx3g", _sample_entry(), is_video=False))
    data: bytearray = field(default_factory=bytearray)
    sizes: array[int] = field(default_factory=lambda: array("I"))
    durations: array[int] = field(default_factory=lambda: array("I"))
    starts: array[int] = field(default_factory=lambda: array("Q"))
    _end: int = 0

    def add(self, text: str, until_s: float) -> None:
        """Add a text that stands up to `until_s`, in seconds since the first frame that is shown."""
        encoded = text.encode()[:_LONGEST_BYTES].decode(errors="ignore").encode()
        end = max(self._end + 1, round(until_s * TIMESCALE))
        self.data += u16(len(encoded)) + encoded
        self.sizes.append(len(encoded) + 2)
        self.durations.append(end - self._end)
        self.starts.append(self._end)
        self._end = end


def _sample_entry() -> bytes:
    """Return a TextSampleEntry (section 5.16): white text at the bottom, without a background."""
    place = u16(0, 0, 0, 0)
    style = u16(0, 0, 1) + bytes([0, _FONT_SIZE]) + _WHITE
    fonts = box(b"ftab", u16(1), u16(1), bytes([len(_FONT)]), _FONT)
    return box(b"tx3g", bytes(6) + u16(1), u32(0), _CENTRE, _BOTTOM, _CLEAR, place, style, fonts)
