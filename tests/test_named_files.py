"""Every file that a docstring, a comment or a document names exists."""

from __future__ import annotations

import re
from pathlib import Path

from tests.project_files import ROOT, project_files, words_of

_FILE = re.compile(r"(?<![\w/.<*{$-])((?:[\w-]+/)*[\w-]+\.(?:py|js|mjs|css|html|sh|toml))\b(?!\()")

# Files of other programs, and files that an install or a build makes.
ELSEWHERE = {"hls.mjs", "hls.worker.js", "hls.js", "hls.light.min.mjs", "node_modules/hls.js", "Node.js"}

ALL = {path.as_posix() for path in project_files()}
ENDINGS = {"/".join(parts[place:]) for path in ALL for parts in [path.split("/")] for place in range(len(parts))}


def _is_there(name: str, named_in: Path) -> bool:
    return name in ELSEWHERE or name in ENDINGS or (named_in.parent / name).as_posix() in ALL


def _missing(path: Path) -> set[str]:
    """Return the missing files that the words of a file name. Few files need a parser: the others name no such file."""
    missing = _missing_in((ROOT / path).read_text("utf-8"), path)
    return missing and {name for words in words_of(path) for name in _missing_in(words, path)}


def _missing_in(text: str, path: Path) -> set[str]:
    return {name for name in _FILE.findall(text) if "NAME." not in name and not _is_there(name, path)}


def test_files_named_in_words_exist() -> None:
    paths = project_files("*.py", "*.js", "*.mjs", "*.md", "Makefile")
    assert len(paths) > 500
    missing = [f"{path} names {sorted(names)}" for path in paths if (names := _missing(path))]
    assert not missing, "\n".join(missing)
