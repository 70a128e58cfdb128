"""Addresses of the app's pages in links that users share. Each page asks for a login and then shows its target."""

from __future__ import annotations

from flask import request

from web.client import client
from web.services import services


def shared_link(path: str) -> str:
    """Return the full address of a page: PUBLIC_URL, otherwise the address of the present request, and the path.

    The guard has checked the Host of the request; the scheme is that of a trusted proxy, if one forwards it.
    """
    base = services().settings.public_url or f"{client().scheme}://{request.host}"
    return base.removesuffix("/") + path


def export_link(export_id: int) -> str:
    """Return the address of an export on the page of exports."""
    return shared_link(f"/exports#export-{export_id}")
