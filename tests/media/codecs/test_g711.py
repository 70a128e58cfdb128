"""The two laws of G.711, told apart by their bytes; ffmpeg encodes and decodes the samples."""

from __future__ import annotations

import random
import struct
import subprocess

import pytest

from media.codecs.g711 import LAWS, TrackLaw, converted
from media.ffmpeg import find_ffmpeg

OTHER = {"pcm_alaw": "pcm_mulaw", "pcm_mulaw": "pcm_alaw"}
FORMATS = {"pcm_alaw": "alaw", "pcm_mulaw": "mulaw"}
STATIC = {"pcm_alaw": 8, "pcm_mulaw": 0}


def _run(*options: str, data: bytes) -> bytes:
    command = [str(find_ffmpeg()), "-v", "error", *options]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def encoded(law: str, samples: list[int]) -> bytes:
    data = struct.pack(f"<{len(samples)}h", *samples)
    return _run("-f", "s16le", "-ar", "8000", "-i", "-", "-f", FORMATS[law], "-", data=data)


def decoded(law: str, data: bytes) -> list[int]:
    plain = _run("-f", FORMATS[law], "-ar", "8000", "-i", "-", "-f", "s16le", "-", data=data)
    return list(struct.unpack(f"<{len(plain) // 2}h", plain))


def noise(loudness: float, offset: int = 0, seconds: int = 4) -> list[int]:
    chance = random.Random(5)
    return [round(max(-32_000, min(32_000, chance.gauss(offset, loudness)))) for _ in range(8000 * seconds)]


def sent(law: TrackLaw, data: bytes, other_type: int | None = None, *, into: str) -> bytes:
    payloads = [data[at : at + 160] for at in range(0, len(data), 160)]
    return b"".join(converted(payload, law.of(payload, other_type), into) for payload in payloads)


@pytest.mark.parametrize("described", sorted(LAWS))
def test_quiet_audio_of_the_other_law_is_converted_after_a_second(described: str) -> None:
    samples = noise(60)
    out = decoded(described, sent(TrackLaw(described), encoded(OTHER[described], samples), into=described))
    assert all(abs(a - b) <= 24 for a, b in zip(out[8160:], samples[8160:], strict=True))


@pytest.mark.parametrize("described", sorted(LAWS))
@pytest.mark.parametrize("loudness", [1, 60, 300, 800, 3000, 12_000])
@pytest.mark.parametrize("offset", [0, 500, 750, -900])
def test_audio_as_described_is_never_changed(described: str, loudness: float, offset: int) -> None:
    data = encoded(described, noise(loudness, offset))
    assert sent(TrackLaw(described), data, into=described) == data


@pytest.mark.parametrize("described", sorted(LAWS))
def test_a_static_payload_type_tells_the_law_of_loud_audio(described: str) -> None:
    samples = noise(9000, seconds=1)
    other = OTHER[described]
    out = decoded(described, sent(TrackLaw(described), encoded(other, samples), STATIC[other], into=described))
    assert all(abs(a - b) <= 0.08 * abs(b) + 24 for a, b in zip(out, samples, strict=True))


@pytest.mark.parametrize("described", sorted(LAWS))
def test_quiet_audio_shows_the_law_after_long_loud_audio(described: str) -> None:
    law, other = TrackLaw(described), OTHER[described]
    loud = encoded(other, noise(9000, seconds=30))
    assert sent(law, loud, into=described) == loud
    samples = noise(60)
    out = decoded(described, sent(law, encoded(other, samples), into=described))
    assert all(abs(a - b) <= 24 for a, b in zip(out[8000 * 3 + 160 :], samples[8000 * 3 + 160 :], strict=True))


def test_long_loud_audio_is_looked_at_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    law, windows = TrackLaw("pcm_alaw"), 0
    follows = TrackLaw._follows

    def counted(window: bytes, of_law: str) -> bool:
        nonlocal windows
        windows += of_law == "pcm_alaw"
        return follows(window, of_law)

    monkeypatch.setattr(TrackLaw, "_follows", staticmethod(counted))
    loud = encoded("pcm_alaw", noise(9000, seconds=10))
    sent(law, loud, into="pcm_alaw")
    assert windows >= 36, "each window of the first ten seconds"
    for _ in range(6):
        sent(law, loud, into="pcm_alaw")
    assert windows <= 36 + 34, "one in two seconds"


@pytest.mark.parametrize("described", sorted(LAWS))
def test_digital_silence_proves_no_law(described: str) -> None:
    data = encoded(OTHER[described], [0] * 40_000)
    assert sent(TrackLaw(described), data, into=described) == data


@pytest.mark.parametrize("described", sorted(LAWS))
def test_a_law_once_known_stays_known_in_the_next_session(described: str) -> None:
    law, other = TrackLaw(described), OTHER[described]
    sent(law, encoded(other, noise(60)), into=described)
    for loudness in (9000, 60, 300):
        law.begin()
        data = encoded(other, noise(loudness))
        assert law.law == other
        assert sent(law, data, into=other) == data


@pytest.mark.parametrize("described", sorted(LAWS))
def test_a_law_that_was_mended_is_noticed(described: str) -> None:
    law = TrackLaw(described)
    sent(law, encoded(OTHER[described], noise(60)), into=described)
    law.begin()
    sent(law, encoded(described, noise(60, seconds=2)), into=described)
    assert law.law == described


@pytest.mark.parametrize("described", sorted(LAWS))
def test_the_described_type_is_the_described_law_where_types_tell(described: str) -> None:
    law, other = TrackLaw(described), OTHER[described]
    loud = encoded(other, noise(9000, seconds=1))
    assert law.of(loud, STATIC[other]) == other
    assert law.of(loud) == described
    assert law.law == other
