"""The drawn, encoded and decoded frames: number, scene, name; and the cache of clips."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from pathlib import Path

import pytest

from simulator.audio import alaw, ulaw
from simulator.h26x import AccessUnitParser, packetize, split_nals
from simulator.layout import ROLES, Codec, Role, clip_spec, make_layout
from simulator.painter import Painter
from tests.patience import until
from tests.simulator.conftest import Start
from tests.simulator.decoding import assert_shows_now, run_ffmpeg, shown_number
from tests.simulator.process import PASSWORD, USERNAME, Simulator
from tests.simulator.rtsp_client import RtspClient


@pytest.mark.parametrize("number", [0, 1, 255, 399, 40_000, 65_535])
def test_a_drawn_frame_shows_its_number(number: int) -> None:
    painter = Painter(clip_spec(make_layout(1, profile="small")[0], "sub"))
    frame = painter.draw(number)
    assert len(frame) == painter.width * painter.height * 3 // 2
    assert shown_number(bytes(frame), painter.width, painter.height) == number


def test_a_frame_depends_on_the_seed_and_nothing_else() -> None:
    specs = [clip_spec(make_layout(1, profile="small", seed=seed)[0], "sub") for seed in (1, 1, 2)]
    frames = [bytes(Painter(spec).draw(30)) for spec in specs]
    assert frames[0] == frames[1] != frames[2]


def test_all_channels_differ() -> None:
    frames = {bytes(Painter(clip_spec(channel, "sub")).draw(60)) for channel in make_layout(16, profile="small")}
    assert len(frames) == 16


@pytest.mark.parametrize(("channel", "role"), [(1, "main"), (2, "main"), (1, "sub")])
def test_decoded_live_frames_have_the_number_of_the_control_port(
    simulator: Simulator, channel: int, role: Role
) -> None:
    with RtspClient(simulator.live_url(channel, role)) as client:
        client.play()  # encoded from here on
        until(lambda: bool(simulator.frames(channel, role)["complete"]), what="encoding")
    stream = simulator.frames(channel, role)
    width, height, fps, frames = (int(stream[name]) for name in ("width", "height", "fps", "frames"))
    password = re.sub(r"[^A-Za-z0-9]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), PASSWORD)
    url = simulator.live_url(channel, role).replace("rtsp://", f"rtsp://{USERNAME}:{password}@")
    wanted = ["-frames:v", "40", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    quick = ["-fflags", "nobuffer", "-probesize", "32768", "-analyzeduration", "200000"]
    began = time.time()
    decoded = run_ffmpeg("-rtsp_transport", "tcp", *quick, "-i", url, "-an", *wanted)
    ended = time.time()
    size = width * height
    numbers = [shown_number(decoded[at : at + size], width, height) for at in range(0, len(decoded), size)]
    assert None not in numbers
    steps = [(int(after or 0) - int(before or 0)) % frames for before, after in pairwise(numbers)]
    assert set(steps) == {1}
    # Time rule: frame (k + offset) mod frames leaves at (k + phase) / fps.
    at_start = int(began * fps - stream["phase"]) + stream["offset"]
    at_end = int(ended * fps - stream["phase"]) + stream["offset"]
    last = int(numbers[-1] or 0)
    assert (last - at_start) % frames <= (at_end - at_start) + 1


def test_a_snapshot_shows_the_present(simulator: Simulator, tmp_path: Path) -> None:
    assert_shows_now(simulator, tmp_path)


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("size", [3, 1400, 1401, 5000, 64_000])
def test_fragments_join_to_the_nal_unit(codec: Codec, size: int) -> None:
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


def test_a_stream_cut_anywhere_gives_the_same_access_units() -> None:
    made = ["-f", "lavfi", "-i", "testsrc2=size=160x96:rate=10:duration=2"]
    source = run_ffmpeg(*made, "-c:v", "libx264", "-g", "5", "-bf", "0", "-f", "h264", "-")
    whole = AccessUnitParser("h264")
    expected = [*whole.feed(source), *whole.finish()]
    assert len(expected) == 20
    assert [unit.is_key for unit in expected] == [True, False, False, False, False] * 4
    for step in (1, 7, 1000):
        parser = AccessUnitParser("h264")
        found = [unit for at in range(0, len(source), step) for unit in parser.feed(source[at : at + step])]
        assert [*found, *parser.finish()] == expected
        assert parser.sets == whole.sets


def test_an_empty_stream_gives_no_access_unit() -> None:
    assert split_nals(b"") == ([], b"")
    assert AccessUnitParser("h264").finish() == []


@pytest.mark.parametrize(("name", "law"), [("alaw", alaw), ("mulaw", ulaw)])
def test_ffmpeg_decodes_g711_to_the_samples(name: str, law: object) -> None:
    assert callable(law)
    samples = range(-32_768, 32_768, 37)
    coded = bytes(law(sample) for sample in samples)
    raw = run_ffmpeg("-f", name, "-ar", "8000", "-ac", "1", "-i", "pipe:0", "-f", "s16le", "-", data=coded)
    decoded = [int.from_bytes(raw[at : at + 2], "little", signed=True) for at in range(0, len(raw), 2)]
    assert len(decoded) == len(samples)
    for sample, value in zip(samples, decoded, strict=True):
        assert abs(sample - value) <= max(16, abs(sample) // 24 + 132 // 16), (sample, value)


# -- the cache ---------------------------------------------------------------------------------------------------------


def _describe(simulator: Simulator) -> int:
    with RtspClient(simulator.live_url(1, "sub")) as client:
        return client.ask("DESCRIBE").status


def test_a_damaged_file_of_the_cache_is_encoded_again(start: Start, tmp_path: Path) -> None:
    cache = tmp_path / "kept"
    first = start("--channels", "1", "--cache-dir", str(cache))
    assert _describe(first) == 200
    until(lambda: bool(list(cache.glob("v*.h264"))), what="the file")
    assert cache.stat().st_mode & 0o077 == 0
    assert not list(cache.glob(".*"))  # no partly written file is left
    assert first.stop() == 0
    kept = next(cache.glob("v*.h264"))
    good = kept.read_bytes()
    kept.write_bytes(good[: len(good) // 2])
    (cache / "v0-old.h264").write_bytes(b"of an older version")
    second = start("--channels", "1", "--cache-dir", str(cache))
    assert _describe(second) == 200
    until(lambda: kept.exists() and kept.read_bytes() == good, what="the repair")
    assert not (cache / "v0-old.h264").exists()


def test_the_first_frame_is_sent_before_the_loop_is_encoded(start: Start, tmp_path: Path) -> None:
    """With the sizes of a real recorder, 1080p, and an empty cache."""
    simulator = start("--channels", "1", "--cache-dir", str(tmp_path / "empty"), profile="full")
    with RtspClient(simulator.live_url(1)) as client:
        client.play()
        client.next_video()
    assert not list((tmp_path / "empty").glob("v*.h264")), "the rest is still being encoded"


def test_a_missing_encoder_makes_streams_unavailable_with_a_reason(start: Start, tmp_path: Path) -> None:
    simulator = start("--channels", "1", "--ffmpeg", "/bin/false", "--cache-dir", str(tmp_path / "none"))
    assert _describe(simulator) == 503
    assert simulator.stop() == 0
    assert "cannot encode" in simulator.errors


def test_the_layout_is_like_a_recorder() -> None:
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
