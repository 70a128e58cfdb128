"""The playlist of the key frames that the server has recorded: its times in ffmpeg, its limits and its access rules."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from core.access import Role, Scope
from core.archive import GapReason, RecordedQuality, StreamKey
from core.clock import rfc3339
from media.ffmpeg import find_ffmpeg
from tests.archive.recorded import FPS, Footage
from tests.media.encoded import encoded
from tests.patience import LIMIT_S
from tests.recordings.recorder import HOUR, NOON, Archive
from tests.web.web_harness import WebHarness

PLAYLIST = "/api/cameras/1/recordings/iframes.m3u8"
START = NOON - HOUR


def window(start_s: float, end_s: float, channel: int = 1) -> dict[str, str]:
    times = (rfc3339(START + timedelta(seconds=second)) for second in (start_s, end_s))
    return {"channel": f"{channel}", **dict(zip(("start_time", "end_time"), times, strict=True))}


def recorded(
    archive: Archive, folder: Path, *spans: tuple[float, float], codec: str = "h264", channel: int = 1
) -> None:
    film = encoded(codec)
    footage = Footage(archive.server.index, folder / "volume", film.sets, codec=codec, gop=film.pictures[:FPS])
    for start_s, end_s in spans:
        begin_s = START.timestamp()
        stream = StreamKey(1, channel, RecordedQuality.MAIN)
        footage.record(begin_s + start_s, begin_s + end_s, stream, reason=GapReason.DEVICE_AWAY)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_ffmpeg_shows_each_key_frame_at_its_time(
    client: FlaskClient, archive: Archive, tmp_path: Path, codec: str
) -> None:
    recorded(archive, tmp_path, (0, 25), codec=codec)
    text = client.get(PLAYLIST, query_string=window(2.5, 20)).text
    assert "#EXT-X-I-FRAMES-ONLY" in text
    assert text.count("#EXTINF:1.000,") == text.count("#EXTINF") == 17
    urls = dict.fromkeys(re.findall(r'/api/[^"\n]+', text))
    for number, url in enumerate(urls):
        name = f"{number}.mp4"
        (tmp_path / name).write_bytes(client.get(url).data)
        text = re.sub(rf"{re.escape(url)}(?=[\"\n])", name, text)
    (tmp_path / "local.m3u8").write_text(text)
    command = [str(find_ffmpeg()), "-v", "error", "-i", "local.m3u8", "-copyts", "-f", "framehash", "-"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    assert not made.stderr
    shown = [line.split(",") for line in made.stdout.splitlines() if not line.startswith("#")]
    assert len(shown) == 17
    steps = {int(after[2]) - int(before[2]) for before, after in pairwise(shown)}
    assert len(steps) == 1, "a frame each second"
    assert len({line[-1].strip() for line in shown}) == 1, "all key frames of the film are the same picture"


def test_a_gap_is_a_discontinuity(client: FlaskClient, archive: Archive, tmp_path: Path) -> None:
    recorded(archive, tmp_path, (0, 5), (60, 63))
    lines = client.get(PLAYLIST, query_string=window(0, 100)).text.splitlines()
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    times = [line.partition(":")[2] for line in lines if line.startswith("#EXT-X-PROGRAM-DATE-TIME")]
    assert times == [rfc3339(START), rfc3339(START + timedelta(seconds=60))]
    assert {line for line in lines if line.startswith("#EXTINF")} == {"#EXTINF:1.000,"}


def test_a_limited_user_reads_only_the_own_channels(harness: WebHarness, archive: Archive, tmp_path: Path) -> None:
    recorded(archive, tmp_path, (0, 5), channel=1)
    recorded(archive, tmp_path, (0, 5), channel=2)
    api = harness.token_client(Role.REVIEWER, Scope({1: frozenset({2})}))
    answers = [api.request("GET", PLAYLIST, query_string=window(0, 5, channel)) for channel in (1, 2)]
    assert [answer.status_code for answer in answers] == [404, 200]
    (url,) = {re.sub("part=frame", "part=init", it) for it in re.findall(r'/api/[^"\n]+', answers[1].text)[:1]}
    assert api.request("GET", url).status_code == 200
    assert api.request("GET", url.replace("channel=2", "channel=1")).status_code == 404


def test_windows_without_key_frames_are_refused(
    client: FlaskClient, archive: Archive, tmp_path: Path, assert_problem: Callable[..., dict[str, Any]]
) -> None:
    recorded(archive, tmp_path, (0, 5))
    assert_problem(client.get(PLAYLIST, query_string=window(10, 20)), 404, "no_recording")
    assert_problem(client.get(PLAYLIST, query_string=window(20, 10)), 400, "invalid_request")
    assert_problem(client.get(PLAYLIST, query_string=window(0, 14_401)), 400, "invalid_request")
    between = {**window(0, 5), "time": rfc3339(START + timedelta(seconds=1.5))}
    between.pop("end_time")
    assert_problem(client.get("/api/cameras/1/recordings/iframe.mp4", query_string=between), 404, "no_recording")
