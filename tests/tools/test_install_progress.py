"""The progress of an installation, read from pip's and npm's output."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.install_progress import main, show, summary

PIP = """\
Collecting flask==3.1.3 (from -r requirements.txt (line 5))
  Using cached flask-3.1.3-py3-none-any.whl.metadata (3.2 kB)
Collecting imageio-ffmpeg==0.8.1 (from -r requirements.txt (line 8))
  Downloading imageio_ffmpeg-0.8.1-py3-none-manylinux2014_x86_64.whl (29.5 MB)
Requirement already satisfied: click>=8 in ./.venv/lib (from flask)
Installing collected packages: flask, imageio-ffmpeg
Successfully installed flask-3.1.3 imageio-ffmpeg-0.8.1
"""
NPM = "\nadded 1 package in 2s\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_each_step_is_a_line_where_there_is_no_terminal(tmp_path: Path) -> None:
    output = io.StringIO()
    show(PIP.splitlines(), output, tmp_path / "notes", "Python package")
    assert output.getvalue().splitlines() == [
        "  1: flask",
        "  2: imageio-ffmpeg",
        "  2: imageio_ffmpeg, 29.5 MB",
        "  unpacking all 2",
    ]


def test_a_terminal_shows_one_line_that_is_empty_in_the_end(tmp_path: Path) -> None:
    output = Terminal()
    show(PIP.splitlines(), output, tmp_path / "notes", "Python package")
    assert "\n" not in output.getvalue()
    assert output.getvalue().endswith("\r\033[K")


def test_the_summary_counts_all_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.install_progress.time", SimpleNamespace(monotonic=lambda: 1000.0))
    notes = tmp_path / "build" / "installed"
    show(PIP.splitlines(), io.StringIO(), notes, "Python package")
    show(PIP.splitlines(), io.StringIO(), notes, "Python package")
    show(NPM.splitlines(), io.StringIO(), notes, "front-end package")
    assert summary(notes) == "Installed 4 Python packages and 1 front-end package in 0 s."
    notes.write_text(notes.read_text() + "21.6 1 Python package\n")
    assert summary(notes) == "Installed 5 Python packages and 1 front-end package in 22 s."
    assert main(["sum", str(notes)]) == 0
    assert not notes.exists()


def test_nothing_is_said_if_nothing_was_installed(tmp_path: Path) -> None:
    notes = tmp_path / "installed"
    show(["Requirement already satisfied: flask in ./.venv/lib"], io.StringIO(), notes, "Python package")
    assert summary(notes) == ""
