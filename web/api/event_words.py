"""The words of a search for events: the names that they may use, the query that they mean, and its answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import cast

from core.access import Scope
from core.clock import rfc3339
from events.details import EventDetails
from events.log_query import EventQuery
from events.words import KnownNames, Understood
from web.access.principal import current_principal
from web.api import event_models as shapes
from web.services import services

_MOST_ZONES = 500


def understood_words(text: str) -> Understood:
    """Return the meaning of the words. Names of cameras, channels and zones that the user may not see are unknown."""
    if not text.strip():
        return Understood()
    return services().events.understand(text, _known_names())


def with_words(query: EventQuery, understood: Understood) -> EventQuery:
    """Return the query narrowed by the filters of the words."""
    times = understood.times
    details = EventDetails(
        kinds=understood.kinds,
        labels=understood.labels,
        colours=understood.colours,
        zones=understood.zones,
        camera_ids=understood.camera_ids,
        channels=understood.channels,
        minutes=None if times is None else (times.start, times.end),
        start=understood.start,
        end=understood.end,
    )
    start, end = _latest(query.start, understood.start), _earliest(query.end, understood.end)
    narrowed, details = _by_index(replace(query, start=start, end=end), details)
    return replace(narrowed, details=(*query.details, details))


def _by_index(query: EventQuery, details: EventDetails) -> tuple[EventQuery, EventDetails]:
    """Turn details into filters of the query where the query has none of its own: the log has indexes for those."""
    if not query.kinds and not details.labels:
        query, details = replace(query, kinds=details.kinds), replace(details, kinds=())
    if not query.zones:
        query, details = replace(query, zones=details.zones), replace(details, zones=())
    if not query.camera_ids:
        places = details.channels
        if not places:
            query, details = replace(query, camera_ids=details.camera_ids), replace(details, camera_ids=())
        elif len(places) == 1 and not details.camera_ids:
            [(camera_id, channel)] = places
            query = replace(query, camera_ids=(camera_id,), channel=channel)
            details = replace(details, channels=())
    return query, details


def words_answer(understood: Understood) -> shapes.UnderstoodWords:
    times = understood.named_times
    return shapes.UnderstoodWords(
        kinds=list(understood.kinds),
        labels=list(understood.labels),
        colours=cast(list[shapes.Colour], list(understood.colours)),
        zones=list(understood.zones),
        camera_ids=list(understood.camera_ids),
        channels=[shapes.EventChannel(camera_id=one, channel=number) for one, number in understood.channels],
        start_time=None if understood.start is None else rfc3339(understood.start),
        end_time=None if understood.end is None else rfc3339(understood.end),
        times_of_day=[] if times is None else [[_clock(times.start), _clock(times.end)]],
    )


def _known_names() -> KnownNames:
    who = current_principal()
    cameras, channels = {}, {}
    for view in services().cameras.list_cameras():
        if not who.scope.has_camera(view.id):
            continue
        cameras[view.id] = view.name or view.host
        for channel in services().cameras.channels(view.id):
            if who.scope.has_channel(view.id, channel.number):
                channels[view.id, channel.number] = channel.name
    return KnownNames(cameras, channels, _known_zones(who.scope))


def _known_zones(scope: Scope) -> list[str]:
    found = services().events.log.zones(EventQuery(scope=scope), limit=_MOST_ZONES)
    return list(dict.fromkeys(zone.zone for zone in found))


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one is not None and other is not None else one or other


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one is not None and other is not None else one or other
