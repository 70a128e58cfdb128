"""Decoding by a real ffmpeg, and the frame numbers in decoded frames."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg

from tests.patience import LIMIT_S
from tests.simulator.process import PASSWORD, USERNAME, Simulator
from tests.simulator.rtsp_client import frame_number_of

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def run_ffmpeg(*arguments: str, data: bytes | None = None) -> bytes:
    """Run ffmpeg with `data` as its standard input. Return its standard output; fail the test if it fails."""
    done = subprocess.run(
        [FFMPEG, "-v", "error", "-nostdin" if data is None else "-hide_banner", *arguments],
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def shown_number(luma: bytes, width: int, height: int) -> int | None:
    """The frame number in the top sixteenth of a luma plane; None if its parity is wrong."""
    row = height // 32
    return frame_number_of([luma[row * width + (2 * place + 1) * width // 40] for place in range(20)])


def take_snapshot(simulator: Simulator, folder: Path) -> bytes:
    """Fetch a snapshot of channel 1 with curl."""
    config = folder / "curl"
    config.write_text(
        f'user = "{USERNAME}:{PASSWORD}"\nurl = "{simulator.url}/onvif/snapshot?channel=1&subtype=0"\n'
        "digest\nfail\nsilent\n"
    )
    return subprocess.run(["curl", "-K", str(config)], capture_output=True, timeout=LIMIT_S, check=True).stdout


def assert_shows_now(simulator: Simulator, folder: Path) -> None:
    """Check that a snapshot of channel 1 is the present still; there is one for every two seconds."""
    before = simulator.frames(1)
    jpeg = take_snapshot(simulator, folder)
    after = simulator.frames(1)
    assert (jpeg[:3], jpeg[-2:]) == (b"\xff\xd8\xff", b"\xff\xd9")
    luma = run_ffmpeg("-f", "mjpeg", "-i", "pipe:0", "-f", "rawvideo", "-pix_fmt", "gray", "-", data=jpeg)
    number = shown_number(luma, int(before["width"]), int(before["height"]))
    assert number is not None
    took = (after["index"] - before["index"]) % before["frames"]
    assert (after["index"] - number) % before["frames"] <= 2 * before["fps"] + took
