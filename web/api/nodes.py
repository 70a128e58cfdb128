"""/api/nodes: the servers that share the cameras. The views read and write the database, no device."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.placement import NodeView
from web.access.audit import audit_about
from web.api import node_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.services import services

blueprint = APIBlueprint("api_nodes", __name__, url_prefix="/api/nodes", abp_tags=[Tag(name="nodes")])


@blueprint.get("", responses=answers_with({200: shapes.NodeList}, 503))
def list_nodes() -> Response:
    """List the servers (nodes) that share the cameras, as the one that answers has seen them last."""
    placement = services().placement
    this = placement.this_node()
    return answer(
        shapes.NodeList(
            is_alone=not this.place,
            lease_s=services().settings.node_lease_s if this.place else None,
            nodes=[_node(view, is_this=view.node == this) for view in placement.nodes()],
        )
    )


@blueprint.post("/<name>/drain", responses=answers_with({204: NO_CONTENT}, 404, 503))
def drain_node(path: shapes.NodePath) -> Response:
    """Let a server give all its cameras to the others, and take none, for example before an upgrade.

    Cameras without viewers go first. DELETE ends it, and so does a stop of the server.
    """
    audit_about(node=path.name)
    services().placement.set_draining(path.name, is_draining=True)
    return Response(status=204)


@blueprint.delete("/<name>/drain", responses=answers_with({204: NO_CONTENT}, 404, 503))
def use_node(path: shapes.NodePath) -> Response:
    """Let a drained server take cameras again."""
    audit_about(node=path.name)
    services().placement.set_draining(path.name, is_draining=False)
    return Response(status=204)


def _node(view: NodeView, *, is_this: bool) -> shapes.Node:
    """A single server owns all cameras, and does not count them."""
    known = services().cameras.list_cameras()
    is_alone = view.cameras is None
    return shapes.Node(
        name=view.node.name,
        address=view.node.address,
        place=view.node.place,
        state=view.state,
        is_this=is_this,
        cameras=view.cameras if view.cameras is not None else len(known),
        channels=view.channels if view.channels is not None else sum(camera.channel_count for camera in known),
        capacity=view.capacity or None,
        site=view.site,
        version=view.version,
        build=view.build,
        streams=len(services().streams.list_sessions()) if is_alone else view.streams,
        cpu_share=view.cpu_share,
        lease_left_s=view.lease_left_s,
    )
