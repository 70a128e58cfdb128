"""/api/storage: the volumes of recordings on the server. /api/recordings/kept: ranges that the app does not delete.

Users see the kept ranges of their own channels.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from archive.kept import may_release
from archive.storage_view import ChannelUse
from core.archive import KeptRange
from core.clock import rfc3339
from core.errors import NotFound
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.api import storage_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.services import services

blueprint = APIBlueprint("api_storage", __name__, url_prefix="/api/storage", abp_tags=[Tag(name="storage")])
kept = APIBlueprint("api_kept", __name__, url_prefix="/api/recordings/kept", abp_tags=[Tag(name="storage")])


@blueprint.get("", responses=answers_with({200: shapes.Storage}, 503))
def get_storage() -> Response:
    """Get the volumes of all servers with their forecast, and the share of each channel."""
    others = services().other_nodes.ask("/api/internal/storage", shapes.NodeStorage)
    found = [own_storage(has_unowned=True), *others.found.values()]
    return answer(
        shapes.Storage(
            volumes=[volume for one in found for volume in one.volumes],
            channels=sorted(
                (channel for one in found for channel in one.channels), key=lambda it: (it.camera_id, it.channel)
            ),
            silent_nodes=others.silent,
            object_storage=_object_storage(),
        )
    )


@kept.get("", responses=answers_with({200: shapes.KeptList}, 503))
def list_kept(query: shapes.KeptQuery) -> Response:
    """List the kept ranges of your channels, the newest footage first."""
    scope = current_principal().scope
    found = services().archive.kept(query.camera_id)
    return answer(
        shapes.KeptList(
            kept=[
                shapes.KeptRange.model_validate(_kept(item))
                for item in found
                if scope.has_channel(item.camera_id, item.channel)
            ]
        )
    )


@kept.post("", responses=answers_with({201: shapes.NewKeptRange}, 404, 415, 429, 503))
def keep_range(body: shapes.KeptRequest) -> Response:
    """Keep a range, until a time or until a user releases it. A channel's limit by law wins. 429 `kept_limit`.

    The part that the server lacks is fetched from the recorder if the channel's rule fills gaps.
    """
    made = services().archive.keep(
        body.camera_id,
        body.channel,
        body.start_time,
        body.end_time,
        reason=body.reason,
        until=body.until,
        by=current_principal(),
    )
    part = services().backfills.fetch_kept(made)
    backfill_id = part.job.id if part.job is not None else None
    _audit(made)
    audit_about(backfill_id=backfill_id)
    on_server = {"on_server_s": part.on_server_s, "missing_s": part.missing_s, "backfill_id": backfill_id}
    return answer(shapes.NewKeptRange.model_validate(_kept(made) | on_server), 201)


@kept.delete("/<kept_id>", responses=answers_with({204: NO_CONTENT}, 404, 503))
def release_range(path: shapes.KeptPath) -> Response:
    """Let the app delete the range again. 403 for a range of another user, unless you are an admin."""
    found = services().archive.kept_range(path.kept_id)
    if not current_principal().scope.has_channel(found.camera_id, found.channel):
        raise NotFound("There is no such kept range.")
    _audit(found)
    services().archive.unkeep(found.id, by=current_principal())
    return Response(status=204)


def _object_storage() -> shapes.ObjectStorage | None:
    manager = services().object_storage
    if manager is None:
        return None
    view = manager.view()
    copies = view.copies
    return shapes.ObjectStorage.model_validate(
        {
            **{name: getattr(view, name) for name in ("url", "state", "detail", "days", "last_copy_at")},
            "waiting": view.waiting,
            "last_error": view.last_error,
            "copies": copies.files,
            "copies_bytes": copies.size_bytes,
            "only_copies": copies.only_files,
            "only_copies_bytes": copies.only_bytes,
        }
    )


def own_storage(*, has_unowned: bool = False) -> shapes.NodeStorage:
    """Return the volumes of this server, and the channels that it has recordings of or records.

    `has_unowned`: also channels that no server records now.
    """
    found, placement = services().archive.storage(), services().placement
    node = placement.this_node().name

    def is_listed(channel: ChannelUse) -> bool:
        if channel.size_bytes or placement.owns(channel.camera_id):
            return True
        return has_unowned and placement.node_of(channel.camera_id) is None

    return shapes.NodeStorage(
        volumes=[shapes.Volume.model_validate({**asdict(volume), "node": node}) for volume in found.volumes],
        channels=[_channel(channel, node) for channel in found.channels if is_listed(channel)],
    )


def _channel(found: ChannelUse, node: str) -> shapes.StoredChannel:
    camera_name, channel_name = _names(found.camera_id, found.channel)
    return shapes.StoredChannel.model_validate(
        {**asdict(found), "node": node, "camera_name": camera_name, "channel_name": channel_name}
    )


def _names(camera_id: int, channel: int) -> tuple[str | None, str | None]:
    try:
        view, channels = services().cameras.get_camera(camera_id), services().cameras.channels(camera_id)
    except NotFound:
        return None, None
    return view.name, next((one.name for one in channels if one.number == channel), None)


def _audit(found: KeptRange) -> None:
    audit_about(
        kept_id=found.id,
        camera_id=found.camera_id,
        channel=found.channel,
        start_time=rfc3339(found.start),
        end_time=rfc3339(found.end),
        until=rfc3339(found.until) if found.until else None,
        reason=found.reason,
    )


def _kept(found: KeptRange) -> dict[str, Any]:
    limit_days = services().archive.rule(found.camera_id, found.channel).limit_days
    return {
        "id": found.id,
        "camera_id": found.camera_id,
        "channel": found.channel,
        "start_time": found.start,
        "end_time": found.end,
        "reason": found.reason,
        "until": found.until,
        "by": found.by,
        "created_at": found.created_at,
        "limited_until": None if limit_days is None else found.start + timedelta(days=limit_days),
        "may_delete": may_release(current_principal(), found),
    }
