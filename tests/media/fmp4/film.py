"""Access units of the tests' film, and the segments and parts that a SegmentBuilder makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.fmp4.segments import Part, Segment, SegmentBuilder
from tests.media.encoded import CLOCK_RATE, FPS, encoded
from tests.media.fmp4.decoding import TONE

START_S = 1_790_000_000.0
ALAW = AudioFormat("pcm_alaw", 8000, 1)
STEP = CLOCK_RATE // FPS
PARTS: list[Part] = []  # filled if the fixture `cut` is "in parts"


def builder(codec: str = "h264", audio: AudioFormat | None = None, config: bytes = b"") -> SegmentBuilder:
    return SegmentBuilder(VideoFormat(codec, 320, 180), audio, encoded(codec).sets, config)


def builder_of(sets: tuple[bytes, ...]) -> SegmentBuilder:
    """Return a builder of video whose frame size is only in its parameter sets."""
    return SegmentBuilder(VideoFormat("h264"), None, sets)


def picture(index: int, codec: str = "h264", *, device_s: float | None = None, ticks: int | None = None) -> AccessUnit:
    film = encoded(codec)
    return AccessUnit(
        VIDEO,
        film.pictures[index],
        1_000_000 + index * STEP if ticks is None else ticks,
        CLOCK_RATE,
        is_key=index in film.keys,
        device_s=START_S + index / FPS if device_s is None else device_s,
    )


def audio_unit(index: int, samples: int = 160) -> AccessUnit:
    at = index * samples % 8000
    return AccessUnit(
        AUDIO, (TONE[at : at + samples],), 777 + index * samples, 8000, True, START_S + index * samples / 8000
    )


def made(units: Sequence[AccessUnit], build: SegmentBuilder) -> list[Segment]:
    segments = [segment for unit in units for segment in build.push(unit)]
    segments += build.flush()
    assert not PARTS or [part.data for part in PARTS] == pieces(segments)
    return segments


def pieces(segments: Sequence[Segment]) -> list[bytes]:
    """Return the fragments of the segments: a moof with its mdat each."""
    content = b"".join(segment.data for segment in segments)
    found, place = [], 0
    while place < len(content):
        end = place
        for kind in (b"moof", b"mdat"):
            assert content[end + 4 : end + 8] == kind
            end += int.from_bytes(content[end : end + 4], "big")
        found.append(content[place:end])
        place = end
    return found


def joined(segments: Sequence[Segment]) -> bytes:
    return b"".join((segment.init or b"") + segment.data for segment in segments)
