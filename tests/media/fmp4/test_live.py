"""Fragments of one frame each, checked with ffmpeg and against the timing rules of Media Source Extensions."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.records import AudioFormat
from media.codecs.display_order import KnownReordering
from media.codecs.h264_sps import parse_sps
from media.codecs.video import H264, HEVC, ParameterSets, VideoCodec
from media.fmp4.live import TIMESCALE, LiveFragment, LiveInit
from media.rtsp.client.audio_depacketizing import AudioDepacketizer
from media.rtsp.client.depacketizing import VideoDepacketizer
from media.rtsp.client.rtp import AUDIO, RtpPacket
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from media.rtsp.live.fragments import LiveFragments
from media.rtsp.live.gop_buffer import Media
from media.rtsp.live.source import SharedSource
from media.rtsp.live.timeline import WallClock
from tests.media.codecs.sps_writer import without_restriction
from tests.media.encoded import FPS, Encoded, RtpSender, encoded, with_b_frames
from tests.media.fmp4.decoding import TONE, decoded
from tests.media.fmp4.player import Player, times
from tests.media.recording import HandClock

START_S = 5000.0
BEGAN_UTC = datetime.fromtimestamp(1_800_000_000 + START_S, UTC)  # by HandClock
ALAW = AudioTrack(AudioFormat("pcm_alaw", 8000, 1), 8, 8000, "", "PCMA/8000")
CODECS = {"h264": H264, "hevc": HEVC}


def _place_by_arrival(ticks: int, arrived_s: float, *, clock_went_back: bool = False) -> float:
    return arrived_s


class FedFragments:
    """LiveFragments that are fed with packets. The place of each unit is its arrival."""

    def __init__(
        self,
        codec: VideoCodec,
        sets: ParameterSets,
        audio: AudioTrack | None,
        player: Player,
        known: KnownReordering | None = None,
    ) -> None:
        clock = HandClock()
        source = SharedSource(clock, WallClock(clock), name="fragments", timeout_s=10.0)
        source.on_description(VideoTrack(codec, 96, TIMESCALE, "", sets), audio)
        self.fragments = LiveFragments(source, codec, player, known_reordering=known)
        self._frames = VideoDepacketizer(codec, sets, TIMESCALE, place=_place_by_arrival)
        self._audio = AudioDepacketizer(audio or ALAW)

    def on_packets(self, packets: Sequence[RtpPacket]) -> None:
        media: list[Media] = []
        for packet in packets:
            if packet.track == AUDIO:
                media += [replace(unit, time_s=unit.arrived_s) for unit in self._audio.push([packet])]
            else:
                media += self._frames.push([packet])
        self.fragments.on_media(media)

    def enable_audio(self) -> None:
        self.fragments.enable_audio()

    def on_end(self) -> None:
        self.fragments.on_end()


def live(codec: str = "h264", audio: AudioTrack | None = None, *, sets: bool = True) -> tuple[FedFragments, Player]:
    player = Player()
    return FedFragments(CODECS[codec], encoded(codec).named_sets() if sets else {}, audio, player), player


def timed(packets: Sequence[RtpPacket], time_s: float) -> list[RtpPacket]:
    for packet in packets:
        packet.arrived_s = time_s
    return list(packets)


def pictures(codec: str = "h264", first: int = 0, count: int = 30) -> list[list[RtpPacket]]:
    """Return the packets of each frame, `FPS` frames per second."""
    film, sender = encoded(codec), RtpSender(codec)
    return [
        timed(sender.picture(index, film.pictures[index]), START_S + index / FPS)
        for index in range(first, first + count)
    ]


def shown_after(piece: LiveFragment) -> int:
    """Return the composition time offset of the frame's trun box, in ticks."""
    trun = piece.video.index(b"trun")
    (flags,) = struct.unpack_from(">I", piece.video, trun + 4)
    return int(struct.unpack_from(">i", piece.video, trun + 28)[0]) if flags & 0x800 else 0


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_ffmpeg_reads_the_fragments(codec: str, tmp_path: Path) -> None:
    fragments, player = live(codec)
    for packets in pictures(codec):
        fragments.on_packets(packets)
    rows = decoded(tmp_path, player.film())
    assert len(player.fragments) == len(rows) == 30
    assert [piece.is_key for piece in player.fragments] == [index % FPS == 0 for index in range(30)]
    assert player.inits[0].codecs.startswith("avc1." if codec == "h264" else "hvc1.")
    assert (player.inits[0].video.width, player.inits[0].video.height) == (320, 180)
    for index, (at, _) in enumerate(times(player.fragments)):
        length_was_guessed = index < 2
        assert at / TIMESCALE == pytest.approx(index / FPS, abs=0.07 if length_was_guessed else 0.001)


