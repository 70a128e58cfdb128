"""/api/cameras/<camera_id>/channels/<number>/master.m3u8: one address for players that choose the quality themselves.

The multivariant playlist lists the main and sub stream. The session of a variant starts when a player fetches the
variant's own playlist. web/players.py has the same for players that cannot log in.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from sessions.view import playlist_url
from web.access.audit import audit_about, audit_as
from web.access.principal import current_principal
from web.api import models
from web.api.described import answers_with
from web.api.stream_models import PlayerLink
from web.links import shared_link
from web.services import services
from web.stream_files import PLAYLIST_TYPE, wait_for_playlist

blueprint = APIBlueprint("api_hls", __name__, url_prefix="/api/cameras", abp_tags=[Tag(name="streams")])

_PLAYLIST_NAME = "stream.m3u8"
_FILE_NAMES = re.compile(r'^(?=[^#\s])|(?<=URI=")', re.MULTILINE)
_PLAYLIST: dict[str, Any] = {
    "description": "An HLS playlist (RFC 8216)",
    "content": {PLAYLIST_TYPE: {"schema": {"type": "string"}}},
}


@blueprint.get("/<camera_id>/channels/<number>/master.m3u8", responses=answers_with({200: _PLAYLIST}, 404, 422))
def master_playlist(path: models.ChannelPath, query: models.MasterQuery) -> Response:
    """Get the multivariant playlist of a channel: its main and sub stream in one codec. No request goes to the device.

    The streams need no encoder if they are H.264, or with `codec=hevc` if they are H.265.
    """
    return answer_playlist(services().streams.master_playlist(path.camera_id, path.number, query.codec))


@blueprint.get(
    "/<camera_id>/channels/<number>/<role>.m3u8", responses=answers_with({200: _PLAYLIST}, 404, 422, 429, 503)
)
def variant_playlist(path: models.VariantPath, query: models.VariantQuery) -> Response:
    """Get the playlist of a channel's main or sub stream. This starts the session, and keeps it running.

    The playlist of a starting session waits, then answers 503 with Retry-After.
    """
    text, stream_id = variant_of(path.camera_id, path.number, path.role, query)
    return answer_playlist(named_files(text, playlist_url(stream_id, "")))


@blueprint.post("/<camera_id>/channels/<number>/player-link", responses=answers_with({200: PlayerLink}, 404))
def make_player_link(path: models.ChannelPath) -> dict[str, Any]:
    """Make an address of the multivariant playlist that needs no login, for a player that sends none.

    Each person with the address sees this channel's live picture for a day. The address ends with your login: at a
    logout, or a new password.
    """
    services().streams.master_playlist(path.camera_id, path.number, "h264")  # raises NotFound
    who = current_principal()
    if who.kind == "local":
        local = f"/api/cameras/{path.camera_id}/channels/{path.number}/master.m3u8"
        return {"address": shared_link(local), "expires_at": None}
    link, expires_at = services().accounts.make_player_link(who, path.camera_id, path.number)
    found = {"address": shared_link(f"/play/{link}/master.m3u8"), "expires_at": expires_at}
    return PlayerLink.model_validate(found).model_dump()


def variant_of(
    camera_id: int, number: int, role: Literal["main", "sub"], query: models.VariantQuery
) -> tuple[str, str]:
    """Start the session of a variant, or keep it running. Return its playlist and the id of the session."""
    stream_id = services().streams.start_variant(camera_id, number, role, query.codec, query.viewer)
    if services().login_viewers.note_fetch(current_principal().key, stream_id, query.viewer):
        audit_as("watch")
        audit_about(stream_id=stream_id)
    return wait_for_playlist(stream_id, _PLAYLIST_NAME, query.viewer), stream_id


def named_files(playlist: str, folder: str) -> str:
    """Put the address of a folder before the names of the files of a playlist."""
    return _FILE_NAMES.sub(folder, playlist)


def answer_playlist(playlist: str) -> Response:
    return Response(playlist, content_type=PLAYLIST_TYPE, headers={"Cache-Control": "no-store"})
