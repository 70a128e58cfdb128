"""Live playlists and segments of one channel, for players that send neither a cookie nor a token.

The secret part of the address is the login (accounts/player_links.py). It is valid for these addresses only, and they
accept no other login. So pages of other sites, such as receivers of casts, may fetch them.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from flask import Blueprint, Response, request
from pydantic import ValidationError

from core.errors import InvalidRequest
from web.access.principal import current_principal, linked_channel_of
from web.api import models
from web.api.hls import answer_playlist, named_files, variant_of
from web.guard import PLAYERS
from web.services import services
from web.stream_files import answer_file

blueprint = Blueprint(PLAYERS, __name__, url_prefix="/play")


@blueprint.get("/<link>/master.m3u8")
def master(link: str) -> Response:
    """Return the multivariant playlist of the channel. Its variants are relative to its own address."""
    del link
    camera_id, channel = linked_channel_of(current_principal())
    return answer_playlist(services().streams.master_playlist(camera_id, channel, _query().codec))


@blueprint.get("/<link>/main.m3u8", defaults={"role": "main"})
@blueprint.get("/<link>/sub.m3u8", defaults={"role": "sub"})
def variant(link: str, role: Literal["main", "sub"]) -> Response:
    """Return the playlist of a variant. This starts its session, and keeps it running."""
    del link
    camera_id, channel = linked_channel_of(current_principal())
    text, stream_id = variant_of(camera_id, channel, role, _query())
    return answer_playlist(named_files(text, f"{quote(stream_id)}/"))


@blueprint.get("/<link>/<stream_id>/<file>")
def file(link: str, stream_id: str, file: str) -> Response:
    """Return a segment of the channel's session."""
    del link
    return answer_file(stream_id, file, by_nginx=False)


def _query() -> models.VariantQuery:
    try:
        return models.VariantQuery.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise InvalidRequest.of_field(str(error.errors()[0]["loc"][0]), "an invalid value") from None
