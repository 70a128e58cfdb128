"""/api/notification-sinks: where notifications go. Secrets go in and never out."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.access import Permission
from core.errors import InvalidRequest
from core.secrets import Secret
from notifications.records import SinkChange, SinkDraft, StoredSink
from notifications.sink_settings import EmailSettings, MqttSettings, SinkSettings, WebhookSettings
from web.access.principal import current_principal
from web.api import notification_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.services import services

blueprint = APIBlueprint(
    "api_notification_sinks",
    __name__,
    url_prefix="/api/notification-sinks",
    abp_tags=[Tag(name="notifications")],
)


@blueprint.get("", responses=answers_with({200: shapes.SinkList}, 503))
def list_sinks() -> Response:
    """List the sinks that your rules may use: push, and for admins all."""
    found = services().notifications.sinks(current_principal())
    return answer(shapes.SinkList(sinks=[_sink(sink) for sink in found]))


@blueprint.post("", responses=answers_with({201: shapes.Sink}, 409, 415, 503))
def add_sink(body: shapes.NewSink) -> Response:
    """Add a sink, with the settings of its kind. 409 `too_many_sinks`."""
    settings, secret = _settings(body)
    if settings is None or getattr(body, body.kind) is None:
        raise InvalidRequest.of_field("kind", f"such a sink needs the settings `{body.kind}`")
    draft = SinkDraft(body.name, settings, secret, body.is_on)
    return answer(_sink(services().notifications.add_sink(draft)), 201)


@blueprint.get("/<sink_id>", responses=answers_with({200: shapes.Sink}, 404, 503))
def get_sink(path: shapes.SinkPath) -> Response:
    """Get a sink."""
    return answer(_sink(services().notifications.sink(current_principal(), path.sink_id)))


@blueprint.patch("/<sink_id>", responses=answers_with({200: shapes.Sink}, 404, 409, 415, 503))
def change_sink(path: shapes.SinkPath, body: shapes.SinkEdit) -> Response:
    """Change a sink. A password must be given again for another server, user name, or without encryption."""
    settings, secret = _settings(body)
    change = SinkChange(body.name, body.is_on, settings, secret)
    return answer(_sink(services().notifications.change_sink(path.sink_id, change)))


@blueprint.delete("/<sink_id>", responses=answers_with({204: NO_CONTENT}, 404, 409, 503))
def remove_sink(path: shapes.SinkPath) -> Response:
    """Delete a sink. Its rules stay. 409 `sink_stays` for the push sink."""
    services().notifications.remove_sink(path.sink_id)
    return Response(status=204)


@blueprint.post("/<sink_id>/test", responses=answers_with({200: shapes.TestResult}, 404, 429, 503))
def send_sink_test(path: shapes.SinkPath) -> Response:
    """Send a test notice now, also by a sink that is off. It may take 20 s. Push: to your own browsers.

    429 `test_limit` after four tests of a sink or twelve of a user within a minute.
    """
    with services().sink_limit:
        outcome = services().notifications.test_sink(current_principal(), path.sink_id)
    return answer(
        shapes.TestResult.model_validate({"state": outcome.state.value, "code": outcome.code, "detail": outcome.detail})
    )


# --- inside


def _settings(body: shapes.NewSink | shapes.SinkEdit) -> tuple[SinkSettings, Secret | None]:
    """Return settings and secret of the one kind that the body has; None for none. Raise InvalidRequest for several."""
    given = [one for one in (body.webhook, body.email, body.mqtt) if one is not None]
    if len(given) > 1:
        raise InvalidRequest("A sink has the settings of one kind.")
    match given:
        case [shapes.WebhookSettings() as webhook]:
            return WebhookSettings(webhook.url, webhook.with_picture), shapes.secret_of(webhook.secret)
        case [shapes.EmailSettings() as email]:
            settings = EmailSettings(
                email.host, email.port, email.security, email.sender, tuple(email.recipients), email.username
            )
            return settings, shapes.secret_of(email.password)
        case [shapes.MqttSettings() as mqtt]:
            return (
                MqttSettings(
                    mqtt.host,
                    mqtt.port,
                    mqtt.is_tls,
                    mqtt.username,
                    mqtt.base_topic,
                    mqtt.with_home_assistant,
                    mqtt.with_pictures,
                ),
                shapes.secret_of(mqtt.password),
            )
    return None, None


def _sink(sink: StoredSink) -> shapes.Sink:
    settings = sink.settings
    shows_state = current_principal().may(Permission.MANAGE)
    return shapes.Sink.model_validate(
        {
            "id": sink.id,
            "name": sink.name,
            "kind": sink.kind.value,
            "is_on": sink.is_on,
            "has_secret": bool(sink.secret) or not sink.is_readable,
            "webhook": settings if isinstance(settings, WebhookSettings) else None,
            "email": settings if isinstance(settings, EmailSettings) else None,
            "mqtt": settings if isinstance(settings, MqttSettings) else None,
            "state": services().notifications.sink_state(sink.id) if shows_state else None,
        }
    )
