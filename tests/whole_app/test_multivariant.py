"""The multivariant playlist of a channel with real players: ffprobe and GStreamer."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.patience import LIMIT_S, Slowness, until

WRAP_S = 2**33 / 90_000


def _get(url: str) -> str:
    """Fetch a playlist like a player, which tries again after a 503."""

    def fetched() -> str | None:
        answer = requests.get(url, timeout=LIMIT_S)
        assert answer.status_code in (200, 503), answer.text
        return answer.text if answer.ok else None

    return until(fetched) or ""


def _variants(app: Any, camera_id: int, channel: int, query: str = "") -> dict[str, dict[str, str]]:
    """Return the attributes of each variant by its role, and its address as `url`."""
    folder = f"{app.url}/api/cameras/{camera_id}/channels/{channel}"
    found = {}
    for line, uri in re.findall(r"#EXT-X-STREAM-INF:(.*)\n(.*)", _get(f"{folder}/master.m3u8{query}")):
        attributes = {name: value.strip('"') for name, value in re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', line)}
        found[uri.partition(".")[0]] = {**attributes, "url": f"{folder}/{uri}"}
    return found


def _dated(url: str) -> str:
    """Return the playlist; empty until it has the time of a segment."""
    text = _get(url)
    return text if "#EXT-X-PROGRAM-DATE-TIME" in text else ""


def _await_segments(url: str, count: int) -> None:
    until(lambda: _get(url).count("#EXTINF") >= count)


def _streams(app: Any) -> list[dict[str, Any]]:
    streams: list[dict[str, Any]] = requests.get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"]
    return streams


def _stop_all(app: Any) -> None:
    for stream in _streams(app):
        body = {"stream_id": stream["stream_id"]}
        requests.post(f"{app.url}/api/streams/stop", json=body, timeout=LIMIT_S).raise_for_status()


def _probe(source: str, *shown: str) -> str:
    command = [shutil.which("ffprobe") or "ffprobe", "-v", "error", *shown, "-of", "csv=p=0", source]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S).stdout


@pytest.mark.parametrize("viewer", [r"$", r"&viewer=[^&]*"], ids=["from the playlist", "without a viewer"])
def test_a_session_starts_with_its_variants_playlist(app: Any, camera_id: int, viewer: str) -> None:
    variants = _variants(app, camera_id, 1)
    assert list(variants) == ["main", "sub"]
    assert _streams(app) == []
    assert app.ffmpegs() == []
    for _ in range(3):  # fetches of one player count as one viewer
        _get(re.sub(viewer, "", variants["sub"]["url"]))
    (stream,) = _streams(app)
    assert (stream["profile_token"], stream["viewers"]) == ("MediaProfile00001", 1)
    assert len(app.ffmpegs()) == 1
    _stop_all(app)


def test_ffprobe_finds_both_variants_as_they_are_described(app: Any, camera_id: int) -> None:
    master = f"{app.url}/api/cameras/{camera_id}/channels/1/master.m3u8"
    for variant in _variants(app, camera_id, 1).values():
        _await_segments(variant["url"], 1)  # ffprobe leaves out a variant whose playlist is answered with 503
    found = _probe(master, "-select_streams", "v", "-show_entries", "stream=profile,width,height,level")
    described = _variants(app, camera_id, 1)  # exact once the sessions have started
    sizes = {tuple(line.split(",")[1:3]): line.split(",")[3] for line in found.splitlines() if line.count(",") == 3}
    assert len(sizes) == len(described) == 2
    for variant in described.values():
        level = sizes[tuple(variant["RESOLUTION"].split("x"))]
        codec, audio = variant["CODECS"].split(",")
        assert codec == f"avc1.42C0{int(level):02X}"  # the simulator's profile
        assert audio == "mp4a.40.2"
        text = until(lambda: _dated(variant["url"]))  # noqa: B023 - called in this round
        for length, uri in re.findall(r"#EXTINF:([\d.]+),\n(.*)", text):
            bits = 8 * len(requests.get(app.url + uri, timeout=LIMIT_S).content)
            peaks = [
                int(one["BANDWIDTH"])
                for one in _variants(app, camera_id, 1).values()
                if one["CODECS"] == variant["CODECS"]
            ]
            assert bits / float(length) <= max(peaks) + 1000
    _stop_all(app)


def test_the_variants_share_one_time_line(app: Any, camera_id: int, tmp_path: Path) -> None:
    """The second session starts when the first has run for some segments."""
    variants = _variants(app, camera_id, 1)
    offsets_s = []
    with Slowness() as machine:
        for role in ("main", "sub"):
            url = variants[role]["url"]
            _await_segments(url, 2)
            date, uri = re.findall(r"DATE-TIME:(.*)\n#EXTINF.*\n(.*)", _get(url))[-1]
            segment = tmp_path / f"{role}.ts"
            segment.write_bytes(requests.get(app.url + uri, timeout=LIMIT_S).content)
            shown = _probe(str(segment), "-select_streams", "v", "-show_entries", "packet=pts_time")
            first = re.findall(r"[\d.]+", shown)
            offsets_s.append((float(first[0]) - datetime.fromisoformat(date).timestamp()) % WRAP_S)
    # The times are those of arrival, which vary on a busy machine.
    assert offsets_s[0] == pytest.approx(offsets_s[1], abs=machine.allowed_s(0.4))
    _stop_all(app)


def test_h265_is_listed_alone_and_only_on_request(app: Any, camera_id: int) -> None:
    encoded = _variants(app, camera_id, 2)
    assert list(encoded) == ["sub", "main"]
    assert all(variant["CODECS"].startswith("avc1.") for variant in encoded.values())
    copied = _variants(app, camera_id, 2, "?codec=hevc")
    assert list(copied) == ["main"]
    text = _get(copied["main"]["url"])
    assert "/init_0.mp4" in text
    found = _probe(copied["main"]["url"], "-select_streams", "v", "-show_entries", "stream=codec_name,level")
    level = re.findall(r"hevc,(\d+)", found)[0]
    assert _variants(app, camera_id, 2, "?codec=hevc")["main"]["CODECS"].startswith(f"hvc1.1.6.L{level}")
    _stop_all(app)


@pytest.mark.gstreamer
@pytest.mark.parametrize(("speed_kbps", "width"), [(300, 320), (5000, 640)])
def test_gstreamer_plays_the_variant_that_fits_its_link(app: Any, camera_id: int, speed_kbps: int, width: int) -> None:
    """hlsdemux2 of GStreamer 1.22 stops at a live playlist that has few segments so far; then it begins again."""
    for variant in _variants(app, camera_id, 1).values():
        _await_segments(variant["url"], 4)
    url = f"{app.url}/api/cameras/{camera_id}/channels/1/master.m3u8"
    command = ["gst-launch-1.0", "-v", "playbin3", "flags=1", f"uri={url}", f"connection-speed={speed_kbps}"]
    command.append("video-sink=fakesink num-buffers=50")

    def widths() -> set[str]:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S)
        return set(re.findall(r"video/x-raw.*width=\(int\)(\d+)", done.stdout))

    assert until(widths, what="decoded video") == {str(width)}
    _stop_all(app)
