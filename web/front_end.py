"""Addresses of the front end's files: those of the build, otherwise the source files.

`tools/build_front_end.mjs` writes the build and its manifest. A build of other sources is never used: an edited module
shows without a build, and an update that was not built runs, too.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.clock import Clock, SystemClock

log = logging.getLogger(__name__)

_SOURCE_FOLDERS = ("css", "img", "js", "vendor")
_SOURCE = re.compile(r"[^.].*\.\w+", re.ASCII)
_MANIFEST = "built/manifest.json"
_BOOT = "js/boot.js"
_SOURCE_MAP = re.compile(r"\n//# sourceMappingURL=.*\s*\Z")
_LOOK_AGAIN_AFTER_S = 1.0  # 200 files cost 1 ms

_Stamp = tuple[str, int, int]  # path, size, time of the last change


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """`imports`: the files that a script needs before it runs."""

    file: str
    imports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of the front end's files for one page. `built` is empty if the source files are served.

    `boot`: the text of boot.js. A live page contains it, because the parser would wait for a file.
    """

    built: dict[str, BuiltFile] = field(default_factory=dict)
    boot: str = ""

    @property
    def boot_hash(self) -> str:
        """The hash of `boot`, as a content security policy names it."""
        return f"sha256-{base64.b64encode(hashlib.sha256(self.boot.encode()).digest()).decode()}"

    def __getitem__(self, name: str) -> str:
        """Address of `static/<name>`."""
        found = self.built.get(name)
        return f"/static/built/{found.file}" if found else f"/static/{name}"

    def imports(self, name: str) -> list[str]:
        """Addresses of the scripts that this one imports, so that a browser requests all of them immediately."""
        found = self.built.get(name)
        return [f"/static/built/{file}" for file in found.imports] if found else []


class FrontEnd:
    """Decides between build and source files when a page is made. Looks at sizes and times at most once a second, and
    reads the files only if one of these changed.
    """

    def __init__(self, static_root: Path, *, serves_sources: bool = False, clock: Clock | None = None) -> None:
        self._root = static_root
        self._serves_sources = serves_sources
        self._clock = clock or SystemClock()
        self._looked_at_s = float("-inf")
        self._seen: tuple[list[_Stamp], Addresses] | None = None

    def addresses(self) -> Addresses:
        """The addresses for a page that is made now."""
        if self._serves_sources:
            return self._sources()
        seen, now_s = self._seen, self._clock.monotonic_s()
        if seen and now_s - self._looked_at_s < _LOOK_AGAIN_AFTER_S:
            return seen[1]
        stamps = sorted(_stamps(self._root))
        if seen is None or seen[0] != stamps:
            seen = (stamps, self._read([path for path, _, _ in stamps]))
            self._seen = seen
        self._looked_at_s = now_s
        return seen[1]

    def _read(self, paths: list[str]) -> Addresses:
        try:
            manifest = json.loads((self._root / _MANIFEST).read_text("utf-8"))
            addresses = self._addresses_of(manifest)
            is_current = manifest["sources"] == hash_of_sources(
                self._root, [path for path in paths if path != _MANIFEST]
            )
        except FileNotFoundError:
            log.info("The front end is not built: pages load the source files (make install builds it).")
            return self._sources()
        except (ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read: pages load the source files (%r).", _MANIFEST, error)
            return self._sources()
        if not is_current:
            log.info("The front end's build is older than its sources: pages load the source files.")
            return self._sources()
        return addresses

    def _addresses_of(self, manifest: dict[str, Any]) -> Addresses:
        files = manifest["files"]
        built = {name: BuiltFile(found["file"], tuple(found["imports"])) for name, found in files.items()}
        boot = (self._root / "built" / built[_BOOT].file).read_text("utf-8") if _BOOT in built else ""
        return Addresses(built, _SOURCE_MAP.sub("", boot))

    def _sources(self) -> Addresses:
        source = self._root / _BOOT
        return Addresses(boot=source.read_text("utf-8") if source.exists() else "")


def hash_of_sources(root: Path, names: list[str]) -> str:
    """SHA-256 over a line `HASH  PATH` for each file, as `tools/build_front_end.mjs` computes it."""
    whole = hashlib.sha256()
    for name in sorted(names):
        digest = hashlib.sha256((root / name).read_bytes()).hexdigest()
        whole.update(f"{digest}  {name}\n".encode())
    return whole.hexdigest()


def _stamps(root: Path) -> Iterator[_Stamp]:
    """Of all source files, and of the manifest if there is one."""
    for folder in _SOURCE_FOLDERS:
        yield from _stamps_in(root / folder, folder)
    try:
        found = (root / _MANIFEST).stat()
    except FileNotFoundError:
        return
    yield _MANIFEST, found.st_size, found.st_mtime_ns


def _stamps_in(folder: Path, name: str) -> Iterator[_Stamp]:
    if not folder.is_dir():  # static/vendor is made by make install
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _stamps_in(folder / entry.name, f"{name}/{entry.name}")
            elif _SOURCE.fullmatch(entry.name):
                with contextlib.suppress(FileNotFoundError):  # an editor replaces the file at this moment
                    found = entry.stat()
                    yield f"{name}/{entry.name}", found.st_size, found.st_mtime_ns
