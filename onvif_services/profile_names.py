"""Names and tokens of media profiles: the input and the quality of the stream in them. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_QUALITY = frozenset(
    (
        *("main", "sub", "third", "fourth", "extra", "mobile", "primary", "secondary", "tertiary", "major", "minor"),
        *("hd", "sd", "high", "low", "medium", "hq", "lq", "hi", "lo", "quality", "stream", "balanced", "bandwidth"),
        *("mainstream", "substream", "thirdstream", "extrastream"),
        *("主码流", "子码流", "辅码流", "第三码流", "主流", "子流", "辅流"),
    )
)
_CHANNEL = frozenset(
    (
        *("ch", "chn", "chan", "channel", "cam", "camera", "ipc", "input", "video", "vin", "sensor", "lens", "port"),
        *("kanal", "canal", "canale", "kamera", "канал", "камера", "通道", "频道", "摄像头", "摄像机"),
    )
)
_CHINESE = re.compile(r"(主码流|子码流|辅码流|第三码流|主流|子流|辅流|通道|频道|摄像头|摄像机)")
_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_DIGITS = re.compile(r"\d+")
_MOST_STREAMS = 4
_LONGEST_STREAM_NUMBER = 2  # digits


@dataclass(frozen=True, slots=True)
class Label:
    """A name without its words for the quality ("main", "sub stream").

    `text` is the rest as it was written, such as "CH 3", `key` the same in small letters; `skeleton` is the key
    without its numbers. `has_channel`: the key has a word for a channel and a number. `has_quality`: a word for the
    quality was left out.
    """

    text: str
    key: str
    skeleton: str
    has_channel: bool
    has_quality: bool


def label_of(text: str) -> Label:
    """Return the label of "ch0 main", "Channel1_SubStream", "通道1主码流" and the like."""
    written = _PIECE.findall(_CHINESE.sub(r" \1 ", text))
    pieces = [piece.casefold() for piece in written]
    kept: list[str] = []
    words_written: list[str] = []
    for index, piece in enumerate(pieces):
        # In "Channel2_SubStream1" (Dahua) the second number is the quality's, in "SubStream1" it is the channel's.
        is_of_quality = piece.isdigit() and index > 0 and pieces[index - 1] in _QUALITY and any(map(str.isdigit, kept))
        if piece not in _QUALITY and not is_of_quality:
            kept.append(piece)
            words_written.append(written[index])
    words = [piece for piece in kept if not piece.isdigit()]
    has_number = len(words) < len(kept)
    return Label(
        text=" ".join(words_written),
        key=" ".join(kept),
        skeleton=" ".join(words),
        has_channel=has_number and any(word in _CHANNEL for word in words),
        has_quality=len(kept) < len(pieces),
    )


def grid_labels(texts: Sequence[str]) -> list[str]:
    """Return the number of the input in each text if its last digits number the streams of each input; otherwise [].

    Hikvision writes 101, 102, 201, 202, Dahua `MediaProfile00000`, `00001`, `00100`; others `cam1_stream2`. Every
    input must have the same streams, so that running numbers are not taken for it.
    """
    if len({_DIGITS.sub("#", text) for text in texts}) != 1:
        return []
    numbers = [_DIGITS.findall(text) for text in texts]
    if not numbers[0]:
        return []
    if len(numbers[0]) > 1:
        pairs = [("-".join(found[:-1]), found[-1]) for found in numbers]
        if _is_grid(pairs):
            return [head for head, _ in pairs]
    last = [found[-1] for found in numbers]
    if len({len(digits) for digits in last}) != 1:
        return []
    for length in range(1, min(len(last[0]) - 1, _LONGEST_STREAM_NUMBER) + 1):
        pairs = [("-".join((*found[:-1], found[-1][:-length])), found[-1][-length:]) for found in numbers]
        if _is_grid(pairs):
            return [head for head, _ in pairs]
    return []


def _is_grid(pairs: Sequence[tuple[str, str]]) -> bool:
    heads, tails = {head for head, _ in pairs}, {tail for _, tail in pairs}
    is_complete = len(set(pairs)) == len(pairs) == len(heads) * len(tails)
    return is_complete and len(heads) > 1 and 1 < len(tails) <= _MOST_STREAMS
