"""Test names are short enough for one line of a report."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 69


def _tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_names_of_tests_have_fewer_than_70_characters() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in _tracked("tests/**/*.py") + _tracked("tests/*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and len(node.name) > LONGEST
    ]
    long += [
        f"{path.relative_to(ROOT)}: {name}"
        for path in _tracked("tests/js/*.mjs")
        for _, name in re.findall(r"^test\((['\"`])(.*?)\1", path.read_text("utf-8"), re.MULTILINE)
        if len(name) > LONGEST
    ]
    assert not long
