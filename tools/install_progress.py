"""Shows what pip and npm install, and says at the end how many packages that were.

    pip install -r requirements.txt | python tools/install_progress.py show build/installed "Python package"
    python tools/install_progress.py sum build/installed

`show` reads the output of pip or npm: on a terminal one line that changes, otherwise a line for each step. It notes the
number of packages and the seconds in the file; `sum` prints the totals and removes the file.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

_COLLECTING = re.compile(r"Collecting ([\w.-]+)")
_LOADING = re.compile(r"\s+(?:Downloading|Using cached) ([\w.]+)-\S+ \(([^)]+)\)")
_INSTALLING = re.compile(r"Installing collected packages: (.+)")
_INSTALLED = re.compile(r"Successfully installed (.+)")
_ADDED = re.compile(r"added (\d+) packages?")


class Progress:
    """`count`: the packages that were installed."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._collected = 0
        self.count = 0

    def read(self, line: str) -> None:
        """Take one line of pip's or npm's output."""
        if found := _COLLECTING.match(line):
            self._collected += 1
            self._show(f"{self._collected}: {found[1]}")
        elif (found := _LOADING.match(line)) and found[2].endswith("MB"):
            self._show(f"{self._collected}: {found[1]}, {found[2]}")
        elif found := _INSTALLING.match(line):
            self._show(f"unpacking all {self._collected}")
        elif found := _INSTALLED.match(line):
            self.count += len(found[1].split())
        elif found := _ADDED.match(line):
            self.count += int(found[1])

    def finish(self) -> None:
        """Leave an empty line on a terminal."""
        if self._output.isatty():
            self._output.write("\r\033[K")
            self._output.flush()

    def _show(self, text: str) -> None:
        self._output.write(f"\r\033[K  {text}" if self._output.isatty() else f"  {text}\n")
        self._output.flush()


def show(lines: Iterable[str], output: TextIO, notes: Path, what: str) -> None:
    """Show the progress of one installation and note its number of packages as `what`."""
    began_s = time.monotonic()
    progress = Progress(output)
    for line in lines:
        progress.read(line)
    progress.finish()
    if progress.count:
        notes.parent.mkdir(parents=True, exist_ok=True)
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{time.monotonic() - began_s:.1f} {progress.count} {what}\n")


def summary(notes: Path) -> str:
    """One sentence about all that was noted; '' if nothing was installed."""
    try:
        noted = [line.split(" ", 2) for line in notes.read_text("utf-8").splitlines()]
    except FileNotFoundError:
        return ""
    counts: dict[str, int] = {}
    for _, count, what in noted:
        counts[what] = counts.get(what, 0) + int(count)
    parts = [f"{count} {what}{'' if count == 1 else 's'}" for what, count in counts.items()]
    return f"Installed {' and '.join(parts)} in {sum(float(seconds) for seconds, _, _ in noted):.0f} s."


def main(arguments: list[str]) -> int:
    match arguments:
        case ["show", notes, what]:
            show(sys.stdin, sys.stdout, Path(notes), what)
        case ["sum", notes]:
            if text := summary(Path(notes)):
                print(text)
            Path(notes).unlink(missing_ok=True)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
