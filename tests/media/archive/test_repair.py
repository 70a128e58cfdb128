"""Files that a crash or a power cut leaves behind."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.archive.file_reader import ArchiveFile
from media.archive.fragment_index import Fragment
from media.archive.repair import repair, scan
from tests.media.archive.archived import ALAW, BEGAN_S, Source, description, write_file

_REPAIRED_EACH = 64  # bytes


def small_source(groups: int = 2) -> Source:
    """Return short frames, and audio that is all zeros, which a power cut leaves, too."""
    rng, source = random.Random(7), Source()
    for index in range(groups * 4):
        source.frame((rng.randbytes(30) + b"\x80",), BEGAN_S + index / 4, is_key=index % 4 == 0)
        source.audio(bytes(16), BEGAN_S + index / 4)
    return source


SOURCE = small_source()


def written(folder: Path, *, is_closed: bool = True) -> tuple[Path, bytes, Sequence[Fragment]]:
    """Return a file, its content and its fragments."""
    path = folder / "film.mp4"
    write_file(path, description(audio=ALAW), SOURCE, is_closed=is_closed)
    with ArchiveFile.open(path) as file:
        return path, path.read_bytes(), list(file.fragments())


def whole_before(fragments: Sequence[Fragment], damaged_at: int) -> list[Fragment]:
    return [fragment for fragment in fragments if fragment.end_offset <= damaged_at]


def check_repaired(path: Path, content: bytes, wanted: Sequence[Fragment]) -> None:
    """Check that the file has these fragments and its index, and their content is unchanged."""
    with ArchiveFile.open(path) as file:
        index = file.index()
        assert index is not None
        assert list(index.fragments) == list(file.walk()) == list(wanted)
        for fragment in wanted:
            assert file.read_fragment(fragment) == content[fragment.offset : fragment.end_offset]
            assert file.read_units(fragment)
    result = scan(path)
    assert (result.has_index, list(result.fragments)) == (True, list(wanted))


def check_scan(path: Path, damaged: bytes, wanted: Sequence[Fragment], from_byte: int = 0) -> None:
    """Check that a scan finds the fragments `wanted` in `damaged`."""
    path.write_bytes(damaged)
    found = scan(path, from_byte)
    assert list(found.fragments) == list(wanted)
    assert not wanted or found.good_bytes == wanted[-1].end_offset


def check_repair(path: Path, damaged: bytes, content: bytes, wanted: Sequence[Fragment], from_byte: int = 0) -> None:
    """Check scan and repair of `damaged`, of which the fragments `wanted` are whole."""
    check_scan(path, damaged, wanted, from_byte)
    if wanted:
        assert repair(path, from_byte).has_index
        check_repaired(path, content, wanted)
    else:
        assert not repair(path).has_index
        assert path.read_bytes() == damaged


@pytest.mark.generated
def test_a_file_cut_at_any_byte_keeps_its_whole_groups(tmp_path: Path) -> None:
    path, content, fragments = written(tmp_path)
    for end in range(len(content)):
        wanted = whole_before(fragments, end)
        check_scan(path, content[:end], wanted)
        if end % _REPAIRED_EACH == 0:
            check_repair(path, content[:end], content, wanted)


@pytest.mark.generated
def test_zeros_from_any_byte_on_are_no_part_of_a_group(tmp_path: Path) -> None:
    path, content, fragments = written(tmp_path, is_closed=False)
    for begin in range(len(content)):
        damaged = content[:begin] + bytes(len(content) - begin)
        first_change = next((at for at in range(begin, len(content)) if content[at]), len(content))
        check_scan(path, damaged, whole_before(fragments, first_change))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_behind_the_flushed_bytes_costs_only_what_is_behind(tmp_path: Path, data: st.DataObject) -> None:
    path, content, fragments = written(tmp_path)
    flushed = data.draw(st.sampled_from([fragment.end_offset for fragment in fragments[:-1]]))
    begin = data.draw(st.integers(flushed, len(content) - 1))
    hole = data.draw(st.integers(begin + 1, len(content)))
    garbage = data.draw(st.binary(min_size=hole - begin, max_size=hole - begin))
    damaged = content[:begin] + garbage + content[hole:]
    first_change = next((at for at in range(begin, hole) if damaged[at] != content[at]), len(content))
    check_repair(path, damaged, content, whole_before(fragments, first_change), flushed)


def test_a_whole_file_is_not_touched_by_a_repair(tmp_path: Path) -> None:
    path, content, fragments = written(tmp_path)
    before = path.stat()
    assert list(repair(path).fragments) == list(fragments)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (content, before.st_mtime_ns)


def test_a_file_without_description_has_no_good_bytes(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    for content in (b"", bytes(4096), b"\0\0\0\x20ftyp", os.urandom(300)):
        path.write_bytes(content)
        assert repair(path).good_bytes == 0
        assert path.read_bytes() == content


def test_a_reader_takes_no_byte_behind_the_good_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _, fragments = written(tmp_path)
    ends: list[int] = []

    def pread(descriptor: int, length: int, place: int) -> bytes:
        ends.append(place + length)
        return pread_of_os(descriptor, length, place)

    pread_of_os = os.pread
    monkeypatch.setattr("os.pread", pread)
    for before, last in pairwise(fragments):
        with ArchiveFile.open(path, before.end_offset + 40) as file:
            assert file.fragments()[-1] == before
            file.read_units(before)
            with pytest.raises(ValueError, match="not complete"):
                file.read_units(last)
            assert max(ends) <= before.end_offset + 40
            file.extend(last.end_offset)
            assert file.fragments()[-1] == last
        ends.clear()
