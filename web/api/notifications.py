"""/api/notification-rules and /api/notification-deliveries: the users' rules, and the log of notices."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.events import Severity
from notifications.records import Delivery, Rule, RuleDraft
from web.access.principal import current_principal
from web.api import notification_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.services import services

blueprint = APIBlueprint("api_notifications", __name__, url_prefix="/api", abp_tags=[Tag(name="notifications")])

_FIELDS = {"from_time_of_day": "from_minute", "until_time_of_day": "until_minute"}
_NULLABLE = frozenset(
    {"severity", "camera_id", "channel", "zone", "from_time_of_day", "until_time_of_day", "snooze_until"}
)


@blueprint.get("/notification-rules", responses=answers_with({200: shapes.RuleList}, 503))
def list_rules() -> Response:
    """List your rules; admins get all."""
    rules = services().notifications.rules(current_principal())
    return answer(shapes.RuleList(rules=[_rule(rule) for rule in rules]))


@blueprint.post("/notification-rules", responses=answers_with({201: shapes.Rule}, 404, 409, 415, 503))
def add_rule(body: shapes.NewRule) -> Response:
    """Add a rule. Only admins may name other sinks than push. 409 `too_many_rules` beyond 100."""
    draft = RuleDraft(**_values(body.model_dump()))
    return answer(_rule(services().notifications.add_rule(current_principal(), draft)), 201)


@blueprint.get("/notification-rules/<rule_id>", responses=answers_with({200: shapes.Rule}, 404, 503))
def get_rule(path: shapes.RulePath) -> Response:
    """Get a rule. 404 for another user's rule."""
    return answer(_rule(services().notifications.rule(current_principal(), path.rule_id)))


@blueprint.patch("/notification-rules/<rule_id>", responses=answers_with({200: shapes.Rule}, 404, 415, 503))
def change_rule(path: shapes.RulePath, body: shapes.RuleEdit) -> Response:
    """Change a rule, or let it snooze."""
    given = {name: value for name, value in shapes.given(body).items() if value is not None or name in _NULLABLE}
    changed = services().notifications.change_rule(current_principal(), path.rule_id, _values(given))
    return answer(_rule(changed))


@blueprint.delete("/notification-rules/<rule_id>", responses=answers_with({204: NO_CONTENT}, 404, 503))
def remove_rule(path: shapes.RulePath) -> Response:
    """Delete a rule."""
    services().notifications.remove_rule(current_principal(), path.rule_id)
    return Response(status=204)


@blueprint.post("/notification-rules/<rule_id>/test", responses=answers_with({202: shapes.DeliveryList}, 404, 429, 503))
def send_rule_test(path: shapes.RulePath) -> Response:
    """Send a test to the sinks of a rule that are on. The log of deliveries then has the results.

    429 `test_limit` after four tests of a rule or twelve of a user within a minute.
    """
    sent = services().notifications.test_rule(current_principal(), path.rule_id)
    return answer(shapes.DeliveryList(deliveries=_deliveries(sent), next_cursor=None), 202)


@blueprint.get("/notification-deliveries", responses=answers_with({200: shapes.DeliveryList}, 503))
def list_deliveries(query: shapes.DeliveryQuery) -> Response:
    """List what your rules have sent, the newest first; admins get all."""
    cursor = None if query.cursor is None else int(query.cursor.removeprefix("d"))
    page, last = services().notifications.deliveries(current_principal(), limit=query.limit, cursor=cursor)
    next_cursor = None if last is None else f"d{last}"
    return answer(shapes.DeliveryList(deliveries=_deliveries(page), next_cursor=next_cursor))


# --- inside


def _values(given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of RuleDraft."""
    values = {_FIELDS.get(name, name): value for name, value in given.items()}
    for name in ("kinds", "days", "sinks"):
        if name in values:
            values[name] = tuple(dict.fromkeys(values[name]))
    if values.get("severity") is not None:
        values["severity"] = Severity(values["severity"])
    return values


def _rule(rule: Rule) -> shapes.Rule:
    wanted, notifications = rule.wanted, services().notifications
    return shapes.Rule.model_validate(
        {
            "id": rule.id,
            "user_id": rule.user_id,
            "name": wanted.name,
            "is_on": wanted.is_on,
            "kinds": list(wanted.kinds),
            "severity": None if wanted.severity is None else wanted.severity.value,
            "camera_id": wanted.camera_id,
            "channel": wanted.channel,
            "zone": wanted.zone,
            "days": list(wanted.days),
            "from_time_of_day": wanted.from_minute,
            "until_time_of_day": wanted.until_minute,
            "time_zone": wanted.time_zone,
            "min_length_s": wanted.min_length_s,
            "cool_down_s": wanted.cool_down_s,
            "sinks": [sink.id for sink in notifications.sinks_of(rule)],
            "snooze_until": wanted.snooze_until,
            "problem": notifications.problem_of(rule).value,
        }
    )


def _deliveries(found: list[Delivery]) -> list[shapes.Delivery]:
    names = _names() if found else {}
    return [_delivery(one, names) for one in found]


def _delivery(one: Delivery, names: dict[int, tuple[str, dict[int, str]]]) -> shapes.Delivery:
    camera_name, channel_names = names.get(one.camera_id or 0, ("", {}))
    return shapes.Delivery.model_validate(
        {
            "id": one.id,
            "time": one.time,
            "changed_time": one.changed_at or one.time,
            "rule_id": one.rule_id,
            "rule_name": one.rule_name,
            "sink_id": one.sink_id,
            "sink_name": one.sink_name,
            "sink_kind": one.sink_kind.value,
            "event_id": one.event_id or None,
            "event_kind": one.event_kind,
            "camera_id": one.camera_id,
            "camera_name": camera_name,
            "channel": one.channel,
            "channel_name": channel_names.get(one.channel or 0, ""),
            "state": one.state.value,
            "tries": one.tries,
            "code": one.code,
            "detail": one.detail,
        }
    )


def _names() -> dict[int, tuple[str, dict[int, str]]]:
    cameras = services().cameras
    return {
        view.id: (view.name or view.host, {channel.number: channel.name for channel in cameras.channels(view.id)})
        for view in cameras.list_cameras()
    }
