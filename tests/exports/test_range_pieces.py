"""The frames and the audio of one range: wrong times of audio, and the end of a recording that still grows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.access import LOCAL
from core.recordings import ZoneOfTimes
from core.records import AudioFormat, VideoFormat
from exports.origin import read_file_origin, stored_file_origin
from exports.origin_notes import origin_of_file
from exports.pieces import Formats, whole_pieces
from exports.range_pieces import RangePieces
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from tests.exports.exporting import START_S, Make, moment, recorder_of
from tests.hand_clock import HandClock
from tests.patience import until
from tests.sessions.replay.thin_recorder import CLOCK_RATE, FPS, PPS, SPS

FORMATS = Formats(VideoFormat("h264", 320, 180), AudioFormat("pcm_alaw", 8000, 1), (SPS, PPS))


def frame(index: int) -> AccessUnit:
    is_key = index % FPS == 0
    ticks = index * CLOCK_RATE // FPS
    return AccessUnit(VIDEO, (b"\x65" if is_key else b"\x41",), ticks, CLOCK_RATE, is_key, START_S + index / FPS)


def audio(time_s: float) -> AccessUnit:
    return AccessUnit(AUDIO, (bytes(1600),), round(time_s * 8000), 8000, device_s=START_S + time_s)


@pytest.mark.parametrize("ahead_s", [6.0, 3600.0, 1e9])
def test_one_audio_packet_with_a_late_time_mutes_nothing(tmp_path: Path, ahead_s: float) -> None:
    pieces = RangePieces(tmp_path, START_S, START_S + 60)
    pieces.describe(FORMATS)
    times_s = []
    for index in range(10 * FPS):
        pieces.take_frame(frame(index))
        if index == 7:
            pieces.take_audio(audio(index / FPS + ahead_s))
        else:
            pieces.take_audio(audio(index / FPS))
            times_s.append(START_S + index / FPS)
    pieces.finish()
    (piece,) = pieces.whole
    assert list(piece.tables()[1].times_s) == pytest.approx(times_s)


def test_a_piece_notes_audio_that_was_converted(tmp_path: Path) -> None:
    pieces = RangePieces(tmp_path, START_S, START_S + 60)
    pieces.describe(FORMATS)
    for index in range(2 * FPS):
        pieces.take_frame(frame(index))
        pieces.take_audio(replace(audio(index / FPS), is_converted=index == FPS))
    pieces.finish()
    (piece,) = whole_pieces(tmp_path)
    assert piece.notes.is_audio_converted
    origin = origin_of_file([piece], piece.tables()[0])
    assert origin.is_audio_converted
    assert read_file_origin(stored_file_origin(origin)) == origin


def test_a_replay_method_known_after_the_first_frames_counts_for_them(tmp_path: Path) -> None:
    """Frames may come right behind the answer to PLAY, before the connection notes the method that works."""
    pieces = RangePieces(tmp_path, START_S, START_S + 60)
    pieces.describe(FORMATS)
    for index, source in enumerate((("Rec0", ""), ("Rec0", "onvif"), ("Rec1", ""), ("Rec0", ""))):
        pieces.set_source(*source)
        pieces.take_frame(frame(index))
    pieces.finish()
    (piece,) = whole_pieces(tmp_path)
    assert piece.notes.sources == (("Rec0", "onvif"), ("Rec1", ""))


def test_the_last_group_of_a_growing_recording_stays(tmp_path: Path) -> None:
    """The recorder sends nothing more, although its recording seemed to grow."""
    pieces = RangePieces(tmp_path, START_S, START_S + 60)
    pieces.describe(FORMATS)
    for index in range(13):
        pieces.take_frame(frame(index))
    pieces.await_more()
    assert pieces.next_s == START_S + 10 / FPS
    pieces.begin_play()
    pieces.describe(FORMATS)
    pieces.finish()
    (piece,) = pieces.whole
    assert len(piece.tables()[0]) == 13


def test_the_last_group_of_a_growing_recording_comes_again(tmp_path: Path) -> None:
    pieces = RangePieces(tmp_path, START_S, START_S + 60)
    pieces.describe(FORMATS)
    for index in range(13):
        pieces.take_frame(frame(index))
    pieces.await_more()
    pieces.begin_play()
    for index in range(5, 20):
        pieces.take_frame(frame(index))
    pieces.finish()
    times_s = [time_s for piece in pieces.whole for time_s in piece.tables()[0].times_s]
    assert times_s == pytest.approx([START_S + index / FPS for index in range(20)])
    assert [piece.notes.begins_file for piece in pieces.whole] == [True, False]


SIGNATURE = b"\x06\x05\x30" + bytes.fromhex("005bc93f2d715e95ada4796f90877a6f") + bytes(32) + b"\x80"


@pytest.mark.parametrize(("signed_from", "expected"), [(0, 35), (30, 35), (1000, 30)])
def test_a_signed_range_goes_on_for_the_group_with_its_last_signature(
    tmp_path: Path, signed_from: int, expected: int
) -> None:
    pieces = RangePieces(tmp_path, START_S, START_S + 5.5)
    pieces.describe(FORMATS)
    for index in range(100):
        if pieces.is_done:
            break
        unit = frame(index)
        pieces.take_frame(
            replace(unit, parts=(SIGNATURE, *unit.parts)) if index >= signed_from and unit.is_key else unit
        )
    assert pieces.is_done
    assert sum(len(piece.tables()[0]) for piece in pieces.whole) == expected


@pytest.mark.parametrize("frames", [38, 42])
def test_the_last_signature_is_there_after_pause_and_resume(make: Make, frames: int) -> None:
    """The pause is just before the end of the range, or in the group after it."""
    recorder = recorder_of([(0, 60)], holds_at=frames)
    recorder.pictures = ((SIGNATURE, b"\x65key"), *[(b"\x41other",)] * (FPS - 1))
    exporting = make(recorder)
    export_id = exporting.add(2, 10)
    exporting.until_held()
    exporting.manager.pause(LOCAL, export_id)
    recorder.holds_at = 10**9
    exporting.manager.resume(LOCAL, export_id)
    (file,) = exporting.done(export_id).files
    assert (file.start, file.end) == (moment(2), moment(10))
    assert exporting.path(export_id).read_bytes().count(SIGNATURE) == 9


def test_times_from_before_the_first_sight_of_a_zone_are_not_confirmed(tmp_path: Path) -> None:
    """Two pieces of an export that goes on after a restart of the app, and after a change of the clocks."""

    def confirmed(start: int, zone: ZoneOfTimes) -> bool:
        pieces = RangePieces(tmp_path, START_S - 3600, START_S - 3540)
        pieces.load()
        pieces.set_clock(3600.0, zone)
        pieces.describe(FORMATS)
        pieces.begin_play()
        for index in range(start, start + FPS):
            pieces.take_frame(frame(index))
        pieces.finish()
        notes = pieces.whole[-1].notes
        assert (notes.correction_s, notes.zone_s) == (3600.0, 3600.0)
        return notes.is_time_confirmed

    known_from_s = START_S + 2 - 3600
    assert not confirmed(0, ZoneOfTimes(3600.0, known_from_s))
    assert not confirmed(FPS, ZoneOfTimes(3600.0, known_from_s))
    assert confirmed(2 * FPS, ZoneOfTimes(3600.0, known_from_s))
    assert not confirmed(3 * FPS, ZoneOfTimes(0.0, known_from_s))
    assert not confirmed(4 * FPS, ZoneOfTimes(7200.0, known_from_s))


@pytest.mark.parametrize("grows_to", [100.0, 94.0])
def test_an_export_up_to_now_waits_for_the_end(make: Make, monkeypatch: pytest.MonkeyPatch, grows_to: float) -> None:
    monkeypatch.setattr("exports.reader._ASK_AGAIN_S", 0.05)
    clock = HandClock(moment(100))
    recorder = recorder_of([(0, 90.6)])
    exporting = make(recorder, clock=clock)
    exporting.recordings.listed = [(0.0, 100.0)]
    export_id = exporting.add(10, 100)
    until(lambda: len(recorder.plays) > 2, what="another question for the rest")
    recorder.spans[:] = recorder_of([(0, grows_to)]).spans
    plays = len(recorder.plays)
    until(lambda: len(recorder.plays) > plays + 2)
    clock.move(seconds=130)
    job = exporting.done(export_id)
    (file,) = job.files
    assert file.end == moment(grows_to)
    assert job.is_incomplete == (grows_to < 95)
