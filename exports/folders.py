"""The folders of export jobs: pieces of each stretch that is read, and the finished files."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from exports.pieces import mark_read
from exports.records import ExportRange


class ExportFolders:
    """Below `root`, each job has a folder named by its id."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def create(self) -> None:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def of_job(self, export_id: int) -> Path:
        return self._root / str(export_id)

    def files(self, export_id: int) -> Path:
        return self.of_job(export_id) / "files"

    def poster(self, export_id: int, index: int) -> Path:
        """Return the path of the picture of a range."""
        return self.of_job(export_id) / f"poster{index}.jpg"

    def posters(self, export_id: int, count: int) -> frozenset[int]:
        """Return the indexes of the ranges that have a picture, of the first `count`."""
        return frozenset(index for index in range(count) if self.poster(export_id, index).is_file())

    def of_range(self, export_id: int, index: int) -> Path:
        """Return the folder of a whole range: its pieces, and the mark that it was read."""
        return self.of_job(export_id) / f"range{index}"

    def of_stretch(self, export_id: int, index: int, stretch: ExportRange) -> Path:
        """Return the folder of a part of a range that an earlier run did not get."""
        return self.of_job(export_id) / f"range{index}-{round(stretch.start.timestamp() * 1000)}"

    def end_range(self, export_id: int, index: int) -> None:
        """Note that a range was read, and delete the folders of its stretches."""
        mark_read(self.of_range(export_id, index))
        for path in self.of_job(export_id).glob(f"range{index}-*"):
            shutil.rmtree(path, ignore_errors=True)

    def forget_marks(self, export_id: int) -> None:
        """Let the next run read the missing parts of all ranges."""
        for path in self.of_job(export_id).glob("range*"):
            mark_read(path, is_read=False)

    def remove_ranges(self, export_id: int) -> None:
        """Delete the pieces of all ranges."""
        for path in self.of_job(export_id).glob("range*"):
            shutil.rmtree(path, ignore_errors=True)

    def remove(self, export_id: int) -> None:
        """Delete everything of a job."""
        shutil.rmtree(self.of_job(export_id), ignore_errors=True)

    def ids(self) -> set[int]:
        """Return the ids of the jobs that have a folder here."""
        return {int(path.name) for path in self._root.iterdir() if path.name.isdecimal()}

    def remove_others(self, known: set[int]) -> None:
        """Delete the folders of unknown jobs: the app ended before it had deleted them."""
        for path in self._root.iterdir():
            if path.name.isdecimal() and int(path.name) not in known:
                shutil.rmtree(path, ignore_errors=True)


def size_of_files(folder: Path) -> int:
    """Return the bytes of all files in a folder and below; 0 if there is none."""
    size_bytes = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # deleted meanwhile
            size_bytes += path.stat().st_size if path.is_file() else 0
    return size_bytes
