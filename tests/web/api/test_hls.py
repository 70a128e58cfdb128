"""The multivariant playlist of a channel, and the playlists of its variants."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

MASTER = "/api/cameras/1/channels/1/master.m3u8"
SUB = "/api/cameras/1/channels/1/sub.m3u8"
TEXT = '#EXTM3U\n#EXT-X-MAP:URI="init_0.mp4"\n#EXTINF:2.0,\nsegment_00001.m4s\n#EXTINF:2.0,\nsegment_00002.m4s\n'


def test_the_multivariant_playlist_starts_no_session(client: FlaskClient, streams: Any, camera: Any) -> None:
    answer = client.get(MASTER)
    assert (answer.status_code, answer.content_type) == (200, "application/vnd.apple.mpegurl")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "main.m3u8?codec=h264" in answer.text
    assert "main.m3u8?codec=hevc" in client.get(f"{MASTER}?codec=hevc").text
    assert streams.sessions == {}


def test_a_variant_starts_its_session_and_names_its_segments(
    client: FlaskClient, streams: Any, camera: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, ...]] = []

    def playlist(*given: Any) -> str:
        seen.append(given)
        return TEXT

    monkeypatch.setattr(streams, "playlist", playlist)
    answer = client.get(f"{SUB}?viewer=abc_1")
    (stream_id,) = streams.sessions
    assert (answer.status_code, answer.content_type) == (200, "application/vnd.apple.mpegurl")
    assert answer.text == (
        f'#EXTM3U\n#EXT-X-MAP:URI="/static/streams/{stream_id}/init_0.mp4"\n'
        f"#EXTINF:2.0,\n/static/streams/{stream_id}/segment_00001.m4s\n"
        f"#EXTINF:2.0,\n/static/streams/{stream_id}/segment_00002.m4s\n"
    )
    assert seen == [(stream_id, "stream.m3u8", 0.0, "abc_1")]


def test_an_unknown_channel_or_variant_is_404(client: FlaskClient, camera: Any, assert_problem: Any) -> None:
    assert_problem(client.get("/api/cameras/1/channels/99/master.m3u8"), 404, "not_found")
    assert_problem(client.get("/api/cameras/99/channels/1/master.m3u8"), 404, "not_found")
    assert_problem(client.get("/api/cameras/1/channels/99/sub.m3u8"), 404, "not_found")
    assert client.get("/api/cameras/1/channels/1/other.m3u8").status_code in (400, 404)


def test_invalid_queries_are_named(client: FlaskClient, camera: Any, assert_problem: Any) -> None:
    for url, field in ((f"{MASTER}?codec=vp9", "codec"), (f"{SUB}?viewer=a%20b", "viewer")):
        document = assert_problem(client.get(url), 400, "invalid_request")
        assert document["errors"][0]["field"] == field
