"""Replays of the archive's files: order, borders of files and stretches, key frames, pauses, and damaged files."""

from __future__ import annotations

import json
import shutil
import threading
import uuid
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from archive.disk_reads import DiskReads
from archive.disk_replay import DiskReplayConnection
from archive.index import ArchiveIndex
from archive.local_files import LocalFiles
from archive.open_files import OpenFiles
from archive.stream_reader import StreamReader
from archive.volume import MARKER
from core.archive import StreamKey
from core.clock import SystemClock
from core.errors import ArchiveUnreadable
from media.archive.file_reader import ArchiveFile
from media.archive.fragment_index import Fragment
from media.codecs.access_unit import AUDIO, AccessUnit
from media.rtsp.replay.interface import END_OF_RECORDING, NO_DATA
from tests.archive.indexed import opened_index
from tests.archive.recorded import ALAW, FPS, MAIN, SUB, Footage
from tests.media.encoded import encoded
from tests.media.rtsp.replay.listening import Listener
from tests.patience import LIMIT_S, promised, until

T = 1_795_521_600.0


@pytest.fixture
def index(tmp_path: Path) -> Iterator[ArchiveIndex]:
    with opened_index(tmp_path) as opened:
        yield opened


@pytest.fixture
def footage(index: ArchiveIndex, tmp_path: Path) -> Footage:
    return Footage(index, tmp_path / "volume")


class Player:
    """Opens connections, and closes them at the end of the test."""

    def __init__(self, index: ArchiveIndex) -> None:
        self.index = index
        self.open_files = OpenFiles()
        self.reads = DiskReads()
        self.opened: list[DiskReplayConnection] = []

    def connect(self, stream: StreamKey = MAIN) -> DiskReplayConnection:
        reader = StreamReader(LocalFiles(self.index, self.open_files, self.reads), stream)
        self.opened.append(DiskReplayConnection(reader, SystemClock()))
        return self.opened[-1]

    def played(self, start_s: float, stream: StreamKey = MAIN, **options: object) -> Listener:
        """Play to the end, and return what the consumer got."""
        listener = Listener()
        self.connect(stream).play(T + start_s, listener, **options)  # type: ignore[arg-type] # of play()
        until(lambda: listener.ends or listener.errors, what="the end of the replay")
        return listener


@pytest.fixture
def player(index: ArchiveIndex) -> Iterator[Player]:
    made = Player(index)
    yield made
    for connection in made.opened:
        connection.close(5.0)


def seconds(units: list[AccessUnit]) -> list[float]:
    return [round((unit.device_s or 0.0) - T, 1) for unit in units]


def frames(start_s: float, end_s: float) -> list[float]:
    return [round(start_s + number / FPS, 1) for number in range(round((end_s - start_s) * FPS))]


def test_a_replay_has_every_frame_once_over_the_borders_of_files(footage: Footage, player: Player) -> None:
    footage.record(T, T + 35)
    assert len(footage.paths) == 4
    shown = player.played(3)
    assert seconds(shown.units) == frames(3, 35)
    assert [unit.parts[0].split(b"|")[0][1:] for unit in shown.units] == [b"%.1f" % (T + at) for at in frames(3, 35)]
    assert [unit.is_key for unit in shown.units] == [number % FPS == 0 for number in range(32 * FPS)]
    assert not any(unit.is_discontinuous for unit in shown.units)
    assert shown.ends == [END_OF_RECORDING]


def test_ticks_go_on_over_the_borders_of_files(footage: Footage, player: Player) -> None:
    footage.record(T + 0.123, T + 25)
    ticks = [unit.ticks for unit in player.played(0).units]
    steps = {after - before for before, after in pairwise(ticks)}
    assert all(abs(step - 90_000 / FPS) <= 90 for step in steps), steps


def test_a_replay_begins_with_the_key_frame_at_or_before_the_time(footage: Footage, player: Player) -> None:
    footage.record(T, T + 30)
    assert seconds(player.played(12.7, end_device_s=T + 13.5).units) == frames(12, 13.5)


def test_a_replay_from_a_gap_begins_behind_it(footage: Footage, player: Player) -> None:
    footage.record(T, T + 10)
    footage.record(T + 60, T + 65)
    assert seconds(player.played(30).units) == frames(60, 65)


def test_a_replay_without_later_footage_says_so(footage: Footage, player: Player) -> None:
    footage.record(T, T + 10)
    shown = player.played(30)
    assert shown.ends == [NO_DATA]
    assert not shown.units


def test_a_replay_ends_at_a_gap_that_another_recording_may_fill(footage: Footage, player: Player) -> None:
    footage.record(T, T + 10)
    footage.record(T + 13, T + 20)
    shown = player.played(5)
    assert seconds(shown.units) == frames(5, 10)
    assert shown.ends == [END_OF_RECORDING]


def test_a_replay_marks_a_short_gap_and_goes_on(footage: Footage, player: Player) -> None:
    footage.record(T, T + 10)
    footage.record(T + 11.2, T + 15)
    shown = player.played(8)
    assert seconds(shown.units) == [*frames(8, 10), *frames(11.2, 15)]
    assert [seconds([unit])[0] for unit in shown.units if unit.is_discontinuous] == [11.2]


