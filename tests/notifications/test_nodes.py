"""Notifications of several nodes on one database: one node sends each delivery, and all have the same sinks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.access import LOCAL
from core.events import EventKind
from core.secrets import Secret
from database import Database
from events.log_query import EventQuery
from notifications.delivery_store import DeliveryStore
from notifications.records import PUSH_SINK_ID, Delivery, DeliveryState, Outcome, SinkChange, SinkDraft, StoredSink
from notifications.sink_settings import EmailSettings, MqttSettings, WebhookSettings, kind_of
from notifications.sinks import SinkKind
from notifications.store import SinkStore
from tests.notifications.telling import NamedCameras, Telling, running
from tests.notifications.test_delivery_store import ONE
from tests.patience import until
from tests.prepared_database import prepared_database

SENT = Outcome(DeliveryState.SENT, 1)


@pytest.fixture
def north(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Telling]:
    """The node north; south lives, too, and west is dead."""
    monkeypatch.setattr(NamedCameras, "living_nodes", lambda _: frozenset({"north", "south"}))
    with running(tmp_path, node_name="north") as made:
        yield made


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    del database_engine  # it has chosen the engine
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    yield made
    made.close()


def ids(deliveries: list[Delivery]) -> list[int]:
    return [one.id for one in deliveries]


def test_a_node_finds_its_own_deliveries_alone(database: Database) -> None:
    north, south = DeliveryStore(database, "north"), DeliveryStore(database, "south")
    of_north, of_south = north.add([ONE]), south.add([ONE, ONE])
    assert (ids(north.waiting()), ids(south.waiting())) == (of_north, of_south)
    assert ids(DeliveryStore(database).waiting()) == of_north + of_south, "a single process has all"


def test_one_node_takes_over_the_deliveries_of_a_dead_one(database: Database) -> None:
    north, south, west = (DeliveryStore(database, name) for name in ("north", "south", "west"))
    of_west, of_south = west.add([ONE, ONE]), south.add([ONE])
    west.finish(of_west[:1], SENT, ONE.time)
    assert not west.is_taken(of_west[1])
    assert ids(north.take_over({"north", "south"})) == of_west[1:]
    assert south.take_over({"north", "south"}) == []
    assert west.is_taken(of_west[1])
    assert not north.is_taken(of_west[1])
    assert ids(south.waiting()) == of_south


def test_a_node_finishes_no_delivery_that_another_one_has_taken(database: Database) -> None:
    north, west = DeliveryStore(database, "north"), DeliveryStore(database, "west")
    taken = west.add([ONE])
    north.take_over({"north"})
    west.finish(taken, Outcome(DeliveryState.DROPPED, 0, "taken_over", ""), ONE.time)
    assert ids(north.waiting()) == taken
    north.finish(taken, SENT, ONE.time)
    assert north.is_taken(taken[0]), "a delivery with an outcome is not sent again"


def add_waiting(telling: Telling, node: str, count: int = 1) -> list[int]:
    """Store deliveries of a node about an event that began now."""
    telling.begin(telling.event())
    (event,) = telling.events.log.page(EventQuery(), limit=1).events
    rule_id = telling.rule(sinks=(PUSH_SINK_ID,), kinds=(EventKind.TAMPER,))  # it sends nothing by itself
    one = replace(ONE, time=telling.clock.now_utc(), rule_id=rule_id, event_id=event.id)
    to_push = replace(one, sink_id=PUSH_SINK_ID, sink_kind=SinkKind.PUSH)
    return DeliveryStore(telling.database, node).add([to_push] * count)


def test_the_new_owner_of_a_camera_sends_what_the_dead_node_has_not_sent(north: Telling) -> None:
    of_west = add_waiting(north, "west", 2)
    of_south = add_waiting(north, "south")
    north.manager.adopt_camera(1)
    north.manager.adopt_camera(2)
    assert ids(north.settled(2)) == of_west
    assert len(north.push.notices) == 2
    assert ids(north.deliveries(DeliveryState.WAITING)) == of_south


def test_a_start_sends_what_the_node_itself_has_not_sent(north: Telling) -> None:
    others = add_waiting(north, "west") + add_waiting(north, "south")
    own = add_waiting(north, "north")
    north.stop()
    north.start()
    assert ids(north.settled(1)) == own
    assert sorted(ids(north.deliveries(DeliveryState.WAITING))) == others


def test_a_delivery_that_another_node_has_taken_is_not_sent(north: Telling) -> None:
    own = add_waiting(north, "north")
    waiting = DeliveryStore(north.database, "north").waiting()
    DeliveryStore(north.database, "south").take_over({"south"})
    north.manager._queue_stored(waiting)
    after = add_waiting(north, "north")
    north.manager._queue_stored(DeliveryStore(north.database, "north").waiting())
    assert ids(north.settled(1)) == after
    assert len(north.push.notices) == 1
    assert ids(north.deliveries(DeliveryState.WAITING)) == own


def test_a_node_follows_the_sinks_of_another_one(north: Telling) -> None:
    store, vault = SinkStore(north.database), north.cameras.vault
    hook = WebhookSettings("http://127.0.0.1:9/a")
    sink_id = store.add(SinkDraft("Hook", hook, Secret("one")), SinkKind.WEBHOOK, vault, north.clock.now_utc())
    north.manager.read_sinks_again()
    added = until(lambda: north.manager._sinks.find(sink_id), what="the new sink")
    assert added == StoredSink(sink_id, SinkKind.WEBHOOK, "Hook", True, hook, Secret("one"))
    store.change(replace(added, is_on=False, secret=Secret("two")), vault)
    north.manager.read_sinks_again()
    changed = replace(added, is_on=False, secret=Secret("two"))
    until(lambda: north.manager.sink(LOCAL, sink_id) == changed, what="the changed sink")
    assert north.manager._sinks._entries[sink_id].queue is None
    store.remove(sink_id)
    north.manager.read_sinks_again()
    until(lambda: north.manager._sinks.find(sink_id) is None, what="the end of the sink")


def test_a_change_of_a_sink_keeps_what_another_node_has_just_changed(north: Telling) -> None:
    sink_id = north.webhook("http://127.0.0.1:9/a")
    north.manager._look()
    made = north.manager.sink(LOCAL, sink_id)
    SinkStore(north.database).change(replace(made, is_on=False), north.cameras.vault)
    changed = north.manager.change_sink(sink_id, SinkChange(name="Other"))
    assert (changed.name, changed.is_on) == ("Other", False)


def test_a_look_at_the_sinks_leaves_those_without_a_change_alone(north: Telling) -> None:
    for settings in (
        WebhookSettings("http://127.0.0.1:9/a"),
        EmailSettings("127.0.0.1", 9, "tls", "a@example.org", ("b@example.org",), "anna"),
        MqttSettings("127.0.0.1", 9, username="anna"),
    ):
        north.manager.add_sink(SinkDraft(kind_of(settings).value, settings, Secret("secret"), is_on=True))
    before = dict(north.manager._sinks._entries)
    north.manager._look()
    assert north.manager._sinks._entries == before
    assert all(north.manager._sinks._entries[sink_id] is entry for sink_id, entry in before.items())


def test_each_change_of_a_sink_is_told_to_the_other_nodes(north: Telling) -> None:
    told: list[str] = []
    north.manager.on_sinks_changed(lambda: told.append("changed"))
    sink_id = north.webhook("http://127.0.0.1:9/a")
    north.manager.change_sink(sink_id, SinkChange(name="Other"))
    north.manager.remove_sink(sink_id)
    assert len(told) == 3
