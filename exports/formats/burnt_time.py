"""Pictures of the time of day, one a second, which ffmpeg lays over a working copy: white on black, one bit a pixel."""

from __future__ import annotations

from pathlib import Path

from exports.formats.font import CELL_HEIGHT, CELL_WIDTH, drawable, drawn_rows
from exports.subtitles import TimeText, moment_text
from media.commands import TimeOverlay

_MARGIN = 2
_TICKS = 90_000
_EARLY_TICKS = 45  # so that the frame at a whole second has the text of that second
_LINES_OF_PICTURE = 240  # of a frame, for each pixel of the font
_NOT_CONFIRMED = "TIME NOT CONFIRMED BY THE RECORDER"


def write_time_pictures(text: TimeText, width: int, height: int, target: Path) -> TimeOverlay:
    """Write the pictures for video of this size, and tell how to lay them over it."""
    columns = max(1, (width - 4 * _MARGIN) // CELL_WIDTH)
    names = drawable(text.names)
    fixed_lines = [names[:columns]] if names else []
    if not text.is_confirmed:
        fixed_lines.append(_NOT_CONFIRMED[:columns])
    moment = moment_text(text.start)
    used = min(columns, max(len(line) for line in (*fixed_lines, moment)))
    picture_width = -(-(used * CELL_WIDTH + 2 * _MARGIN) // 8) * 8
    head = _picture_rows(fixed_lines, used, picture_width)
    empty = bytes(picture_width // 8) * _MARGIN
    with target.open("wb") as file:
        for begins, _, _ in text.lines():
            rows = _picture_rows([drawable(moment_text(text.start + begins))[:used]], used, picture_width)
            file.write(empty + head + rows)
    zoom = max(1, min(height // _LINES_OF_PICTURE, width // picture_width))
    return TimeOverlay(
        width=picture_width,
        height=_MARGIN + CELL_HEIGHT * (len(fixed_lines) + 1),
        zoom=zoom,
        early_ticks=round(text.start.microsecond * _TICKS / 1_000_000) + _EARLY_TICKS,
    )


def _picture_rows(lines: list[str], columns: int, width: int) -> bytes:
    """Return the pixels of lines of this length, with a margin at the left."""
    rows = (row for line in lines for row in drawn_rows(line.ljust(columns)))
    padded = (("0" * _MARGIN + row).ljust(width, "0") for row in rows)
    return b"".join(int(row, 2).to_bytes(width // 8, "big") for row in padded)
