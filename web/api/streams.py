"""/api/streams: starts, stops and lists sessions.

POST /start is for viewers of HLS: players, scripts, and pages that cannot use the socket. Other pages join over the
socket (web/live).
"""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.access import Permission, Principal
from core.records import StreamKind, StreamState
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.access.targets import Target, channel_number, may_access, may_watch
from web.api import answers, models, stream_models
from web.api.described import answers_with
from web.services import services

blueprint = APIBlueprint("api_streams", __name__, url_prefix="/api/streams", abp_tags=[Tag(name="streams")])


@blueprint.post(
    "/start",
    responses=answers_with({200: stream_models.StartedStream, 201: stream_models.StartedStream}, 404, 415, 429, 503),
)
def start_stream(body: stream_models.StreamStart) -> Response:
    """Start a session (201) or join a running one (200), for a viewer of HLS. The answer does not wait for video."""
    view, viewer_id, is_new = services().streams.start_hls(body.camera_id, body.profile_token, tuple(body.accept))
    services().login_viewers.note_viewer(current_principal().key, view.stream_id, viewer_id)
    audit_about(
        channel=channel_number(services(), body.camera_id, body.profile_token),
        profile_token=body.profile_token,
        stream_id=view.stream_id,
    )
    return answers.answer(answers.started(view, viewer_id), 201 if is_new else 200)


@blueprint.post("/stop", responses=answers_with({200: stream_models.StoppedStream}, 404, 415))
def stop_stream(body: stream_models.StreamStop) -> Response:
    """Stop a session for all viewers, or with `viewer_id` only if that was its last viewer."""
    state = services().streams.stop_session(body.stream_id, body.viewer_id)
    if body.viewer_id is not None:
        services().login_viewers.remove_viewer(body.stream_id, body.viewer_id)
    return answers.answer(
        stream_models.StoppedStream(
            stream_id=body.stream_id, status="stopped" if state is StreamState.STOPPED else "running"
        )
    )


@blueprint.get("/status/<stream_id>", responses=answers_with({200: stream_models.StreamStatus}, 404))
def stream_status(path: models.StreamPath) -> Response:
    """Get the present state of a session."""
    return answers.answer(stream_models.StreamStatus.model_validate(services().streams.session_view(path.stream_id)))


@blueprint.get("/all", responses=answers_with({200: stream_models.StreamList}))
def all_streams() -> Response:
    """List the present state of all sessions of the cameras and channels that you may see, on all servers."""
    who, found = current_principal(), services()
    here = found.placement.this_node().name
    own = [view for view in found.streams.list_sessions() if may_watch(found, who, view)]
    listed = [_listed(stream_models.StreamStatus.model_validate(view), here) for view in own]
    others = found.other_nodes.ask("/api/internal/streams", stream_models.NodeStreams)
    for node, answer in others.found.items():
        listed += [_listed(one.stream, node) for one in answer.streams if _may_watch_elsewhere(who, one)]
    return answers.answer(stream_models.StreamList(streams=listed, silent_nodes=others.silent))


def _listed(stream: stream_models.StreamStatus, node: str) -> stream_models.ListedStream:
    return stream_models.ListedStream(**dict(stream), node=node)


def _may_watch_elsewhere(who: Principal, one: stream_models.NodeStream) -> bool:
    """True if the user may watch this stream of another node."""
    needs = Permission.RECORDINGS if one.stream.kind is StreamKind.REPLAY else Permission.LIVE
    return may_access(who, Target(one.stream.camera_id, one.channel, needs=needs))
