"""Our init sections and fragments in Chromium: video, G.711 as FLAC, AAC, announced audio without data."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from core.records import AudioFormat, VideoFormat
from media.archive.file_builder import ArchiveFileBuilder
from media.archive.groups import GroupCollector
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.fmp4.segments import Segment, SegmentBuilder
from media.units import UnitDescription
from tests.browser.watching import Watched
from tests.media.encoded import CLOCK_RATE, FPS, encoded, with_b_frames

pytestmark = pytest.mark.browser

START_S = 1_790_000_000.0
SILENT_AAC = b"\x01\x00\x00\x07"

_PLAY = """async ([mime, pieces]) => {
  if (!MediaSource.isTypeSupported(mime)) return { refused: mime };
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const once = (target, name) => new Promise((done) => target.addEventListener(name, done, { once: true }));
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await once(source, 'sourceopen');
  const buffer = source.addSourceBuffer(mime);
  for (const piece of pieces) {
    buffer.appendBuffer(bytes(piece));
    await once(buffer, 'updateend');
    if (video.error) return { error: video.error.message };
  }
  const ranges = [];
  for (let at = 0; at < video.buffered.length; at += 1) ranges.push([video.buffered.start(at), video.buffered.end(at)]);
  source.endOfStream();
  video.playbackRate = 4;
  const end = Promise.race([once(video, 'ended').then(() => 'ended'), once(video, 'error').then(() => 'error')]);
  await video.play();
  const how = await end;
  const quality = video.getVideoPlaybackQuality();
  return {
    how, ranges, error: video.error?.message ?? null, width: video.videoWidth, height: video.videoHeight,
    heard: video.webkitAudioDecodedByteCount, seen: quality.totalVideoFrames, at: video.currentTime,
  };
}"""


def picture(index: int, codec: str) -> AccessUnit:
    film = encoded(codec)
    ticks = 5000 + index * CLOCK_RATE // FPS
    return AccessUnit(VIDEO, film.pictures[index], ticks, CLOCK_RATE, index in film.keys, START_S + index / FPS)


def g711(index: int) -> list[AccessUnit]:
    """Return the G.711 audio of one frame: 0.1 s of a square wave."""
    wave = (b"\xaa" * 10 + b"\x2a" * 10) * 40
    return [AccessUnit(AUDIO, (wave,), index * 800, 8000, True, START_S + index / FPS)]


def aac(index: int) -> list[AccessUnit]:
    """Return the AAC frames that begin within one video frame's 0.1 s."""
    numbers = [number for number in range(100) if index / FPS <= number * 1024 / 16_000 < (index + 1) / FPS]
    return [AccessUnit(AUDIO, (SILENT_AAC,), n * 1024, 16_000, True, START_S + n * 1024 / 16_000) for n in numbers]


def nothing(_index: int) -> list[AccessUnit]:
    return []


@pytest.mark.parametrize(
    ("codec", "audio", "config", "sound"),
    [
        ("h264", None, b"", nothing),
        ("h264", AudioFormat("pcm_alaw", 8000, 1), b"", g711),
        ("h264", AudioFormat("pcm_mulaw", 8000, 1), b"", nothing),
        ("h264", AudioFormat("aac", 16_000, 1), b"\x14\x08", aac),
        ("h264", AudioFormat("aac", 16_000, 2), b"\x14\x10", nothing),
    ],
    ids=["video", "g711", "g711 without data", "aac", "aac without data"],
)
def test_chromium_plays_our_fragments_to_their_end(
    open_page: Callable[..., Watched],
    codec: str,
    audio: AudioFormat | None,
    config: bytes,
    sound: Callable[[int], list[AccessUnit]],
) -> None:
    build = SegmentBuilder(VideoFormat(codec), audio, encoded(codec).sets, config)
    segments: list[Segment] = []
    for index in range(60):
        for unit in (picture(index, codec), *sound(index)):
            segments += build.push(unit)
    segments += build.flush()
    played = play(open_page, build, segments)
    assert played["how"] == "ended", played
    assert played["error"] is None
    assert (played["width"], played["height"]) == (320, 180)
    [[start, end]] = played["ranges"]
    assert start == pytest.approx(0.0, abs=0.05)
    assert end == pytest.approx(6.0, abs=0.3), "sound included: the player has no hole to wait at"
    assert played["at"] == pytest.approx(6.0, abs=0.1)
    assert played["seen"] >= 55
    assert (played["heard"] > 0) == (audio is not None)


def test_chromium_plays_fragments_with_b_frames(open_page: Callable[..., Watched]) -> None:
    film, shown = with_b_frames()
    build = SegmentBuilder(VideoFormat("h264"), None, film.sets)
    segments: list[Segment] = []
    for index, (nals, place) in enumerate(zip(film.pictures, shown, strict=True)):
        segments += build.push(AccessUnit(VIDEO, nals, place * CLOCK_RATE // FPS, CLOCK_RATE, index in film.keys))
    segments += build.flush()
    played = play(open_page, build, segments)
    assert (played["how"], played["error"]) == ("ended", None)
    [[start, end]] = played["ranges"]
    assert (start, end) == (pytest.approx(0.0, abs=0.01), pytest.approx(6.0, abs=0.01))
    assert played["seen"] >= 55


@pytest.mark.parametrize(
    ("audio", "config", "sound"),
    [(None, b"", nothing), (AudioFormat("aac", 16_000, 1), b"\x14\x08", aac)],
    ids=["video", "aac"],
)
def test_chromium_plays_the_fragments_of_an_archive_file(
    open_page: Callable[..., Watched],
    audio: AudioFormat | None,
    config: bytes,
    sound: Callable[[int], list[AccessUnit]],
) -> None:
    described = UnitDescription(VideoFormat("h264"), encoded("h264").sets, audio, config)
    builder, collector, groups = ArchiveFileBuilder(described), GroupCollector(), []
    for index in range(60):
        for unit in (picture(index, "h264"), *sound(index)):
            groups += collector.add([unit], [unit.device_s or 0.0])
    groups += [group for group in [collector.flush()] if group]
    pieces = [bytes(builder.fragment(group.units, group.utc_s, group.end_utc_s).data) for group in groups]
    played = append_and_play(open_page, builder.codecs, [builder.init_section(), *pieces])
    assert (played["how"], played["error"]) == ("ended", None)
    [[start, end]] = played["ranges"]
    assert (start, end) == (pytest.approx(0.0, abs=0.05), pytest.approx(6.0, abs=0.1))
    assert played["seen"] >= 55
    assert (played["heard"] > 0) == (audio is not None)


def play(open_page: Callable[..., Watched], build: SegmentBuilder, segments: Sequence[Segment]) -> dict[str, Any]:
    pieces = [(segment.init or b"") + segment.data for segment in segments]
    return append_and_play(open_page, ",".join(track.codec_string for track in build.tracks), pieces)


def append_and_play(open_page: Callable[..., Watched], codecs: str, pieces: Sequence[bytes]) -> dict[str, Any]:
    encoded_pieces = [base64.b64encode(piece).decode() for piece in pieces]
    result: dict[str, Any] = open_page("about:blank").page.evaluate(
        _PLAY, [f'video/mp4; codecs="{codecs}"', encoded_pieces]
    )
    return result