def test_a_frame_is_sent_as_soon_as_it_is_complete() -> None:
    fragments, player = live()
    for index, packets in enumerate(pictures(count=3)):
        fragments.on_packets(packets[:-1])
        assert len(player.fragments) == index
        fragments.on_packets(packets[-1:])
        assert len(player.fragments) == index + 1


def test_fragments_begin_with_a_key_frame(tmp_path: Path) -> None:
    fragments, player = live()
    for packets in pictures(first=7, count=10):
        fragments.on_packets(packets)
    assert player.fragments[0].is_key
    assert len(player.fragments) == 7
    assert player.fragments[0].start_s == 0.0
    assert player.fragments[0].arrived_utc == BEGAN_UTC + timedelta(seconds=1.0)
    assert len(decoded(tmp_path, player.film())) == 7


def test_parameter_sets_in_band_are_awaited(tmp_path: Path) -> None:
    fragments, player = live(sets=False)
    for packets in pictures(count=12):
        fragments.on_packets(packets)
    assert not player.inits, "nobody has described the pictures"
    film, sender = encoded("h264"), RtpSender("h264")
    for index in range(20, 25):
        units = film.sets + film.pictures[index] if index == 20 else film.pictures[index]
        fragments.on_packets(timed(sender.picture(index, units), START_S + index / FPS))
    assert len(player.inits) == 1
    assert len(decoded(tmp_path, player.film())) == 5


def test_new_parameter_sets_make_a_new_init_section() -> None:
    fragments, player = live()
    for packets in pictures(count=5):
        fragments.on_packets(packets)
    other, sender = encoded("h264", 6, "640x360"), RtpSender("h264")
    for index in range(10, 13):
        units = other.sets + other.pictures[index] if index == 10 else other.pictures[index]
        fragments.on_packets(timed(sender.picture(index, units), START_S + index / FPS))
    assert [init.video.width for init in player.inits] == [320, 640]
    assert [piece.is_key for piece in player.fragments[5:]] == [True, False, False]
    assert player.fragments[5].start_s > player.fragments[4].start_s


def test_a_damaged_frame_is_left_out_without_a_gap() -> None:
    fragments, player = live()
    for index, packets in enumerate(pictures(count=20)):
        if index == 5:
            packets = packets[1:]
            if packets:
                packets[0].lost_before = 1
        if packets:
            fragments.on_packets(packets)
    for (at, duration), (following, _) in pairwise(times(player.fragments)):
        assert at + duration == following


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.floats(0.001, 0.4), st.floats(0.03, 0.05)), min_size=2, max_size=60), st.integers(0, 9))
def test_decoding_times_neither_leap_nor_drift(steps: list[float], jump: int) -> None:
    """Media Source Extensions drop frames up to the next key frame if decoding times leap."""
    fragments, player = live()
    film, sender = encoded("h264"), RtpSender("h264")
    time_s, shown_s = START_S, []
    for number, step_s in enumerate(steps):
        time_s += step_s * (8 if number % 10 == jump else 1)
        shown_s.append(time_s)
        fragments.on_packets(timed(sender.picture(number, film.pictures[number % 60]), time_s))
    found = times(player.fragments)
    for (at, duration), (following, _) in pairwise(found):
        assert at + duration == following
        assert duration > 0
    usual_s = max(step_s * 8 for step_s in steps)
    for (at, _), own_s in zip(found, shown_s, strict=True):
        assert abs(at / TIMESCALE - (own_s - shown_s[0])) <= usual_s + 0.05


