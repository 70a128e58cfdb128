"""Turns errors into answers: the only table from error classes to HTTP statuses.

Programs get application/problem+json (RFC 9457) with a `code`; a browser that opens a page gets an error page. Neither
shows a stack trace, text of a device or a credential.
"""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, g, json, render_template, request
from jinja2 import TemplateNotFound
from markupsafe import escape
from werkzeug.exceptions import HTTPException

from core.errors import (
    AppError,
    ArchiveUnreadable,
    CameraAuthFailed,
    CameraBadAnswer,
    CameraBusy,
    CameraNoSignal,
    CameraUnreachable,
    CameraUnsupported,
    CertificateChanged,
    Conflict,
    DeviceError,
    Forbidden,
    InvalidRequest,
    LimitReached,
    NotFound,
    NotLoggedIn,
    PtzInUse,
    ReadableLoginNeeded,
    StorageFull,
    StreamNotFound,
    StreamStalled,
    Unavailable,
)
from web.access.principal import current_principal_or_none
from web.access.targets import visible_streams
from web.guard import Misdirected, Refused, UnsupportedMediaType, UpgradeRequired
from web.problem_document import PROBLEM_TYPE, problem_document
from web.services import services

log = logging.getLogger(__name__)

# (class, status, title, Retry-After in seconds or None). The first match counts, so a class stands before its base.
STATUS_OF: tuple[tuple[type[AppError], int, str, int | None], ...] = (
    (InvalidRequest, 400, "The request is not valid", None),
    (NotLoggedIn, 401, "Not logged in", None),
    (Refused, 403, "Refused", None),
    (Forbidden, 403, "Not allowed", None),
    (NotFound, 404, "Not found", None),
    (PtzInUse, 409, "Another user moves this camera", None),
    (Conflict, 409, "Conflict with the present state", None),
    (UnsupportedMediaType, 415, "JSON is needed", None),
    (CameraUnsupported, 422, "The device cannot do this", None),
    (Misdirected, 421, "Another server has this camera", None),
    (UpgradeRequired, 426, "A WebSocket is needed", None),
    (LimitReached, 429, "A limit is reached", 10),
    (ReadableLoginNeeded, 502, "The device accepts only a readable password", None),
    (CameraAuthFailed, 502, "The device refuses the user name or password", None),
    (CameraBadAnswer, 502, "The device's answer cannot be used", None),
    (CertificateChanged, 502, "The device shows another certificate", None),
    (CameraBusy, 503, "The device has no session left", 10),
    (StreamNotFound, 502, "The camera has no stream at this address", None),
    (CameraNoSignal, 503, "The channel has no signal", 10),
    (StorageFull, 503, "The disk is full", 30),
    (Unavailable, 503, "Not available at the moment", 2),
    (CameraUnreachable, 504, "The device does not answer", None),
    (ArchiveUnreadable, 503, "The disk with the recording cannot be read", 30),
    (StreamStalled, 504, "The device has stopped sending video", None),
    (DeviceError, 502, "The device failed", None),
)

# Codes that errors have instead of the code of their class.
_FINER_CODES = (
    (401, "login_failed", "The name or the password is wrong"),
    (403, "csrf", "The request lacks the page's token; reload the page"),
    (403, "accounts_exist", "There is an account already"),
    (403, "not_this_machine", "The first account must be created on the machine that runs the app"),
    (403, "host_not_allowed", "The request names a host that is not allowed; see TRUSTED_HOSTS"),
    (403, "cross_site", "The request comes from another web site"),
    (403, "proxied", "The request came through a proxy that is not in TRUSTED_PROXIES"),
    (403, "not_yours", "Another user started this replay; start your own"),
    (404, "no_recording", "Nothing is recorded after the requested time"),
    (504, "address_refused", "The app does not connect to this address"),
    (409, "last_admin", "This is the last admin; at least one must remain"),
    (409, "name_taken", "There is a user of this name already"),
    (409, "wall_name_taken", "There is a layout of this name already"),
    (409, "too_many_walls", "There are too many layouts already"),
    (409, "model_unusable", "The model cannot be used"),
    (409, "detector_missing", "The detector of objects is not installed"),
    (409, "superseded", "A later seek replaced this one"),
    (409, "tour_name_taken", "The channel has a tour of this name already"),
    (409, "too_many_tours", "The channel has too many tours already"),
    (409, "several_nodes", "Several servers have the connections to the cameras of this request"),
    (409, "already_added", "This device has been added already, as `camera_id`"),
    (429, "too_many_logins", "Too many failed logins from this address or for this account"),
    (429, "replay_limit", "All replay sessions of the recorder are in use"),
    (429, "socket_limit", "One user or token has too many open pages with live video"),
    (404, "nothing_recorded", "Nothing is recorded in the range of an export"),
    (409, "search_state", "The search is in another state"),
    (429, "search_limit", "You have too many searches that are not finished"),
    (429, "test_limit", "There were too many tests of notifications within a minute"),
    (409, "export_state", "The export is in another state"),
    (429, "export_limit", "There are as many exports as MAX_EXPORTS allows"),
    (429, "export_space", "Exports use as much disk space as EXPORT_BYTES allows"),
    (429, "download_limit", "One user has too many downloads at a time"),
    (503, "not_indexed", "The app is still reading the recorder's list of the range"),
    (429, "transcode_limit", "Too many streams are being transcoded"),
    (504, "camera_no_answer", "The device is on the network, but left a request without an answer"),
    (503, "busy", "Too many requests are waiting for devices or first segments"),
    (503, "join_limit", "One user or page starts too many streams at a time"),
    (503, "not_owner", "Another server has the connection to this camera now, or none has"),
    (503, "node_away", "The server that has the files of this job is not running"),
    (503, "ffmpeg_missing", "ffmpeg was not found; see the setting FFMPEG"),
)

