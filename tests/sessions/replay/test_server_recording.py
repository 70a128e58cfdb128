"""Replays of the archive on the server, and replays that change between it and the device."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from core.errors import CameraUnreachable, LimitReached
from core.recordings import ReplayQuality, ReplaySource
from media.process import Spawner
from sessions.view import StreamView
from stream_manager import StreamManager
from tests.archive.recorded import ALAW, SUB, Footage
from tests.patience import promised_median, until
from tests.recordings.recorder import NOON, Archive, asked
from tests.sessions.replay.replaying import (
    NIGHT,
    NIGHT_S,
    at,
    pictures_in,
    pictures_in_bytes,
    segments_of,
    text_of,
    times_of,
)
from tests.sessions.replay.thin_recorder import FPS, ThinRecorder
from tests.sessions.replay.viewer import Viewer
from tests.sessions.stand_ins import NoCameras, ThinReplays

ENDED = "#EXT-X-ENDLIST\n"
SERVER = "server-1-main"


class RecordedArchive(Archive):
    """The clock of its device is ahead by `recorder.offset_s`."""

    def find_replay(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        return super().find_replay(camera_id, recording_token)[0], self.recorder.offset_s


class Both:
    """A stream manager over the device's recording Rec1, which a thin recorder plays, and the archive."""

    def __init__(self, folder: Path, recorder: ThinRecorder, spawner: Spawner) -> None:
        self.archive = RecordedArchive(folder)
        self.recorder = recorder
        self.recorder.spans = []
        self.footage = Footage(self.archive.server.index, folder / "volume")
        self.manager = StreamManager(
            self.archive.settings,
            self.archive.clock,
            spawner,
            ThinReplays(recorder, lambda _: recorder.places),
            NoCameras(),
            self.archive.manager,
        )
        self.manager.start()

    def close(self) -> None:
        self.manager.stop()
        self.archive.close()

    def device_has(self, start_s: float, end_s: float) -> None:
        """Let the device have recorded this time, in seconds after NIGHT, and index it."""
        ahead_s = self.archive.recorder.offset_s
        self.recorder.spans = [(NIGHT_S + start_s + ahead_s, NIGHT_S + end_s + ahead_s)]
        ahead = timedelta(seconds=ahead_s)
        self.archive.recorder.spans = {"Rec1": [(at(start_s) + ahead, at(end_s) + ahead)], "Rec2": []}
        asked(self.archive, NIGHT - timedelta(hours=1), NOON)

    def server_has(self, start_s: float, end_s: float) -> None:
        self.footage.record(NIGHT_S + start_s, NIGHT_S + end_s)

    def play(self, at_s: float, token: str = SERVER) -> StreamView:
        return self.manager.start_replay(1, token, at(at_s))[0]

    def pictures(self, view: StreamView) -> list[float]:
        """Return the times of all frames of an ended run, in seconds after NIGHT."""
        until(lambda: text_of(self.manager, view).endswith(ENDED), what="the end of the run")
        names = segments_of(text_of(self.manager, view))
        return [shown for name in names for shown in pictures_in(self.manager.segment_path(view.stream_id, name))]


@pytest.fixture
def open_both(tmp_path: Path, recorder: ThinRecorder, spawner: Spawner) -> Iterator[Callable[[], Both]]:
    opened: list[Both] = []

    def make() -> Both:
        opened.append(Both(tmp_path, recorder, spawner))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def both(open_both: Callable[[], Both]) -> Both:
    return open_both()


def frames(*stretches: tuple[float, float]) -> list[float]:
    return [
        round(start_s + number / FPS, 1)
        for start_s, end_s in stretches
        for number in range(round((end_s - start_s) * FPS))
    ]


def test_a_recording_of_the_server_plays_without_the_device(both: Both) -> None:
    both.server_has(0, 25)
    view = both.play(3.4)
    assert both.pictures(view) == frames((3, 25))
    text = text_of(both.manager, view)
    assert "#EXT-X-DISCONTINUITY\n" not in text
    assert times_of(text)[0] == 3
    assert both.recorder.lines == []
    shown = both.manager.session_view(view.stream_id)
    assert (shown.recording_token, shown.replay_quality) == (SERVER, ReplayQuality.FULL)


def test_viewers_on_sockets_get_the_frames_and_sound_of_the_server(both: Both) -> None:
    both.footage.record(NIGHT_S, NIGHT_S + 12, audio=ALAW)
    view, viewer_id = both.manager.start_replay(1, SERVER, at(2))
    viewer = Viewer()
    assert both.manager.watch_replay(view.stream_id, viewer_id, viewer)
    until(partial(viewer.ended, 1), what="the end of the run")
    (init,) = viewer.inits(1)
    assert (init.video.codec, init.audio and init.audio.codec) == ("h264", "flac")
    taken = viewer.taken(1)
    assert taken[0] == 2
    assert all(part.start_s + 2 == pytest.approx(at_s) for part, at_s in zip(viewer.parts(1), taken, strict=True))
    assert pictures_of(viewer) == frames((2, 12))


def pictures_of(viewer: Viewer) -> list[float]:
    return pictures_in_bytes(b"".join(part.data for part in viewer.parts(1)))


def test_a_replay_goes_on_at_the_device_and_back_at_the_server(both: Both) -> None:
    both.device_has(0, 60)
    both.server_has(10, 20)
    both.server_has(30, 40)
    both.recorder.places = 1
    view = both.play(15)
    assert both.pictures(view) == frames((15, 60))
    assert [line.recording_token for line in both.recorder.lines] == ["Rec1", "Rec1"]
    assert all(line.is_closed for line in both.recorder.lines[:1])