def test_b_frames_are_shown_in_display_order(tmp_path: Path) -> None:
    film, positions = with_b_frames()
    player, sender = Player(), RtpSender("h264")
    fragments = FedFragments(H264, film.named_sets(), None, player)
    for nals, place in zip(film.pictures, positions, strict=True):
        fragments.on_packets(timed(sender.picture(place, nals), START_S + place / FPS))
    assert len(decoded(tmp_path, player.film())) == len(film.pictures)
    shown = [at + shown_after(piece) for (at, _), piece in zip(times(player.fragments), player.fragments, strict=True)]
    settled = [place for place in range(len(positions)) if place >= 10]
    for place in settled:
        index = positions.index(place)
        assert shown[index] / TIMESCALE == pytest.approx(place / FPS, abs=0.001)


def bare_film(film: Encoded) -> tuple[bytes, ...]:
    sets = film.named_sets()
    return (without_restriction(sets["sps"], keeps_vui=False), sets["pps"])


def feed(
    fragments: FedFragments, film: Encoded, sets: tuple[bytes, ...], positions: Sequence[int] | None = None, at: int = 0
) -> None:
    """Send the frames of a film, with these parameter sets before each key frame."""
    sender = RtpSender("h264")
    for index, nals in enumerate(film.pictures):
        place = at + (positions[index] if positions else index)
        units = (*sets, *nals) if index in film.keys else nals
        fragments.on_packets(timed(sender.picture(place, units), START_S + place / FPS))


def announced_order(init: LiveInit) -> int | None:
    """Return max_num_reorder_frames in an init section; None without bitstream_restriction."""
    at = init.data.index(b"avcC") + 4 + 6
    size = int.from_bytes(init.data[at : at + 2])
    parsed = parse_sps(init.data[at + 2 : at + 2 + size])
    assert parsed is not None
    return parsed.restriction.max_num_reorder_frames if parsed.restriction else None


def test_browsers_are_told_that_frames_are_not_reordered(tmp_path: Path) -> None:
    fragments, player = live(sets=False)
    feed(fragments, encoded("h264"), bare_film(encoded("h264")))
    assert [(announced_order(init), init.is_reordered) for init in player.inits] == [(0, False)]
    assert len(decoded(tmp_path, player.film())) == 60


def test_b_frames_bring_a_new_init_section_with_the_own_sps(tmp_path: Path) -> None:
    film, positions = with_b_frames()
    fragments, player = live(sets=False)
    feed(fragments, film, bare_film(film), positions)
    assert [(announced_order(init), init.is_reordered) for init in player.inits] == [(0, False), (None, True)]
    assert player.inits[0].codecs == player.inits[1].codecs
    assert len(decoded(tmp_path, player.film())) == len(film.pictures)


def test_b_frames_of_an_earlier_device_session_are_known_at_the_start() -> None:
    film, positions = with_b_frames()
    known = KnownReordering()
    for expected in ([False, True], [True]):
        player = Player()
        feed(FedFragments(H264, {}, None, player, known), film, bare_film(film), positions)
        assert [init.is_reordered for init in player.inits] == expected


def test_b_frames_are_told_even_if_the_sps_cannot_be_rewritten() -> None:
    film, positions = with_b_frames()
    sets = tuple(film.named_sets()[name] for name in ("sps", "pps"))
    fragments, player = live(sets=False)
    feed(fragments, film, sets, positions)
    assert [announced_order(init) for init in player.inits] == [2, 2]
    assert [init.is_reordered for init in player.inits] == [False, True]


