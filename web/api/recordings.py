"""/api/cameras/<id>/recordings: recordings on a recorder's own disks; /api/recordings: addresses for other players."""

from __future__ import annotations

from dataclasses import replace

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.clock import rfc3339
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.access.targets import may_see_recording, sees_only_some_channels
from web.api import models, recording_models
from web.api.answers import answer, require_recordings
from web.api.described import NO_CONTENT, answers_with
from web.services import services

blueprint = APIBlueprint("api_recordings", __name__, url_prefix="/api", abp_tags=[Tag(name="recordings")])

_DEVICE_ERRORS = (404, 422, 502, 503, 504)


@blueprint.post(
    "/cameras/<camera_id>/recordings/search",
    responses=answers_with({200: recording_models.FoundRecordings}, 415, *_DEVICE_ERRORS),
)
def search_recordings(path: models.CameraPath, body: recording_models.RecordingSearch) -> Response:
    """Search recordings in a time window, sorted by channel and time. Waits up to 25 s for the device.

    If the device fails, the answer has the recordings that are indexed already and `error`. If nothing is indexed, the
    answer is the device's error.

    422 `camera_unsupported` names the service that a device without Profile G lacks.
    """
    audit_about(
        start_time=rfc3339(body.start_time),
        end_time=rfc3339(body.end_time),
        channel=body.channel,
        recording_token=body.recording_token,
    )
    with services().device_limit:
        found = services().recordings.search(
            path.camera_id,
            body.start_time,
            body.end_time,
            recording_token=body.recording_token,
            channel=body.channel,
            limit=body.limit,
            cursor=body.cursor,
        )
    who = current_principal()
    visible = [
        item
        for item in found.recordings
        if may_see_recording(who, path.camera_id, item.recording.channel, item.recording.matched_by)
    ]
    return answer(recording_models.FoundRecordings.model_validate(replace(found, recordings=tuple(visible))))


@blueprint.get(
    "/cameras/<camera_id>/recordings/summary",
    responses=answers_with({200: recording_models.RecordingSummary}, *_DEVICE_ERRORS),
)
def recording_summary(path: models.CameraPath) -> Response:
    """Ask the device for its recordings and the time that they cover, and add those of this server."""
    with services().device_limit:
        found = services().recordings.summary(path.camera_id)
    who = current_principal()
    visible = [
        item for item in found.recordings if may_see_recording(who, path.camera_id, item.channel, item.matched_by)
    ]
    is_limited = sees_only_some_channels(who, path.camera_id)
    number = len(visible) if is_limited else found.number_recordings
    summary = replace(found, recordings=tuple(visible), number_recordings=number)
    return answer(recording_models.RecordingSummary.model_validate(summary))


@blueprint.get(
    "/cameras/<camera_id>/recordings/coverage",
    responses=answers_with({200: recording_models.Coverage}, *_DEVICE_ERRORS),
)
def recording_coverage(path: models.CameraPath, query: recording_models.CoverageQuery) -> Response:
    """Get the indexed part of a time window immediately, and the recordings of this server.

    The rest is requested from the device in the background: repeat the request while `indexing` is not null.
    """
    require_recordings(path.camera_id)
    who = current_principal()
    found = services().recordings.coverage(
        path.camera_id,
        query.start_time,
        query.end_time,
        channel=query.channel,
        with_events=query.events,
        only_sure=sees_only_some_channels(who, path.camera_id),
    )
    visible = [item for item in found.channels if may_see_recording(who, path.camera_id, item.channel, item.matched_by)]
    return answer(
        recording_models.Coverage.model_validate(
            {
                "channels": visible,
                "indexing": found.indexing,
                "indexing_stopped": found.is_stopped,
                "may_stop_indexing": not sees_only_some_channels(who, path.camera_id),
                "event_search": found.event_search,
                "clock_offset_s": found.clock_offset_s,
                "error": found.problem,
            }
        )
    )


@blueprint.post("/cameras/<camera_id>/recordings/coverage/stop", responses=answers_with({204: NO_CONTENT}, 404))
def stop_indexing(path: models.CameraPath) -> Response:
    """Stop the requests to the device. The rest of the window stays `not_asked` until a resume or a search."""
    services().recordings.stop_indexing(path.camera_id)
    return Response(status=204)


@blueprint.post("/cameras/<camera_id>/recordings/coverage/resume", responses=answers_with({204: NO_CONTENT}, 404))
def resume_indexing(path: models.CameraPath) -> Response:
    """Resume stopped or failed indexing with the next request for the coverage."""
    services().recordings.resume_indexing(path.camera_id)
    return Response(status=204)


@blueprint.post(
    "/recordings/playback-uri",
    responses=answers_with({200: recording_models.PlaybackUri}, 415, *_DEVICE_ERRORS),
)
def playback_uri(body: recording_models.PlaybackUriRequest) -> Response:
    """Get the address and headers with which another RTSP client plays a recording (ONVIF Streaming, Replay)."""
    audit_about(
        recording_token=body.recording_token,
        start_time=rfc3339(body.start_time) if body.start_time is not None else None,
        end_time=rfc3339(body.end_time) if body.end_time is not None else None,
    )
    with services().device_limit:
        found = services().recordings.playback_uri(body.camera_id, body.recording_token, body.start_time, body.end_time)
    return answer(recording_models.PlaybackUri.model_validate(found))
