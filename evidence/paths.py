"""Paths of exported files in a package. Exports of one range have the same names, with other suffixes or without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from exports.formats.plan import planned_copies
from exports.records import ExportFile, ExportJob


def packed_paths(jobs: Sequence[ExportJob]) -> list[tuple[str, ExportJob, ExportFile]]:
    """Return the files of the exports, in order, with their paths.

    All files of a recording have one stem. No other recording has it, neither with another suffix nor in capitals.
    """
    taken: set[str] = set()
    return [found for job in jobs for found in _paths_of(job, taken)]


def _paths_of(job: ExportJob, taken: set[str]) -> list[tuple[str, ExportJob, ExportFile]]:
    """Add the stems of an export to `taken`."""
    sources = {it.name: _stem(it.source.name) for it in planned_copies(job.draft, job.files)}
    ends: dict[str, set[str]] = {}  # of each recording: the ends of its files' stems
    for file in job.files:
        source = sources.get(file.name, _stem(file.name))
        ends.setdefault(source, set()).add(_stem(file.name).removeprefix(source))
    stems: dict[str, str] = {}
    for source, its_ends in ends.items():
        stem, number = source, 2
        while _all(stem, its_ends) & taken:
            stem, number = f"{source}-{number}", number + 1
        stems[source] = stem
        taken |= _all(stem, its_ends)
    found = []
    for file in job.files:
        source = sources.get(file.name, _stem(file.name))
        folder = "working-copies" if file.is_derived else "video"
        found.append((f"{folder}/{stems[source]}{file.name.removeprefix(source)}", job, file))
    return found


def _stem(name: str) -> str:
    return PurePath(name).stem


def _all(stem: str, ends: set[str]) -> set[str]:
    return {f"{stem}{end}".casefold() for end in ends}
