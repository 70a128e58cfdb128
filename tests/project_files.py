"""The files of the project, and the words in them: docstrings and comments. For tests that judge every file."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.plain_words import comments_of

ROOT = Path(__file__).resolve().parent.parent
_JS_COMMENT = re.compile(r"/\*.*?\*/|(?<![:'\"`])//[^\n]*", re.DOTALL)


def project_files(*patterns: str) -> list[Path]:
    """Return the files that git does not ignore, relative to ROOT; deleted files are left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(line) for line in listed.splitlines() if (ROOT / line).is_file()]


def words_of(path: Path) -> Iterator[str]:
    """Yield the docstrings and comments of a script; of another file, the whole text."""
    text = (ROOT / path).read_text("utf-8")
    if path.suffix == ".py":
        yield from _python_words(text)
    elif path.suffix in (".js", ".mjs", ".css"):
        yield from _JS_COMMENT.findall(text)
    else:
        yield text


def _python_words(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    for _, comment, _ in comments_of(source):
        yield comment.lstrip("# ")
