"""What is in the pictures: the frame number, the right scene, the name; decoded by a real ffmpeg."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import pytest

from simulator.h26x import StreamCutter, packetize, split_nals
from simulator.layout import ROLES, Codec, Role, make_layout, picture_spec
from simulator.painter import Painter
from simulator.sound import alaw, ulaw
from tests.simulator.conftest import Start
from tests.simulator.process import PASSWORD, USERNAME, Simulator, wait_until
from tests.simulator.rtsp_client import RtspClient, frame_number_of

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def _cells(luma: bytes, width: int, height: int) -> list[int]:
    row = height // 32
    return [luma[row * width + (2 * place + 1) * width // 40] for place in range(20)]


def _ffmpeg(*arguments: str, data: bytes | None = None) -> bytes:
    done = subprocess.run(
        [FFMPEG, "-v", "error", "-nostdin" if data is None else "-hide_banner", *arguments],
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("number", [0, 1, 255, 399, 40_000, 65_535])
def test_a_drawn_picture_carries_its_number(number: int) -> None:
    painter = Painter(picture_spec(make_layout(1, profile="small")[0], "sub"))
    picture = painter.draw(number)
    assert len(picture) == painter.width * painter.height * 3 // 2
    assert frame_number_of(_cells(bytes(picture), painter.width, painter.height)) == number


def test_the_same_spec_draws_the_same_picture_and_another_seed_another() -> None:
    specs = [picture_spec(make_layout(1, profile="small", seed=seed)[0], "sub") for seed in (1, 1, 2)]
    pictures = [bytes(Painter(spec).draw(30)) for spec in specs]
    assert pictures[0] == pictures[1] != pictures[2]


def test_every_channel_looks_different() -> None:
    pictures = {bytes(Painter(picture_spec(channel, "sub")).draw(60)) for channel in make_layout(16, profile="small")}
    assert len(pictures) == 16


@pytest.mark.parametrize(("channel", "role"), [(1, "main"), (2, "main"), (1, "sub")])
def test_a_decoded_live_picture_is_the_one_that_the_control_port_names(
    simulator: Simulator, channel: int, role: Role
) -> None:
    with RtspClient(simulator.live_url(channel, role)) as client:
        client.play()  # encoded from here on
        wait_until(lambda: bool(simulator.frames(channel, role)["complete"]), what="encoding")
    stream = simulator.frames(channel, role)
    width, height, fps, frames = (int(stream[name]) for name in ("width", "height", "fps", "frames"))
    password = re.sub(r"[^A-Za-z0-9]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), PASSWORD)
    url = simulator.live_url(channel, role).replace("rtsp://", f"rtsp://{USERNAME}:{password}@")
    wanted = ["-frames:v", "40", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    quick = ["-fflags", "nobuffer", "-probesize", "32768", "-analyzeduration", "200000"]
    began = time.time()
    decoded = _ffmpeg("-rtsp_transport", "tcp", *quick, "-i", url, "-an", *wanted)
    ended = time.time()
    size = width * height
    numbers = [frame_number_of(_cells(decoded[at : at + size], width, height)) for at in range(0, len(decoded), size)]
    assert None not in numbers
    steps = [(int(after or 0) - int(before or 0)) % frames for before, after in pairwise(numbers)]
    assert set(steps) == {1}
    # Time rule: picture (k + offset) mod frames leaves at (k + phase) / fps.
    at_start = int(began * fps - stream["phase"]) + stream["offset"]
    at_end = int(ended * fps - stream["phase"]) + stream["offset"]
    last = int(numbers[-1] or 0)
    assert (last - at_start) % frames <= (at_end - at_start) + 1


def _snapshot(simulator: Simulator, folder: Path) -> bytes:
    """Channel 1's, by curl."""
    target = "/onvif/snapshot?channel=1&subtype=0"
    config = folder / "curl"
    config.write_text(f'user = "{USERNAME}:{PASSWORD}"\nurl = "{simulator.url}{target}"\ndigest\nfail\nsilent\n')
    return subprocess.run(["curl", "-K", str(config)], capture_output=True, timeout=20, check=True).stdout


