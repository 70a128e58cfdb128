"""The messages of a device are kept in memory, within limits."""

from __future__ import annotations

from datetime import timedelta

from core.events import Change, DeviceEvent, EventKind, ListedTopic
from events.topics import ASK_AGAIN_S, MOST_RECENT, MOST_TOPICS, RECENT, DeviceTopics
from tests.events.logged import NOON


def message(topic: str = "Motion", items: tuple[tuple[str, str], ...] = ()) -> DeviceEvent:
    return DeviceEvent(EventKind.MOTION, topic, (), "", "state", Change.CHANGED, True, items=items)


def test_a_topic_has_its_last_message_and_their_number() -> None:
    topics = DeviceTopics()
    topics.set_list(1, [ListedTopic("Motion", EventKind.MOTION)])
    topics.note(1, message(), 1, NOON)
    topics.note(1, message(items=(("State", "false"),)), 2, NOON + timedelta(seconds=1))
    (topic,) = topics.told(1, NOON).topics
    assert topic.last is not None
    assert (topic.count, topic.is_listed, topic.last.channel, topic.last.items) == (2, True, 2, {"State": "false"})
    assert topics.told(2, NOON).topics == ()
    topics.forget(1)
    assert topics.told(1, NOON).topics == ()
    assert topics.is_list_due(1, 0.0)


def test_a_device_that_lists_no_topics_is_asked_again_after_a_while() -> None:
    topics = DeviceTopics()
    assert topics.is_list_due(1, 1000.0)
    topics.note_unlisted(1, "camera_timeout", 1000.0)
    assert not topics.is_list_due(1, 1000.0 + ASK_AGAIN_S - 1)
    assert topics.told(1, NOON).unlisted_code == "camera_timeout"
    assert topics.is_list_due(1, 1000.0 + ASK_AGAIN_S)
    topics.set_list(1, [ListedTopic("Motion", EventKind.MOTION)])
    assert not topics.is_list_due(1, 9000.0)
    assert topics.told(1, NOON).unlisted_code == ""


def test_only_messages_of_the_last_minute_are_recent() -> None:
    topics = DeviceTopics()
    topics.note(1, message("Old"), 1, NOON)
    topics.note(1, message("New"), 1, NOON + timedelta(seconds=1))
    assert [one.topic for one in topics.told(1, NOON + RECENT + timedelta(seconds=1)).recent] == ["New"]


def test_a_device_that_invents_topics_cannot_fill_the_memory() -> None:
    topics = DeviceTopics()
    items = tuple((str(number), "x") for number in range(500))
    for number in range(MOST_TOPICS + 50):
        topics.note(1, message(str(number), items), 1, NOON)
    told = topics.told(1, NOON)
    assert (len(told.topics), told.left_out, len(told.recent)) == (MOST_TOPICS, 50, MOST_RECENT)
    assert max(len(one.items) for one in told.recent) < 100
