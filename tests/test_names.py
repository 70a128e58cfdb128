"""Test names are short enough for one line of a report."""

from __future__ import annotations

import re

from tests.project_files import ROOT, project_files

LONGEST = 69


def test_names_of_tests_have_fewer_than_70_characters() -> None:
    long = [
        f"{path}: {name}"
        for path in project_files("tests/*.py")
        for name in re.findall(r"^ *def (test_\w+)", (ROOT / path).read_text("utf-8"), re.MULTILINE)
        if len(name) > LONGEST
    ]
    long += [
        f"{path}: {name}"
        for path in project_files("tests/js/*.mjs")
        for _, name in re.findall(r"^test\((['\"`])(.*?)\1", (ROOT / path).read_text("utf-8"), re.MULTILINE)
        if len(name) > LONGEST
    ]
    assert not long
