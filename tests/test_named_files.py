"""Every file that a docstring, a comment or a document names exists."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_FILE = re.compile(r"(?<![\w/.<*{$-])((?:[\w-]+/)*[\w-]+\.(?:py|js|mjs|css|html|sh|toml))\b(?!\()")
_JS_COMMENT = re.compile(r"/\*.*?\*/|(?<![:'\"`])//[^\n]*", re.S)

# Files of other programs, and files that an install or a build makes.
ELSEWHERE = {"hls.mjs", "hls.worker.js", "hls.js", "hls.light.min.mjs", "node_modules/hls.js", "Node.js"}


def _listed(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


ALL = [str(path) for path in _listed()]
NAMES = {path.rsplit("/", 1)[-1] for path in ALL}


def _python_words(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def _words(path: Path) -> Iterator[str]:
    text = (ROOT / path).read_text("utf-8")
    if path.suffix == ".py":
        yield from _python_words(text)
    elif path.suffix in (".js", ".mjs"):
        yield from _JS_COMMENT.findall(text)
    else:
        yield text


def _is_there(name: str, named_in: Path) -> bool:
    if "/" not in name:
        return name in NAMES or name in ELSEWHERE
    beside = str((named_in.parent / name).as_posix())
    return beside in ALL or any(path == name or path.endswith(f"/{name}") for path in ALL)


@pytest.mark.parametrize("path", _listed("*.py", "*.js", "*.mjs", "*.md", "Makefile"), ids=str)
def test_files_named_in_words_exist(path: Path) -> None:
    missing = {
        name
        for words in _words(path)
        for name in _FILE.findall(words)
        if name not in ELSEWHERE and "NAME." not in name and not _is_there(name, path)
    }
    assert not missing, f"{path} names {sorted(missing)}"
