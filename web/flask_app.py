"""Builds the Flask application for given managers. Starts nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from markupsafe import Markup

from core.settings import ROOT, Settings
from web import installing, internal, pages, players, static_files, stream_files
from web.access.audit import audit_as
from web.access.enforcement import install_access
from web.api import accounts as api_accounts
from web.api import (
    audit,
    backfills,
    camera_events,
    cases,
    detector,
    events,
    exports,
    hls,
    i_frames,
    imaging,
    models,
    motion,
    nodes,
    notification_sinks,
    notifications,
    pictures,
    playback,
    ptz,
    push,
    recordings,
    searches,
    storage,
    system,
    walls,
)
from web.api import cameras as api_cameras
from web.api import recording_rules as api_recording_rules
from web.api import streams as api_streams
from web.fields import refuse
from web.front_end import Addresses, FrontEnd
from web.guard import allow_inline_script, install_guard
from web.live import route as live
from web.problems import install_problems
from web.routing import live_path
from web.services import EXTENSION, Services
from web.slow_clients import TimedBody, slow_clients
from web.strict_json import MAX_BODY_BYTES, StrictRequest

API_VERSION = "1.0.0"
_SOCKET_TIMEOUT_S = 30.0


def build_web(services: Services) -> OpenAPI:
    """Return the application with guard, access check, pages, API, static files, streams and error handlers."""
    app = OpenAPI(
        __name__,
        info=Info(
            title="ONVIF cameras in the browser",
            version=API_VERSION,
            description="Errors are application/problem+json with a `code`; times are RFC 3339 in UTC.",
        ),
        doc_ui=False,
        security_schemes={"token": {"type": "http", "scheme": "bearer", "description": "Created on the page /access"}},
        validation_error_status=400,
        validation_error_model=models.ProblemDocument,
        validation_error_callback=refuse,
        root_path=str(ROOT),
        template_folder="templates",
        static_folder=None,
    )
    app.request_class = StrictRequest
    app.json.sort_keys = False  # type: ignore[attr-defined] # only the default provider has it
    app.url_map.merge_slashes = False  # otherwise `//host/..` is answered with a redirect
    app.extensions[EXTENSION] = services
    _install_front_end(app, services.settings)
    install_guard(app, services.settings)
    install_access(app)
    services.ptz.on_taken(lambda name: audit_as("ptz_take_over", taken_from=name))
    install_problems(app)
    for blueprint in (
        api_cameras.blueprint,
        api_streams.blueprint,
        hls.blueprint,
        playback.blueprint,
        recordings.blueprint,
        api_recording_rules.blueprint,
        pictures.blueprint,
        i_frames.blueprint,
        events.blueprint,
        camera_events.blueprint,
        detector.blueprint,
        motion.blueprint,
        notifications.blueprint,
        notification_sinks.blueprint,
        exports.blueprint,
        cases.blueprint,
        cases.evidence,
        searches.blueprint,
        storage.blueprint,
        storage.kept,
        nodes.blueprint,
        backfills.blueprint,
        api_accounts.blueprint,
        audit.blueprint,
        walls.blueprint,
        ptz.blueprint,
        imaging.blueprint,
        push.blueprint,
        system.blueprint,
    ):
        app.register_api(blueprint)
    for plain in (
        system.described,
        pages.blueprint,
        installing.blueprint,
        internal.blueprint,
        static_files.blueprint,
        stream_files.blueprint,
        players.blueprint,
        live.blueprint,
    ):
        app.register_blueprint(plain)
    app.wsgi_app = _with_deadlines(app.wsgi_app)  # type: ignore[method-assign] # Flask's own way to add a layer
    return app


def _install_front_end(app: Flask, settings: Settings) -> None:
    """Templates find addresses of static files in `files`, and the setting BROWSER_DECODER in `browser_decoder`.

    `boot_script()` is the text of boot.js, for a page that contains it; `live_path()` the address of its socket.
    """
    front_end = FrontEnd(static_files.STATIC_ROOT, serves_sources=settings.serve_sources)

    def for_templates() -> dict[str, Addresses | str | Callable[[], str]]:
        addresses = front_end.addresses()

        def boot_script() -> Markup:
            allow_inline_script(addresses.boot_hash)
            return Markup(addresses.boot)  # noqa: S704 - a file of the app

        return {
            "files": addresses,
            "browser_decoder": settings.browser_decoder,
            "boot_script": boot_script,
            "live_path": live_path,
        }

    app.context_processor(for_templates)


def _with_deadlines(inner: Any) -> Any:
    """Add a WSGI layer that ends requests of clients that read or send too slowly, so that they free their threads.

    gunicorn's gthread worker puts the connection into blocking mode without a timeout: a client that stops reading a
    segment would hold a thread until it disconnects. The timeout here ends clients that send or read nothing;
    `web.slow_clients` ends those that send or read a few bytes now and then.
    """

    def layer(environ: dict[str, Any], start_response: Any) -> Any:
        connection = environ.get("gunicorn.socket")
        if connection is None:
            return inner(environ, start_response)
        descriptor: int = connection.fileno()
        slow_clients.heard(descriptor)
        connection.settimeout(_SOCKET_TIMEOUT_S)
        size = min(int(environ.get("CONTENT_LENGTH") or MAX_BODY_BYTES), MAX_BODY_BYTES)
        environ["wsgi.input"] = TimedBody(environ["wsgi.input"], slow_clients, descriptor, size)

        def start_answer(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            length = next((value for name, value in headers if name.lower() == "content-length"), None)
            if length is not None:
                slow_clients.sending(descriptor, int(length))
            return start_response(status, headers, *more)

        return inner(environ, start_answer)

    return layer
