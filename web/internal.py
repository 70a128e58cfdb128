"""/api/internal: answers to signed requests of other nodes (core/node_link.py). Not for browsers or scripts.

Each answer has all that the node knows. The node that asks leaves out what its user may not see.
"""

from __future__ import annotations

from flask import Blueprint, Response, request
from pydantic import ValidationError

from archive.served_files import ServedFiles
from archive.storages import MOST_OF_ONE_READ
from core.errors import InvalidRequest, NotFound
from web.access.targets import channel_of_stream
from web.api import stream_models
from web.api.answers import answer
from web.api.audit import own_audit
from web.api.audit_models import AuditQuery
from web.api.motion import own_motion
from web.api.storage import own_storage
from web.fields import MAX_ID, parse_id
from web.services import services

blueprint = Blueprint("internal", __name__, url_prefix="/api/internal")


@blueprint.get("/streams")
def streams() -> Response:
    """The running streams of this node."""
    found = services()
    return answer(
        stream_models.NodeStreams(
            streams=[
                stream_models.NodeStream(
                    stream=stream_models.StreamStatus.model_validate(view), channel=channel_of_stream(found, view)
                )
                for view in found.streams.list_sessions()
            ]
        )
    )


@blueprint.get("/audit")
def audit() -> Response:
    """Lines of this node's audit log."""
    try:
        query = AuditQuery.model_validate(request.args.to_dict())
    except ValidationError:
        raise InvalidRequest("The query is not valid.") from None
    return answer(own_audit(query))


@blueprint.get("/events/<event_id>/picture")
def event_picture(event_id: str) -> Response:
    """The picture of an event that this node has taken. `camera`: id of its camera."""
    try:
        jpeg = services().events.pictures.get(parse_id(request.args.get("camera", "")), parse_id(event_id))
    except ValueError:
        jpeg = None
    if jpeg is None:
        raise NotFound("This server has no picture of the event.")
    return Response(jpeg, mimetype="image/jpeg")


@blueprint.get("/motion")
def motion() -> Response:
    """Motion in the channels of this node's cameras."""
    return answer(own_motion())


@blueprint.get("/storage")
def storage() -> Response:
    """The volumes of this node."""
    return answer(own_storage())


@blueprint.get("/archive-files/<file_id>")
def archive_file(file_id: str) -> Response:
    """Bytes of an archive file on a disk of this node. The node that asks names it by its row in the database."""
    first, count = _number("first", 0, MAX_ID), _number("count", 1, MOST_OF_ONE_READ)
    with services().disk_limit:
        data = _served_files().read(_file_id(file_id), first, count)
    return Response(data, mimetype="application/octet-stream")


@blueprint.get("/archive-files/<file_id>/size")
def archive_file_size(file_id: str) -> Response:
    """The bytes of an archive file at this moment, as digits."""
    with services().disk_limit:
        return Response(str(_served_files().size(_file_id(file_id))), mimetype="text/plain")


def _served_files() -> ServedFiles:
    served = services().archive.served_files
    if served is None:
        raise NotFound("This server shares no archive files.")
    return served


def _file_id(text: str) -> int:
    try:
        return parse_id(text)
    except ValueError:
        raise NotFound("There is no such archive file.") from None


def _number(name: str, least: int, most: int) -> int:
    value = request.args.get(name, type=int)
    if value is None or not least <= value <= most:
        raise InvalidRequest.of_field(name, f"a whole number from {least} to {most}")
    return value
