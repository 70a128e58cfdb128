"""Requests and answers of the API for events."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema

from core.events import EventKind
from web.api.models import AnswerModel, Time
from web.fields import MAX_NUMBER, BodyId, Flag, Moment, PathId, QueryModel, RequestModel, parse_id

_MOST_IDS = 500
_MOST_CAMERAS = 100
_MOST_ZONES = 32


def _minute(value: Any) -> Any:
    hours, colon, minutes = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not colon or not (_is_number(hours, 23) and _is_number(minutes, 59)):
        raise ValueError("a time of day, such as 18:30")
    return 60 * int(hours) + int(minutes)


def _is_number(text: str, most: int) -> bool:
    return len(text) == 2 and text.isascii() and text.isdigit() and int(text) <= most


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _ids(value: Any) -> Any:
    return [parse_id(one) if isinstance(one, str) else one for one in _as_list(value)]


def _without_repeats(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


TimeOfDay = Annotated[
    int,
    BeforeValidator(_minute),
    WithJsonSchema({"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}),
]
CameraIds = Annotated[
    list[Annotated[int, Field(ge=1, le=MAX_NUMBER)]],
    BeforeValidator(_ids),
    AfterValidator(_without_repeats),
    Field(max_length=_MOST_CAMERAS, description="may repeat"),
]
ChannelNumber = Annotated[PathId, Field(le=MAX_NUMBER)]
Kinds = Annotated[
    list[EventKind], BeforeValidator(_as_list), AfterValidator(_without_repeats), Field(description="may repeat")
]
Severity = Literal["alert", "notice"]
Source = Annotated[
    Literal["device", "server", "import", "watch"],
    Field(
        description="device: its messages; server: the app's own connection; import: the device's list of recorded "
        "events; watch: the app's own motion detector"
    ),
]


Seen = Annotated[Flag | None, Field(description="1 or 0: only events that you have marked as seen, or have not")]
Zones = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]],
    BeforeValidator(_as_list),
    AfterValidator(_without_repeats),
    Field(max_length=_MOST_ZONES, description="names of zones; may repeat"),
]


Labels = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]],
    BeforeValidator(_as_list),
    AfterValidator(_without_repeats),
    Field(max_length=_MOST_ZONES, description="recognized objects, such as car; may repeat"),
]
Colour = Literal["black", "white", "grey", "red", "yellow", "green", "blue", "brown"]
Colours = Annotated[
    list[Colour],
    BeforeValidator(_as_list),
    AfterValidator(_without_repeats),
    Field(description="colours of the object that the app's own detector has seen; may repeat"),
]


class EventPath(BaseModel):
    event_id: PathId


class EventPictureQuery(QueryModel):
    wait_s: Annotated[int, Field(ge=0, le=10, description="how long to wait for a picture of a recording")] = 1


class EventWindow(QueryModel):
    """Which events: those that began in the window, and that you may see."""

    start_time: Moment | None = None
    end_time: Moment | None = None
    camera_id: CameraIds = []  # noqa: RUF012 - pydantic copies it
    channel: Annotated[ChannelNumber | None, Field(description="needs exactly one `camera_id`")] = None
    kind: Kinds = []  # noqa: RUF012 - pydantic copies it


class EventFilter(EventWindow):
    severity: Severity | None = None
    seen: Seen = None
    zone: Zones = []  # noqa: RUF012 - pydantic copies it
    label: Labels = []  # noqa: RUF012 - pydantic copies it
    colour: Colours = []  # noqa: RUF012 - pydantic copies it
    words: Annotated[
        str,
        Field(
            max_length=200, description='such as "person red gate yesterday 18:00-20:00": filters on top of the others'
        ),
    ] = ""
    source: Source | None = None
    from_time_of_day: Annotated[TimeOfDay | None, Field(description="by the server's time zone")] = None
    until_time_of_day: Annotated[
        TimeOfDay | None, Field(description="exclusive; before `from_time_of_day`: over midnight")
    ] = None


class JoiningFilter(EventFilter):
    joined: Annotated[
        Flag,
        Field(
            description="1: leave out motion for which a more precise event of the same seconds and channel stands, "
            "such as a person. Without effect on questions about kinds, zones, labels, colours or sources"
        ),
    ] = False


class EventDaysQuery(JoiningFilter):
    """Which events: as in the list. Days count whole, also those in which the window begins and ends."""


class EventListQuery(JoiningFilter):
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=40, description="`next_cursor` of the previous answer")] | None = None


class EventNewsQuery(JoiningFilter):
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[Moment, Field(description="`as_of` of an earlier answer")]
    wait_s: Annotated[int, Field(ge=0, le=20, description="how long to wait for news; less if many pages wait")] = 0


class SimilarEventsQuery(QueryModel):
    limit: Annotated[int, Field(ge=1, le=100)] = 24


class SeenEvents(RequestModel):
    """The events to mark. Events that you may not see are ignored."""

    ids: Annotated[list[BodyId], Field(max_length=_MOST_IDS)]
    seen: bool = True


# --- answers


class Event(AnswerModel):
    """An event. Texts in `topic`, `rule`, `label` and `zone` are the device's own."""

    id: int
    camera_id: int | None = Field(description="null: it concerns the server itself")
    camera_name: str
    channel: int | None = Field(description="null: the whole device, or a channel that the app does not know")
    channel_name: str
    kind: EventKind
    topic: str = Field(description="of the device's message, without prefixes; empty for events of the app itself")
    rule: str = Field(
        description="the device's detection rule, or the reason of an event of the app itself; of motion that the app "
        "has seen, the fate of its object: came_to_rest, left, or empty"
    )
    source: Source
    severity: Severity
    start_time: Time
    end_time: Time | None = Field(description="null: it goes on")
    is_device_time: bool = Field(description="`start_time` is the device's; otherwise the time of arrival")
    device_time: Time | None = Field(
        description="`start_time` by the device's own clock, as the device told it; null if the device did not tell it"
    )
    count: int = Field(description="how often the state changed; large numbers mean a storm of messages")
    closed_why: Literal["", "missed", "timeout", "storm", "stopped"] = Field(
        description="why it ended; empty: the device told the end, or it goes on"
    )
    score: float | None = Field(description="0 to 1, if an object was recognized")
    label: str = Field(description="the recognized object")
    box: list[float] | None = Field(description="x, y, width, height in the picture, 0 to 1")
    zone: str
    seen: bool = Field(description="you have marked it as seen; without accounts: someone has")
    colours: list[Colour] = Field(description="of the object that the app's own detector has seen")
    has_look: bool = Field(description="similar events can be found: the app knows the colours of its object")
    picture_url: str | None = Field(description="null if the app does not know the channel; the picture may be missing")


