"""The place of a package among other files. The page verify.html has the same rules (static/js/verify/place.js)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

MANIFEST = "manifest.json"
_ADDED_BY_FILE_MANAGERS = re.compile(r"(.*/)?(\.DS_Store|Thumbs\.db|desktop\.ini|\._[^/]*)", re.IGNORECASE | re.DOTALL)


class NoPackage(Exception):
    """There is no manifest that this program can read, or more than one package."""


class PackageFiles(Protocol):
    """The files of a package, in a folder or a ZIP."""

    def paths(self) -> list[str]: ...
    def open(self, path: str) -> BinaryIO: ...


@dataclass(frozen=True, slots=True)
class PlacedPackage:
    """The files of a package by their path in it. `outside`: paths of the files beside the package."""

    files: PackageFiles
    folder: str
    outside: tuple[str, ...]

    def paths(self) -> list[str]:
        return [path.removeprefix(self.folder) for path in self.files.paths() if path.startswith(self.folder)]

    def open(self, path: str) -> BinaryIO:
        return self.files.open(self.folder + path)


def find_package(files: PackageFiles) -> PlacedPackage:
    """Return the package in a folder that may have other files. Raise NoPackage if there is none, or several."""
    paths = files.paths()
    found = {path.removesuffix(MANIFEST) for path in paths if _is_manifest(path)}
    folders = sorted(sorted(found), key=_depth)  # of one depth in the order of the alphabet
    if not folders:
        raise NoPackage(f"{MANIFEST} is missing, so nothing can be checked.")
    if not all(folder.startswith(folders[0]) for folder in folders):
        named = ", ".join(folder.removesuffix("/") for folder in folders)
        raise NoPackage(f"There are several packages. Check one package: {named}.")
    return PlacedPackage(files, folders[0], tuple(path for path in paths if not path.startswith(folders[0])))


def split_ignored(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the paths without those that file managers add to a folder, and these."""
    kept: list[str] = []
    ignored: list[str] = []
    for path in paths:
        (ignored if _ADDED_BY_FILE_MANAGERS.fullmatch(path) else kept).append(path)
    return kept, ignored


def _is_manifest(path: str) -> bool:
    return path == MANIFEST or path.endswith(f"/{MANIFEST}")


def _depth(folder: str) -> int:
    return folder.count("/")