def test_the_streams_of_a_channel_are_apart(footage: Footage, player: Player) -> None:
    footage.record(T, T + 5)
    footage.record(T + 2, T + 4, SUB)
    assert seconds(player.played(0, SUB).units) == frames(2, 4)


def test_sound_comes_between_the_frames(footage: Footage, player: Player) -> None:
    footage.record(T, T + 4, audio=ALAW)
    shown = player.played(0)
    assert shown.descriptions[0][1] == ALAW
    sound = [unit for unit in shown.units if unit.track == AUDIO]
    assert [unit.parts[0][:12] for unit in sound] == [b"%.1f" % (T + at) for at in frames(0, 4)]
    places = [unit.track for unit in shown.units]
    assert AUDIO in places[: 2 * FPS]


def test_files_of_another_codec_come_with_their_description(footage: Footage, player: Player) -> None:
    stretch = footage.record(T, T + 5)
    film = encoded("hevc")
    other = Footage(footage.index, footage.folder, film.sets, "hevc", film.pictures[:FPS])
    other.record(T + 5, T + 8, stretch_id=stretch)
    shown = player.played(0)
    assert [described[0].codec for described in shown.descriptions] == ["h264", "hevc"]
    assert [unit.parts for unit in shown.units[5 * FPS :][:FPS]] == list(film.pictures[:FPS])


def test_key_frames_alone_cross_gaps(footage: Footage, player: Player) -> None:
    footage.record(T, T + 5)
    footage.record(T + 60, T + 63)
    assert seconds(player.played(2.5, key_frames_only=True).units) == [2, 3, 4, 60, 61, 62]


def test_key_frames_of_a_grid_are_those_before_its_times(footage: Footage, player: Player) -> None:
    footage.record(T + 0.4, T + 40)
    footage.record(T + 100.4, T + 131)
    shown = player.played(10, key_frames_only=True, key_frames_ms=10_000, end_device_s=T + 125)
    assert seconds(shown.units) == [9.4, 19.4, 29.4, 100.4, 109.4, 119.4]
    assert shown.ends == [END_OF_RECORDING]


def test_the_grid_of_a_growing_recording_ends(footage: Footage, player: Player) -> None:
    footage.record(T, T + 15, indexed_until_s=T + 10)
    assert seconds(player.played(0, key_frames_only=True, key_frames_ms=5_000).units) == [0, 5, 10, 14]


def test_a_paused_replay_reads_no_further(footage: Footage, player: Player) -> None:
    footage.record(T, T + 30)
    connection = player.connect()

    class Pausing(Listener):
        def on_units(self, units) -> None:  # type: ignore[no-untyped-def]
            super().on_units(units)
            connection.pause()

    shown = Pausing()
    connection.play(T, shown)
    until(lambda: len(shown.units) == FPS, what="the first fragment")
    connection.resume()
    until(lambda: len(shown.units) == 2 * FPS, what="the second fragment")
    assert not shown.ends


def test_another_play_takes_the_place_of_the_first(footage: Footage, player: Player) -> None:
    footage.record(T, T + 60)
    connection = player.connect()

    class Seeking(Listener):
        def on_units(self, units) -> None:  # type: ignore[no-untyped-def]
            super().on_units(units)
            connection.play(T + 50, second)

    first, second = Seeking(), Listener()
    connection.play(T, first)
    until(lambda: second.ends, what="the end of the second play")
    assert seconds(first.units) == frames(0, 1)
    assert not first.ends
    assert seconds(second.units) == frames(50, 60)


def test_a_growing_recording_plays_up_to_what_is_on_the_disk(footage: Footage, player: Player) -> None:
    """The index knows less, up to the next flush."""
    footage.record(T, T + 18, indexed_until_s=T + 12)
    connection, first, second = player.connect(), Listener(), Listener()
    connection.play(T + 15.5, first)
    until(lambda: first.ends, what="the present end")
    assert seconds(first.units) == frames(15, 18)
    footage.record(T, T + 23, indexed_until_s=T + 22)
    connection.play(T + 17.8, second)
    until(lambda: second.ends, what="the later end")
    assert seconds(second.units) == frames(17, 23)


def test_a_deleted_file_is_a_gap(footage: Footage, player: Player) -> None:
    footage.record(T, T + 30)
    footage.paths[1].unlink()
    assert seconds(player.played(0).units) == frames(0, 10)
    assert seconds(player.played(12).units) == frames(20, 30)


def test_a_damaged_fragment_is_left_out(footage: Footage, player: Player) -> None:
    footage.record(T, T + 10)
    path = footage.paths[0]
    data = bytearray(path.read_bytes())
    place = data.index(b"\x65%.1f|" % (T + 4))
    data[place - 4 : place] = b"\xff\xff\xff\xff"  # the length of the key frame
    path.write_bytes(data)
    shown = player.played(0)
    assert seconds(shown.units) == [*frames(0, 4), *frames(5, 10)]
    assert [seconds([unit])[0] for unit in shown.units if unit.is_discontinuous] == [5]


