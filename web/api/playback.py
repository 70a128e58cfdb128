"""/api/playback: plays recordings as streams for a browser, from any time on."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.access import Permission
from core.clock import rfc3339
from core.errors import Forbidden, InvalidRequest
from core.recordings import ReplayQuality
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.access.targets import sees_only_some_channels
from web.api import answers, playback_models
from web.api.described import answers_with
from web.services import services

blueprint = APIBlueprint("api_playback", __name__, url_prefix="/api/playback", abp_tags=[Tag(name="playback")])


@blueprint.post("/start", responses=answers_with({201: playback_models.StartedPlayback}, 404, 415, 422, 429, 503))
def start_playback(body: playback_models.PlaybackStart) -> Response:
    """Start a session that plays a recording from `start_time`. The answer does not wait for the device.

    Each call starts a new session; other viewers join it by its address. 429 `replay_limit` if all replay sessions of
    the recorder are in use: `used_by` has their ids.
    """
    if body.end_time is not None and body.end_time <= body.start_time:
        raise InvalidRequest.of_field("end_time", "must be later than start_time")
    audit_about(
        recording_token=body.recording_token,
        start_time=rfc3339(body.start_time),
        end_time=rfc3339(body.end_time) if body.end_time is not None else None,
    )
    answers.require_recordings(body.camera_id)
    view, viewer_id = services().streams.start_replay(
        body.camera_id,
        body.recording_token,
        body.start_time,
        end_utc=body.end_time,
        accept=tuple(body.accept),
        key_frames_only=body.key_frames_only,
        quality=ReplayQuality(body.quality),
        only_sure=sees_only_some_channels(current_principal(), body.camera_id),
    )
    services().login_viewers.note_viewer(current_principal().key, view.stream_id, viewer_id)
    audit_about(stream_id=view.stream_id)
    return answers.answer(answers.started(view, viewer_id), 201)


@blueprint.post(
    "/seek",
    responses=answers_with({200: playback_models.SoughtPlayback}, 403, 404, 409, 415, 422, 429, 502, 503, 504),
)
def seek_playback(body: playback_models.PlaybackSeek) -> Response:
    """Play from another time, under a new address. The answer comes with the first frame, within 6 s.

    403 `not_yours` if another user started the session and your role is below operator, because the seek would
    interrupt that user. 404 `no_recording` if nothing is recorded after that time; 409 `superseded` if a later seek
    replaced this one; 503 `not_ready` if the recorder takes longer: the session continues to try.
    """
    audit_about(seek_time=rfc3339(body.time))
    who = current_principal()
    if not who.may(Permission.OPERATE) and not services().login_viewers.is_viewer_of(who.key, body.stream_id):
        raise Forbidden("Another user started this stream: start your own.", code="not_yours")
    with services().device_limit:
        view = services().streams.seek_replay(
            body.stream_id, body.time, key_frames_only=body.key_frames_only, quality=ReplayQuality(body.quality)
        )
    return answers.answer(playback_models.SoughtPlayback.model_validate(view))