def test_a_clock_that_was_set_back_once_is_forgotten() -> None:
    film = encoded("h264")
    sets, sender = bare_film(film), RtpSender("h264")
    fragments, player = live(sets=False)
    for index in range(4 * len(film.pictures)):
        at = index % len(film.pictures)
        nals = (*sets, *film.pictures[at]) if at in film.keys else film.pictures[at]
        place = index + 0.3 * (index % 3) - (2 if index >= 20 else 0)
        fragments.on_packets(timed(sender.picture(index, nals), START_S + place / FPS))
    assert [announced_order(init) for init in player.inits] == [0]
    assert any(shown_after(piece) for piece in player.fragments[30:60])
    assert not any(shown_after(piece) for piece in player.fragments[-60:])


def test_b_frames_in_the_first_batch_are_seen_before_it_is_described() -> None:
    film, positions = with_b_frames()
    sets, player, sender = bare_film(film), Player(), RtpSender("h264")
    fragments = FedFragments(H264, {}, None, player)
    packets = []
    for index in range(8):
        nals = (*sets, *film.pictures[index]) if index in film.keys else film.pictures[index]
        packets += timed(sender.picture(positions[index], nals), START_S + positions[index] / FPS)
    fragments.on_packets(packets)
    assert [announced_order(init) for init in player.inits] == [None]


def test_a_rate_above_the_level_is_announced_with_a_higher_one() -> None:
    film = encoded("h264", 6, "640x360")
    sps = bytearray(bare_film(film)[0])
    sps[3] = 30  # 920 macroblocks a frame: up to 44 frames a second
    fragments, player = live(sets=False)
    sender = RtpSender("h264")
    for index, nals in enumerate(film.pictures):
        units = (bytes(sps), film.named_sets()["pps"], *nals) if index in film.keys else nals
        fragments.on_packets(timed(sender.picture(index, units), START_S + index / 100))
    assert [init.codecs[-2:] for init in player.inits] == ["1E", "1F"]


def audio_packet(index: int, time_s: float, samples: int = 320) -> RtpPacket:
    at = index * samples % 8000
    return RtpPacket(AUDIO, 8, True, index, index * samples, TONE[at : at + samples], b"", time_s)


def test_audio_is_made_on_request_and_lasts_as_long_as_the_video(tmp_path: Path) -> None:
    fragments, player = live(audio=ALAW)
    for index, packets in enumerate(pictures(count=30)):
        if index == 10:
            assert not any(piece.audio for piece in player.fragments)
            fragments.enable_audio()
        for number in range(3):
            fragments.on_packets([audio_packet(index * 3 + number, START_S + index / FPS + number * 0.04)])
        fragments.on_packets(packets)
    assert player.inits[0].codecs_with_audio == f"{player.inits[0].codecs},flac"
    assert player.inits[0].audio == ALAW.format
    rows = decoded(tmp_path, player.film(with_sound=True), "a")
    heard_s = sum(length_s for _, length_s, _ in rows)
    assert 1.4 <= heard_s <= 2.2, "from the eleventh picture on"
    assert rows[0][0] == pytest.approx(1.0, abs=0.15)
    assert len(decoded(tmp_path, player.film(), "v")) == 30, "who does not listen gets pictures alone"


def test_announced_audio_without_data_becomes_silence(tmp_path: Path) -> None:
    fragments, player = live(audio=ALAW)
    fragments.enable_audio()
    for packets in pictures(count=30):
        fragments.on_packets(packets)
    rows = decoded(tmp_path, player.film(with_sound=True), "a")
    assert rows[-1][0] + rows[-1][1] >= 3.0 - 0.5


def test_the_end_of_the_source_reaches_the_player() -> None:
    fragments, player = live()
    fragments.on_end()
    assert player.is_over
