"""docs/DEVICES.md is complete: each file that names a make has a row, and each file and test of a row exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.project_files import ROOT, project_files, words_of

OUTSIDE = {"tests", "bench", "tools", "docs", "simulator"}

MAKES = (
    *("Amcrest", "Axis", "Chromium", "Dahua", "Foscam", "GStreamer", "HiLook", "HiSilicon", "HiWatch", "Hikvision"),
    *("Imou", "ipycam", "iPhone", "live555", "Reolink", "Tapo", "TP-Link", "Uniview", "XM"),
)
# The name as it is written, or a word in capitals or small letters only, such as the kind "dahua" of an address.
_MAKE = re.compile("|".join(rf"\b(?:{make}|{make.lower()}|{make.upper()})(?=s?\b)" for make in MAKES if make != "Axis"))
_AXIS = re.compile(r"\bAxis\b")  # "axis" is a word of the front end
_VAGUE = re.compile(
    r"\b(?:some|many|most|old|older)\s+(?:old\s+)?(?:firmware|devices|recorders|cameras|makers)\b", re.IGNORECASE
)


class Row(NamedTuple):
    """A row of the table; `code` and `tests` are the names in backticks of these columns."""

    text: str
    code: tuple[str, ...]
    tests: tuple[str, ...]


def _rows() -> list[Row]:
    rows = []
    for line in (ROOT / "docs" / "DEVICES.md").read_text("utf-8").splitlines():
        cells = line.strip("|").split(" | ")
        if line.startswith("| ") and len(cells) == 5 and "`" in cells[3]:
            code, tests = (tuple(re.findall(r"`([^`]+)`", cell)) for cell in cells[3:])
            rows.append(Row(line, code, tests))
    return rows


ROWS = _rows()


def _faults(path: Path) -> list[str]:
    name = path.as_posix()
    words = " ".join(" ".join(words_of(path)).split())
    own = [row for row in ROWS if name in row.code]
    makes = {found.lower() for found in (*_MAKE.findall(words), *_AXIS.findall(words))}
    missing = {make for make in makes if not any(make in row.text.lower() for row in own)}
    faults = [f"{name} names {sorted(missing)}"] if missing else []
    if not own and (found := _VAGUE.search(words)):
        faults.append(f"{name} says {found[0]!r}")
    return faults


@pytest.mark.slow
def test_a_file_that_names_a_make_has_a_row() -> None:
    product = [path for path in project_files("*.py", "*.js", "*.css") if path.parts[0] not in OUTSIDE]
    assert len(product) > 200
    faults = [fault for path in product for fault in _faults(path)]
    assert not faults, "\n".join(["docs/DEVICES.md has no such row:", *faults])


def test_every_file_and_test_of_the_table_exists() -> None:
    assert len(ROWS) > 60
    files = {name for row in ROWS for name in row.code}
    assert not [name for name in files if not (ROOT / name).is_file()]
    assert not [test for row in ROWS for test in row.tests if not _has_test(test)]


def test_every_row_has_a_test_or_says_why_not() -> None:
    assert not [row.text for row in ROWS if not row.tests and "No test:" not in row.text]


def _has_test(test: str) -> bool:
    file, _, name = test.partition("::")
    if not (ROOT / file).is_file():
        return False
    text = (ROOT / file).read_text("utf-8")
    return f"def {name}(" in text if file.endswith(".py") else f"test('{name}'" in text
