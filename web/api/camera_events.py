"""/api/cameras/<id>/events: the switch of a camera's events, and the messages of its device. For admins."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.errors import Unavailable
from events.topics import ToldMessage, ToldTopic
from web.access.audit import audit_about
from web.api import event_models as shapes
from web.api import models
from web.api.answers import answer
from web.api.described import answers_with
from web.services import services

blueprint = APIBlueprint("api_camera_events", __name__, url_prefix="/api", abp_tags=[Tag(name="events")])


@blueprint.get("/cameras/<camera_id>/events", responses=answers_with({200: shapes.EventSwitch}, 404))
def get_event_switch(path: models.CameraPath) -> Response:
    """Get the switch of a camera. On: the app listens to its events."""
    return answer(shapes.EventSwitch(listens_wanted=services().events.listens_wanted(path.camera_id)))


@blueprint.put("/cameras/<camera_id>/events", responses=answers_with({200: shapes.EventSwitch}, 404, 415, 503))
def set_event_switch(path: models.CameraPath, body: shapes.EventSwitchBody) -> Response:
    """Switch the events of a camera on or off. A rule that records events still gets them, but they are not logged."""
    audit_about(listens_wanted=body.listens_wanted)
    services().events.set_listens_wanted(path.camera_id, body.listens_wanted)
    return answer(shapes.EventSwitch(listens_wanted=body.listens_wanted))


@blueprint.get("/cameras/<camera_id>/events/topics", responses=answers_with({200: shapes.EventTopics}, 404, 503))
def list_event_topics(path: models.CameraPath) -> Response:
    """List the topics of a device, the last message of each, and the messages of the last minute.

    The first request asks the device for its topics; if it does not answer, the topics are those of its messages, and
    the device is asked again after five minutes.
    """
    services().cameras.get_camera(path.camera_id)
    events, unlisted = services().events, ""
    if events.is_topic_list_due(path.camera_id):
        try:
            with services().device_limit:
                events.list_topics(path.camera_id)
        except Unavailable as error:  # the messages are in memory
            unlisted = error.code
    told, problem = events.told(path.camera_id), events.problem(path.camera_id)
    return answer(
        shapes.EventTopics(
            listens=events.listens(path.camera_id),
            problem=None if problem is None else shapes.EventProblem(code=problem.code, detail=problem.detail),
            unlisted_code=unlisted or told.unlisted_code,
            topics=[_topic(topic) for topic in told.topics],
            recent=[_message(message) for message in reversed(told.recent)],
            left_out=told.left_out,
            begun_left_out=told.begun_left_out,
        )
    )


def _topic(topic: ToldTopic) -> shapes.EventTopic:
    return shapes.EventTopic.model_validate(
        {
            "topic": topic.topic,
            "kind": topic.kind,
            "count": topic.count,
            "last_time": None if topic.last is None else topic.last.at,
            "last_message": None if topic.last is None else _message(topic.last),
            "is_listed": topic.is_listed,
        }
    )


def _message(message: ToldMessage) -> shapes.EventMessage:
    return shapes.EventMessage.model_validate(
        {
            "time": message.at,
            "device_time": message.device_at,
            "topic": message.topic,
            "kind": message.kind,
            "channel": message.channel,
            "rule": message.rule,
            "change": message.change.value,
            "active": message.active,
            "items": dict(message.items),
        }
    )
