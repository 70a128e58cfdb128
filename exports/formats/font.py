"""A small font for the time in working copies: ffmpeg's text filters need font files, which many machines lack.

Each character has seven rows of five pixels. The leftmost pixel is the highest of five bits.
"""

from __future__ import annotations

import unicodedata

CELL_WIDTH, CELL_HEIGHT = 6, 9
_ROWS = {
    "0": "0E 11 13 15 19 11 0E",
    "1": "04 0C 04 04 04 04 0E",
    "2": "0E 11 01 02 04 08 1F",
    "3": "1F 02 04 02 01 11 0E",
    "4": "02 06 0A 12 1F 02 02",
    "5": "1F 10 1E 01 01 11 0E",
    "6": "06 08 10 1E 11 11 0E",
    "7": "1F 01 02 04 08 08 08",
    "8": "0E 11 11 0E 11 11 0E",
    "9": "0E 11 11 0F 01 02 0C",
    "A": "0E 11 11 1F 11 11 11",
    "B": "1E 11 11 1E 11 11 1E",
    "C": "0E 11 10 10 10 11 0E",
    "D": "1C 12 11 11 11 12 1C",
    "E": "1F 10 10 1E 10 10 1F",
    "F": "1F 10 10 1E 10 10 10",
    "G": "0E 11 10 17 11 11 0F",
    "H": "11 11 11 1F 11 11 11",
    "I": "0E 04 04 04 04 04 0E",
    "J": "07 02 02 02 02 12 0C",
    "K": "11 12 14 18 14 12 11",
    "L": "10 10 10 10 10 10 1F",
    "M": "11 1B 15 15 11 11 11",
    "N": "11 11 19 15 13 11 11",
    "O": "0E 11 11 11 11 11 0E",
    "P": "1E 11 11 1E 10 10 10",
    "Q": "0E 11 11 11 15 12 0D",
    "R": "1E 11 11 1E 14 12 11",
    "S": "0F 10 10 0E 01 01 1E",
    "T": "1F 04 04 04 04 04 04",
    "U": "11 11 11 11 11 11 0E",
    "V": "11 11 11 11 11 0A 04",
    "W": "11 11 11 15 15 15 0A",
    "X": "11 11 0A 04 0A 11 11",
    "Y": "11 11 11 0A 04 04 04",
    "Z": "1F 01 02 04 08 10 1F",
    " ": "00 00 00 00 00 00 00",
    ":": "00 0C 0C 00 0C 0C 00",
    "-": "00 00 00 1F 00 00 00",
    "+": "00 04 04 1F 04 04 00",
    ".": "00 00 00 00 00 0C 0C",
    ",": "00 00 00 00 0C 04 08",
    "(": "02 04 08 08 08 04 02",
    ")": "08 04 02 02 02 04 08",
    "/": "00 01 02 04 08 10 00",
    "_": "00 00 00 00 00 00 1F",
    "&": "0C 12 14 08 15 12 0D",
    "#": "0A 0A 1F 0A 1F 0A 0A",
    "'": "0C 04 08 00 00 00 00",
    "?": "0E 11 01 02 04 00 04",
}
_GLYPHS = {char: [f"{int(row, 16):0{CELL_WIDTH - 1}b}0" for row in rows.split()] for char, rows in _ROWS.items()}


def drawable(text: str) -> str:
    """Return the text in capitals, without accents, with `?` for other characters that the font lacks."""
    folded = unicodedata.normalize("NFKD", text).upper()
    letters = (char for char in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(char))
    return "".join(char if char in _GLYPHS else "?" for char in letters)


def drawn_rows(text: str) -> list[str]:
    """Return the rows of pixels of a drawable text, each a text of 0 and 1."""
    glyphs = [_GLYPHS[char] for char in text]
    empty = "0" * (CELL_WIDTH * len(text))
    return [*("".join(glyph[row] for glyph in glyphs) for row in range(CELL_HEIGHT - 2)), empty, empty]
