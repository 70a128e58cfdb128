"""Pictures on disk: kept over a restart, with a limit, and never a wrong one from a damaged file."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from pictures.cache import PictureCache

HOUR_S = 3600
NOON_S = 493_848 * HOUR_S


def jpeg(number: int, size: int = 1000) -> bytes:
    return b"\xff\xd8" + number.to_bytes(4) * (size // 4) + b"\xff\xd9"


def open_cache(folder: Path, most_bytes: int = 10_000_000, camera_ids: tuple[int, ...] = (1, 2)) -> PictureCache:
    cache = PictureCache(folder, most_bytes=most_bytes)
    cache.open(camera_ids)
    return cache


def test_pictures_survive_a_restart_with_their_times(tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "pictures")
    for number in range(100):
        time_s = NOON_S + 10 * number
        assert cache.put(1, 2, time_s, time_s * 1000 - 500 if number % 2 else None, jpeg(number))
    again = open_cache(tmp_path / "pictures")
    times = again.known_times(1, 2, range(NOON_S, NOON_S + HOUR_S, 10))
    assert times == {NOON_S + 10 * n: ((NOON_S + 10 * n) * 1000 - 500 if n % 2 else None) for n in range(100)}
    for number in range(100):
        picture = again.get(1, 2, NOON_S + 10 * number)
        assert picture is not None
        assert picture.jpeg == jpeg(number)
        assert (picture.picture_time is None) is (number % 2 == 0)
    assert again.get(1, 1, NOON_S) is None
    assert again.get(2, 2, NOON_S) is None


def test_a_later_picture_replaces_an_earlier_one(tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "pictures")
    for number in (1, 2):
        cache.put(1, 1, NOON_S, None, jpeg(number))
    for one in (cache, open_cache(tmp_path / "pictures")):
        picture = one.get(1, 1, NOON_S)
        assert picture is not None
        assert picture.jpeg == jpeg(2)


def test_pictures_are_found_again_after_their_index_was_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pictures.cache._ENTRIES_KEPT", 5)
    cache = open_cache(tmp_path / "pictures")
    times = [NOON_S + hour * HOUR_S + 10 * number for hour in range(6) for number in range(1, 4)]
    for one in (cache, open_cache(tmp_path / "pictures")):
        for time_s in times:
            assert one.put(1, 1, time_s, None, jpeg(7))
        assert set(one.known_times(1, 1, times)) == set(times)
        assert one.get(1, 1, times[0]) is not None
        one.drop_camera(1)
        assert one.known_times(1, 1, times) == {}


def test_the_least_recently_used_hours_are_removed_first(tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "pictures", most_bytes=100_000)
    for hour in range(12):
        for number in range(1, 10):
            cache.put(1, 1, NOON_S + hour * HOUR_S + 10 * number, None, jpeg(number))
        cache.get(1, 1, NOON_S + 10)
    kept = [hour for hour in range(12) if cache.get(1, 1, NOON_S + hour * HOUR_S + 10)]
    assert kept[0] == 0
    assert kept[1:] == list(range(12 - len(kept) + 1, 12))
    assert 5 < len(kept) < 12
    assert sum(path.stat().st_size for path in (tmp_path / "pictures").iterdir()) <= 100_000


def test_a_smaller_limit_counts_from_the_start_on(tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "pictures")
    for hour in range(10):
        cache.put(1, 1, NOON_S + hour * HOUR_S, None, jpeg(hour, 10_000))
    open_cache(tmp_path / "pictures", most_bytes=35_000)
    assert len(list((tmp_path / "pictures").iterdir())) == 3


def test_coarse_pictures_outlive_fine_ones(tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "pictures", most_bytes=60_000)
    for hour in range(3):
        for number in range(60):
            cache.put(1, 1, NOON_S + hour * HOUR_S + 10 * number, None, jpeg(number))
            cache.known_times(1, 1, [NOON_S + hour * HOUR_S])
            cache.get(1, 1, NOON_S)
    assert cache.get(1, 1, NOON_S)
    assert cache.get(1, 1, NOON_S + 10) is None


def test_files_of_unknown_cameras_and_names_are_removed(tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "pictures")
    cache.put(1, 1, NOON_S, None, jpeg(1))
    cache.put(2, 1, NOON_S, None, jpeg(2))
    (tmp_path / "pictures" / "other.txt").write_text("x")
    again = open_cache(tmp_path / "pictures", camera_ids=(2,))
    assert again.get(2, 1, NOON_S)
    assert len(list((tmp_path / "pictures").iterdir())) == 1
    again.drop_camera(2)
    assert again.get(2, 1, NOON_S) is None
    assert not list((tmp_path / "pictures").iterdir())


def test_a_camera_is_dropped_without_those_whose_number_begins_alike(tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "pictures", camera_ids=(1, 12))
    cache.put(12, 1, NOON_S, None, jpeg(1))
    cache.drop_camera(1)
    assert cache.get(12, 1, NOON_S)


def test_pictures_before_a_time_are_dropped_of_one_channel(tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "pictures", camera_ids=(1, 2))
    for camera_id, channel in ((1, 1), (1, 2), (2, 1)):
        for hour in range(3):
            cache.put(camera_id, channel, NOON_S + hour * HOUR_S + 10, None, jpeg(1))
    cache.drop_before(1, 1, NOON_S + HOUR_S + 1)
    assert [bool(cache.get(1, 1, NOON_S + hour * HOUR_S + 10)) for hour in range(3)] == [False, False, True]
    for camera_id, channel in ((1, 2), (2, 1)):
        assert all(cache.get(camera_id, channel, NOON_S + hour * HOUR_S + 10) for hour in range(3))


@pytest.mark.parametrize("kind", ["cut", "flipped", "gone", "longer"])
def test_a_damaged_file_gives_right_pictures_or_none(tmp_path: Path, kind: str) -> None:
    cache = open_cache(tmp_path / "pictures")
    for number in range(1, 21):
        cache.put(1, 1, NOON_S + 10 * number, None, jpeg(number))
    [path] = [path for path in (tmp_path / "pictures").iterdir() if "step10_" in path.name]
    data = bytearray(path.read_bytes())
    rng = random.Random(kind)
    if kind == "cut":
        path.write_bytes(data[: len(data) * 2 // 3])
    elif kind == "flipped":
        for _ in range(40):
            data[rng.randrange(len(data))] ^= 0xFF
        path.write_bytes(data)
    elif kind == "longer":
        path.write_bytes(bytes(data) + rng.randbytes(500))
    else:
        path.unlink()
    for one in (cache, open_cache(tmp_path / "pictures")):
        for number in range(1, 21):
            picture = one.get(1, 1, NOON_S + 10 * number)
            assert picture is None or picture.jpeg == jpeg(number)
        assert one.put(1, 1, NOON_S + 10, None, jpeg(1))
        assert one.get(1, 1, NOON_S + 10)


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert open_cache(tmp_path / "file" / "pictures").put(1, 1, NOON_S, None, jpeg(1)) is False


def test_a_disk_with_little_free_space_takes_no_picture(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path / "pictures", most_bytes=10_000_000, min_free_bytes=2**60)
    cache.open((1,))
    assert cache.put(1, 1, NOON_S, None, jpeg(1)) is False
    assert not list((tmp_path / "pictures").iterdir())


def test_many_threads_share_the_cache(tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "pictures", most_bytes=200_000)
    wrong: list[int] = []

    def use(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(300):
            number = rng.randrange(400)
            time_s = NOON_S + number * 30
            if rng.random() < 0.5:
                cache.put(1, 1, time_s, None, jpeg(number))
            elif (picture := cache.get(1, 1, time_s)) is not None and picture.jpeg != jpeg(number):
                wrong.append(number)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
