"""The recorder over the real gateway: one session with the device for recordings and viewers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from archive.channel_recorder import RecordingStateName
from archive.gaps import GapStore
from archive.pauses import PauseStore
from archive.pre_roll import PreRollBudget
from archive.recorder import ChannelRecorders
from archive.rules import RuleStore
from archive.stream_recorder import RecorderParts
from core.archive import GapReason, RecordedQuality, RecordingMode, RecordingRule, StreamKey
from core.clock import SystemClock
from core.login_gate import LoginGate
from core.records import Channel, MediaProfile, ProfileRole, StreamSource
from core.settings import Settings
from media.codecs.access_unit import VIDEO
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.archive.collecting import CollectingTarget, CollectingTargets
from tests.archive.hand_events import HandEvents
from tests.archive.recorded_cameras import HandCameras, camera_row
from tests.media.encoded import encode_h264
from tests.media.rtsp.asking import source, until_state
from tests.media.rtsp.camera_peer import PeerCamera
from tests.patience import LIMIT_S, settled, stays, until
from tests.prepared_database import prepared_database

pytestmark = pytest.mark.programs

CONTINUOUS = RecordingRule(RecordingMode.CONTINUOUS)
ALL_TIME = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


class PeerCameras(HandCameras):
    """Camera 1 has 16 channels, whose streams are at a peer."""

    def __init__(self, peer: PeerCamera) -> None:
        super().__init__()
        self.peer = peer

    def channels(self, camera_id: int) -> list[Channel]:
        return [
            Channel(
                number,
                f"Cam {number}",
                f"V{number}",
                (
                    MediaProfile(f"main{number}", "main", f"V{number}", None, role=ProfileRole.MAIN),
                    MediaProfile(f"sub{number}", "sub", f"V{number}", None, role=ProfileRole.SUB),
                ),
            )
            for number in range(1, 17)
        ]

    def stream_source(self, camera_id: int, profile_token: str) -> StreamSource:
        self.searches += 1
        return source(self.peer.uri(f"/{profile_token}"), token=profile_token)


@dataclass
class Recording:
    """A running recorder of one camera."""

    recorders: ChannelRecorders
    gateway: RtspGateway
    cameras: PeerCameras
    targets: CollectingTargets
    rules: RuleStore
    pauses: PauseStore
    gaps: GapStore
    peer: PeerCamera = field(init=False)

    def __post_init__(self) -> None:
        self.peer = self.cameras.peer

    def set_rule(self, rule: RecordingRule, channel: int = 1) -> None:
        self.rules.set_rule(1, channel, rule)
        self.recorders.apply(1, channel)

    def target(self, channel: int = 1, quality: RecordedQuality = RecordedQuality.MAIN) -> CollectingTarget:
        key = StreamKey(1, channel, quality)
        until(lambda: any(opened == key for opened, _ in self.targets.opened))
        return self.targets.of(key)

    def until_recording(self, channel: int = 1) -> CollectingTarget:
        target = self.target(channel)
        frames = target.frames
        until(lambda: target.frames > frames + 10, what="frames are recorded")
        return target


@pytest.fixture(scope="module")
def stream() -> bytes:
    return encode_h264("320x240", 25, 2)


@pytest.fixture
def recording(tmp_path: Path, stream: bytes) -> Iterator[Recording]:
    clock = SystemClock()
    peer = PeerCamera(stream=stream).start()
    gateway = RtspGateway(
        login_gate=LoginGate(clock), clock=clock, settings=Settings(rtsp_timeout_s=LIMIT_S), linger_s=0.2
    )
    gateway.start()
    database = prepared_database(tmp_path / "cameras.sqlite3")
    database.open()
    with database.write() as session:
        session.add(camera_row(1, clock.now_utc()))
    rules, pauses, gaps = RuleStore(database, clock), PauseStore(database, clock), GapStore(database, clock)
    cameras, targets = PeerCameras(peer), CollectingTargets()
    parts = RecorderParts(clock, cameras, gateway, targets, PreRollBudget(max_bytes=64_000_000), HandEvents())
    recorders = ChannelRecorders(parts, rules, pauses, gaps)
    recorders.start()
    yield Recording(recorders, gateway, cameras, targets, rules, pauses, gaps)
    recorders.stop()
    gateway.stop()
    database.close()
    peer.stop()


def test_frames_are_recorded_with_the_time_of_their_arrival(recording: Recording) -> None:
    recording.set_rule(CONTINUOUS)
    target = recording.until_recording()
    (stretch,) = target.stretches
    assert stretch.units[0].is_key
    assert abs(SystemClock().now_utc().timestamp() - stretch.utc_s[-1]) < LIMIT_S
    video = [at for unit, at in zip(tuple(stretch.units), tuple(stretch.utc_s), strict=False) if unit.track == VIDEO]
    assert all(later > earlier for earlier, later in pairwise(video))


def test_a_viewer_comes_and_goes_without_a_second_device_session(recording: Recording) -> None:
    recording.set_rule(CONTINUOUS)
    recording.until_recording()
    viewer = recording.gateway.open_feed(source(recording.peer.uri("/main1"), token="main1"))
    until_state(viewer, FeedState.FLOWING)
    assert recording.gateway.device_sessions() == 1
    assert recording.peer.asked["PLAY"] == 1
    viewer.close()
    target = recording.until_recording()
    stays(lambda: recording.peer.playing == 1, 1.0)
    assert recording.peer.asked["PLAY"] == 1
    assert len(target.stretches) == 1


def test_the_device_session_ends_soon_after_the_recording(recording: Recording) -> None:
    recording.set_rule(CONTINUOUS)
    target = recording.until_recording()
    recording.pauses.pause(1, 1, None, "Anna")
    recording.recorders.apply(1, 1)
    frames = target.frames
    assert target.stretches[-1].end is GapReason.PAUSED
    until(lambda: recording.peer.playing == 0, what="the session ends")
    assert target.frames == frames, "nothing is recorded after the pause"
    recording.pauses.resume(1, 1)
    recording.recorders.apply(1, 1)
    recording.until_recording()
    (gap,) = recording.gaps.gaps(1, 1, *ALL_TIME)
    assert gap.reason is GapReason.PAUSED


def test_nothing_of_a_pause_is_recorded_while_a_viewer_watches(recording: Recording) -> None:
    recording.set_rule(CONTINUOUS)
    recording.until_recording()
    viewer = recording.gateway.open_feed(source(recording.peer.uri("/main1"), token="main1"))
    recording.pauses.pause(1, 1, None, "Anna")
    recording.recorders.apply(1, 1)
    sent = recording.peer.sent_pictures
    until(lambda: recording.peer.sent_pictures > sent + 30)
    resumed_s = SystemClock().now_utc().timestamp()
    recording.pauses.resume(1, 1)
    recording.recorders.apply(1, 1)
    until(lambda: len(recording.targets.opened) == 2)
    target = recording.until_recording()
    assert target.stretches[0].utc_s[0] > resumed_s
    assert recording.peer.asked["PLAY"] == 1
    viewer.close()


def test_a_camera_away_and_back_is_two_stretches(recording: Recording) -> None:
    recording.set_rule(CONTINUOUS)
    target = recording.until_recording()
    recording.peer.drop_connections()
    until(lambda: target.stretches[-1].end is not None, what="the stretch ends")
    until(lambda: len(target.stretches) == 2, what="the camera is back")
    first, second = target.stretches
    assert first.end is GapReason.DEVICE_AWAY
    assert second.units[0].is_key
    assert second.utc_s[0] > first.utc_s[-1]
    until(lambda: recording.recorders.states()[0].state is RecordingStateName.RECORDING)


def test_a_change_of_the_size_goes_on_in_the_same_session(recording: Recording) -> None:
    recording.set_rule(CONTINUOUS)
    target = recording.until_recording()
    recording.peer.switch_to(encode_h264("640x360", 25, 2))
    until(lambda: len(target.stretches[0].descriptions) == 2)
    recording.until_recording()
    assert [one.video.width for one in target.stretches[0].descriptions] == [320, 640]
    assert recording.peer.asked["PLAY"] == 1


def test_an_event_begins_before_its_trigger(recording: Recording) -> None:
    recording.set_rule(RecordingRule(RecordingMode.EVENTS, pre_s=0.5, post_s=0.2))
    target = recording.target()
    until(lambda: recording.recorders.states()[0].reason is GapReason.NO_EVENT)
    sent = recording.peer.sent_pictures
    until(lambda: recording.peer.sent_pictures > sent + 45)
    triggered_s = SystemClock().now_utc().timestamp()
    recording.recorders.trigger(1, 1, active=True)
    assert target.stretches, "the pre-roll is written at once"
    assert target.stretches[0].utc_s[0] <= triggered_s - 0.5
    recording.recorders.trigger(1, 1, active=False)
    until(lambda: target.stretches[-1].end is GapReason.NO_EVENT)


def test_both_streams_of_a_channel_have_a_session_each(recording: Recording) -> None:
    recording.set_rule(RecordingRule(RecordingMode.CONTINUOUS, (RecordedQuality.MAIN, RecordedQuality.SUB)))
    recording.until_recording()
    until(lambda: recording.target(1, RecordedQuality.SUB).frames > 10)
    assert settled(recording.gateway.device_sessions) == 2


@pytest.mark.slow
def test_sixteen_main_streams_are_recorded_at_a_time(recording: Recording) -> None:
    for number in range(1, 17):
        recording.set_rule(CONTINUOUS, number)
    until(lambda: len(recording.targets.opened) == 16)
    until(lambda: all(target.frames > 10 for _, target in recording.targets.opened))
    assert recording.gateway.device_sessions() == 16
    until(lambda: {state.state for state in recording.recorders.states()} == {RecordingStateName.RECORDING})
