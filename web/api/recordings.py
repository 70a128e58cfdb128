"""/api/cameras/<id>/recordings: what a recorder holds on its own disks; /api/recordings: how to play it elsewhere."""

from __future__ import annotations

from datetime import datetime

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.clock import rfc3339
from core.errors import AppError
from core.recordings import RecordingTrack
from core.records import Problem
from recordings import views
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.access.targets import may_see_recording, sees_only_some_channels
from web.api import answers, models, recording_models
from web.api.described import NO_CONTENT, answers_with
from web.services import services

blueprint = APIBlueprint("api_recordings", __name__, url_prefix="/api", abp_tags=[Tag(name="recordings")])

_DEVICE_ERRORS = (404, 422, 502, 503, 504)


@blueprint.post(
    "/cameras/<camera_id>/recordings/search",
    responses=answers_with({200: recording_models.FoundRecordings}, 415, *_DEVICE_ERRORS),
)
def search_recordings(path: models.CameraPath, body: recording_models.RecordingSearch) -> Response:
    """What there is inside the window, by channel and time; waits for the device, 25 s at most.

    What is known already is answered although the device cannot be asked; only where nothing is, its error is.

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
    return answers.answer(
        recording_models.FoundRecordings(
            recordings=[
                _found(item)
                for item in found.recordings
                if may_see_recording(who, path.camera_id, item.recording.channel, item.recording.matched_by)
            ],
            complete=found.complete,
            next_cursor=found.next_cursor,
            error=answers.problem(_problem(found.problem)),
        )
    )


@blueprint.get(
    "/cameras/<camera_id>/recordings/summary",
    responses=answers_with({200: recording_models.RecordingSummary}, *_DEVICE_ERRORS),
)
def recording_summary(path: models.CameraPath) -> Response:
    """All that the device says it holds, asked now."""
    with services().device_limit:
        found = services().recordings.summary(path.camera_id)
    who = current_principal()
    recordings = [
        item for item in found.recordings if may_see_recording(who, path.camera_id, item.channel, item.matched_by)
    ]
    return answers.answer(
        recording_models.RecordingSummary(
            data_from=_time(found.data_from),
            data_until=_time(found.data_until),
            number_recordings=len(recordings)
            if sees_only_some_channels(who, path.camera_id)
            else found.number_recordings,
            service=found.service,
            recordings=[
                recording_models.KnownRecording(
                    recording_token=item.recording_token,
                    channel=item.channel,
                    matched_by=item.matched_by.value,
                    source_name=item.source_name,
                    earliest=_time(item.earliest),
                    latest=_time(item.latest),
                    tracks=_tracks(item.tracks),
                )
                for item in recordings
            ],
            clock_offset_s=found.clock_offset_s,
            zone_s=found.zone_s,
        )
    )


@blueprint.get(
    "/cameras/<camera_id>/recordings/coverage",
    responses=answers_with({200: recording_models.Coverage}, *_DEVICE_ERRORS),
)
def recording_coverage(path: models.CameraPath, query: recording_models.CoverageQuery) -> Response:
    """What is known of the window, at once. What is not is asked in the background: ask again while `indexing`."""
    found = services().recordings.coverage(
        path.camera_id, query.start_time, query.end_time, channel=query.channel, with_events=query.events
    )
    who = current_principal()
    return answers.answer(
        recording_models.Coverage(
            channels=[
                _covered(item)
                for item in found.channels
                if may_see_recording(who, path.camera_id, item.channel, item.matched_by)
            ],
            indexing=(
                recording_models.IndexingProgress(done=found.indexing.done, total=found.indexing.total)
                if found.indexing is not None
                else None
            ),
            indexing_stopped=found.is_stopped,
            may_stop_indexing=not sees_only_some_channels(who, path.camera_id),
            event_search=found.event_search,
            clock_offset_s=found.clock_offset_s,
            error=answers.problem(_problem(found.problem)),
        )
    )


@blueprint.post("/cameras/<camera_id>/recordings/coverage/stop", responses=answers_with({204: NO_CONTENT}, 404))
def stop_indexing(path: models.CameraPath) -> Response:
    """Stops asking the device; what is not known stays `not_asked` until a search, or until it is resumed."""
    services().recordings.stop_indexing(path.camera_id)
    return Response(status=204)


@blueprint.post("/cameras/<camera_id>/recordings/coverage/resume", responses=answers_with({204: NO_CONTENT}, 404))
def resume_indexing(path: models.CameraPath) -> Response:
    """What was stopped, or went wrong, is asked with the next look at the coverage."""
    services().recordings.resume_indexing(path.camera_id)
    return Response(status=204)


@blueprint.post(
    "/recordings/playback-uri",
    responses=answers_with({200: recording_models.PlaybackUri}, 415, *_DEVICE_ERRORS),
)
def playback_uri(body: recording_models.PlaybackUriRequest) -> Response:
    """Where another RTSP client plays a recording, and the headers it needs (ONVIF Streaming, Replay)."""
    audit_about(recording_token=body.recording_token, start_time=_time(body.start_time), end_time=_time(body.end_time))
    with services().device_limit:
        found = services().recordings.playback_uri(body.camera_id, body.recording_token, body.start_time, body.end_time)
    return answers.answer(recording_models.PlaybackUri(uri=found.uri, range=found.range, requires=list(found.requires)))


def _found(item: views.FoundRecording) -> recording_models.FoundRecording:
    recording = item.recording
    return recording_models.FoundRecording(
        recording_token=recording.recording_token,
        channel=recording.channel,
        matched_by=recording.matched_by.value,
        source_name=recording.source_name,
        start_time=rfc3339(item.spans[0][0]),
        end_time=rfc3339(item.spans[-1][1]),
        tracks=_tracks(recording.tracks),
        spans=[recording_models.Stretch(start_time=rfc3339(start), end_time=rfc3339(end)) for start, end in item.spans],
        coverage="known" if item.is_known else "unknown",
    )


def _covered(item: views.ChannelCoverage) -> recording_models.ChannelCoverage:
    return recording_models.ChannelCoverage(
        channel=item.channel,
        name=item.name,
        matched_by=item.matched_by.value,
        recording_token=item.recording_token,
        spans=[
            recording_models.CoverageSpan(
                start_time=rfc3339(span.start),
                end_time=rfc3339(span.end),
                state=span.state.value,
                recording_token=span.recording_token,
            )
            for span in item.spans
        ],
        events=[
            recording_models.RecordingEvent(time=rfc3339(event.time), topic=event.topic, active=event.active)
            for event in item.events
        ],
        events_truncated=item.events_truncated,
    )


def _tracks(tracks: tuple[RecordingTrack, ...]) -> list[recording_models.Track]:
    return [
        recording_models.Track(track_token=track.track_token, type=track.type.value, codec=track.codec)
        for track in tracks
    ]


def _problem(error: AppError | None) -> Problem | None:
    return None if error is None else Problem(error.code, error.detail)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