_HTTP_CODES = {
    400: ("invalid_request", "The request cannot be understood."),
    404: ("not_found", "There is no such page or file."),
    405: ("method_not_allowed", "This address does not support this method."),
    413: ("too_large", "The request is too large."),
    414: ("too_large", "The address is too long."),
    415: ("unsupported_media_type", "A body must be JSON, with Content-Type: application/json."),
    416: ("range_not_satisfiable", "The file has no such range."),
    431: ("too_large", "The request's headers are too large."),
    500: ("internal_error", "An internal error occurred. The app's log has the details."),
}


def install_problems(app: Flask) -> None:
    """Register the handlers of all errors: the app's own, the framework's, and unexpected ones."""
    app.register_error_handler(AppError, answer_app_error)
    app.register_error_handler(HTTPException, answer_http_error)
    app.register_error_handler(Exception, answer_unexpected)


def status_of(error: AppError) -> tuple[int, str, int | None]:
    """Return status, title and Retry-After (seconds, or None) of an error."""
    for kind, status, title, retry_after_s in STATUS_OF:
        if isinstance(error, kind):
            return status, title, getattr(error, "retry_after_s", retry_after_s)
    return 500, "Something went wrong", None


def all_codes() -> list[dict[str, Any]]:
    """Return every code with its status and meaning, for the page about the API."""
    rows = [(status, kind.code, title) for kind, status, title, _ in STATUS_OF]
    rows += _FINER_CODES
    known = {code for _, code, _ in rows}
    for status, (code, detail) in _HTTP_CODES.items():
        if code not in known:
            known.add(code)
            rows.append((status, code, detail))
    return [{"status": status, "code": code, "title": title} for status, code, title in sorted(rows)]


def problem_message(error: AppError, used_by: list[str]) -> dict[str, Any]:
    """Return an error for a live socket, which has no status and no headers.

    It has `code` and `detail`; `retry_after_s` if the HTTP answer would have Retry-After; `used_by` for a limit.
    """
    _, _, retry_after_s = status_of(error)
    message: dict[str, Any] = {"code": error.code, "detail": error.detail}
    if retry_after_s is not None:
        message["retry_after_s"] = retry_after_s
    if isinstance(error, LimitReached):
        message["used_by"] = used_by
    return message


def answer_app_error(error: AppError) -> Response:
    status, title, retry_after_s = status_of(error)
    if status >= 500:
        log.debug("%s %s: %s %s", request.method, request.path[:200], status, error.code)
    document = problem_document(status, title, error.code, error.detail, **_extras(error))
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s is not None else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="ONVIF Web Viewer"'  # RFC 6750, section 3
    return _answer(document, headers)


def _extras(error: AppError) -> dict[str, Any]:
    if isinstance(error, InvalidRequest) and error.errors:
        return {"errors": [{"field": item.field, "message": item.message} for item in error.errors]}
    if isinstance(error, LimitReached):
        return {"used_by": visible_streams(services(), current_principal_or_none(), error.used_by)}
    if isinstance(error, CameraUnsupported):
        return {"service": error.service}
    if isinstance(error, PtzInUse):
        return {
            "moved_by": error.moved_by,
            "moving_for_s": round(error.moving_for_s, 1),
            "free_in_s": round(error.free_in_s, 1),
        }
    if isinstance(error, Conflict) and error.existing_id is not None:
        return {"camera_id": error.existing_id}
    return {}


def answer_http_error(error: HTTPException) -> Response:
    """Answer an error of Flask: unknown address, wrong method, body too large."""
    status = error.code or 500
    code, detail = _HTTP_CODES.get(status, ("http_error", "The request cannot be answered."))
    headers = {}
    valid_methods = getattr(error, "valid_methods", None)
    if valid_methods:
        headers["Allow"] = ", ".join(sorted(valid_methods))
    return _answer(problem_document(status, error.name, code, detail), headers)


def answer_unexpected(error: Exception) -> Response:
    """Answer an unexpected exception: its details go to the log, not to the user."""
    log.error("unexpected error in %s %s", request.method, request.path[:200], exc_info=error)
    return _answer(problem_document(500, "Internal Server Error", *_HTTP_CODES[500]), {})


def _answer(document: dict[str, Any], headers: dict[str, str]) -> Response:
    status = int(document["status"])
    g.problem_code = document["code"]
    if wants_page():
        response = Response(_error_page(document), status, mimetype="text/html")
    else:
        response = Response(json.dumps(document), status, content_type=PROBLEM_TYPE)
    response.headers.extend(headers)
    return response


def wants_page() -> bool:
    """True if the answer should be a page, because a browser opens this address, and not an API document."""
    if request.path.startswith(("/api/", "/static/")) and request.path != "/api/docs":
        return False
    best = request.accept_mimetypes.best_match((PROBLEM_TYPE, "text/html"))
    return best == "text/html"


def _error_page(document: dict[str, Any]) -> str:
    try:
        return render_template("error.html", page="error", **document)
    except TemplateNotFound:
        title, detail = escape(document["title"]), escape(document["detail"])
        return f"<!doctype html><html lang=en><title>{title}</title><h1>{title}</h1><p>{detail}</p></html>"
