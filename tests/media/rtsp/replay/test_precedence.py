"""Storyboards and backfills give their place at the recorder to a recording that is watched, never the other way."""

from __future__ import annotations

import pytest

from core.clock import SystemClock
from core.errors import CameraBusy
from core.login_gate import LoginGate
from core.settings import Settings
from media.rtsp.gateway import RtspGateway
from media.rtsp.replay.interface import ReplayRank
from tests.media.rtsp.replay.listening import Listener
from tests.media.rtsp.replay.simulated import source_of, spans
from tests.patience import promised, until
from tests.simulator.process import Simulator

pytestmark = pytest.mark.slow


def test_a_viewer_gets_the_place_of_a_storyboard_within_a_second(recorder: Simulator, gateway: RtspGateway) -> None:
    start_s = spans(recorder, 1)[0][0] + 10
    watched, other = gateway.open_replay(source_of(recorder)), Listener()
    watched.play(start_s, other)
    other.until_pictures(1)
    pictures, made = gateway.open_replay(source_of(recorder, 3), ReplayRank.STORYBOARD), Listener()
    pictures.play(start_s, made, key_frames_only=True, key_frames_ms=2000)
    made.until_pictures(3)
    viewer, shown = gateway.open_replay(source_of(recorder, 4)), Listener()
    with promised(1.0):
        viewer.play(start_s, shown)
        shown.until_pictures(1)
    assert [type(error) for error in made.errors] == [CameraBusy]
    assert not other.errors
    later = Listener()
    pictures.play(start_s, later)
    until(lambda: later.errors)
    for connection in (watched, viewer, pictures):
        connection.close(5.0)
    until(lambda: recorder.get("/replay")["sessions"] == [])


def test_a_storyboard_that_is_still_opening_gives_way_too(recorder: Simulator, gateway: RtspGateway) -> None:
    start_s = spans(recorder, 1)[0][0] + 10
    watched, other = gateway.open_replay(source_of(recorder)), Listener()
    watched.play(start_s, other)
    other.until_pictures(1)
    recorder.fault("replay_setup_delay", 20.0)
    pictures, made = gateway.open_replay(source_of(recorder, 3), ReplayRank.STORYBOARD), Listener()
    pictures.play(start_s, made)
    until(lambda: len(recorder.get("/replay")["sessions"]) == 2)
    recorder.fault("replay_setup_delay", None)
    viewer, shown = gateway.open_replay(source_of(recorder, 4)), Listener()
    viewer.play(start_s, shown)
    shown.until_pictures(1)
    until(lambda: made.errors)
    for connection in (watched, viewer, pictures):
        connection.close(5.0)


def test_a_storyboard_takes_no_place_of_a_viewer(recorder: Simulator, gateway: RtspGateway) -> None:
    start_s = spans(recorder, 1)[0][0] + 10
    viewers = [gateway.open_replay(source_of(recorder, channel)) for channel in (1, 3)]
    shown = [Listener(), Listener()]
    for viewer, listener in zip(viewers, shown, strict=True):
        viewer.play(start_s, listener)
        listener.until_pictures(1)
    pictures, made = gateway.open_replay(source_of(recorder, 4), ReplayRank.STORYBOARD), Listener()
    pictures.play(start_s, made)
    until(lambda: made.errors)
    assert isinstance(made.errors[0], CameraBusy)
    assert not any(listener.errors for listener in shown)
    for connection in (*viewers, pictures):
        connection.close(5.0)


def test_a_recorder_with_fewer_places_than_the_setting_refuses_no_viewer(
    recorder: Simulator, gateway: RtspGateway, gate: LoginGate
) -> None:
    """The app counts two places. A foreign player has one of them, so the device itself refuses (453)."""
    start_s = spans(recorder, 1)[0][0] + 10
    foreign = RtspGateway(login_gate=gate, clock=SystemClock(), settings=Settings())
    foreign.start()
    try:
        player, theirs = foreign.open_replay(source_of(recorder)), Listener()
        player.play(start_s, theirs)
        theirs.until_pictures(1)
        pictures, made = gateway.open_replay(source_of(recorder, 3), ReplayRank.STORYBOARD), Listener()
        pictures.play(start_s, made, key_frames_only=True)
        made.until_pictures(1)
        viewer, shown = gateway.open_replay(source_of(recorder, 4)), Listener()
        viewer.play(start_s, shown)
        shown.until_pictures(1)
        assert [type(error) for error in made.errors] == [CameraBusy]
        for connection in (viewer, pictures, player):
            connection.close(5.0)
    finally:
        foreign.stop()


def test_a_backfill_runs_only_while_another_place_is_free(recorder: Simulator, gateway: RtspGateway) -> None:
    """The next viewer need not wait until the backfill has given way."""
    start_s = spans(recorder, 1)[0][0] + 10
    backfill, fetched = gateway.open_replay(source_of(recorder, 3), ReplayRank.BACKFILL), Listener()
    backfill.play(start_s, fetched)
    fetched.until_pictures(1)
    viewer, shown = gateway.open_replay(source_of(recorder)), Listener()
    viewer.play(start_s, shown)
    shown.until_pictures(1)
    until(lambda: fetched.errors, what="the backfill gives way to the first viewer")
    assert isinstance(fetched.errors[0], CameraBusy)
    again, refused = gateway.open_replay(source_of(recorder, 3), ReplayRank.BACKFILL), Listener()
    again.play(start_s, refused)
    until(lambda: refused.errors, what="no backfill takes the last place")
    assert not shown.errors
    viewer.close(5.0)
    later = Listener()
    again.play(start_s, later)
    later.until_pictures(1)
    for connection in (backfill, again):
        connection.close(5.0)
