"""/api/internal: what other nodes ask of this one, by signed requests (core/node_link.py). Not for browsers or scripts.

Each answer has all that the node knows. The node that asks leaves out what its user may not see.
"""

from __future__ import annotations

from flask import Blueprint, Response, request
from pydantic import ValidationError

from core.errors import InvalidRequest, NotFound
from web.access.targets import channel_of_stream
from web.api import models
from web.api.answers import answer
from web.api.audit import own_audit
from web.api.audit_models import AuditQuery
from web.api.storage import own_storage
from web.fields import parse_id
from web.services import services

blueprint = Blueprint("internal", __name__, url_prefix="/api/internal")


@blueprint.get("/streams")
def streams() -> Response:
    """The running streams of this node."""
    found = services()
    return answer(
        models.NodeStreams(
            streams=[
                models.NodeStream(
                    stream=models.StreamStatus.model_validate(view), channel=channel_of_stream(found, view)
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


@blueprint.get("/storage")
def storage() -> Response:
    """The volumes of this node."""
    return answer(own_storage())
