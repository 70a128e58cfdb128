"""Independent players and clients: ffmpeg, GStreamer, onvif-zeep. And the cost of sixteen channels."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import psutil
import pytest

from simulator.layout import make_layout
from simulator.live import Listener, LiveStream
from tests.patience import LIMIT_S, Slowness, until
from tests.simulator.conftest import Start
from tests.simulator.in_process import make_recorder
from tests.simulator.process import PASSWORD, USERNAME, Simulator
from tests.simulator.rtsp_client import RtspClient

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
QUOTED = "".join(
    character if character.isascii() and character.isalnum() else "".join(f"%{byte:02X}" for byte in character.encode())
    for character in PASSWORD
)


def _with_login(url: str) -> str:
    return url.replace("rtsp://", f"rtsp://{USERNAME}:{QUOTED}@")


def _probe(path: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)],
        capture_output=True,
        timeout=LIMIT_S,
        check=True,
    )
    return list(json.loads(done.stdout)["streams"])


def _copy_command(url: str, target: Path) -> list[str]:
    """argv that copies two seconds; ffmpeg drops the frames before the first key frame, up to one second."""
    quiet = [FFMPEG, "-v", "warning", "-nostdin"]
    return [*quiet, "-rtsp_transport", "tcp", "-i", _with_login(url), "-t", "2", "-c", "copy", str(target)]


def _complaints(messages: bytes) -> list[str]:
    """ffmpeg's complaints about a live stream that it joined in the middle of a GOP.

    The decoder's are left out: it lacks the reference of the frames before the first key frame. So are those of the
    Matroska muxer about time stamps that it guesses.
    """
    lines = messages.decode().splitlines()
    return [line for line in lines if not re.search(r"^\[(h264|hevc) @|unset|Last message repeated", line)]


def _decoding_complaints(file: Path) -> list[str]:
    """ffmpeg's complaints while it decodes a copy, which begins with a key frame."""
    argv = [FFMPEG, "-v", "warning", "-nostdin", "-i", str(file), "-f", "null", "-"]
    done = subprocess.run(argv, capture_output=True, timeout=LIMIT_S, check=True, stdin=subprocess.DEVNULL)
    return [line for line in done.stderr.decode().splitlines() if "Guessed Channel Layout: mono" not in line]


@pytest.mark.parametrize(
    ("channel", "role", "codecs"),
    [
        (1, "main", ["h264", "pcm_alaw"]),
        (2, "main", ["hevc", "pcm_alaw"]),
        (3, "sub", ["h264", "pcm_mulaw"]),
        (5, "main", ["h264", "aac"]),
        (7, "sub", ["h264"]),
    ],
)
def test_ffmpeg_copies_a_stream_without_a_complaint(
    simulator: Simulator, tmp_path: Path, channel: int, role: str, codecs: list[str]
) -> None:
    target = tmp_path / "copy.mkv"
    done = subprocess.run(
        _copy_command(simulator.live_url(channel, role), target),
        capture_output=True,
        timeout=LIMIT_S,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert _complaints(done.stderr) == []
    assert _decoding_complaints(target) == []
    streams = _probe(target)
    assert [stream["codec_name"] for stream in streams] == codecs
    spec = make_layout(channel, profile="small")[channel - 1].stream("main" if role == "main" else "sub")
    assert (streams[0]["width"], streams[0]["height"]) == (spec.width, spec.height)


@pytest.mark.parametrize("frame", [0, 1, 15, 16, 24])
def test_ffmpeg_may_join_at_any_frame_of_a_gop(
    cache_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame: int
) -> None:
    """The recorder runs in this process, so that the test can choose the frame.

    frame_num has 4 bits here, so frame 16 carries 0 again. A decoder that begins there sees no gap before it and
    complains of a "Missing reference picture"; at the other frames ffmpeg fills the gap and says nothing.
    """
    target = tmp_path / "copy.mkv"

    async def copy() -> bytes:
        recorder = make_recorder(cache_dir)
        (stream,) = (stream for stream in recorder.streams if stream.role == "main")

        def add(listener: Listener) -> None:
            stream.offset = frame - (stream.tick_at(time.time()) + 1)
            LiveStream.add(stream, listener)

        monkeypatch.setattr(stream, "add", add)
        await recorder.start()
        await (await stream.prepare(LIMIT_S)).finished.wait()  # until then a stream begins with its first frame
        try:
            argv = _copy_command(recorder.addresses.live_url(stream.channel, "main"), target)
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
            )
            _, messages = await process.communicate()
            return messages
        finally:
            await recorder.stop()

    assert _complaints(asyncio.run(copy())) == []
    assert _decoding_complaints(target) == []


