"""Recording on the server: the rule of a channel, pauses, the present states, and alerts about gaps."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from archive.channel_recorder import RecordingState
from archive.gaps import RecordingGap
from archive.rules import qualities_of, quality_name
from archive.schedule import server_time_zone
from core.archive import RecordingMode, RecordingRule, WeekSpan
from core.clock import rfc3339
from core.errors import NotFound
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.api import models
from web.api import recording_rule_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.services import services

blueprint = APIBlueprint("api_recording_rules", __name__, url_prefix="/api", abp_tags=[Tag(name="recording")])

_CHANNEL = "/cameras/<camera_id>/channels/<number>"


@blueprint.get(f"{_CHANNEL}/recording-rule", responses=answers_with({200: shapes.RecordingRule}, 404))
def get_recording_rule(path: models.ChannelPath) -> Response:
    """Get the rule that says when the server records a channel, and for how long it keeps the recordings."""
    _require_channel(path.camera_id, path.number)
    return answer(_rule(services().archive.rule(path.camera_id, path.number)))


@blueprint.put(f"{_CHANNEL}/recording-rule", responses=answers_with({200: shapes.RecordingRule}, 404, 415, 503))
def set_recording_rule(path: models.ChannelPath, body: shapes.RecordingRuleBody) -> Response:
    """Set the rule of a channel. Recording begins or ends immediately."""
    _require_channel(path.camera_id, path.number)
    audit_about(mode=body.mode, quality=body.quality, keep_days=body.keep_days, limit_days=body.limit_days)
    rule = RecordingRule(
        mode=RecordingMode(body.mode),
        qualities=qualities_of(body.quality),
        schedule=tuple(WeekSpan(one.weekday, one.from_minute, one.until_minute) for one in body.schedule),
        time_zone=body.time_zone,
        pre_s=body.pre_s,
        post_s=body.post_s,
        keep_days=body.keep_days,
        keep_bytes=body.keep_bytes,
        limit_days=body.limit_days,
        backfills=body.backfills,
    )
    services().archive.set_rule(path.camera_id, path.number, rule)
    return answer(_rule(rule))


@blueprint.post(
    f"{_CHANNEL}/recording-pause", responses=answers_with({200: shapes.ChannelRecordingState}, 404, 415, 503)
)
def pause_recording(path: models.ChannelPath, body: shapes.RecordingPauseBody) -> Response:
    """Pause the recording of a channel, for privacy. Nothing is recorded any more when the answer comes."""
    _require_channel(path.camera_id, path.number)
    audit_about(until=rfc3339(body.until) if body.until else None)
    services().archive.pause(path.camera_id, path.number, body.until, current_principal().name)
    return answer(_state_of(path.camera_id, path.number))


@blueprint.delete(f"{_CHANNEL}/recording-pause", responses=answers_with({200: shapes.ChannelRecordingState}, 404, 503))
def resume_recording(path: models.ChannelPath) -> Response:
    """End the pause of a channel. Without effect if there is none."""
    _require_channel(path.camera_id, path.number)
    services().archive.resume(path.camera_id, path.number, current_principal().name)
    return answer(_state_of(path.camera_id, path.number))


@blueprint.get("/cameras/<camera_id>/recording-states", responses=answers_with({200: shapes.RecordingStates}, 404))
def recording_states(path: models.CameraPath) -> Response:
    """Get what the server records of each channel at the moment. Channels without a rule are off."""
    allowed = current_principal().scope.channels_of(path.camera_id)
    numbers = {channel.number for channel in services().cameras.channels(path.camera_id)}
    numbers |= {one.channel for one in services().archive.recording_states() if one.camera_id == path.camera_id}
    shown = sorted(number for number in numbers if allowed is None or number in allowed)
    return answer(shapes.RecordingStates(channels=[_state_of(path.camera_id, number) for number in shown]))


@blueprint.get("/recording-alerts", responses=answers_with({200: shapes.RecordingAlerts}))
def list_recording_alerts() -> Response:
    """List gaps of at least a minute: those of the last week, and older ones that no user has seen. Newest first."""
    names = _names()
    return answer(shapes.RecordingAlerts(alerts=[_alert(gap, names) for gap in _visible_alerts()]))


@blueprint.post("/recording-alerts/seen", responses=answers_with({204: NO_CONTENT}, 415, 503))
def mark_alerts_seen(body: shapes.SeenAlerts) -> Response:
    """Mark alerts as seen, for all users. Ids of unknown alerts are ignored."""
    visible = [gap.id for gap in _visible_alerts()]
    services().archive.mark_alerts_seen([one for one in visible if body.ids is None or one in body.ids])
    return Response(status=204)


# --- inside


def _require_channel(camera_id: int, number: int) -> None:
    """Raise NotFound for a channel that the camera does not have, unless it has a rule from before."""
    channels = services().cameras.channels(camera_id)
    if number not in {channel.number for channel in channels} and (camera_id, number) not in services().archive.rules():
        raise NotFound("There is no such channel.")


def _rule(rule: RecordingRule) -> shapes.RecordingRule:
    return shapes.RecordingRule(
        mode=rule.mode,
        quality=quality_name(rule.qualities),
        schedule=[shapes.ScheduleSpan.model_validate(one) for one in rule.schedule],
        time_zone=rule.time_zone,
        pre_s=rule.pre_s,
        post_s=rule.post_s,
        keep_days=rule.keep_days,
        keep_bytes=rule.keep_bytes,
        limit_days=rule.limit_days,
        backfills=rule.backfills,
        server_time_zone=server_time_zone(),
        pre_roll_bytes=services().archive.pre_roll_bytes,
    )


def _state_of(camera_id: int, number: int) -> shapes.ChannelRecordingState:
    states = services().archive.recording_states()
    found = next((one for one in states if (one.camera_id, one.channel) == (camera_id, number)), None)
    state = found or RecordingState(camera_id, number, RecordingMode.OFF, ())
    pauses = services().archive.pauses()
    pause = next((one for one in pauses if (one.camera_id, one.channel) == (camera_id, number)), None)
    return shapes.ChannelRecordingState.model_validate(
        {
            "channel": number,
            "mode": state.mode,
            "quality": quality_name(state.qualities),
            "state": state.state.value,
            "since": state.since,
            "reason": state.reason,
            "paused_by": pause.by if pause else None,
            "paused_until": pause.until if pause else None,
            "written_until": state.written_until,
            "pre_roll_s": state.pre_roll_s,
        }
    )


def _visible_alerts() -> list[RecordingGap]:
    who = current_principal()
    return [gap for gap in services().archive.alerts() if who.scope.has_channel(gap.camera_id, gap.channel)]


def _alert(gap: RecordingGap, names: Mapping[int, tuple[str, Mapping[int, str]]]) -> shapes.RecordingAlert:
    camera_name, channel_names = names.get(gap.camera_id, ("", {}))
    return shapes.RecordingAlert.model_validate(
        {
            "id": gap.id,
            "camera_id": gap.camera_id,
            "channel": gap.channel,
            "camera_name": camera_name,
            "channel_name": channel_names.get(gap.channel, ""),
            "origin": gap.origin,
            "start_time": gap.start,
            "end_time": gap.end,
            "reason": gap.reason,
            "detail": gap.detail,
            "seen": gap.seen_at is not None,
        }
    )


def _names() -> dict[int, tuple[str, dict[int, str]]]:
    """Return the names of all cameras and of their channels."""
    cameras = services().cameras
    return {
        view.id: (view.name or view.host, {channel.number: channel.name for channel in cameras.channels(view.id)})
        for view in cameras.list_cameras()
    }
