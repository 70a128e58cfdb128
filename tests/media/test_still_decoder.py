"""Key frames become JPEGs by a held ffmpeg: whole and damaged ones, a killed ffmpeg, its end after a while."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.errors import Unavailable
from media import still_decoder
from media.ffmpeg import find_ffmpeg
from media.process import Spawner, SupervisedProcess
from media.still_decoder import KeyFrameData, StillDecoder
from tests.media.encoded import Encoded, encoded, with_b_frames
from tests.patience import LIMIT_S, PATIENCE, Slowness, promised, until

CODECS = ("h264", "hevc")


@pytest.fixture
def decoder(spawner: Spawner) -> Iterator[StillDecoder]:
    made = StillDecoder(spawner, find_ffmpeg, SystemClock())
    yield made
    made.stop()


def key_frames(film: Encoded, shape: float = 16 / 9) -> list[KeyFrameData]:
    return [KeyFrameData(film.codec, shape, film.sets, film.pictures[index]) for index in sorted(film.keys)]


def pixels(jpeg: bytes, *more: str) -> bytes:
    """Return the JPEG in grey, scaled down to 32x18."""
    command = [str(find_ffmpeg()), "-v", "error", "-f", "mjpeg", "-i", "-", *more]
    small = ["-vf", "scale=32:18:flags=area", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    return subprocess.run([*command, *small], input=jpeg, check=True, capture_output=True, timeout=LIMIT_S).stdout


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return width and height by the header of the frame (ITU-T T.81, B.2.2)."""
    at = jpeg.index(b"\xff\xc0")
    return int.from_bytes(jpeg[at + 7 : at + 9]), int.from_bytes(jpeg[at + 5 : at + 7])


def children(spawner: Spawner) -> list[SupervisedProcess]:
    return [child for child in spawner.running() if "stills" in child.name]


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_each_key_frame_becomes_its_own_picture(decoder: StillDecoder, spawner: Spawner, codec: str) -> None:
    film = encoded(codec, size="640x360")
    pictures = [decoder.jpeg(frame) or b"" for frame in key_frames(film)]
    assert {size_of(jpeg) for jpeg in pictures} == {(320, 180)}
    assert len({pixels(jpeg) for jpeg in pictures}) == len(pictures)
    assert pictures == [decoder.jpeg(frame) for frame in key_frames(film)]
    assert len(children(spawner)) == 1


@pytest.mark.slow
def test_streams_of_one_shape_share_an_ffmpeg(decoder: StillDecoder, spawner: Spawner) -> None:
    pids = set()
    for size in ("640x360", "320x180", "1280x720"):
        assert size_of(decoder.jpeg(key_frames(encoded("h264", size=size))[0]) or b"") == (320, 180)
        pids |= {child.pid for child in children(spawner)}
    assert len(pids) == 1


def test_a_stream_of_another_shape_keeps_its_shape(decoder: StillDecoder) -> None:
    wide, high = key_frames(encoded("h264")), key_frames(encoded("h264", size="320x240"), 4 / 3)
    for frame, shown in ((wide[0], (320, 180)), (high[0], (320, 240)), (wide[1], (320, 180))):
        assert size_of(decoder.jpeg(frame) or b"") == shown


def test_key_frames_that_wait_for_b_frames_are_shown(decoder: StillDecoder) -> None:
    film, _ = with_b_frames()
    pictures = [decoder.jpeg(frame) or b"" for frame in key_frames(film)]
    assert len({pixels(jpeg) for jpeg in pictures}) == len(pictures) == 6


def test_a_dark_picture_is_not_damaged(decoder: StillDecoder) -> None:
    source = ("-f", "lavfi", "-i", "color=black:size=640x360:rate=10:duration=1", "-c:v", "libx264")
    command = [str(find_ffmpeg()), "-v", "error", *source, "-bf", "0", "-pix_fmt", "yuv420p", "-f", "h264", "-"]
    raw = subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S).stdout
    parts = [part.lstrip(b"\1") for part in raw.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]]
    sets = tuple(part for part in parts if part[0] & 0x1F in (7, 8))
    picture = next(part for part in parts if part[0] & 0x1F == 5)
    assert 0 < len(decoder.jpeg(KeyFrameData("h264", None, sets, (picture,))) or b"") < 1500


@pytest.mark.slow
def test_a_damaged_key_frame_gives_none_and_spoils_no_other(decoder: StillDecoder) -> None:
    good = key_frames(encoded("h264", size="640x360"))
    whole = [decoder.jpeg(frame) for frame in good]
    rng = random.Random(5)
    refused = 0
    for number in range(24):
        frame = good[number % len(good)]
        part = bytearray(frame.parts[0])
        for _ in range(20):
            part[rng.randrange(8, len(part))] ^= 1 << rng.randrange(8)
        refused += decoder.jpeg(KeyFrameData("h264", frame.shape, frame.parameter_sets, (bytes(part),))) is None
        assert decoder.jpeg(frame) == whole[number % len(good)]
    assert refused == 24


@pytest.mark.stress
@pytest.mark.parametrize("codec", CODECS)
def test_five_hundred_fuzzed_key_frames_leave_the_decoder_alive(
    decoder: StillDecoder, spawner: Spawner, codec: str
) -> None:
    good = key_frames(encoded(codec, size="640x360"))
    rng = random.Random(codec)
    for _ in range(500):
        frame = rng.choice(good)
        units = [bytearray(part) for part in (*frame.parameter_sets, *frame.parts)]
        unit = rng.choice(units)
        match rng.choice(("flip", "cut", "zero")):
            case "flip":
                for _ in range(rng.choice((1, 10, 100))):
                    unit[rng.randrange(1, len(unit))] ^= 1 << rng.randrange(8)
            case "cut":
                del unit[rng.randrange(2, len(unit)) :]
            case _:
                at = rng.randrange(1, len(unit))
                unit[at : at + 200] = bytes(len(unit[at : at + 200]))
        count = len(frame.parameter_sets)
        decoder.jpeg(
            KeyFrameData(codec, frame.shape, tuple(map(bytes, units[:count])), tuple(map(bytes, units[count:])))
        )
    assert decoder.jpeg(good[0])
    for child in children(spawner):
        os.kill(child.pid, signal.SIGKILL)
    with promised(1.0):
        assert decoder.jpeg(good[1])