def test_a_device_that_fails_between_two_stretches_is_skipped(both: Both) -> None:
    both.device_has(0, 60)
    both.server_has(10, 20)
    both.server_has(30, 40)
    both.recorder.fails_after = [(0, CameraUnreachable("It is away."))]
    assert both.pictures(both.play(15)) == frames((15, 20), (30, 60))


def test_a_device_that_fails_at_the_requested_time_is_told(both: Both) -> None:
    both.device_has(0, 160)
    both.server_has(130, 140)
    both.recorder.fails_after = [(0, CameraUnreachable("It is away."))] * 100
    view = both.play(15)
    until(lambda: both.manager.session_view(view.stream_id).error, what="the device's error")


def test_the_device_plays_what_a_disk_of_the_server_does_not_give(both: Both) -> None:
    both.device_has(0, 40)
    both.server_has(0, 40)
    shutil.rmtree(both.footage.folder)
    view = both.play(15)
    assert both.pictures(view) == frames((15, 40))
    assert both.manager.session_view(view.stream_id).recording_token == "Rec1"


def test_a_disk_that_fails_is_told_if_the_device_has_nothing(both: Both) -> None:
    both.device_has(100, 140)
    both.server_has(0, 40)
    shutil.rmtree(both.footage.folder)
    view, _ = both.manager.start_replay(1, SERVER, at(15), end_utc=at(30))
    until(lambda: both.manager.session_view(view.stream_id).error, what="the error")
    error = both.manager.session_view(view.stream_id).error
    assert error is not None
    assert error.code == "archive_unreadable"


def test_a_time_just_before_the_server_needs_no_device(both: Both) -> None:
    both.device_has(0, 20)
    both.server_has(20, 40)
    both.recorder.fails_after = [(0, CameraUnreachable("It has not written this time yet."))]
    assert both.pictures(both.play(15)) == frames((20, 40))


def test_a_replay_from_the_device_changes_to_the_server(both: Both) -> None:
    both.device_has(0, 60)
    both.server_has(10, 20)
    assert both.pictures(both.play(5, "Rec1")) == frames((5, 60))


@pytest.mark.parametrize("token", [SERVER, "Rec1"])
def test_times_are_true_although_the_clock_of_the_device_is_wrong(
    open_both: Callable[[], Both], recorder: ThinRecorder, token: str
) -> None:
    both = open_both()
    both.archive.recorder.offset_s = recorder.ahead_s = 3600.0
    both.device_has(0, 40)
    both.server_has(10, 20)
    begins_s = 15 if token == SERVER else 5
    view = both.play(begins_s, token)
    both.pictures(view)
    times = times_of(text_of(both.manager, view))
    assert times[0] == begins_s
    assert times == sorted(times)
    assert 38 <= times[-1] < 40
    starts = [line.recording_token for line in recorder.lines]
    assert starts == (["Rec1"] if token == SERVER else ["Rec1", "Rec1"])


def test_a_gap_that_nobody_recorded_is_skipped(both: Both) -> None:
    both.server_has(0, 10)
    both.server_has(100, 110)
    view = both.play(5)
    assert both.pictures(view) == frames((5, 10), (100, 110))
    assert text_of(both.manager, view).count("#EXT-X-DISCONTINUITY\n") == 1


def test_the_server_plays_while_all_places_of_the_recorder_are_used(both: Both) -> None:
    both.device_has(0, 600)
    both.server_has(300, 400)
    both.recorder.places = 1
    both.play(0, "Rec1")
    with pytest.raises(LimitReached):
        both.play(100, "Rec1")
    assert both.play(350, "Rec1").stream_id
    assert both.play(360).stream_id


def test_the_sub_stream_of_the_server_plays_on_request(both: Both) -> None:
    both.server_has(0, 30)
    both.footage.record(NIGHT_S, NIGHT_S + 30, SUB)  # as long as the main stream, on which the run would go on
    view = both.play(2)
    sought = both.manager.seek_replay(view.stream_id, at(5), quality=ReplayQuality.SUB)
    assert (sought.recording_token, sought.replay_quality, sought.start_time) == (
        "server-1-sub",
        ReplayQuality.SUB,
        at(5),
    )
    assert sought.has_sub_recording


def test_a_replay_follows_a_recording_that_is_being_written(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions.replay.play.ASK_AGAIN_S", 0.05)
    both.archive.clock.now = at(30)
    stretch_id = both.footage.record(NIGHT_S, NIGHT_S + 25, indexed_until_s=NIGHT_S + 20)
    view, viewer_id = both.manager.start_replay(1, SERVER, at(22.5))
    viewer = Viewer()
    both.manager.watch_replay(view.stream_id, viewer_id, viewer)
    until(lambda: viewer.parts(1) and pictures_of(viewer)[-1] > 23.5, what="the frames so far")
    both.footage.record(NIGHT_S, NIGHT_S + 31, indexed_until_s=NIGHT_S + 30.5, stretch_id=stretch_id)
    both.archive.clock.now = at(33)
    until(lambda: pictures_of(viewer)[-1] > 30.1, what="the later frames")
    found = pictures_of(viewer)
    assert found == frames((22, 31))[: len(found)]


def test_a_seek_in_a_recording_of_the_server_is_quick(both: Both) -> None:
    both.footage.file_s = 600
    both.server_has(0, 1500)
    view = both.play(0)
    with promised_median(0.25) as measured:
        for number in range(8):
            with measured():
                both.manager.seek_replay(view.stream_id, at(137 * number + 5.5))
