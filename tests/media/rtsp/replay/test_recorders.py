"""Replay connections to recorders that deviate from the specification."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest

from core.errors import CameraAuthFailed, CameraBusy, CameraNoSignal, CameraUnsupported, DeviceError
from core.recordings import MakersReplay, ReplayAbilities
from media.rtsp.gateway import RtspGateway
from media.rtsp.replay.headers import clock_time
from media.rtsp.replay.interface import ReplayConnection
from media.rtsp.replay.methods import makers_uri
from tests.media.rtsp.asking import impatient
from tests.media.rtsp.camera_peer import Asked, PeerCamera
from tests.media.rtsp.replay.listening import Listener, recording
from tests.patience import LIMIT_S, promised, settled, until

pytestmark = pytest.mark.programs

Start = Callable[..., PeerCamera]
NIGHT_S = datetime(2026, 11, 22, 2, 13, 0, 250_000, UTC).timestamp()


def connect(gateway: RtspGateway, peer: PeerCamera, **options: object) -> tuple[ReplayConnection, Listener]:
    """Return a connection that plays, and its consumer. `options` are those of recording()."""
    listener = Listener()
    line = gateway.open_replay(recording(peer.uri("/recording"), **options))  # type: ignore[arg-type] # of recording
    line.play(NIGHT_S, listener)
    return line, listener


def play(gateway: RtspGateway, peer: PeerCamera, **options: object) -> Listener:
    return connect(gateway, peer, **options)[1]


def shown_abilities(gateway: RtspGateway, peer: PeerCamera, **options: object) -> ReplayAbilities:
    """Return the abilities that the peer shows on a new connection."""
    line, listener = connect(gateway, peer, **options)
    listener.until_pictures(3)
    return line.abilities()


def until_error(listener: Listener) -> DeviceError:
    until(lambda: listener.errors)
    return listener.errors[0]


def refuse(status: str, unless: Callable[[Asked], bool] = lambda _: False) -> Callable[[Asked], bytes]:
    return lambda asked: asked.camera.usual(asked) if unless(asked) else asked.reply(status)


def is_plain(asked: Asked) -> bool:
    return "require" not in asked.headers


@pytest.mark.parametrize(
    ("device_s", "text"),
    [
        (1_795_477_097.999714, "20261123T233817.999Z"),
        (1_795_477_097.25, "20261123T233817.250Z"),
        (1_795_477_097.449, "20261123T233817.449Z"),
        (1_795_477_098.0, "20261123T233818.000Z"),
    ],
)
def test_a_requested_time_is_never_rounded_up(device_s: float, text: str) -> None:
    assert clock_time(device_s) == text


def test_requests_follow_the_specification(gateway: RtspGateway, camera: Start) -> None:
    peer = camera()
    play(gateway, peer).until_pictures(3)
    text = peer.received.decode()
    for method in ("DESCRIBE", "SETUP", "PLAY"):
        [message] = re.findall(rf"{method} .*?\r\n\r\n", text, re.DOTALL)
        assert "Require: onvif-replay" in message
    assert "Range: clock=20261122T021300.250Z-\r\n" in text
    assert "Rate-Control: no\r\n" in text
    assert "Immediate: yes\r\n" in text


def test_a_device_that_refuses_replay_headers_is_asked_without_them(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(answers={"DESCRIBE": refuse("551 Option not supported", is_plain)})
    line, listener = connect(gateway, peer)
    first = listener.until_pictures(3)[0]
    assert first.device_s == pytest.approx(NIGHT_S)
    abilities = line.abilities()
    assert (abilities.method, abilities.has_times) == ("plain", None)
    asked = peer.asked["DESCRIBE"]
    play(gateway, peer, abilities=abilities).until_pictures(3)
    assert peer.asked["DESCRIBE"] == asked + 1, "the method that worked is tried first"


def says_range(value: str) -> Callable[[Asked], bytes]:
    return lambda asked: asked.reply("200 OK", "Session: 4711", f"Range: {value}")


@pytest.mark.parametrize(
    ("value", "begins_s"),
    [
        ("clock=20261122T021258.5Z-", NIGHT_S - 1.75),
        ("clock=20261122T021258.5Z-20261122T030000Z;time=20261122T021300Z", NIGHT_S - 1.75),
        ("clock=20261023T000000Z-", datetime(2026, 10, 23, tzinfo=UTC).timestamp()),  # the start of the recording
    ],
)
def test_frames_without_a_time_begin_at_the_range_of_the_answer(
    gateway: RtspGateway, camera: Start, value: str, begins_s: float
) -> None:
    first = play(gateway, camera(answers={"PLAY": says_range(value)})).until_pictures(1)[0]
    assert first.device_s == pytest.approx(begins_s)
    assert first.is_time_confirmed


@pytest.mark.parametrize(
    "value", ["npt=0.000-", "clock=-", "clock=19700101T000000Z-", "clock=20269999T000000Z-", "\u00fc"]
)
def test_an_unusable_range_leaves_the_time_unconfirmed(gateway: RtspGateway, camera: Start, value: str) -> None:
    first = play(gateway, camera(answers={"PLAY": says_range(value)})).until_pictures(1)[0]
    assert first.device_s == pytest.approx(NIGHT_S)
    assert not first.is_time_confirmed


@pytest.mark.slow
@pytest.mark.parametrize(("off_s", "is_confirmed"), [(-2.0, True), (900.0, False)])
def test_sender_reports_confirm_the_requested_time(
    gateway: RtspGateway, camera: Start, off_s: float, is_confirmed: bool
) -> None:
    ntp_s = NIGHT_S + 2_208_988_800 + off_s
    pictures = play(gateway, camera(reports_from_s=ntp_s)).until_pictures(30)
    assert [unit.is_time_confirmed for unit in pictures if unit.is_key][-1] is is_confirmed


@pytest.mark.parametrize("status", ["500 Internal Server Error", "404 Not Found", "400 Bad Request"])
def test_an_unrelated_error_does_not_turn_replay_headers_off(gateway: RtspGateway, camera: Start, status: str) -> None:
    bad_once = iter([True])
    peer = camera(answers={"DESCRIBE": refuse(status, lambda _: not next(bad_once, False))})
    abilities = shown_abilities(gateway, peer)
    assert peer.received.count(b"Require: onvif-replay") == 1, "this time it was played as plain RTSP"
    assert abilities.checks() == ()
    assert shown_abilities(gateway, peer, abilities=abilities).method == "onvif"


@pytest.mark.parametrize("status", ["405 Method Not Allowed", "501 Not Implemented", "455 Method Not Valid"])
def test_a_refusal_of_replay_headers_is_remembered(gateway: RtspGateway, camera: Start, status: str) -> None:
    peer = camera(answers={"PLAY": refuse(status, is_plain)})
    assert shown_abilities(gateway, peer).method == "plain"


def test_the_makers_own_address_is_the_last_resort(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(answers={"DESCRIBE": refuse("551 Option not supported", lambda asked: "/cam/playback" in asked.uri)})
    own = MakersReplay(peer.uri("/cam/playback?channel=1&starttime={start}&endtime={end}"), "dahua", 3600.0)
    abilities = shown_abilities(gateway, peer, find_makers_replays=lambda: (own,))
    assert b"starttime=2026_11_22_03_13_00&endtime=2026_11_23_03_13_00" in peer.received
    assert abilities.method == "dahua"
    [first, *_] = abilities.checks()
    assert (first.name, first.outcome, first.detail) == ("replay by ONVIF", "no", "played by Dahua's own address")


def test_a_seek_by_the_makers_address_closes_the_old_session(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(answers={"DESCRIBE": refuse("551 Option not supported", lambda asked: "/cam/playback" in asked.uri)})
    own = MakersReplay(peer.uri("/cam/playback?channel=1&starttime={start}&endtime={end}"), "dahua")
    line = gateway.open_replay(recording(peer.uri("/recording"), find_makers_replays=lambda: (own,)))
    for number in range(3):
        listener = Listener()
        line.play(NIGHT_S + 60 * number, listener)
        listener.until_pictures(2)
    assert b"starttime=2026_11_22_02_15_00" in peer.received
    until(lambda: peer.open_connections == 1)
    line.close()


def test_the_makers_address_is_looked_up_only_if_needed(gateway: RtspGateway, camera: Start) -> None:
    found_by: list[str] = []

    def find_makers_replays() -> tuple[MakersReplay, ...]:
        found_by.append(threading.current_thread().name)
        raise CameraAuthFailed("Its clock is not told to just anybody.")

    play(gateway, camera(), find_makers_replays=find_makers_replays).until_pictures(3)
    assert found_by == []
    refuses = camera(answers={"DESCRIBE": refuse("551 Option not supported")})
    error = until_error(play(gateway, refuses, find_makers_replays=find_makers_replays))
    assert isinstance(error, CameraUnsupported), "what the recorder itself said first"
    assert len(found_by) == 1
    assert found_by != ["rtsp-gateway"], "it waits for the device"


def test_times_in_hikvisions_address_are_utc() -> None:
    plain = MakersReplay("rtsp://h/Streaming/tracks/101?starttime={start}&endtime={end}", "hikvision", 3600.0)
    assert makers_uri(plain, NIGHT_S, NIGHT_S + 60).endswith("?starttime=20261122T021300Z&endtime=20261122T021400Z")


def test_a_device_without_any_replay_gets_its_first_error(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(answers={"DESCRIBE": refuse("551 Option not supported")})
    assert isinstance(until_error(play(gateway, peer)), CameraUnsupported)
    assert isinstance(until_error(play(gateway, camera(answers={"DESCRIBE": refuse("404 No")}))), CameraNoSignal)


def test_an_invalid_range_ends_without_an_error(gateway: RtspGateway, camera: Start) -> None:
    listener = play(gateway, camera(answers={"PLAY": refuse("457 Invalid Range")}))
    until(lambda: listener.ends)
    assert (listener.ends, listener.errors) == (["no_data"], [])


def test_a_full_recorder_is_busy_and_its_limit_is_remembered(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(most_sessions=1)
    play(gateway, peer).until_pictures(3)
    assert isinstance(until_error(play(gateway, peer)), CameraBusy)
    asked = peer.asked["SETUP"]
    assert isinstance(until_error(play(gateway, peer)), CameraBusy)
    assert peer.asked["SETUP"] == asked, "its limit is known now"
    assert gateway.replay_capacity("camera1") == 1
    assert gateway.replay_capacity("camera2") == 2


def test_only_two_replay_connections_are_opened(gateway: RtspGateway, camera: Start) -> None:
    peer = camera()
    lines = [gateway.open_replay(recording(peer.uri("/recording"))) for _ in range(3)]
    listeners = [Listener() for _ in lines]
    for line, listener in zip(lines[:2], listeners, strict=False):
        line.play(NIGHT_S, listener)
        listener.until_pictures(2)
    lines[2].play(NIGHT_S, listeners[2])
    assert isinstance(until_error(listeners[2]), CameraBusy)
    lines[0].close(wait_s=LIMIT_S)
    until(lambda: peer.open_connections == 1)
    again = Listener()
    lines[2].play(NIGHT_S, again)
    again.until_pictures(2)


def one_play_per_session(plays: list[Asked], asked: Asked) -> bytes:
    """Answer PLAY like a device that allows only one PLAY per session."""
    is_second = any(before.writer is asked.writer for before in plays)
    plays.append(asked)
    return asked.reply("455 Method Not Valid in This State") if is_second else asked.camera.usual(asked)


def test_a_device_that_seeks_only_in_a_new_session_gets_a_new_one(gateway: RtspGateway, camera: Start) -> None:
    plays: list[Asked] = []
    peer = camera(answers={"PLAY": partial(one_play_per_session, plays)})
    line = gateway.open_replay(recording(peer.uri("/recording")))
    for number in range(3):
        listener = Listener()
        line.play(NIGHT_S + number, listener)
        listener.until_pictures(2)
    assert line.abilities().seeks_in_session is False
    assert len(plays) == 4, "known by then: the third one is not tried in the open session"
    until(lambda: peer.open_connections == 1)
    line.close()
    until(lambda: peer.open_connections == 0)


@pytest.mark.slow
def test_a_seek_that_fails_once_is_repeated_in_a_new_session(gateway: RtspGateway, camera: Start) -> None:
    bad = iter([False, True])
    peer = camera(answers={"PLAY": refuse("500 Internal Server Error", lambda _: not next(bad, False))})
    line = gateway.open_replay(recording(peer.uri("/recording")))
    for number in range(3):
        listener = Listener()
        line.play(NIGHT_S + number, listener)
        listener.until_pictures(2)
    assert peer.connections == 2
    assert line.abilities().seeks_in_session is True


@pytest.mark.slow
def test_a_seek_without_data_is_repeated_in_a_new_session(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(stop_after=5)
    line, first, second = gateway.open_replay(recording(peer.uri("/recording"))), Listener(), Listener()
    line.play(NIGHT_S, first)
    first.until_pictures(5)
    line.play(NIGHT_S + 100, second)  # the camera answers but sends nothing more in this session
    second.until_pictures(3)
    assert peer.connections == 2
    assert not second.errors


@pytest.mark.slow
def test_a_slow_new_session_after_a_refused_seek_is_not_given_up(gateway: RtspGateway, camera: Start) -> None:
    """Opening takes longer than the patience with a seek that is followed by no packet."""
    accepted = iter([True, True, False])
    peer = camera(answers={"PLAY": refuse("500 Internal Server Error", lambda _: next(accepted, True))})
    connection = gateway.open_replay(recording(peer.uri("/recording")))
    for number in range(3):
        if number == 2:
            peer.delays_s = {"DESCRIBE": 1.1, "SETUP": 1.1, "PLAY": 1.1}
        listener = Listener()
        connection.play(NIGHT_S + number, listener)
        listener.until_pictures(2)
    assert peer.connections == 2


def test_a_session_lost_in_mid_play_resumes_where_it_was(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(has_audio=True)
    listener = play(gateway, peer)
    listener.until_pictures(5)
    reached_s = listener.times()[-1]
    for writer in list(peer._writers.values()):
        peer._loop.call_soon_threadsafe(writer.transport.abort)
    until(lambda: peer.asked["PLAY"] == 2)
    count = len(listener.pictures())
    listener.until_pictures(count + 3)
    ranges = re.findall(r"Range: clock=(\S+)-", peer.received.decode())
    assert ranges[0] == clock_time(NIGHT_S)
    assert ranges[1] >= clock_time(reached_s - 0.001)
    assert not listener.errors


@pytest.mark.slow
@impatient
def test_the_silence_of_a_plain_replay_ends_the_recording(gateway: RtspGateway, camera: Start) -> None:
    listener = play(gateway, camera(stop_after=5, answers={"DESCRIBE": refuse("551 No", is_plain)}))
    until(lambda: listener.ends or listener.errors)
    assert listener.ends == ["end_of_recording"], "plain RTSP has no other way to say that it is over"


def test_sixteen_wrong_passwords_cause_two_logins_at_most(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(login="md5")
    listeners = [Listener() for _ in range(16)]
    source = recording(peer.uri("/recording"), password="wrong")
    threads = [threading.Thread(target=gateway.open_replay(source).play, args=(NIGHT_S, item)) for item in listeners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: all(listener.errors for listener in listeners))
    assert {type(listener.errors[0]) for listener in listeners} <= {CameraAuthFailed, CameraBusy}
    assert peer.logins <= 2


@pytest.mark.slow
def test_a_device_without_pause_is_held_back_by_not_reading(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(answers={"PAUSE": refuse("405 Method Not Allowed")})
    line, listener = gateway.open_replay(recording(peer.uri("/recording"))), Listener()
    line.play(NIGHT_S, listener)
    listener.until_pictures(3)
    line.pause()
    until(lambda: peer.asked["PAUSE"])
    held = settled(lambda: len(listener.units))
    line.resume()
    listener.until_pictures(held + 10)
    assert peer.asked["PLAY"] == 1


@pytest.mark.slow
def test_a_device_without_seeks_is_held_back_by_not_reading(gateway: RtspGateway, camera: Start) -> None:
    plays: list[Asked] = []
    peer = camera(answers={"PLAY": partial(one_play_per_session, plays)})
    line, before, after = gateway.open_replay(recording(peer.uri("/recording"))), Listener(), Listener()
    line.play(NIGHT_S, before)
    before.until_pictures(3)
    line.play(NIGHT_S + 100, after)
    after.until_pictures(3)
    assert line.abilities().seeks_in_session is False
    connections, asked = peer.connections, peer.asked["PAUSE"]
    line.pause()
    held = settled(lambda: len(after.units))
    line.resume()
    after.until_pictures(held + 10)
    assert (peer.connections, peer.asked["PAUSE"]) == (connections, asked)


@pytest.mark.slow
def test_a_held_back_session_ends_without_delay(
    gateway: RtspGateway, camera: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.rtsp.client.session._TEARDOWN_S", LIMIT_S)
    plays: list[Asked] = []
    peer = camera(answers={"PLAY": partial(one_play_per_session, plays)})
    line, before, after, last = (
        gateway.open_replay(recording(peer.uri("/recording"))),
        Listener(),
        Listener(),
        Listener(),
    )
    for number, listener in enumerate((before, after)):
        line.play(NIGHT_S + 100 * number, listener)
        listener.until_pictures(3)
    line.pause()
    settled(lambda: len(after.units))
    with promised(5.0):
        line.play(NIGHT_S + 200, last)
        last.until_pictures(3)
    assert peer.asked["TEARDOWN"] == 2


@pytest.mark.slow
def test_a_seek_while_held_back_needs_no_new_session(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(answers={"PAUSE": refuse("405 Method Not Allowed")})
    line, before, after = gateway.open_replay(recording(peer.uri("/recording"))), Listener(), Listener()
    line.play(NIGHT_S, before)
    before.until_pictures(3)
    line.pause()
    until(lambda: peer.asked["PAUSE"])
    threading.Event().wait(0.3)
    line.play(NIGHT_S + 100, after)
    after.until_pictures(3)
    assert (peer.connections, peer.asked["PLAY"]) == (1, 2)
    assert line.abilities().seeks_in_session is True


@pytest.mark.slow
def test_a_seek_without_replay_headers_is_a_pause_and_a_play(gateway: RtspGateway, camera: Start) -> None:
    """RFC 2326, 10.5: without a PAUSE the device would first finish the present PLAY."""
    peer = camera(answers={"DESCRIBE": refuse("551 Option not supported", is_plain)})
    line, before, after = gateway.open_replay(recording(peer.uri("/recording"))), Listener(), Listener()
    line.play(NIGHT_S, before)
    before.until_pictures(3)
    line.play(NIGHT_S + 100, after)
    after.until_pictures(3)
    methods = re.findall(r"^(PLAY|PAUSE) ", peer.received.decode(), re.MULTILINE)
    assert methods == ["PLAY", "PAUSE", "PLAY"]
    assert peer.connections == 2  # a refused one and the playing one


def test_a_device_without_seek_and_pause_gets_a_new_session(gateway: RtspGateway, camera: Start) -> None:
    no_pause = {"DESCRIBE": refuse("551 Option not supported", is_plain), "PAUSE": refuse("405 Method Not Allowed")}
    peer = camera(answers=no_pause)
    line, before, after = gateway.open_replay(recording(peer.uri("/recording"))), Listener(), Listener()
    line.play(NIGHT_S, before)
    before.until_pictures(3)
    line.play(NIGHT_S + 100, after)
    after.until_pictures(3)
    assert peer.connections == 3
    assert line.abilities().seeks_in_session is False


def test_closing_ends_the_session_with_the_device(gateway: RtspGateway, camera: Start) -> None:
    peer = camera()
    line, listener = gateway.open_replay(recording(peer.uri("/recording"))), Listener()
    line.play(NIGHT_S, listener)
    listener.until_pictures(2)
    line.close()
    line.close()
    until(lambda: peer.open_connections == 0)
    assert peer.asked["TEARDOWN"] == 1
    told = len(listener.units)
    time.sleep(0.3)
    assert (len(listener.units), listener.ends, listener.errors) == (told, [], [])
