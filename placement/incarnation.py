"""The random word of one run of a node, which tells it from other processes with the same name."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Incarnation:
    """The word of this run, and that of the last run in the same data folder.

    The app locks its data folder, so the last run is dead, and this one need not wait for the end of its lease. A copy
    of the folder on another machine does not count: the file names the machine's boot.
    """

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / "node-incarnation"
        self.word = secrets.token_hex(8)

    def dead(self) -> str | None:
        """Return the word of the last run; None if there is none, or if it was before a restart of the machine."""
        try:
            word, boot = self._file.read_text("ascii").split()
        except (OSError, ValueError):
            return None
        return word if boot == _boot() else None

    def save(self) -> None:
        """Write the word for the next run. Without the file, the next run waits for the end of the lease."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{self.word} {_boot()}\n", "ascii")
        os.replace(new, self._file)  # noqa: PTH105 - as in other files: one atomic call


def _boot() -> str:
    try:
        return _BOOT.read_text("ascii").strip() or "unknown"
    except OSError:
        return secrets.token_hex(8)  # matches no later run
