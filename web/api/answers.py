"""Our records as the API's shapes."""

from __future__ import annotations

import math
from datetime import datetime

from flask import Response, json
from pydantic import BaseModel

from cameras.records import CameraView, DiscoveredCamera, HealthCard
from core import records
from core.access import LOCAL, Permission, Principal
from core.clock import rfc3339
from sessions.view import StreamView
from web.api import models


def answer(model: BaseModel, status: int = 200) -> Response:
    return Response(json.dumps(model.model_dump()), status, mimetype="application/json")


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment is not None else None


def _number(value: float | None, digits: int = 2) -> float | None:
    """Rounded; None where it is no number that JSON knows."""
    return round(value, digits) if value is not None and math.isfinite(value) else None


def problem(value: records.Problem | None) -> models.Problem | None:
    return models.Problem(code=value.code, detail=value.detail) if value else None


def camera(view: CameraView, who: Principal = LOCAL) -> models.Camera:
    """`who` asks: the user name that opens the device is nobody's business but the admin's, and channels and
    cameras that somebody may not see are not counted or named for them.
    """
    allowed, other = who.scope.channels_of(view.id), view.same_device_as
    return models.Camera(
        id=view.id,
        name=view.name,
        host=view.host,
        port=view.port,
        username=view.username if who.may(Permission.MANAGE) else "",
        status=view.status,
        error=problem(view.error),
        manufacturer=view.info.manufacturer,
        model=view.info.model,
        firmware=view.info.firmware,
        channels=view.channel_count if allowed is None else min(view.channel_count, len(allowed)),
        services=list(view.services),
        clock_offset_s=_number(view.clock_offset_s, 3),
        last_seen_at=_time(view.last_seen_at),
        pretend=view.pretend,
        same_device_as=other if other is not None and who.scope.has_camera(other) else None,
    )


def _video(value: records.VideoFormat | None) -> models.Video | None:
    if value is None:
        return None
    return models.Video(
        codec=value.codec,
        width=value.width,
        height=value.height,
        fps=_number(value.fps),
        bitrate_kbps=value.bitrate_kbps,
        gop=value.gop,
    )


def _audio(value: records.AudioFormat | None) -> models.Audio | None:
    if value is None:
        return None
    return models.Audio(codec=value.codec, sample_rate=value.sample_rate, channels=value.channels)


def channel(value: records.Channel) -> models.Channel:
    return models.Channel(
        channel=value.number,
        name=value.name,
        video_source_token=value.video_source_token,
        hidden=value.hidden,
        position=value.position,
        problem=problem(value.problem),
        profiles=[
            models.Profile(
                profile_token=profile.profile_token,
                name=profile.name,
                role=profile.role,
                video=_video(profile.video),
                audio=_audio(profile.audio),
            )
            for profile in value.profiles
        ],
    )


def found(device: DiscoveredCamera) -> models.Found:
    return models.Found(
        host=device.host,
        port=device.port,
        name=device.name,
        hardware=device.hardware,
        already_added=device.already_added,
        camera_id=device.camera_id,
    )


def health(card: HealthCard) -> models.Health:
    return models.Health(
        camera=camera(card.camera),
        serial=card.camera.info.serial,
        hardware=card.camera.info.hardware,
        made_at=rfc3339(card.made_at),
        clock_measured_at=_time(card.clock_measured_at),
        next_try_at=_time(card.next_try_at),
        failures=card.failures,
        checks=[
            models.Check(
                name=check.name,
                outcome=check.outcome,
                detail=check.detail,
                took_ms=check.took_ms,
                at=_time(check.at),
            )
            for check in card.checks
        ],
        channels=[channel(item) for item in card.channels],
        text=card.as_text(),
    )


def stream(view: StreamView) -> models.StreamStatus:
    video = view.video
    return models.StreamStatus(
        stream_id=view.stream_id,
        camera_id=view.camera_id,
        profile_token=view.profile_token,
        kind=view.kind,
        status=view.status,
        error=problem(view.error),
        started_at=rfc3339(view.started_at),
        uptime_s=_number(view.uptime_s, 1) or 0.0,
        viewers=view.viewers,
        restarts=view.restarts,
        video=models.StreamVideo(codec=video.codec, width=video.width, height=video.height, fps=_number(video.fps))
        if video
        else None,
        audio=_audio(view.audio),
        transcoding=view.transcoding,
        bitrate_kbps=_number(view.bitrate_kbps, 1),
        last_segment_age_s=_number(view.last_segment_age_s, 1),
        frames_dropped=view.frames_dropped,
        playlist_url=view.playlist_url,
        waiting_for=view.segment_wait,
        source_codec=view.source_codec,
        recording_token=view.recording_token,
        start_time=_time(view.start_time),
        time_confirmed=view.time_confirmed,
        beats_real_time=view.beats_real_time,
    )


def started(view: StreamView, viewer_id: str) -> models.StartedStream:
    return models.StartedStream(**stream(view).model_dump(), viewer_id=viewer_id)
