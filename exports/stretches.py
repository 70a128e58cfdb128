"""The parts of a range that no file of an export shows yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from exports.records import ExportFile, ExportRange

_SHORTEST = timedelta(seconds=1)
_ROUNDED = timedelta(milliseconds=5)  # the end of a file is a rounded time, and the next frame may come a little early


def missing_stretches(wanted: ExportRange, files: Sequence[ExportFile]) -> list[ExportRange]:
    """Return the parts of at least a second, in order of time; the whole range if it has no file. `files`: its own."""
    videos = sorted((file.start, file.end) for file in files if file.is_recording)
    if not videos:
        return [wanted]
    found: list[ExportRange] = []
    begins = wanted.start
    for start, end in [*videos, (wanted.end, wanted.end)]:
        if start - begins >= _SHORTEST:
            found.append(replace(wanted, start=begins, end=start))
        begins = max(begins, end - _ROUNDED)
    return found
