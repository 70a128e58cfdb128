"""Several files, read as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from media.joined_files import JoinedFiles

BYTES = bytes(range(256)) * 2500  # more than two blocks


def written(folder: Path, parts: Sequence[bytes]) -> list[Path]:
    paths = [folder / f"{number}" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        path.write_bytes(part)
    return paths


@pytest.mark.parametrize("step", [3000, 300_000, 640_000])
def test_reads_go_on_across_the_ends_of_files(tmp_path: Path, step: int) -> None:
    reader = JoinedFiles(written(tmp_path, [BYTES[:1000], b"", BYTES[1000:400_000], BYTES[400_000:]]))
    found = b""
    while left := min(step, len(BYTES) - len(found)):
        read = b"".join(map(bytes, reader.read(left)))
        assert len(read) == left
        found += read
    reader.close()
    assert found == BYTES


def test_a_read_beyond_the_last_file_is_an_error(tmp_path: Path) -> None:
    reader = JoinedFiles(written(tmp_path, [b"abc", b"de"]))
    with pytest.raises(EOFError):
        list(reader.read(6))
    reader.close()
