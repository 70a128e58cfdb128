from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exports import range_pieces, waiting
from tests.exports.exporting import Exporting, Make
from tests.sessions.replay.thin_recorder import ThinRecorder


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Make managers over recorders, each in a new folder unless one is given. Pieces are short."""
    monkeypatch.setattr(range_pieces, "PIECE_S", 5.0)
    monkeypatch.setattr(waiting, "_FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(waiting, "BUSY_WAIT_S", 0.05)
    made: list[Exporting] = []

    def of(recorder: ThinRecorder, folder: Path | None = None, **fields: object) -> Exporting:
        made.append(Exporting(folder or tmp_path / f"data{len(made)}", recorder, **fields))  # type: ignore[arg-type]
        return made[-1]

    yield of
    for exporting in made:
        exporting.close()
