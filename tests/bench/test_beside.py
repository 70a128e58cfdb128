"""Measurements of two checkouts in turns: the order of the sides, the comparison and its table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.__main__ import is_built, options_of
from bench.beside import Compared, in_turns, row
from bench.figures import Figure
from bench.setting import ROOT, app
from web.front_end import hash_of_sources


def test_the_sides_take_turns_and_change_their_order() -> None:
    order: list[str] = []

    def side(name: str, value: float) -> Iterator[Figure]:
        order.append(name)
        yield Figure("page opened", "ms", [value], plain=[9.0])
        yield Figure("memory", "MB", [2 * value])

    rows = list(in_turns(lambda: side("ours", 2.0), lambda: side("other", 4.0), 3))
    assert order == ["other", "ours", "ours", "other", "other", "ours"]
    assert rows == [
        Compared("page opened", "ms", [2.0] * 3, [4.0] * 3),
        Compared("memory", "MB", [4.0] * 3, [8.0] * 3),
    ]


def test_a_row_shows_the_ratio_of_the_medians() -> None:
    compared = Compared("page opened", "ms", [400.0, 300.0, 350.0], [700.0, 720.0, 600.0])
    assert compared.ratio == 0.5
    assert row(compared) == ("| page opened | 700 ms (600 to 720, 3 runs) | 350 ms (300 to 400, 3 runs) | 0.50 |")


@pytest.mark.parametrize(("ours", "others"), [([], [1.0]), ([1.0], []), ([1.0], [0.0])])
def test_a_row_without_comparable_values_has_no_ratio(ours: list[float], others: list[float]) -> None:
    assert row(Compared("frames", "%", ours, others)).endswith("| - |")


def test_beside_measures_shared_parts_and_saves_nothing() -> None:
    everything = options_of(["--beside", str(ROOT)])
    assert "live" in everything.parts
    assert "list" not in everything.parts
    assert not everything.writes
    some = options_of(["--beside", str(ROOT), "--only", "live", "pictures", "--runs", "1"])
    assert (some.beside, some.parts, some.runs, some.writes) == (ROOT, ("live", "pictures"), 1, False)


@pytest.mark.parametrize("more", [["--write"], ["--plot"], ["--only", "list"]])
def test_beside_refuses_incompatible_arguments(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options_of(["--beside", str(ROOT), *more])
    assert "--beside" in capsys.readouterr().err


def test_beside_needs_a_checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options_of(["--beside", str(tmp_path)])
    assert "is not a checkout" in capsys.readouterr().err


def test_the_other_checkouts_app_runs_on_its_own_interpreter(tmp_path: Path) -> None:
    """A fake interpreter writes down its working folder and its command line, and ends."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\npwd > started\necho "$0 $1" >> started\nexit 3\n')
    python.chmod(0o755)
    with pytest.raises(RuntimeError, match="ended with 3"), app(tmp_path):
        pass
    assert (tmp_path / "started").read_text().splitlines() == [str(tmp_path), f"{python} app.py"]


def test_a_checkout_with_an_older_build_is_not_measured(tmp_path: Path) -> None:
    (tmp_path / "static" / "js").mkdir(parents=True)
    (tmp_path / "static" / "js" / "boot.js").write_text("")
    assert is_built(tmp_path), "an older commit has no build"
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "build_front_end.mjs").write_text("")
    assert not is_built(tmp_path)
    built = tmp_path / "static" / "built"
    built.mkdir()
    sources = hash_of_sources(tmp_path / "static", ["js/boot.js"])
    manifest = {"sources": sources, "files": {"js/boot.js": {"file": "boot-1.js", "imports": []}}}
    (built / "manifest.json").write_text(json.dumps(manifest))
    (built / "boot-1.js").write_text("")
    assert is_built(tmp_path)
    (tmp_path / "static" / "js" / "boot.js").write_text("// changed")
    assert not is_built(tmp_path)
