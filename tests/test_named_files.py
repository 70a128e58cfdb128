"""Every file that a docstring, a comment or a document names exists."""

from __future__ import annotations

import re
from pathlib import Path

from tests.project_files import project_files, words_of

_FILE = re.compile(r"(?<![\w/.<*{$-])((?:[\w-]+/)*[\w-]+\.(?:py|js|mjs|css|html|sh|toml))\b(?!\()")

# Files of other programs, and files that an install or a build makes.
ELSEWHERE = {"hls.mjs", "hls.worker.js", "hls.js", "hls.light.min.mjs", "node_modules/hls.js", "Node.js"}

ALL = {path.as_posix() for path in project_files()}
ENDINGS = {"/".join(parts[place:]) for path in ALL for parts in [path.split("/")] for place in range(len(parts))}


def _is_there(name: str, named_in: Path) -> bool:
    return name in ELSEWHERE or name in ENDINGS or (named_in.parent / name).as_posix() in ALL


def _missing(path: Path) -> list[str]:
    named = {name for words in words_of(path) for name in _FILE.findall(words)}
    return sorted(name for name in named if "NAME." not in name and not _is_there(name, path))


def test_files_named_in_words_exist() -> None:
    paths = project_files("*.py", "*.js", "*.mjs", "*.md", "Makefile")
    assert len(paths) > 500
    missing = [f"{path} names {names}" for path in paths if (names := _missing(path))]
    assert not missing, "\n".join(missing)
