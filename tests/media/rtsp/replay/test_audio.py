"""The audio of recordings: left out with words, and described as it is."""

from __future__ import annotations

import pytest

from core.records import AudioFormat
from media.codecs.access_unit import AUDIO
from media.codecs.video import H264
from media.rtsp.client.audio_depacketizing import AudioDepacketizer
from media.rtsp.client.sdp import AudioTrack, SessionDescription, VideoTrack, parse_sdp
from media.rtsp.replay.answer_filter import AnswerFilter
from media.rtsp.replay.playback import ReplayPlayback
from tests.hand_clock import HandClock
from tests.media.encoded import CLOCK_RATE, FPS, RtpSender, encoded, sound_packet
from tests.media.rtsp.replay.listening import Listener
from tests.media.sounds import aac_frames

START_S = 1_790_000_000.0


def described(rtpmap: str, fmtp: str = "") -> SessionDescription:
    lines = ["m=audio 0 RTP/AVP 97", f"a=rtpmap:97 {rtpmap}", *([f"a=fmtp:97 {fmtp}"] if fmtp else [])]
    return parse_sdp("\n".join(lines).encode())


def played(audio: AudioTrack | None, left_out: str = "", seconds: int = 4) -> Listener:
    """Replay the tests' film with the audio of a tone."""
    film, sender, listener = encoded("h264"), RtpSender("h264"), Listener()
    wanted = AnswerFilter(HandClock())
    if left_out:
        wanted.on_audio_left_out(left_out)
    wanted.on_description(VideoTrack(H264, 96, CLOCK_RATE, "", film.named_sets()), audio)
    wanted.wait_for_answer(ReplayPlayback(START_S, listener))
    wanted.answered(1, None, START_S)
    frames = aac_frames()
    sent = 0
    for index in range(seconds * FPS):
        wanted.on_packets(sender.picture(index, film.pictures[index]))
        while audio and sent < len(frames) and sent * 1024 / 16_000 <= index / FPS:
            head = b"\x00\x10" + (len(frames[sent]) << 3).to_bytes(2, "big")
            wanted.on_packets([sound_packet(head + frames[sent], 5000 + sent * 1024)])
            sent += 1
    return listener


def test_a_refused_track_of_a_recording_is_left_out_with_words() -> None:
    listener = played(None, "the device refuses its track")
    assert listener.left_out == ["the device refuses its track"]
    assert len(listener.pictures()) > FPS


@pytest.mark.parametrize(
    ("rtpmap", "fmtp", "name"),
    [
        ("G726-32/8000", "", "G.726"),
        ("AAL2-G726-32/8000", "", "G.726"),
        ("G722/8000", "", "G.722"),
        ("MPEG4-GENERIC/16000", "mode=AAC-hbr;config=0C08", "an unusual AAC"),  # Main
        ("MPEG4-GENERIC/16000", "mode=AAC-hbr;config=BC08", "an unusual AAC"),  # LD
    ],
)
def test_audio_that_no_browser_plays_is_left_out_of_recordings(rtpmap: str, fmtp: str, name: str) -> None:
    audio = described(rtpmap, fmtp).audio
    assert audio
    listener = played(audio)
    assert listener.left_out == [f"the app does not play {name} in recordings"]
    assert [audio for _, audio, _, _ in listener.descriptions] == [None]
    assert len(listener.pictures()) > FPS


@pytest.mark.parametrize(
    ("rtpmap", "fmtp"),
    [
        ("PCMA/8000", ""),
        ("PCMU/16000", ""),
        ("L16/44100/2", ""),
        ("opus/48000/2", ""),
        ("MPEG4-GENERIC/16000", "mode=AAC-hbr;config=1408"),
        ("MPEG4-GENERIC/16000", "mode=AAC-hbr"),
        ("MP4A-LATM/16000", ""),
    ],
)
def test_other_audio_is_carried_in_recordings(rtpmap: str, fmtp: str) -> None:
    audio = described(rtpmap, fmtp).audio
    assert audio
    assert AudioDepacketizer.can_carry(audio)


def test_a_wrong_rate_is_described_again_at_the_next_key_frame() -> None:
    fmtp = "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1188"
    listener = played(described("MPEG4-GENERIC/16000", fmtp).audio)
    assert [audio for _, audio, _, _ in listener.descriptions][-1] == AudioFormat("aac", 16_000, 1)
    heard = [unit for unit in listener.units if unit.track == AUDIO]
    assert heard
    assert {unit.clock_rate for unit in heard} == {16_000}
    assert len(listener.pictures()) > 3 * FPS