class EventChannel(BaseModel):
    camera_id: int
    channel: int


class UnderstoodWords(BaseModel):
    """The meaning of the words: one of the kinds or labels, one of the colours, one of the zones, one of the places."""

    kinds: list[EventKind]
    labels: list[str]
    colours: list[Colour]
    zones: list[str]
    camera_ids: list[int]
    channels: list[EventChannel]
    start_time: Time | None
    end_time: Time | None
    times_of_day: list[list[str]] = Field(description="such as [[18:00, 20:00]]; of the day, if the words name one")


class EventList(BaseModel):
    events: list[Event]
    next_cursor: str | None
    as_of: Time = Field(description="for `after` of the question about news")
    understood: UnderstoodWords | None = Field(description="null without `words`")
    not_understood: list[str] = Field(description="the words that are ignored")


class SimilarEvent(Event):
    similarity: float = Field(description="of the colours, 0 to 1")


class SimilarEvents(BaseModel):
    events: list[SimilarEvent] = Field(description="the most similar first; of equally similar ones the nearer in time")


class EventNews(BaseModel):
    events: list[Event] = Field(description="in the order of their changes")
    gone: list[int] = Field(description="ids of motion that a list with `joined` leaves out now")
    as_of: Time
    has_more: bool = Field(description="ask again immediately, with this `as_of`")


class EventDay(AnswerModel):
    day: str = Field(description="such as 2026-11-24, by the server's time zone")
    count: int
    alerts: int


class EventDays(BaseModel):
    days: list[EventDay]


class EventZone(AnswerModel):
    camera_id: int
    channel: int | None
    zone: str = Field(description="its name; events of a device have the device's own")
    count: int


class EventZones(BaseModel):
    zones: list[EventZone]


# --- one camera


class EventSwitchBody(RequestModel):
    listens_wanted: bool


class EventSwitch(BaseModel):
    listens_wanted: bool = Field(description="the app listens to the camera's events, if it has any, and logs them")


class EventProblem(BaseModel):
    code: str
    detail: str


class EventMessage(AnswerModel):
    """A message of a device. All texts in it are the device's own."""

    time: Time = Field(description="of its arrival")
    device_time: Time | None = Field(description="by the device's clock; null if it is missing or unreadable")
    topic: str
    kind: EventKind
    channel: int | None = Field(description="null: it names no channel that the app knows")
    rule: str
    change: Literal["state", "changed", "ended", "pulse"] = Field(
        description="state: the present state, which is no news; pulse: it tells no state"
    )
    active: bool | None = Field(description="the state that it tells; null if it tells none")
    items: dict[str, str] = Field(description="names and values of its source and its data")


class EventTopic(AnswerModel):
    topic: str
    kind: EventKind
    count: int = Field(description="messages since the start of the app")
    last_time: Time | None
    last_message: EventMessage | None
    is_listed: bool = Field(description="the device names it in its event properties")


class EventTopics(BaseModel):
    listens: bool = Field(description="the app has a subscription at the moment")
    problem: EventProblem | None = Field(description="why no events come; null if they come or are not wanted")
    unlisted_code: str = Field(description="code of the error if the device did not list its topics; otherwise empty")
    topics: list[EventTopic]
    recent: list[EventMessage] = Field(description="of the last minute, the newest first, at most 200")
    left_out: int = Field(description="messages of topics beyond the first 200")
    begun_left_out: int = Field(
        description="messages about events that are not in the log, because 256 other events of the device went on"
    )
