"""Units that go into an archive file come out again."""

from __future__ import annotations

from pathlib import Path

import pytest

from media.archive.file_reader import ArchiveFile
from media.codecs.access_unit import VIDEO
from tests.media.archive.archived import description, film, write_file


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "open"])
def test_units_come_out_as_they_went_in(tmp_path: Path, codec: str, is_closed: bool) -> None:
    source = film(codec)
    built = write_file(tmp_path / "film.mp4", description(codec), source, is_closed=is_closed)
    with ArchiveFile.open(tmp_path / "film.mp4") as file:
        assert file.description == description(codec)
        fragments = file.fragments()
        assert [fragment.start_utc_ms for fragment in fragments] == [fragment.start_utc_ms for fragment in built]
        assert [file.read_fragment(fragment) for fragment in fragments] == [fragment.data for fragment in built]
        units = [unit for fragment in fragments for unit in file.read_units(fragment)]
    assert [unit.parts for unit in units] == [unit.parts for unit in source.units]
    assert [unit.is_key for unit in units] == [unit.is_key for unit in source.units]
    assert [unit.device_s for unit in units] == pytest.approx(source.utc_s, abs=0.001)
    assert all(unit.track == VIDEO for unit in units)
    assert {unit.parameter_sets for unit in units if unit.is_key} == {description(codec).parameter_sets}
