"""Notifications from the log of events to a sink: rights, lengths, pictures, restarts."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from accounts.records import UserChange
from core.access import LOCAL, Role, scope_of
from core.errors import InvalidRequest, NotFound
from core.events import EventKind, EventSource, Severity
from notifications.records import DeliveryState, RuleDraft, SinkChange
from notifications.rules import LATEST
from notifications.sink_settings import WebhookSettings
from notifications.sinks import SinkKind
from tests.notifications.receivers import Receiver, web_server
from tests.notifications.telling import Telling, running
from tests.patience import promised, stays, until

PUSH = 1


def test_nothing_is_sent_without_a_rule(telling: Telling, receiver: Receiver) -> None:
    telling.webhook(receiver.url)
    telling.begin(telling.event())
    stays(lambda: not receiver.posts and not telling.deliveries(), 0.5)


def test_an_event_is_told_when_it_begins(telling: Telling, receiver: Receiver) -> None:
    telling.rule(sinks=(telling.webhook(receiver.url),))
    with promised(1.0):
        telling.begin(telling.event(zone="drive"))
        until(lambda: receiver.posts)
    (told,) = receiver.posts
    assert told.json()["title"] == "Person: Gate"
    assert told.json()["kind"] == "person"
    assert told.json()["end_time"] is None
    assert told.json()["url"] is None
    (delivery,) = telling.settled(1)
    assert (delivery.state, delivery.tries, delivery.sink_kind) == (DeliveryState.SENT, 1, SinkKind.WEBHOOK)
    telling.end()
    stays(lambda: len(receiver.posts) == 1, 0.3)


def test_a_link_is_the_public_address_and_has_no_token(tmp_path: Path, receiver: Receiver) -> None:
    with running(tmp_path, public_url="https://cameras.example:8443/") as telling:
        telling.rule(sinks=(telling.webhook(receiver.url),))
        telling.begin(telling.event())
        until(lambda: receiver.posts)
        event_id = receiver.posts[0].json()["event_id"]
        assert receiver.posts[0].json()["url"] == f"https://cameras.example:8443/events?event={event_id}"


def test_a_short_event_is_not_told_by_a_rule_with_a_least_length(
    telling: Telling, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.dispatcher.END_KNOWN_S", 0.2)
    sink = telling.webhook(receiver.url)
    telling.rule(sinks=(sink,), min_length_s=0.5, camera_id=1)
    telling.begin(telling.event(), "short")
    telling.end("short")
    telling.begin(telling.event(channel=2), "long")
    until(lambda: receiver.posts)
    assert [post.json()["channel"] for post in receiver.posts] == [2]


def test_an_alert_in_the_cool_down_of_a_notice_is_told(telling: Telling, receiver: Receiver) -> None:
    telling.rule(sinks=(telling.webhook(receiver.url),), cool_down_s=3600.0)
    telling.begin(telling.event(EventKind.MOTION), "motion")
    telling.begin(telling.event(EventKind.MOTION), "more")
    telling.begin(telling.event(EventKind.PERSON), "person")
    until(lambda: len(receiver.posts) == 2)
    assert [(post.json()["kind"], post.json()["is_alert_again"]) for post in receiver.posts] == [
        ("motion", False),
        ("person", True),
    ]


def test_a_snoozed_rule_is_quiet_and_speaks_again(telling: Telling, receiver: Receiver) -> None:
    rule_id = telling.rule(sinks=(telling.webhook(receiver.url),))
    until_time = telling.clock.now_utc() + timedelta(hours=1)
    telling.manager.change_rule(LOCAL, rule_id, {"snooze_until": until_time})
    telling.begin(telling.event(), "one")
    stays(lambda: not telling.deliveries(), 0.3)
    telling.manager.change_rule(LOCAL, rule_id, {"snooze_until": None})
    telling.begin(telling.event(), "two")
    until(lambda: receiver.posts)


def test_old_and_imported_events_are_not_told(telling: Telling, receiver: Receiver) -> None:
    telling.rule(sinks=(telling.webhook(receiver.url),))
    telling.begin(telling.event(start_at=telling.clock.now_utc() - LATEST - timedelta(seconds=1)), "old")
    telling.begin(telling.event(source=EventSource.IMPORT), "imported")
    telling.begin(telling.event(EventKind.DOORBELL), "new")
    until(lambda: receiver.posts)
    assert [post.json()["kind"] for post in receiver.posts] == ["doorbell"]


# --- rights


def test_a_user_gets_no_notice_about_a_channel_that_is_not_allowed(telling: Telling) -> None:
    telling.user("Anna")
    _, ben = telling.user("Ben", Role.REVIEWER, scope_of([(1, [1])]))
    telling.rule(ben, sinks=(PUSH,))
    telling.begin(telling.event(channel=2), "other channel")
    telling.begin(telling.event(camera_id=2), "other camera")
    telling.begin(telling.event(is_channel_sure=False), "guessed channel")
    telling.begin(telling.event(EventKind.STORAGE, camera_id=None, channel=None, source=EventSource.SERVER), "server")
    telling.begin(telling.event(), "own")
    until(lambda: telling.push.notices)
    (notice,) = telling.push.notices
    assert (notice.event.camera_id, notice.event.channel, notice.user_id) == (1, 1, ben.user_id)
    assert len(telling.settled(1)) == 1


@pytest.mark.parametrize(
    "change",
    [
        UserChange(scope=scope_of([(1, [2])])),
        UserChange(scope=scope_of([(2, None)])),
        UserChange(role=Role.VIEWER),
        UserChange(disabled=True),
    ],
)
def test_rights_count_when_a_notice_is_sent_not_when_the_event_began(telling: Telling, change: UserChange) -> None:
    telling.user("Anna")
    user, ben = telling.user("Ben", Role.REVIEWER)
    telling.rule(ben, sinks=(PUSH,))
    telling.events.pictures.expect(1, 1)  # the notice waits for the picture
    telling.begin(telling.event())
    until(telling.deliveries)
    telling.accounts.change_user(user.id, change)
    telling.events.pictures.give_up(1, 1)
    (delivery,) = telling.settled(1)
    assert (delivery.state, delivery.code) == (DeliveryState.DROPPED, "no_permission")
    telling.begin(telling.event(EventKind.VEHICLE), "later")
    stays(lambda: len(telling.deliveries()) == 1 and not telling.push.notices, 0.2)


def test_a_removed_user_gets_nothing(telling: Telling) -> None:
    telling.user("Anna")
    user, ben = telling.user("Ben", Role.REVIEWER)
    rule_id = telling.rule(ben, sinks=(PUSH,))
    telling.accounts.remove_user(user.id)
    telling.begin(telling.event())
    stays(lambda: not telling.push.notices, 0.5)
    telling.stop()
    telling.start()
    with pytest.raises(NotFound):
        telling.manager.rule(LOCAL, rule_id)


def test_only_admins_may_name_other_sinks_than_push(telling: Telling, receiver: Receiver) -> None:
    sink = telling.webhook(receiver.url)
    _, anna = telling.user("Anna")
    user, ben = telling.user("Ben", Role.OPERATOR)
    with pytest.raises(InvalidRequest, match="sinks"):
        telling.rule(ben, sinks=(sink,))
    rule_id = telling.rule(ben, sinks=(PUSH,))
    with pytest.raises(InvalidRequest, match="push alone"):
        telling.manager.change_rule(anna, rule_id, {"sinks": (PUSH, sink)})
    telling.accounts.change_user(user.id, UserChange(role=Role.ADMIN))
    telling.manager.change_rule(anna, rule_id, {"sinks": (PUSH, sink)})
    telling.accounts.change_user(user.id, UserChange(role=Role.OPERATOR))
    telling.begin(telling.event())
    pushed, hooked = sorted(telling.settled(2), key=lambda one: one.sink_id)
    assert (pushed.state, hooked.state, hooked.code) == (DeliveryState.SENT, DeliveryState.DROPPED, "no_permission")
    assert not receiver.posts


def test_push_of_the_time_without_accounts_ends_with_the_first_account(telling: Telling) -> None:
    telling.rule(sinks=(PUSH,))
    telling.begin(telling.event(), "before")
    until(lambda: telling.push.notices)
    telling.user("Anna")
    telling.begin(telling.event(), "after")
    stays(lambda: len(telling.push.notices) == 1, 0.5)


def test_users_see_their_own_rules_and_deliveries_admins_all(telling: Telling) -> None:
    _, anna = telling.user("Anna")
    _, ben = telling.user("Ben", Role.REVIEWER)
    _, cleo = telling.user("Cleo", Role.REVIEWER)
    rule_id = telling.rule(ben, sinks=(PUSH,))
    telling.begin(telling.event())
    telling.settled(1)
    for who, count in ((anna, 1), (ben, 1), (cleo, 0)):
        assert len(telling.manager.rules(who)) == count
        assert len(telling.manager.deliveries(who, limit=10)[0]) == count
    for act in (telling.manager.rule, telling.manager.remove_rule, telling.manager.test_rule):
        with pytest.raises(NotFound):
            act(cleo, rule_id)


def test_a_rule_about_a_channel_that_the_user_may_not_see_is_refused(telling: Telling) -> None:
    telling.user("Anna")
    _, ben = telling.user("Ben", Role.REVIEWER, scope_of([(1, [1])]))
    for wanted in ({"camera_id": 2}, {"camera_id": 1, "channel": 2}, {"camera_id": 3}, {"camera_id": 1, "channel": 9}):
        with pytest.raises(NotFound):
            telling.rule(ben, sinks=(PUSH,), **wanted)
    with pytest.raises(InvalidRequest, match="channel"):
        telling.rule(ben, sinks=(PUSH,), channel=1)


# --- pictures


def test_a_notice_waits_for_the_picture(telling: Telling) -> None:
    telling.rule(sinks=(PUSH,))
    telling.events.pictures.expect(1, 1)
    telling.begin(telling.event())
    until(lambda: telling.deliveries(DeliveryState.WAITING))
    assert not telling.push.notices
    telling.events.pictures.put(1, 1, b"\xff\xd8 picture")
    telling.events.pictures.give_up(1, 1)
    until(lambda: telling.push.notices)
    assert telling.push.notices[0].picture == b"\xff\xd8 picture"


def test_a_notice_goes_without_a_picture_that_takes_too_long(telling: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications.courier.PICTURE_WAIT_S", 0.3)
    telling.rule(sinks=(PUSH,))
    telling.events.pictures.expect(1, 1)
    telling.begin(telling.event())
    until(lambda: telling.push.notices)
    assert telling.push.notices[0].picture is None


# --- restarts


def test_a_waiting_notice_is_sent_after_a_restart(telling: Telling) -> None:
    with web_server() as receiver:
        receiver.statuses = [503] * 3
        telling.rule(sinks=(telling.webhook(receiver.url),))
        telling.begin(telling.event())
        until(lambda: receiver.posts)  # the second try has not come yet
        telling.stop()
        assert [one.state for one in telling.deliveries()] == [DeliveryState.WAITING]
        receiver.statuses = []
        telling.start()
        (delivery,) = telling.settled(1)
        assert delivery.state is DeliveryState.SENT
        assert receiver.posts[0].headers["X-Event-Id"] == receiver.posts[-1].headers["X-Event-Id"]


def test_a_notice_that_waited_too_long_is_dropped_with_a_word(telling: Telling, receiver: Receiver) -> None:
    rule_id = telling.rule(sinks=(telling.webhook(receiver.url),))
    receiver.statuses = [503]
    telling.begin(telling.event())
    until(lambda: receiver.posts)
    telling.stop()
    with telling.database.write() as session:
        session.connection().exec_driver_sql(
            "UPDATE deliveries SET time_ms = time_ms - ?", (int(LATEST.total_seconds() * 1000) + 1000,)
        )
    telling.start()
    (delivery,) = telling.settled(1)
    assert (delivery.state, delivery.code, delivery.rule_id) == (DeliveryState.DROPPED, "too_old", rule_id)
    assert "10 minutes" in delivery.detail
    assert len(receiver.posts) == 1


def test_everything_stops_within_two_seconds(tmp_path: Path, receiver: Receiver) -> None:
    with running(tmp_path) as telling:
        receiver.hold = threading.Event()  # the answer never comes
        telling.rule(sinks=(telling.webhook(receiver.url),))
        telling.begin(telling.event())
        until(lambda: receiver.posts)
        with promised(2.0):
            telling.manager.stop()
        receiver.hold.set()


# --- sinks and rules that change


def test_a_notice_of_a_rule_that_is_gone_is_not_sent(telling: Telling) -> None:
    rule_id = telling.rule(sinks=(PUSH,))
    telling.events.pictures.expect(1, 1)
    telling.begin(telling.event())
    until(telling.deliveries)
    telling.manager.remove_rule(LOCAL, rule_id)
    telling.events.pictures.give_up(1, 1)
    assert telling.settled(1)[0].code == "rule_removed"
    assert not telling.push.notices


def test_a_sink_that_is_switched_off_sends_nothing(telling: Telling, receiver: Receiver) -> None:
    sink = telling.webhook(receiver.url)
    telling.rule(sinks=(sink,))
    telling.manager.change_sink(sink, SinkChange(is_on=False))
    telling.begin(telling.event())
    stays(lambda: not receiver.posts and not telling.deliveries(), 0.3)


def test_waiting_notices_go_to_the_changed_sink(telling: Telling, receiver: Receiver) -> None:
    with web_server() as broken:
        broken.statuses = [503] * 10
        sink = telling.webhook(broken.url)
        telling.rule(sinks=(sink,))
        telling.begin(telling.event())
        until(lambda: broken.posts)
        telling.manager.change_sink(sink, SinkChange(settings=WebhookSettings(receiver.url)))
        until(lambda: receiver.posts)


def test_a_test_of_a_rule_reaches_its_sinks_and_the_log(telling: Telling, receiver: Receiver) -> None:
    rule_id = telling.rule(sinks=(telling.webhook(receiver.url), PUSH), camera_id=1, is_on=False)
    assert len(telling.manager.test_rule(LOCAL, rule_id)) == 2
    assert [one.state for one in telling.settled(2)] == [DeliveryState.SENT] * 2
    assert receiver.posts[0].json()["type"] == "test"
    assert receiver.posts[0].json()["title"] == "Test: Motion: Gate"
    assert telling.push.notices[0].is_test


def test_a_test_of_a_sink_tells_the_result_also_while_it_is_off(telling: Telling, receiver: Receiver) -> None:
    sink = telling.webhook(receiver.url)
    telling.manager.change_sink(sink, SinkChange(is_on=False))
    assert telling.manager.test_sink(LOCAL, sink).state is DeliveryState.SENT
    receiver.statuses = [404]
    outcome = telling.manager.test_sink(LOCAL, sink)
    assert (outcome.state, outcome.code) == (DeliveryState.FAILED, "webhook_refused")
    assert "404" in outcome.detail


def test_a_notice_about_a_removed_camera_is_dropped(telling: Telling) -> None:
    telling.rule(sinks=(PUSH,))
    telling.events.pictures.expect(1, 1)
    telling.begin(telling.event())
    until(telling.deliveries)
    telling.cameras.remove(1)
    telling.events.pictures.give_up(1, 1)
    assert telling.settled(1)[0].code == "camera_removed"
    assert not telling.push.notices


def test_an_event_that_becomes_an_alert_is_told_again(telling: Telling) -> None:
    telling.rule(sinks=(PUSH,), cool_down_s=600.0)
    motion = telling.event(EventKind.MOTION)
    telling.begin(motion)
    until(lambda: telling.push.notices)
    grown = telling.event(EventKind.MOTION, id=telling.push.notices[0].event.id, severity=Severity.ALERT)
    telling.manager._dispatcher.take(grown)
    telling.manager._dispatcher.take(grown)
    until(lambda: len(telling.push.notices) == 2)
    assert "now an alert" in telling.push.notices[1].text
    stays(lambda: len(telling.push.notices) == 2, 0.3)


def test_the_log_has_no_secret_of_a_sink(
    telling: Telling, receiver: Receiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.queues._FIRST_WAIT_S", 0.01)
    caplog.set_level(logging.DEBUG)
    receiver.statuses = [500] * 3
    telling.rule(sinks=(telling.webhook(receiver.url, "canary-secret"),))
    telling.begin(telling.event())
    (delivery,) = telling.settled(1)
    assert (delivery.state, delivery.tries) == (DeliveryState.FAILED, 3)
    stored = b"".join(path.read_bytes() for path in telling.settings.data_dir.rglob("*") if path.is_file())
    assert b"canary-secret" not in stored
    assert "canary-secret" not in caplog.text + repr(telling.deliveries()) + repr(telling.manager.sinks(LOCAL))


def test_a_rule_draft_keeps_all_its_fields_over_a_restart(telling: Telling) -> None:
    draft = RuleDraft(
        name="All",
        kinds=(EventKind.PERSON,),
        severity=Severity.ALERT,
        camera_id=1,
        channel=2,
        zone="drive",
        days=(0, 6),
        from_minute=1,
        until_minute=2,
        time_zone="Europe/Berlin",
        min_length_s=1.5,
        cool_down_s=60.0,
        sinks=(PUSH,),
        snooze_until=telling.clock.now_utc(),
    )
    rule_id = telling.manager.add_rule(LOCAL, draft).id
    telling.stop()
    telling.start()
    assert telling.manager.rule(LOCAL, rule_id).wanted == draft
