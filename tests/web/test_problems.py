"""Every error becomes a problem document, or an HTML page if the request was for a page."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from flask.testing import FlaskClient

from core import errors
from core.errors import AppError
from web import guard
from web.problems import STATUS_OF, status_of

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

EXPECTED = [
    (errors.InvalidRequest.of_field("host", "no"), 400, None),
    (errors.NotFound("no"), 404, None),
    (errors.Conflict("no"), 409, None),
    (errors.LimitReached("no", used_by=("camera1_a",), retry_after_s=7), 429, "7"),
    (errors.StorageFull("no"), 503, "30"),
    (errors.Unavailable("no", retry_after_s=3), 503, "3"),
    (errors.CameraUnreachable("no"), 504, None),
    (errors.CameraAuthFailed("no"), 502, None),
    (errors.CameraUnsupported("no", service="snapshot"), 422, None),
    (errors.CameraBadAnswer("no"), 502, None),
    (errors.CameraBusy("no"), 503, "10"),
    (errors.CameraNoSignal("no"), 503, "10"),
    (errors.ArchiveUnreadable("no"), 503, "30"),
    (errors.DeviceError("no"), 502, None),
]


@pytest.mark.parametrize(("error", "status", "retry_after"), EXPECTED, ids=lambda value: type(value).__name__)
def test_an_error_has_its_status_code_and_retry_after(
    client: FlaskClient, cameras: Any, camera: Any, assert_problem: Any, error: AppError, status: int, retry_after: str
) -> None:
    cameras.fail_with = error
    answer = client.get(f"/api/cameras/{camera.id}/snapshot")
    assert_problem(answer, status, error.code)
    assert answer.headers.get("Retry-After") == retry_after


def test_every_error_of_the_tree_has_a_line_in_the_table() -> None:
    kinds = {
        kind
        for module in (errors, guard)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, AppError) and kind is not AppError
    }
    assert kinds == {kind for kind, *_ in STATUS_OF}
    for kind, status, *_ in STATUS_OF:  # a line for a base class would hide the lines below it
        assert status_of(kind.__new__(kind))[0] == status


def test_a_limit_names_the_streams_that_use_it(
    client: FlaskClient, streams: Any, camera: Any, assert_problem: Any
) -> None:
    streams.fail_with = errors.LimitReached("no", code="transcode_limit", used_by=("camera1_a", "camera1_b"))
    answer = client.post("/api/streams/start", json={"camera_id": camera.id, "profile_token": "MediaProfile00000"})
    assert assert_problem(answer, 429, "transcode_limit")["used_by"] == ["camera1_a", "camera1_b"]


def test_an_error_names_the_service_that_the_device_lacks(
    client: FlaskClient, cameras: Any, camera: Any, assert_problem: Any
) -> None:
    cameras.fail_with = errors.CameraUnsupported("no", service="snapshot")
    answer = client.get(f"/api/cameras/{camera.id}/snapshot")
    assert assert_problem(answer, 422, "camera_unsupported")["service"] == "snapshot"


def test_an_internal_error_reveals_no_details(
    client: FlaskClient, cameras: Any, camera: Any, assert_problem: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cameras.fail_with = KeyError("rtsp://admin:canary@10.0.0.1/")
    answer = client.get(f"/api/cameras/{camera.id}/snapshot")
    assert_problem(answer, 500, "internal_error")
    assert "canary" not in answer.get_data(as_text=True)
    assert "KeyError" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/api/", 404, "not_found"),
        ("DELETE", "/api/streams/all", 405, "method_not_allowed"),
        ("GET", "/api/streams/start", 405, "method_not_allowed"),
        ("POST", "/static/css/base.css", 405, "method_not_allowed"),
        ("TRACE", "/api/cameras", 405, "method_not_allowed"),
    ],
)
def test_an_error_of_the_framework_is_a_problem_document_too(
    reader: FlaskClient, assert_problem: Any, method: str, path: str, status: int, code: str
) -> None:
    answer = reader.open(path, method=method)
    assert_problem(answer, status, code)
    assert (status == 405) == ("Allow" in answer.headers)


@pytest.mark.parametrize("path", ["/nothing", "/viewer/7", "/viewer/01", "/viewer/x", "/viewer/９"])
def test_a_missing_page_gets_an_html_page(reader: FlaskClient, path: str) -> None:
    answer = reader.get(path, headers=PAGE)
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"


def test_a_page_for_an_error_escapes_what_it_shows(reader: FlaskClient) -> None:
    answer = reader.get("/<img src=x onerror=alert(1)>", headers=PAGE)
    assert answer.status_code == 404
    assert "<img src=x" not in answer.get_data(as_text=True)


def test_the_api_returns_problem_documents_even_to_a_browser(client: FlaskClient, assert_problem: Any) -> None:
    assert_problem(client.get("/api/cameras/9", headers=PAGE), 404, "not_found")