def test_a_snapshot_shows_the_channel_as_it_is_about_now(simulator: Simulator, tmp_path: Path) -> None:
    jpeg = _snapshot(simulator, tmp_path)
    assert jpeg[:3] == b"\xff\xd8\xff"
    stream = simulator.frames(1)
    luma = _ffmpeg("-f", "mjpeg", "-i", "pipe:0", "-f", "rawvideo", "-pix_fmt", "gray", "-", data=jpeg)
    number = frame_number_of(_cells(luma, int(stream["width"]), int(stream["height"])))
    assert number is not None
    assert (stream["index"] - number) % stream["frames"] <= 2 * stream["fps"] + 25


_SLOW_ENCODER = """#!{python}
import pathlib, subprocess, sys, time
made = subprocess.run(["{ffmpeg}", *sys.argv[1:]], stdout=subprocess.PIPE, check=True).stdout
first = made.index(bytes([255, 217])) + 2
sys.stdout.buffer.write(made[:first])
sys.stdout.buffer.flush()
while not pathlib.Path("{go}").exists():
    time.sleep(0.05)
sys.stdout.buffer.write(made[first:])
"""


def test_a_snapshot_does_not_wait_until_all_of_them_are_drawn(tmp_path: Path) -> None:
    slow, go, pictures = tmp_path / "slow", tmp_path / "go", tmp_path / "pictures"
    slow.write_text(_SLOW_ENCODER.format(python=sys.executable, ffmpeg=FFMPEG, go=go))
    slow.chmod(0o755)
    simulator = Simulator(pictures, "--channels", "1", "--ffmpeg", str(slow))
    try:
        jpeg = _snapshot(simulator, tmp_path)
        assert jpeg[:3] == b"\xff\xd8\xff"
        assert jpeg[-2:] == b"\xff\xd9"
        assert not [*pictures.glob("*.mjpeg")], "the others are still being drawn"
        go.touch()
        wait_until(lambda: bool([*pictures.glob("*.mjpeg")]), what="the drawing of the others")
    finally:
        simulator.stop()


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("size", [3, 1400, 1401, 5000, 64_000])
def test_fragments_put_together_are_the_nal_unit(codec: Codec, size: int) -> None:
    nal = bytes([0x65]) + bytes(range(256)) * 300 if codec == "h264" else bytes([0x26, 1]) + bytes(range(256)) * 300
    nal = nal[:size]
    payloads = packetize(codec, nal)
    assert all(len(payload) <= 1400 for payload in payloads)
    if len(payloads) == 1:
        assert payloads[0] == nal
        return
    skip = 2 if codec == "h264" else 3
    flags = [payload[skip - 1] & 0xC0 for payload in payloads]
    assert flags == [0x80, *[0] * (len(payloads) - 2), 0x40]
    header = nal[: 1 if codec == "h264" else 2]
    assert header + b"".join(payload[skip:] for payload in payloads) == nal


def test_a_stream_cut_anywhere_gives_the_same_pictures() -> None:
    made = ["-f", "lavfi", "-i", "testsrc2=size=160x96:rate=10:duration=2"]
    source = _ffmpeg(*made, "-c:v", "libx264", "-g", "5", "-bf", "0", "-f", "h264", "-")
    whole = StreamCutter("h264")
    expected = [*whole.feed(source), *whole.finish()]
    assert len(expected) == 20
    assert [picture.is_key for picture in expected] == [True, False, False, False, False] * 4
    for step in (1, 7, 1000):
        cutter = StreamCutter("h264")
        found = [picture for at in range(0, len(source), step) for picture in cutter.feed(source[at : at + step])]
        assert [*found, *cutter.finish()] == expected
        assert cutter.sets == whole.sets


