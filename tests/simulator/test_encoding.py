"""Answers while the recorder still draws and encodes: an encoder that halts stands for a slow machine."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulator.clip import Clip
from simulator.encoding import EncodingJob, EncodingQueue
from simulator.layout import clip_spec, make_layout
from tests.patience import LIMIT_S, until
from tests.simulator.decoding import FFMPEG, assert_shows_now
from tests.simulator.process import Simulator
from tests.simulator.rtsp_client import RtspClient

# Writes the first frames of the real ffmpeg's output; writes the rest once the file GO exists. A frame is a JPEG, or a
# slice of H.264 (nal_unit_type 1 or 5), which the simulator takes as complete when the slice after the next begins.
_HALTING_ENCODER = """#!{python}
import os, pathlib, re, subprocess, sys, time
if "-encoders" in sys.argv or "adts" in sys.argv:
    os.execv("{ffmpeg}", ["{ffmpeg}", *sys.argv[1:]])
made = subprocess.run(["{ffmpeg}", *sys.argv[1:]], stdout=subprocess.PIPE, check=True).stdout
if "mjpeg" in sys.argv:
    ends = [found.end() for found in re.finditer(bytes([255, 217]), made)]
else:
    starts = [found.end() for found in re.finditer(bytes([0, 0, 1]), made)]
    ends = [at + 1 for at in starts if made[at] & 31 in (1, 5)][2:]
first = ends[{frames} - 1]
sys.stdout.buffer.write(made[:first])
sys.stdout.buffer.flush()
while not pathlib.Path("{go}").exists():
    time.sleep(0.05)
sys.stdout.buffer.write(made[first:])
"""

StartHalting = Callable[..., Simulator]


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """The file that lets the encoders go on."""
    return tmp_path / "go"


@pytest.fixture
def start_halting(tmp_path: Path, go: Path) -> Iterator[StartHalting]:
    """Start a recorder with an empty cache, whose encoders halt after so many frames."""
    started: list[Simulator] = []

    def begin(*options: str, frames: int) -> Simulator:
        encoder = tmp_path / "encoder"
        encoder.write_text(_HALTING_ENCODER.format(python=sys.executable, ffmpeg=FFMPEG, go=go, frames=frames))
        encoder.chmod(0o755)
        started.append(Simulator(tmp_path / "cache", *options, "--ffmpeg", str(encoder)))
        return started[-1]

    yield begin
    for simulator in started:
        assert simulator.stop() == 0


def test_a_first_snapshot_shows_now_before_the_other_stills_are_drawn(
    start_halting: StartHalting, go: Path, tmp_path: Path
) -> None:
    simulator = start_halting("--channels", "1", frames=1)
    assert_shows_now(simulator, tmp_path)
    assert not [*(tmp_path / "cache").glob("*.mjpeg")], "the other stills are still being drawn"
    go.touch()
    until(lambda: bool([*(tmp_path / "cache").glob("*.mjpeg")]), what="the drawing of the others")
    assert_shows_now(simulator, tmp_path)


def test_a_stream_is_described_once_its_first_frame_is_encoded(start_halting: StartHalting, go: Path) -> None:
    simulator = start_halting("--channels", "1", frames=1)
    with RtspClient(simulator.live_url(1)) as client:
        answer = client.play()
        assert simulator.frames(1)["encoded"] < simulator.frames(1)["gop_frames"]
        go.touch()
        first = client.next_video()
        assert f"trackID=0;seq={first.sequence};" in answer.header("rtp-info")
        assert first.payload[0] & 0x1F == 7, "a key frame comes first, with its parameter sets"


def test_streams_and_snapshots_do_not_wait_for_the_last_frame_of_others(
    start_halting: StartHalting, tmp_path: Path
) -> None:
    simulator = start_halting("--channels", "6", "--dead", "none", frames=1)
    for channel in range(1, 7):
        with RtspClient(simulator.live_url(channel, "sub")) as client:
            client.play()
    assert_shows_now(simulator, tmp_path)
    assert simulator.get("/state")["clips"] == {"ready": 0, "pending": 7}


def test_a_job_ends_although_much_of_its_output_is_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = tmp_path / "encoder"
    encoder.write_text(f"""#!/bin/sh\ncase "$*" in *-encoders*) exec {FFMPEG} "$@";; esac\nexec yes\n""")
    encoder.chmod(0o755)

    async def read_nothing(_queue: EncodingQueue, _job: EncodingJob, process: asyncio.subprocess.Process) -> bytes:
        """Fail once the stream's buffer is so full that asyncio has paused the pipe."""
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(job.clip.spec.as_json().encode())
        process.stdin.close()
        while not process.stdout._paused:  # type: ignore[attr-defined]  # noqa: ASYNC110 (StreamReader has no event)
            await asyncio.sleep(0.01)
        raise ValueError("the clip is broken")

    monkeypatch.setattr(EncodingQueue, "_collect", read_nothing)
    layout = make_layout(1, profile="small")
    job = EncodingJob(Clip(clip_spec(layout[0], "sub")), is_urgent=True)
    with pytest.raises(ValueError, match="broken"):
        asyncio.run(asyncio.wait_for(EncodingQueue(str(encoder)).encode(job), LIMIT_S))