def test_audio_and_video_are_in_sync(simulator: Simulator, tmp_path: Path) -> None:
    """A beep begins with every second key frame (GOP 1 s). ffmpeg aligns both by their sender reports."""
    target = tmp_path / "copy.mkv"
    with RtspClient(simulator.live_url(1)) as client:
        client.play()
        until(lambda: bool(simulator.frames(1)["complete"]), what="encoding")
        argv = [FFMPEG, "-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", _with_login(simulator.live_url(1))]
        subprocess.run(
            [*argv, "-t", "5", "-c", "copy", str(target)], timeout=LIMIT_S, check=True, stdin=subprocess.DEVNULL
        )
    entries = ["-select_streams", "v", "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0"]
    listed = subprocess.run(
        ["ffprobe", "-v", "error", *entries, str(target)], capture_output=True, text=True, timeout=LIMIT_S, check=True
    ).stdout
    keys = [float(line.split(",")[0]) for line in listed.splitlines() if ",K" in line]
    quiet = ["-af", "silencedetect=noise=-20dB:d=0.3", "-vn", "-f", "null", "-"]
    argv = [FFMPEG, "-v", "info", "-nostdin", "-copyts", "-i", str(target), *quiet]
    heard = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=True).stderr
    # a silence begins where a beep of 0.1 s ends
    beeps = [float(found) - 0.1 for found in re.findall(r"silence_start: ([\d.]+)", heard) if float(found) > 0.2]
    assert beeps
    for beep in beeps:
        assert min(abs(beep - key) for key in keys) < 0.12


@pytest.mark.gstreamer
@pytest.mark.parametrize(("channel", "depayloader"), [(1, "rtph264depay"), (2, "rtph265depay")])
def test_gstreamer_plays_a_stream(simulator: Simulator, channel: int, depayloader: str) -> None:
    """rtspsrc 1.22 may fail while gst-launch stops it: its CLOSE interrupts its own PAUSE, "Received end-of-file".

    The exit code is 1 then. An error before the thirtieth frame would end gst-launch without EOS.
    """
    source = ["rtspsrc", f"location={simulator.live_url(channel, 'main')}", "protocols=tcp", "latency=0"]
    login = [f"user-id={USERNAME}", f"user-pw={PASSWORD}"]
    sink = ["!", depayloader, "!", "fakesink", "num-buffers=30", "sync=false", "silent=false"]
    done = subprocess.run(
        ["gst-launch-1.0", "-v", *source, *login, *sink],
        capture_output=True, text=True, timeout=LIMIT_S, check=False, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    frames, _, end = done.stdout.partition("Got EOS from element")
    assert len(re.findall(r"last-message = chain ", frames)) == 30, done.stderr
    assert end, done.stderr
    assert done.returncode == 0 or "gst_rtspsrc_pause" in done.stderr, done.stderr


def test_onvif_zeep_finds_the_stream_of_a_device(simulator: Simulator) -> None:
    from onvif import ONVIFCamera  # noqa: PLC0415 (its import configures logging)

    camera = ONVIFCamera("127.0.0.1", simulator.onvif_port, USERNAME, PASSWORD)
    assert camera.devicemgmt.GetDeviceInformation().Manufacturer == "Pretend"
    media = camera.create_media_service()
    profile = media.GetProfiles()[0]
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    uri = media.GetStreamUri({"StreamSetup": setup, "ProfileToken": profile.token}).Uri
    assert uri == simulator.live_url(1)
    with RtspClient(uri) as client:
        client.play()


# -- the cost of sixteen channels --------------------------------------------------------------------------------------


def _cost_of(simulator: Simulator, urls: list[str], for_s: float, least_mbit_s: float) -> tuple[float, float]:
    """Share of one core that the recorder uses to send to all clients together, and the Mbit/s that they receive.

    It lasts `for_s`, and longer if the machine stands still: until they have received `least_mbit_s` * `for_s`.
    """
    clients = [RtspClient(url, timeout_s=LIMIT_S) for url in urls]
    received = [0] * len(clients)
    for client in clients:
        client.play(0)

    def drain(place: int) -> None:
        with contextlib.suppress(OSError):
            while piece := clients[place].socket.recv(1 << 20):
                received[place] += len(piece)

    threads = [threading.Thread(target=drain, args=(place,)) for place in range(len(clients))]
    for thread in threads:
        thread.start()
    until(lambda: simulator.get("/state")["clips"]["pending"] == 0, 10 * LIMIT_S, "encoding")
    process = psutil.Process(simulator.process.pid)
    used, came, began = process.cpu_times(), sum(received), time.monotonic()
    time.sleep(for_s)
    until(lambda: (sum(received) - came) * 8e-6 > least_mbit_s * for_s, what="the media")
    after, took = process.cpu_times(), time.monotonic() - began
    megabits = (sum(received) - came) * 8 / took / 1e6
    for client in clients:
        client.socket.shutdown(socket.SHUT_RDWR)
        client.close()
    for thread in threads:
        thread.join()
    return (after.user + after.system - used.user - used.system) / took, megabits


def test_sixteen_small_channels_cost_little(start: Start) -> None:
    simulator = start("--dead", "none")
    urls = [simulator.live_url(channel, "sub") for channel in range(1, 17)]
    with Slowness() as machine:
        share, _ = _cost_of(simulator, urls, 2.0, least_mbit_s=2)
    assert share < 0.25 * machine.factor()


@pytest.mark.stress
@pytest.mark.timeout(900)  # it first encodes all streams: a minute and a half on two free cores
def test_sixteen_full_channels_cost_less_than_half_a_core(start: Start, tmp_path: Path) -> None:
    simulator = start("--dead", "none", "--prepare", "all", profile="full")
    share, megabits = _cost_of(simulator, [simulator.live_url(channel) for channel in range(1, 17)], 10.0, 50)
    memory = psutil.Process(simulator.process.pid).memory_info().rss >> 20
    print(f"16 mains: {share:.3f} of a core, {megabits:.1f} Mbit/s, {memory} MB")
    assert megabits > 50
    assert share < 0.5