def test_nonsense_gives_none(decoder: StillDecoder) -> None:
    assert decoder.jpeg(KeyFrameData("h264", None, (), (b"\x65" + bytes(range(200)),))) is None
    assert decoder.jpeg(key_frames(encoded("h264"))[0])


def test_a_killed_ffmpeg_is_replaced_within_a_second(decoder: StillDecoder, spawner: Spawner) -> None:
    frame = key_frames(encoded("h264"))[0]
    whole = decoder.jpeg(frame)
    for _ in range(3):
        [child] = children(spawner)
        os.kill(child.pid, signal.SIGKILL)
        with promised(1.0):
            assert decoder.jpeg(frame) == whole


@pytest.mark.slow
def test_an_ffmpeg_that_hangs_is_replaced(decoder: StillDecoder, spawner: Spawner) -> None:
    frame = key_frames(encoded("h264"))[0]
    whole = decoder.jpeg(frame)
    [child] = children(spawner)
    os.kill(child.pid, signal.SIGSTOP)
    assert decoder.jpeg(frame) == whole
    until(lambda: child.poll() is not None)


@pytest.fixture
def fragile(spawner: Spawner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StillDecoder]:
    """A decoder over a program that hangs at frames of zeros: no frame is known that hangs every ffmpeg."""
    monkeypatch.setattr(still_decoder, "_HELD_BACK_TIMES", 1000)  # slow answers of a busy machine mean no B-frames
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!{sys.executable} -SE\n{_FRAGILE}", "utf-8")
    program.chmod(0o755)
    made = StillDecoder(spawner, lambda: program, SystemClock())
    yield made
    made.stop()


_FRAGILE = """
import os, time
while data := os.read(0, 65536):
    if bytes(100) in data:
        time.sleep(600)
    os.write(1, b"\\xff\\xd8%08d" % os.getpid() + bytes(2000) + b"\\xff\\xd9")
"""


def maker_of(jpeg: bytes | None) -> int:
    """Return the id of the process that made a picture."""
    return int((jpeg or b"")[2:10])


def a_frame(number: int, *, hangs: bool = False) -> KeyFrameData:
    return KeyFrameData("h264", 16 / 9, (), (b"\x65" + bytes([number]) + (bytes(100) if hangs else b""),))


@pytest.mark.slow
def test_a_stream_that_hangs_ffmpeg_keeps_no_other_waiting(fragile: StillDecoder, spawner: Spawner) -> None:
    numbers = count(150)
    until(lambda: fragile.jpeg(a_frame(next(numbers)), object()))  # a slow machine may need several tries to start it
    assert fragile.jpeg(a_frame(0, hangs=True), "bad") is None
    with promised(0.1):
        assert fragile.jpeg(a_frame(0, hangs=True), "other") is None, "it is not tried again"
    assert fragile.jpeg(a_frame(100), "good")
    took_s: list[float] = []
    with Slowness() as machine, ThreadPoolExecutor(1) as pool:
        bad = pool.submit(fragile.jpeg, a_frame(1, hangs=True), "bad")
        while not bad.done():
            begun_s = time.monotonic()
            assert fragile.jpeg(a_frame(len(took_s) % 100 + 101), "good")
            took_s.append(time.monotonic() - begun_s)
    assert bad.result() is None
    assert max(took_s) < machine.allowed_s(1.0) * PATIENCE, "silence lasts two seconds and more"
    for number in range(10):
        assert fragile.jpeg(a_frame(number), "bad")
    usual = maker_of(fragile.jpeg(a_frame(120), "good"))
    of_doubted = {child.pid for child in children(spawner)} - {usual}
    for pid in of_doubted:
        os.kill(pid, signal.SIGSTOP)
    with promised(1.0):
        assert maker_of(fragile.jpeg(a_frame(121), "bad")) not in of_doubted, "some pictures restore the trust"


def test_ffmpeg_has_a_low_priority_and_little_memory(decoder: StillDecoder, spawner: Spawner) -> None:
    assert decoder.jpeg(key_frames(encoded("h264"))[0])
    [child] = children(spawner)
    assert os.getpriority(os.PRIO_PROCESS, child.pid) >= 10
    limits = Path(f"/proc/{child.pid}/limits").read_text("utf-8")
    [of_memory] = [line for line in limits.splitlines() if line.startswith("Max address space")]
    assert str(512 * 1024 * 1024) in of_memory


def test_ffmpeg_ends_after_a_while_without_use(spawner: Spawner) -> None:
    decoder = StillDecoder(spawner, find_ffmpeg, SystemClock(), idle_end_s=0.3)
    assert decoder.jpeg(key_frames(encoded("h264"))[0])
    until(lambda: not children(spawner))
    assert decoder.jpeg(key_frames(encoded("h264"))[0])
    until(lambda: not children(spawner))


def test_an_ffmpeg_that_cannot_be_started_is_an_error(spawner: Spawner, tmp_path: Path) -> None:
    decoder = StillDecoder(spawner, lambda: tmp_path / "missing", SystemClock())
    with pytest.raises(Unavailable) as caught:
        decoder.jpeg(key_frames(encoded("h264"))[0])
    assert caught.value.code == "ffmpeg_missing"