def test_nothing_is_cut_out_of_nothing() -> None:
    assert split_nals(b"") == ([], b"")
    assert StreamCutter("h264").finish() == []


@pytest.mark.parametrize(("name", "law"), [("alaw", alaw), ("mulaw", ulaw)])
def test_g711_is_what_ffmpeg_decodes(name: str, law: object) -> None:
    assert callable(law)
    samples = range(-32_768, 32_768, 37)
    coded = bytes(law(sample) for sample in samples)
    raw = _ffmpeg("-f", name, "-ar", "8000", "-ac", "1", "-i", "pipe:0", "-f", "s16le", "-", data=coded)
    decoded = [int.from_bytes(raw[at : at + 2], "little", signed=True) for at in range(0, len(raw), 2)]
    assert len(decoded) == len(samples)
    for sample, value in zip(samples, decoded, strict=True):
        assert abs(sample - value) <= max(16, abs(sample) // 24 + 132 // 16), (sample, value)


# -- the cache ---------------------------------------------------------------------------------------------------------


def _describe(simulator: Simulator) -> int:
    with RtspClient(simulator.live_url(1, "sub"), timeout_s=10) as client:
        return client.ask("DESCRIBE").status


def test_pictures_are_kept_whole_and_a_damaged_file_is_made_again(start: Start, tmp_path: Path) -> None:
    cache = tmp_path / "kept"
    first = start("--channels", "1", "--cache-dir", str(cache))
    assert _describe(first) == 200
    wait_until(lambda: bool(list(cache.glob("v*.h264"))), what="the file")
    assert cache.stat().st_mode & 0o077 == 0
    assert not list(cache.glob(".*"))  # nothing half-written is left
    assert first.stop() == 0
    kept = next(cache.glob("v*.h264"))
    good = kept.read_bytes()
    kept.write_bytes(good[: len(good) // 2])
    (cache / "v0-old.h264").write_bytes(b"of an older version")
    second = start("--channels", "1", "--cache-dir", str(cache))
    assert _describe(second) == 200
    wait_until(lambda: kept.exists() and kept.read_bytes() == good, what="the repair")
    assert not (cache / "v0-old.h264").exists()


def test_a_first_picture_is_there_at_once_on_an_empty_cache(start: Start, tmp_path: Path) -> None:
    """The real sizes: 1080p is sent while the rest of the loop is still being encoded."""
    simulator = start("--channels", "1", "--cache-dir", str(tmp_path / "empty"), profile="full")
    assert simulator.ready_after_s < 5
    began = time.monotonic()
    with RtspClient(simulator.live_url(1), timeout_s=20) as client:
        client.play()
        assert any(packet.channel == 0 for packet in client.packets(1.0))
    assert time.monotonic() - began < 15


def test_without_an_encoder_the_stream_is_unavailable_and_the_reason_is_said(start: Start, tmp_path: Path) -> None:
    simulator = start("--channels", "1", "--ffmpeg", "/bin/false", "--cache-dir", str(tmp_path / "none"))
    assert _describe(simulator) == 503
    assert simulator.stop() == 0
    assert "cannot encode" in simulator.errors


def test_the_layout_is_a_recorders() -> None:
    layout = make_layout(16)
    assert [channel.main.codec for channel in layout].count("h265") == 8
    assert [channel.main.gop_s for channel in layout].count(10) == 1
    assert {channel.sub.codec for channel in layout} == {"h264"}
    assert [channel.audio for channel in layout].count("aac") == 1
    assert None in {channel.audio for channel in layout}
    assert [channel.dead for channel in layout if channel.dead] == ["not_found", "no_signal", "silence"]
    assert layout[1].profile_token("main") == "MediaProfile00100"
    assert layout[63 % 16].profile_token("sub").endswith("01")
    for channel in make_layout(64):
        for role in ROLES:
            stream = channel.stream(role)
            assert stream.loop_s <= 60
            assert stream.frames < 65_536
            assert stream.loop_s % stream.gop_s == 0
