"""The manifest and the service worker, by which browsers install the app and show notifications.

The service worker must come from the root: a browser lets it act for pages of its own folder only.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, json, send_from_directory

from web.static_files import STATIC_ROOT

blueprint = Blueprint("installing", __name__)

_PAPER = "#0e1215"
MANIFEST: dict[str, Any] = {
    "id": "/",
    "name": "ONVIF Web Viewer",
    "short_name": "Cameras",
    "description": "Live video, recordings and events of your cameras and recorders",
    "lang": "en",
    "start_url": "/",
    "scope": "/",
    "display": "standalone",
    "background_color": _PAPER,
    "theme_color": _PAPER,
    "categories": ["security", "utilities"],
    "icons": [
        {"src": "/static/img/icon-192.png", "sizes": "192x192", "type": "image/png", "purpose": "any"},
        {"src": "/static/img/icon-512.png", "sizes": "512x512", "type": "image/png", "purpose": "any"},
        {"src": "/static/img/icon-maskable-512.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
        {"src": "/static/img/icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
    ],
    "shortcuts": [{"name": "Events", "url": "/events"}, {"name": "Wall", "url": "/wall"}],
}


@blueprint.get("/manifest.webmanifest")
def manifest() -> Response:
    """Name, icons and start page of the installed app. Browsers ask for it without the login's cookie."""
    response = Response(json.dumps(MANIFEST), mimetype="application/manifest+json")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


@blueprint.get("/service-worker.js")
def service_worker() -> Response:
    """The script that shows notifications. Browsers look for a new version when a page opens."""
    response = send_from_directory(STATIC_ROOT / "js", "service-worker.js", mimetype="text/javascript", etag=True)
    response.headers["Cache-Control"] = "no-cache"
    return response
