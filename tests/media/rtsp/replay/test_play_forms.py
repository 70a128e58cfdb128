"""The forms of PLAY and of its answer, and PAUSE, with recorders that understand only a part of them."""

from __future__ import annotations

import re

import pytest

from media.rtsp.gateway import RtspGateway
from media.rtsp.replay.headers import start_of_range
from tests.media.rtsp.asking import impatient
from tests.media.rtsp.camera_peer import Asked, PeerCamera
from tests.media.rtsp.replay.listening import Listener, recording
from tests.media.rtsp.replay.test_recorders import NIGHT_S, Start, connect, refuse
from tests.patience import settled, until

pytestmark = pytest.mark.programs


@pytest.mark.parametrize(
    "value",
    [
        "clock=20261122T021258.5Z-",
        "clock=20261122T021258.5-20261122T030000",
        "Clock = 20261122t021258.5z-",
        "clock=2026-11-22T02:12:58,5Z-",
        "clock=20261122T101258.5+0800-20261122T110000+0800",
        "clock=20261121T201258.5-06:00-",
        "clock=20261122T021258.5Z",
    ],
)
def test_the_range_of_an_answer_is_read_in_every_form(value: str) -> None:
    assert start_of_range(value) == NIGHT_S - 1.75


@pytest.mark.parametrize(("milliseconds", "frames"), [(None, "Frames: intra\r\n"), (10_000, "Frames: intra/10000\r\n")])
def test_key_frames_are_requested_with_their_interval(
    gateway: RtspGateway, camera: Start, milliseconds: int | None, frames: str
) -> None:
    peer = camera()
    line, listener = gateway.open_replay(recording(peer.uri("/recording"))), Listener()
    line.play(NIGHT_S, listener, key_frames_only=True, key_frames_ms=milliseconds)
    listener.until_pictures(3)
    assert frames in peer.received.decode()
    line.close()


def test_plays_for_pictures_have_an_end_in_their_range(gateway: RtspGateway, camera: Start) -> None:
    """It lies three key frames behind the end that the app wants: the frame that ends the play is among them."""
    peer = camera()
    line = gateway.open_replay(recording(peer.uri("/recording")))
    for more in ({}, {"fast": False}, {"key_frames_only": False}):
        listener = Listener()
        options = {"key_frames_only": True, "key_frames_ms": 10_000, **more}
        line.play(NIGHT_S, listener, end_device_s=NIGHT_S + 100, **options)  # type: ignore[arg-type]
        listener.until_pictures(1)
    found = re.findall(r"Range: clock=(\S+)-(\S*)\r", peer.received.decode())
    start = "20261122T021300.250Z"
    end = "20261122T021510.250Z"
    assert found == [(start, end), (start, end), (start, "")]
    line.close()


def ranges(peer: PeerCamera) -> list[str]:
    return re.findall(r"Range: clock=(\S+)-", peer.received.decode())


@pytest.mark.slow
@pytest.mark.parametrize("status", ["400 Bad Request", "457 Invalid Range", "451 Parameter Not Understood"])
def test_a_recorder_of_whole_seconds_is_asked_once_with_a_fraction(
    gateway: RtspGateway, camera: Start, status: str
) -> None:
    peer = camera(answers={"PLAY": refuse(status, lambda asked: "." not in asked.headers["range"])})
    line = gateway.open_replay(recording(peer.uri("/recording")))
    for number in range(3):
        listener = Listener()
        line.play(NIGHT_S + 100 * number, listener)
        listener.until_pictures(2)
    assert ranges(peer) == ["20261122T021300.250Z", "20261122T021300Z", "20261122T021440Z", "20261122T021620Z"]
    assert line.abilities().method == "onvif"
    line.close()


@pytest.mark.slow
def test_a_recorder_that_needs_an_end_gets_one(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(answers={"PLAY": refuse("457 Invalid Range", lambda asked: not asked.headers["range"].endswith("-"))})
    line = gateway.open_replay(recording(peer.uri("/recording")))
    for number in range(2):
        listener = Listener()
        line.play(NIGHT_S + 100 * number, listener)
        listener.until_pictures(2)
    assert "Range: clock=20261122T021440Z-20261123T021440Z\r\n" in peer.received.decode()
    assert peer.asked["PLAY"] == 4
    line.close()


def test_a_recorder_that_refuses_options_is_asked_without_them(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(answers={"PLAY": refuse("456 Header Field Not Valid", lambda it: "rate-control" not in it.headers)})
    line, listener = connect(gateway, peer)
    listener.until_pictures(2)
    assert line.abilities().method == "onvif"
    assert peer.asked["PLAY"] == 4
    line.close()


@pytest.mark.slow
@impatient
def test_a_pause_without_an_answer_holds_the_recorder_back(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(answers={"PAUSE": lambda _: None})
    line, listener = connect(gateway, peer)
    listener.until_pictures(3)
    line.pause()
    until(lambda: peer.asked["PAUSE"])
    held = settled(lambda: len(listener.units))
    line.resume()
    listener.until_pictures(held + 10)
    assert (peer.connections, peer.asked["PLAY"]) == (1, 1)
    line.close()


@pytest.mark.slow
@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "454 Session Not Found", "461 Unsupported", ""])
def test_a_recording_plays_without_an_audio_track_that_is_refused(
    gateway: RtspGateway, camera: Start, status: str
) -> None:
    """An empty status: the recorder never answers SETUP of the audio."""

    def set_up(asked: Asked) -> bytes | None:
        if not asked.uri.endswith("trackID=1"):
            return asked.camera.usual(asked)
        return asked.reply(status) if status else None

    line, listener = connect(gateway, camera(has_audio=True, answers={"SETUP": set_up}))
    listener.until_pictures(30)
    assert listener.descriptions[0][1] is None
    assert line.abilities().method == "onvif"
    line.close()


def test_no_other_track_than_video_and_audio_is_set_up(gateway: RtspGateway, camera: Start) -> None:
    peer = camera(has_audio=True)
    line, listener = connect(gateway, peer)
    listener.until_pictures(3)
    assert re.findall(r"SETUP \S+trackID=(\d)", peer.received.decode()) == ["0", "1"]
    line.close()
