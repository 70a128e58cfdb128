"""/api/events: the log of events of all cameras. Users see the events of their own channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.clock import rfc3339
from core.errors import InvalidRequest, NotFound, Unavailable
from core.events import EventSource, LoggedEvent, Severity
from events.details import EventDetails
from events.log_query import EventQuery
from events.pictures import MOST_PICTURE_BYTES
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.access.targets import sees_only_some_channels
from web.api import event_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.api.event_words import understood_words, with_words, words_answer
from web.api.pictures import PENDING, PICTURE, UNCHANGED, pending_picture, picture_answer, recorded_picture
from web.services import services

blueprint = APIBlueprint("api_events", __name__, url_prefix="/api/events", abp_tags=[Tag(name="events")])

_MOST_ZONES = 500

Names = Mapping[int, tuple[str, Mapping[int, str]]]


@blueprint.get("", responses=answers_with({200: shapes.EventList}, 503))
def list_events(query: shapes.EventListQuery) -> Response:
    """List events of your channels, the newest first."""
    understood = understood_words(query.words)
    wanted = with_words(_filtered(query), understood)
    page = services().events.log.page(wanted, limit=query.limit, cursor=query.cursor)
    return answer(
        shapes.EventList(
            events=_events(page.events),
            next_cursor=page.next_cursor,
            as_of=rfc3339(page.as_of),
            understood=words_answer(understood) if query.words.strip() else None,
            not_understood=list(understood.not_understood),
        )
    )


@blueprint.get("/news", responses=answers_with({200: shapes.EventNews}, 503))
def list_event_news(query: shapes.EventNewsQuery) -> Response:
    """List the events that began or changed since an earlier answer. Ask every few seconds, or with `wait_s`."""
    log, wanted = services().events.log, with_words(_filtered(query), understood_words(query.words))
    try:
        with services().event_limit:
            news = log.news(wanted, query.after, limit=query.limit, wait_s=query.wait_s)
    except Unavailable:  # enough requests wait already: this one gets its answer immediately
        news = log.news(wanted, query.after, limit=query.limit)
    return answer(
        shapes.EventNews(
            events=_events(news.events), gone=list(news.gone), as_of=rfc3339(news.as_of), has_more=news.has_more
        )
    )


@blueprint.get("/days", responses=answers_with({200: shapes.EventDays}, 503))
def list_event_days(query: shapes.EventDaysQuery) -> Response:
    """Count the events of each day, for a calendar. Days without events are left out."""
    wanted = with_words(_filtered(query), understood_words(query.words))
    days = services().events.log.days(wanted)
    return answer(shapes.EventDays(days=[shapes.EventDay.model_validate(day) for day in days]))


@blueprint.get("/zones", responses=answers_with({200: shapes.EventZones}, 503))
def list_event_zones(query: shapes.EventWindow) -> Response:
    """List the zones with events, by camera and channel, at most 500."""
    found = services().events.log.zones(_windowed(query), limit=_MOST_ZONES)
    return answer(shapes.EventZones(zones=[shapes.EventZone.model_validate(zone) for zone in found]))


@blueprint.post("/seen", responses=answers_with({204: NO_CONTENT}, 415, 503))
def mark_events_seen(body: shapes.SeenEvents) -> Response:
    """Mark events as seen by you, or as unseen. Without accounts, the marks are those of everybody."""
    services().events.log.mark_seen(_mine(), body.ids, is_seen=body.seen)
    return Response(status=204)


@blueprint.get("/<event_id>", responses=answers_with({200: shapes.Event}, 404, 503))
def get_event(path: shapes.EventPath) -> Response:
    """Get one event."""
    return answer(_events([services().events.log.get(_mine(), path.event_id)])[0])


@blueprint.get("/<event_id>/similar", responses=answers_with({200: shapes.SimilarEvents}, 404, 503))
def list_similar_events(path: shapes.EventPath, query: shapes.SimilarEventsQuery) -> Response:
    """List events of the same kind whose objects have similar colours, those of nearby times first.

    404 `no_look`: the app's own detector has not seen the object, or has seen it without colours, at night.
    """
    log, looks = services().events.log, services().events.looks
    event = log.get(_mine(), path.event_id)
    similarities = {one.event_id: one.similarity for one in looks.similar(_mine(), event, limit=query.limit)}
    found = {one.id: one for one in _events(log.get_some(_mine(), list(similarities)))}
    events = [
        shapes.SimilarEvent(**found[event_id].model_dump(), similarity=similarity)
        for event_id, similarity in similarities.items()
        if event_id in found
    ]
    return answer(shapes.SimilarEvents(events=events))


@blueprint.get(
    "/<event_id>/picture",
    responses=answers_with({200: PICTURE, 202: PENDING, 304: UNCHANGED}, 404, 502, 503, 504),
)
def get_event_picture(path: shapes.EventPath, query: shapes.EventPictureQuery) -> Response:
    """Get the picture of an event as JPEG: taken when it began, otherwise of the recordings of its channel.

    202 while it is being taken, or if one of a recording is not ready after `wait_s`: try again.
    404 `no_recording`: there is none.
    """
    event = services().events.log.get(_mine(), path.event_id)
    audit_about(camera_id=event.camera_id, channel=event.channel)
    if event.camera_id is None or event.channel is None:
        raise NotFound("This event has no picture.", code="no_recording")
    audit_about(picture_time=rfc3339(event.start_at))
    kept = services().events.pictures
    is_expected = kept.is_expected(event.camera_id, event.id)  # before `get`: it may be taken in between
    jpeg = kept.get(event.camera_id, event.id)
    try:
        jpeg = jpeg or _picture_elsewhere(event.camera_id, event)
    except Unavailable as error:
        if error.code != "busy":
            raise
        return pending_picture()  # enough requests wait for other nodes
    if jpeg is not None:
        return picture_answer(jpeg, None)
    if is_expected:
        return pending_picture()
    who = current_principal()
    is_guess = not services().recordings.has_sure_recordings(event.camera_id, event.channel)
    if is_guess and sees_only_some_channels(who, event.camera_id):
        raise NotFound("This event has no picture.", code="no_recording")
    return recorded_picture(event.camera_id, event.channel, event.start_at, query.wait_s)


# --- inside


def _picture_elsewhere(camera_id: int, event: LoggedEvent) -> bytes | None:
    """Return the picture that another node has taken, while the camera was its own, and keep it here from now on."""
    found = services()
    if not event.has_picture or not found.placement.this_node().place:
        return None
    path = f"/api/internal/events/{event.id}/picture?camera={camera_id}"
    with found.node_limit:
        jpeg = found.other_nodes.read(found.events.log.node_of(event.id), path, most_bytes=MOST_PICTURE_BYTES)
    if jpeg:
        found.events.pictures.put(camera_id, event.id, jpeg)
    return jpeg or None


def _mine() -> EventQuery:
    """Return a query for all events that the user may see, with the user's marks."""
    who = current_principal()
    return EventQuery(scope=who.scope, user_id=who.user_id or 0)


