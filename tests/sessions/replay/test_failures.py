"""Failures of a replay session: refusals, lost and silent recorders, limits of sessions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import (
    CameraAuthFailed,
    CameraBadAnswer,
    CameraBusy,
    CameraUnreachable,
    CameraUnsupported,
    InvalidRequest,
    LimitReached,
    NotFound,
    Unavailable,
)
from core.recordings import ReplaySource
from core.records import StreamState, VideoFormat
from core.settings import Settings
from media.process import Spawner
from sessions.errors import Stalled
from stream_manager import StreamManager
from tests.patience import until
from tests.sessions.replay.replaying import HOUR_S, NIGHT_S, at, pictures_in, play, segments_of, text_of, times_of
from tests.sessions.replay.thin_recorder import ThinRecorder
from tests.sessions.stand_ins import ThinRecordings
from tests.sessions.thin_device import MakeManager, is_running, seen


def test_a_seek_beyond_the_end_fails_and_the_session_goes_on(replays: StreamManager, recorder: ThinRecorder) -> None:
    view = play(replays)
    with pytest.raises(NotFound) as caught:
        replays.seek_replay(view.stream_id, at(2 * HOUR_S))
    assert caught.value.code == "no_recording"
    status = replays.session_view(view.stream_id)
    assert status.error is not None
    assert (status.status, status.error.code) == (StreamState.FAILED, "no_recording")
    assert replays.seek_replay(view.stream_id, at(7)).start_time == at(7)
    until(lambda: replays.session_view(view.stream_id).status is StreamState.RUNNING)
    assert len(recorder.lines) == 1


def test_a_session_lost_in_mid_play_continues_without_a_gap_or_repeat(
    make_replays: MakeManager, recorder: ThinRecorder, impatient: None
) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 20)]
    recorder.fails_after = [(27, CameraUnreachable("Gone."))]
    replays = make_replays()
    view = play(replays)
    until(lambda: text_of(replays, view).endswith("#EXT-X-ENDLIST\n"))
    text = text_of(replays, view)
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    seen = [moment for name in segments_of(text) for moment in pictures_in(replays.segment_path(view.stream_id, name))]
    assert seen == [pytest.approx(place / 5) for place in range(100)]
    assert replays.session_view(view.stream_id).restarts == 1
    assert len(recorder.lines) == 2


def test_an_unreachable_recorder_is_retried(
    make_replays: MakeManager, recorder: ThinRecorder, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessions.backoff.BREAKS_AFTER", 1000)
    recorder.fails_after = [(0, CameraUnreachable("Gone."))] * 1000
    replays = make_replays()
    view = play(replays)
    until(lambda: seen(replays, view.stream_id) == (StreamState.RECONNECTING, "camera_unreachable"))
    until(lambda: len(recorder.lines) >= 3)
    recorder.fails_after = []
    until(lambda: is_running(replays, view.stream_id))


def test_a_failed_seek_raises_the_recorders_error(replays: StreamManager, recorder: ThinRecorder) -> None:
    view = play(replays)
    text_of(replays, view)
    for error in (CameraBusy("Full."), CameraAuthFailed("No."), CameraUnreachable("Gone.")):
        recorder.fails_after = [(0, error)] * 100  # also for a retry before the seek
        with pytest.raises(type(error)):
            replays.seek_replay(view.stream_id, at(50))


def test_a_device_that_cannot_replay_is_reported_as_lacking_replay(
    replays: StreamManager, recorder: ThinRecorder
) -> None:
    view = play(replays)
    text_of(replays, view)
    recorder.fails_after = [(0, CameraUnsupported("551.", service="media"))]
    with pytest.raises(CameraUnsupported) as caught:
        replays.seek_replay(view.stream_id, at(0))
    assert caught.value.service == "replay"


def test_a_recorder_without_a_free_session_is_reported_as_busy(
    make_replays: MakeManager, recorder: ThinRecorder
) -> None:
    recorder.places = 0
    replays = make_replays()
    view = play(replays)
    until(lambda: replays.session_view(view.stream_id).error)
    with pytest.raises(Unavailable) as caught:
        replays.playlist(view.stream_id, "run1.m3u8", 0.0)
    assert caught.value.code == "camera_busy"


def test_a_recording_without_a_supported_codec_is_refused(make_replays: MakeManager, recorder: ThinRecorder) -> None:
    recorder.video = VideoFormat("mpeg4")
    replays = make_replays()
    view = play(replays)
    with pytest.raises(Unavailable) as caught:
        text_of(replays, view)
    assert caught.value.code == "camera_unsupported"


def test_a_silent_recorder_is_reported_as_stalled(
    make_replays: MakeManager, recorder: ThinRecorder, impatient: None
) -> None:
    replays = make_replays(rtsp_timeout_s=0.2)
    view = play(replays)
    text_of(replays, view)
    recorder.silent = True
    with pytest.raises(Stalled):
        replays.seek_replay(view.stream_id, at(50))
    error = replays.session_view(view.stream_id).error
    assert error is not None
    assert error.code == "stream_stalled"


def test_a_recorders_known_session_limit_is_respected(make_replays: MakeManager, recorder: ThinRecorder) -> None:
    replays = make_replays(replay_places=lambda _camera_id: 1)
    first = play(replays, 0)
    with pytest.raises(LimitReached, match="one recording at a time") as caught:
        play(replays, 600)
    assert caught.value.used_by == (first.stream_id,)


def test_a_third_replay_on_one_recorder_is_refused(replays: StreamManager, recorder: ThinRecorder) -> None:
    first, second = play(replays, 0), play(replays, 600)
    with pytest.raises(LimitReached) as caught:
        play(replays, 1200)
    assert (caught.value.code, caught.value.used_by) == ("replay_limit", (first.stream_id, second.stream_id))
    assert times_of(text_of(replays, first))[0] == 0.0
    replays.stop_session(first.stream_id)
    third = play(replays, 1200)
    assert times_of(text_of(replays, third))[0] == 1200.0
    replays.start_replay(2, "Rec0", at(0))  # the limit holds per recorder


def test_only_replays_accept_seeks(replays: StreamManager) -> None:
    with pytest.raises(NotFound):
        replays.seek_replay("replay1_0000000000000000", at(0))
    view = play(replays)
    with pytest.raises(NotFound):
        replays.playlist(view.stream_id, "stream.m3u8", 0.1)
    with pytest.raises(InvalidRequest):
        replays.start_replay(1, "Rec0", at(0), accept=())


def test_a_device_without_replay_raises_camera_unsupported(
    settings: Settings, spawner: Spawner, make_replays: MakeManager
) -> None:
    replays = make_replays()
    replays._context = replace(replays._context, recordings=ThinRecordings(find=_refuse))
    view = play(replays)
    with pytest.raises(CameraUnsupported):
        replays.seek_replay(view.stream_id, at(0))


def _refuse(_camera_id: int, _token: str) -> tuple[ReplaySource, float]:
    raise CameraUnsupported("This device plays no recordings.", service="replay")


def test_invalid_parameter_sets_are_a_bad_answer_of_the_device(
    make_replays: MakeManager, recorder: ThinRecorder
) -> None:
    recorder.parameter_sets = (b"\x67\x42", b"\x68\xce")
    replays = make_replays()
    view = play(replays)
    with pytest.raises(CameraBadAnswer):
        replays.seek_replay(view.stream_id, at(0))
