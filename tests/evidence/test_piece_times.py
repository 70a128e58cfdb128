"""The times that the pieces of a file show, in the manifest."""

from __future__ import annotations

from array import array
from datetime import timedelta

from evidence.hashes import PIECE_BYTES
from evidence.piece_times import piece_times
from exports.origin import FileOrigin
from exports.records import ExportFile, FileKind
from media.mp4.places import FramePlaces
from tests.exports.exporting import moment

SIZE = PIECE_BYTES + 100
PLACES = FramePlaces(array("Q", [50, PIECE_BYTES + 10]), array("d", [0.0, 4.0]), 8.0)
ORIGIN = FileOrigin(frames=2, delivered_start=moment(-1), delivered_end=moment(7), correction_s=0.0)


def file_of(kind: FileKind, origin: FileOrigin | None) -> ExportFile:
    return ExportFile("name", SIZE, "", 1, 1, moment(0), moment(8), "h264", kind=kind, origin=origin)


def test_pieces_of_a_recording_begin_at_its_first_frame() -> None:
    first, second = piece_times(file_of(FileKind.MASTER, ORIGIN), SIZE, PLACES)
    assert first == (moment(-1), moment(3))
    assert second == (moment(-1), moment(7))


def test_pieces_of_a_working_copy_begin_at_its_shown_start() -> None:
    for origin in (ORIGIN, None):
        first, _ = piece_times(file_of(FileKind.WORKING_COPY, origin), SIZE, PLACES)
        assert first == (moment(0), moment(4))


def test_pieces_of_a_video_have_no_times_that_nobody_knows() -> None:
    for kind in (FileKind.MASTER, FileKind.ORIGINAL):
        assert piece_times(file_of(kind, None), SIZE, PLACES) == [None, None]
        assert piece_times(file_of(kind, ORIGIN), SIZE, None) == [None, None]
    assert piece_times(file_of(FileKind.WORKING_COPY, ORIGIN), SIZE, None) == [None, None]


def test_pieces_of_subtitles_have_a_proportion_of_the_time() -> None:
    first, second = piece_times(file_of(FileKind.SUBTITLES, None), SIZE, None)
    assert first is not None
    assert second is not None
    assert first[0] == moment(0)
    assert first[1] == second[0]
    assert timedelta(seconds=7) < first[1] - first[0] < timedelta(seconds=8)
    assert second[1] - moment(8) < timedelta(seconds=0.01)