def _windowed(query: shapes.EventWindow) -> EventQuery:
    """Raise InvalidRequest for a channel without its camera."""
    if query.channel is not None and len(query.camera_id) != 1:
        raise InvalidRequest.of_field("channel", "needs exactly one camera_id")
    return replace(
        _mine(),
        start=query.start_time,
        end=query.end_time,
        camera_ids=tuple(query.camera_id),
        channel=query.channel,
        kinds=tuple(query.kind),
    )


def _filtered(query: shapes.JoiningFilter) -> EventQuery:
    return replace(
        _windowed(query),
        severity=_severity(query.severity),
        source=None if query.source is None else EventSource(query.source),
        is_seen=query.seen,
        from_minute=query.from_time_of_day,
        until_minute=query.until_time_of_day,
        zones=tuple(query.zone),
        joins=query.joined,
        details=(EventDetails(labels=tuple(query.label), colours=tuple(query.colour)),),
    )


def _severity(name: str | None) -> Severity | None:
    return None if name is None else Severity(name)


def _events(found: Sequence[LoggedEvent]) -> list[shapes.Event]:
    names = _names() if found else {}
    looks = services().events.looks.colours([event.id for event in found]) if found else {}
    return [_event(event, names, *looks.get(event.id, ((), False))) for event in found]


def _event(event: LoggedEvent, names: Names, colours: Sequence[str], has_look: bool) -> shapes.Event:
    camera_name, channel_names = names.get(event.camera_id or 0, ("", {}))
    return shapes.Event.model_validate(
        {
            "id": event.id,
            "camera_id": event.camera_id,
            "camera_name": camera_name,
            "channel": event.channel,
            "channel_name": channel_names.get(event.channel or 0, ""),
            "kind": event.kind,
            "topic": event.topic,
            "rule": event.rule,
            "source": event.source.value,
            "severity": event.severity.value,
            "start_time": event.start_at,
            "end_time": event.end_at,
            "is_device_time": event.is_device_time,
            "device_time": event.device_at,
            "count": event.count,
            "closed_why": event.closed_why.value,
            "score": event.score,
            "label": event.label,
            "box": None if event.box is None else list(event.box),
            "zone": event.zone,
            "seen": event.is_seen,
            "colours": colours,
            "has_look": has_look,
            "picture_url": None if event.channel is None else f"/api/events/{event.id}/picture",
        }
    )


def _names() -> dict[int, tuple[str, dict[int, str]]]:
    """Return the names of all cameras and of their channels."""
    cameras = services().cameras
    return {
        view.id: (view.name or view.host, {channel.number: channel.name for channel in cameras.channels(view.id)})
        for view in cameras.list_cameras()
    }
