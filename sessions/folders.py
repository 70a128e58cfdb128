"""A session's folder: makes, empties and removes it. Deletes only files that sessions have made."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
from pathlib import Path

from core.errors import NotFound, StorageFull
from sessions.ids import is_stream_id

log = logging.getLogger(__name__)

LEAST_FREE_BYTES = 1_000_000

_LIVE = r"segment_[0-9]{5,12}\.(?:ts|m4s)|init_[0-9]{1,12}\.mp4"
# `.hevc`: the H.265 source of a segment that is encoded when a player asks for it; never served.
_REPLAYED = r"run[0-9]{1,9}_(?:init)?[0-9]{1,9}(?:\.hevc)?\.(?:mp4|m4s)"
SMALL_SOURCE = "small_source.mp4"
"""The segment of which ffmpeg makes small video at the moment; never served."""
_OURS = re.compile(rf"(?:{_LIVE}|{_REPLAYED}|{re.escape(SMALL_SOURCE)}|stream\.m3u8)(?:\.tmp)?")
_SERVED = re.compile(rf"{_LIVE}|run[0-9]{{1,9}}_(?:init[0-9]{{1,9}}\.mp4|[0-9]{{1,9}}\.m4s)")


def make_folder(folder: Path) -> None:
    """Make a folder unless it exists. Raises StorageFull if the disk has no space even for that."""
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFull("The folder for segments cannot be made.") from error


def empty_folder(folder: Path) -> None:
    """Delete the segments and playlists in a folder."""
    if folder.is_symlink():
        return
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for path in folder.iterdir():
            if _OURS.fullmatch(path.name):
                path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Delete a folder, unless there is something in it that we did not make."""
    empty_folder(folder)
    try:
        folder.rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("the folder %s stays: %s", folder.name, error.strerror)


def remove_leftovers(streams_dir: Path) -> None:
    """Remove the folders of sessions that an earlier run of the app left behind."""
    if not streams_dir.is_dir():
        return
    for folder in streams_dir.iterdir():
        if is_stream_id(folder.name) and folder.is_dir() and not folder.is_symlink():
            remove_folder(folder)


def remove_files(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that readers see all of it or nothing. Raises OSError."""
    part = path.with_name(path.name + ".tmp")
    part.write_bytes(data)
    part.replace(path)


def served_file(folder: Path, name: str) -> Path:
    """Return the path of an existing segment or init section. Raises NotFound for everything else."""
    path = folder / name
    if _SERVED.fullmatch(name) is None or path.is_symlink() or not path.is_file():
        raise NotFound("There is no such file in this stream.")
    return path


def require_free_disk(streams_dir: Path, min_free_bytes: int) -> None:
    """Raise StorageFull if less than min_free_bytes (at least LEAST_FREE_BYTES) is free for segments."""
    min_free_bytes = max(min_free_bytes, LEAST_FREE_BYTES)
    make_folder(streams_dir)
    try:
        free_bytes = shutil.disk_usage(streams_dir).free
    except OSError as error:
        raise StorageFull("The folder for segments cannot be reached.") from error
    if free_bytes < min_free_bytes:
        raise StorageFull(
            f"Only {free_bytes // 1_000_000} MB are free for segments; {min_free_bytes // 1_000_000} MB are needed."
        )
