"""Memory and disk space of packages."""

from __future__ import annotations

import io
import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import evidence_manager
from core.access import LOCAL
from core.errors import LimitReached
from core.settings import Settings
from evidence.maker import OUTLINE
from evidence.records import PackageState
from evidence.snapshots import SnapshotMaker
from evidence.zip_outline import ZipOutline
from media.ffmpeg import find_ffmpeg
from media.process import Spawner
from tests.evidence.packaging import Packaging
from tests.exports.exporting import moment

Make = Callable[..., Packaging]
MB = 1_000_000


def test_small_files_of_a_package_do_not_stay_in_memory(tmp_path: Path) -> None:
    with (tmp_path / "rest").open("wb") as rest:
        outline = ZipOutline(moment(0), rest)
        tracemalloc.start()
        for number in range(20):
            outline.add(f"snapshots/{number}.jpg", bytes(MB))
        _, most_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        outline.finish()
    assert most_bytes < 5 * MB


def test_a_download_reads_only_places_into_memory(make: Make) -> None:
    packaging = make([(0, 20)])
    case = packaging.made(packaging.case(packaging.export(2, 10)).id)
    folder = packaging.folder / "packages" / f"{case.id}"
    outline_bytes = (folder / OUTLINE).stat().st_size
    assert outline_bytes < 1000
    assert sum(path.stat().st_size for path in folder.iterdir()) > 20 * outline_bytes


@pytest.mark.parametrize(
    ("size", "of_snapshot"),
    [((1920, 1080), (1280, 720)), ((720, 2160), (427, 1280)), ((640, 360), (640, 360))],
)
def test_a_snapshot_is_at_most_1280_pixels_wide_and_high(
    tmp_path: Path, size: tuple[int, int], of_snapshot: tuple[int, int]
) -> None:
    settings = Settings(data_dir=tmp_path)
    picture = f"color=red:size={size[0]}x{size[1]}:duration=0.2"
    command = ["-v", "error", "-f", "lavfi", "-i", picture, str(tmp_path / "video.mp4")]
    subprocess.run([str(find_ffmpeg(settings.ffmpeg)), *command], check=True)
    spawner = Spawner()
    spawner.start()
    try:
        jpeg = SnapshotMaker(spawner, settings).first_frame(tmp_path / "video.mp4", 0.0)
    finally:
        spawner.stop()
    with Image.open(io.BytesIO(jpeg)) as shown:
        assert shown.size == of_snapshot


def test_a_package_is_not_made_below_the_free_space_to_keep(make: Make) -> None:
    packaging = make([(0, 20)], min_free_bytes=10**18)
    case = packaging.made(packaging.case(packaging.export(2, 5)).id)
    assert case.package.state is PackageState.FAILED
    assert case.package.problem is not None
    assert case.package.problem.code == "storage_full"


def test_a_package_has_a_limit_of_files(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    packaging = make([(0, 20)])
    case = packaging.case(packaging.export(2, 5, subtitles=True))
    monkeypatch.setattr(evidence_manager, "MOST_FILES", 1)
    with pytest.raises(LimitReached) as refused:
        packaging.manager.make_package(LOCAL, case.id)
    assert refused.value.code == "case_limit"
    monkeypatch.setattr(evidence_manager, "MOST_FILES", 2)
    assert packaging.made(case.id).package.state is PackageState.READY