def test_a_disk_that_is_gone_is_told(footage: Footage, player: Player) -> None:
    footage.record(T, T + 10)
    shutil.rmtree(footage.folder)
    shown = player.played(0)
    assert [type(error) for error in shown.errors] == [ArchiveUnreadable]
    assert not shown.ends


def test_an_empty_mount_point_is_told_as_a_disk_that_is_gone(footage: Footage, player: Player) -> None:
    footage.record(T, T + 10)
    footage.folder.rename(footage.folder.with_name("unmounted"))
    footage.folder.mkdir()
    shown = player.played(0)
    assert [type(error) for error in shown.errors] == [ArchiveUnreadable]
    assert not shown.ends


def test_another_disk_at_the_mount_point_is_told_as_a_disk_that_is_gone(footage: Footage, player: Player) -> None:
    footage.record(T, T + 10)
    footage.folder.rename(footage.folder.with_name("unmounted"))
    footage.folder.mkdir()
    (footage.folder / MARKER).write_text(json.dumps({"uuid": str(uuid.uuid4())}))
    shown = player.played(0)
    assert [type(error) for error in shown.errors] == [ArchiveUnreadable]


@pytest.mark.parametrize(("limit", "value"), [("_HANGS_AFTER_S", 0.0), ("_MOST_SLOW", 1)])
def test_a_disk_that_hangs_gets_no_more_readers(
    footage: Footage, player: Player, monkeypatch: pytest.MonkeyPatch, limit: str, value: float
) -> None:
    """Each of them would keep its thread."""
    footage.record(T, T + 10)
    monkeypatch.setattr(f"archive.disk_reads.{limit}", value)
    monkeypatch.setattr("archive.disk_reads._SLOW_AFTER_S", 0.0)
    hangs, answers = threading.Event(), threading.Event()
    read = ArchiveFile.read_units

    def hang(file: ArchiveFile, fragment: Fragment) -> tuple[AccessUnit, ...]:
        hangs.set()
        assert answers.wait(LIMIT_S)
        return read(file, fragment)

    monkeypatch.setattr(ArchiveFile, "read_units", hang)
    stuck = Listener()
    player.connect().play(T, stuck)
    assert hangs.wait(LIMIT_S)
    refused = player.played(0)
    assert "does not answer" in refused.errors[0].detail
    answers.set()
    until(lambda: stuck.ends, what="the disk answers again")
    assert seconds(player.played(0).units) == frames(0, 10)


def test_both_hours_play_after_the_clock_was_set_back(footage: Footage, player: Player) -> None:
    footage.record(T, T + 40)
    footage.record(T + 20, T + 60)
    assert seconds(player.played(15).units) == [*frames(15, 40), *frames(40, 60)]
    assert seconds(player.played(25).units) == frames(25, 60)


def test_a_seek_stays_in_its_hour_after_the_clock_was_set_back(footage: Footage, player: Player) -> None:
    footage.record(T, T + 40)
    footage.picture_bytes = 600
    footage.record(T + 21, T + 60)
    connection = player.connect()

    def is_second_hour(start_s: float) -> bool:
        shown = Listener()
        connection.play(T + start_s, shown, end_device_s=T + start_s + 2)
        until(lambda: shown.ends or shown.errors, what="the end of the replay")
        assert seconds(shown.units) == frames(start_s, start_s + 2)
        (is_second,) = {sum(map(len, unit.parts)) > 500 for unit in shown.units}
        return is_second

    assert is_second_hour(25), "without a hint it is the later one"
    assert not is_second_hour(10)
    assert not is_second_hour(25)
    assert not is_second_hour(35)
    assert is_second_hour(45)
    assert is_second_hour(25)


@pytest.mark.slow
def test_a_slow_replay_begins_with_one_frame_and_keeps_to_real_time(footage: Footage, player: Player) -> None:
    footage.record(T, T + 600)
    connection, shown = player.connect(), Listener()
    connection.play(T + 100, shown, fast=False)
    until(lambda: len(shown.units) > 2 * FPS, what="two seconds of frames")
    assert len(shown.units) < 60 * FPS


def test_files_count_as_open_only_while_they_are_read(footage: Footage, player: Player) -> None:
    footage.record(T, T + 10)
    connection, shown = player.connect(), Listener()
    connection.play(T, shown)
    until(lambda: shown.ends, what="the end")
    connection.close(5.0)
    assert not player.open_files.is_open(footage.paths[0], 0.0)


def test_a_seek_is_quick(footage: Footage, player: Player) -> None:
    footage.file_s = 600
    footage.record(T, T + 1200)
    connection = player.connect()
    with promised(2.5):
        for number in range(10):
            shown = Listener()
            connection.play(T + 100 * number + 3.3, shown)
            until(lambda shown=shown: shown.units, what="the first frame")  # type: ignore[misc]
            connection.pause()
