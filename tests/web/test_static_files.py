"""The static view serves the front end's files and nothing else, for any spelling of the address."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from core.settings import ROOT
from web import static_files


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("css/api_docs.css", "text/css; charset=utf-8"), ("img/icon.svg", "image/svg+xml; charset=utf-8")],
)
def test_a_file_of_the_front_end_is_sent_and_revalidated(reader: FlaskClient, name: str, content_type: str) -> None:
    answer = reader.get(f"/static/{name}")
    assert (answer.status_code, answer.content_type) == (200, content_type)
    assert answer.headers["Cache-Control"] == "no-cache"
    again = reader.get(f"/static/{name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    answer.close()
    again.close()


def test_modules_are_sent_as_javascript(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "hls.mjs").write_text("export {}")
    monkeypatch.setattr(static_files, "STATIC_ROOT", tmp_path)
    answer = client.get("/static/vendor/hls.mjs")
    assert answer.content_type == "text/javascript; charset=utf-8"
    answer.close()


@pytest.mark.parametrize(
    "address",
    [
        "css",
        "css/",
        "css/../streams/camera1_a/stream.m3u8",
        "./streams/camera1_a/stream.m3u8",
        "css/../../app.py",
        "css/%2e%2e/streams/camera1_a/stream.m3u8",
        "css/..%2fstreams/camera1_a/stream.m3u8",
        "css/%252e%252e/app.css",
        "css//api_docs.css",
        "/etc/passwd",
        "css/.hidden.css",
        "css/api_docs.css%00.css",
        "css/api_docs.css\\x.css",
        "css/api_docs.css/",
        "other/file.css",
        "streams/.instance.lock",
        "css/notes.md",
        "css/none.css",
        "CSS/api_docs.css",
    ],
)
def test_any_other_address_is_not_found(reader: FlaskClient, assert_problem: Any, address: str) -> None:
    (ROOT / "static" / "css" / "api_docs.css").stat()
    assert_problem(reader.get(f"/static/{address}"), 404, "not_found")
