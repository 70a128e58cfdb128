"""Notifications about events: the interface of the package `notifications`.

A rule belongs to its user, and sends only what that user may see at the time of sending. Everybody who sees events may
have rules for push to the own browsers; the other sinks are for admins. Nothing is sent before a user makes a rule or
a sink.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from account_manager import AccountManager
from core.access import Permission, Principal
from core.clock import Clock
from core.errors import AppError, Conflict, InvalidRequest, NotFound
from core.events import LoggedEvent
from core.settings import Settings
from core.stop_signal import StopSignal
from database import Database
from event_manager import EventManager
from events.log_query import EventQuery
from notifications.courier import Courier, CourierParts, Waiting
from notifications.delivery_store import DeliveryStore
from notifications.dispatcher import Decision, Dispatcher
from notifications.losses import Loss
from notifications.outgoing import Outgoing
from notifications.records import (
    Delivery,
    DeliveryState,
    Outcome,
    Rule,
    RuleDraft,
    RuleProblem,
    SinkChange,
    SinkDraft,
    SinkState,
    StoredSink,
)
from notifications.rule_book import RuleBook
from notifications.rules import LATEST
from notifications.running_sinks import RunningSinks
from notifications.sample import event_for_test
from notifications.shown_devices import ShownDevices
from notifications.sink_settings import SinkSettings, check_settings, keeps_secret, kind_of
from notifications.sinks import Sink, SinkError, SinkKind
from notifications.store import RuleStore, SinkStore
from notifications.trial_limit import TrialLimit
from onvif_manager import OnvifManager

log = logging.getLogger(__name__)

_LOOKS_EVERY_S = 10.0
_PRUNES_EVERY_S = 3600.0


class NotificationManager:
    """Thread-safe. Needs an open database, and started `cameras` and `events`, between start() and stop()."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        cameras: OnvifManager,
        events: EventManager,
        accounts: AccountManager,
    ) -> None:
        self._clock = clock
        self._cameras = cameras
        self._events = events
        self._keep = timedelta(days=settings.notification_log_days)
        self._rules = RuleBook(RuleStore(database))
        self._sink_store = SinkStore(database)
        self._deliveries = DeliveryStore(database, settings.node_name)
        self._courier = Courier(
            CourierParts(
                settings=settings,
                clock=clock,
                cameras=cameras,
                events=events,
                accounts=accounts,
                deliveries=self._deliveries,
                rules=self._rules,
            )
        )
        self._sinks = RunningSinks(Outgoing(settings, clock), self._sink_store, self._courier)
        self._dispatcher = Dispatcher(events, clock)
        self._trials = TrialLimit(clock)
        self._shown = ShownDevices(database, cameras)
        self._looked_s = self._pruned_s = float("-inf")
        self._has_others = bool(settings.node_name)
        self._takes_over = False  # deliveries of dead nodes
        self._changing_sinks = threading.Lock()  # of a change in the database until the queues follow it
        self._sink_listeners: list[Callable[[], None]] = []
        events.log.on_stored(self._dispatcher.take)
        events.log.on_changed(self._dispatcher.take)
        cameras.on_delete(self._forget_camera)

    def use_push(self, push: Sink) -> None:
        """Use this sink for all notices to the push sink. Call it before start()."""
        self._sinks.push = push

    def start(self) -> None:
        """Load rules and sinks, connect to brokers, and send what waited when the app ended."""
        self._rules.load()
        self._shown.load()
        self._sinks.start(self._sink_store.sinks(self._cameras.vault))
        self._queue_stored(self._deliveries.waiting())
        self._looked_s = float("-inf")

    def stop(self) -> None:
        """End all sinks within 2 s. May be called twice."""
        self._sinks.stop()

    # ---- several nodes ---------------------------------------------------------------------------

    def on_sinks_changed(self, listener: Callable[[], None]) -> None:
        """Call `listener()` after this process has added, changed or removed a sink."""
        self._sink_listeners.append(listener)

    def read_sinks_again(self) -> None:
        """Follow the sinks that another node may have changed, in the thread of work()."""
        self._look_soon()

    def adopt_camera(self, camera_id: int) -> None:
        """Take over the deliveries of a dead node, which may have had this camera, in the thread of work()."""
        del camera_id
        self._takes_over = True
        self._look_soon()

    # ---- rules -----------------------------------------------------------------------------------

    def rules(self, who: Principal) -> list[Rule]:
        """Return the user's rules; an admin gets all."""
        return [rule for rule in self._rules.rules() if _is_of(who, rule)]

    def rule(self, who: Principal, rule_id: int) -> Rule:
        """Raise NotFound, also for another user's rule."""
        rule = self._rules.get(rule_id)
        if not _is_of(who, rule):
            raise NotFound("There is no such rule.")
        return rule

    def add_rule(self, who: Principal, draft: RuleDraft) -> Rule:
        """Raise InvalidRequest with the field's name, NotFound, or Conflict (too_many_rules)."""
        self._check_rule(who, who.user_id, draft)
        return self._rules.add(who.user_id, draft, self._clock.now_utc())

    def change_rule(self, who: Principal, rule_id: int, changes: Mapping[str, Any]) -> Rule:
        """Change fields of RuleDraft. Raise InvalidRequest with the field's name, or NotFound."""
        before = self.rule(who, rule_id)
        after = replace(before, wanted=replace(before.wanted, **changes))
        if changes.keys() & {"camera_id", "channel", "sinks"}:
            self._check_rule(who, before.user_id, after.wanted)
        self._rules.change(after)
        return after

    def remove_rule(self, who: Principal, rule_id: int) -> None:
        """Raise NotFound."""
        self.rule(who, rule_id)
        self._rules.remove(rule_id)

    def problem_of(self, rule: Rule) -> RuleProblem:
        """Return the reason why a rule sends nothing although it is on."""
        sinks = [sink for sink in self.sinks_of(rule) if sink.is_on]
        if not sinks:
            return RuleProblem.NO_SINKS
        user = self._courier.owner(rule.user_id)
        is_gone = user is None and rule.user_id is not None
        if is_gone or not any(self._courier.may_use(user, sink.kind) for sink in sinks):
            return RuleProblem.NO_PERMISSION
        return RuleProblem.NONE

    def sinks_of(self, rule: Rule) -> list[StoredSink]:
        """Return the sinks of a rule that exist."""
        return [sink for sink_id in rule.wanted.sinks if (sink := self._sinks.find(sink_id)) is not None]

    def test_rule(self, who: Principal, rule_id: int) -> list[Delivery]:
        """Send a test to all sinks of a rule that are on, and return the deliveries.

        Raise NotFound, or LimitReached (test_limit).
        """
        rule = self.rule(who, rule_id)
        self._trials.take(who.user_id, f"rule {rule_id}")
        return self._deliver([Decision(rule, event_for_test(rule.wanted, self._cameras, self._clock.now_utc()))])

    # ---- sinks -----------------------------------------------------------------------------------

    def sinks(self, who: Principal) -> list[StoredSink]:
        """Return the sinks that the user may use in rules."""
        sees_all = who.may(Permission.MANAGE)
        return [sink for sink in self._sinks.sinks() if sees_all or sink.kind is SinkKind.PUSH]

    def sink(self, who: Principal, sink_id: int) -> StoredSink:
        """Raise NotFound, also for a sink that the user may not use."""
        sink = self._sinks.get(sink_id)
        if sink.kind is not SinkKind.PUSH and not who.may(Permission.MANAGE):
            raise NotFound("There is no such sink.")
        return sink

    def sink_state(self, sink_id: int) -> SinkState:
        return self._sinks.state(sink_id)

    def add_sink(self, draft: SinkDraft) -> StoredSink:
        """Raise InvalidRequest with the field's name, or Conflict (too_many_sinks)."""
        check_settings(draft.settings, has_secret=bool(draft.secret))
        kind, vault = kind_of(draft.settings), self._cameras.vault
        with self._changing_sinks:
            sink_id = self._sink_store.add(draft, kind, vault, self._clock.now_utc())
            sink = StoredSink(sink_id, kind, draft.name, draft.is_on, draft.settings, draft.secret or None)
            self._sinks.set(sink)
        self._sinks_changed()
        return sink

    def change_sink(self, sink_id: int, change: SinkChange) -> StoredSink:
        """Change a sink. A stored secret goes to no other server or user name, and over no less secure connection.

        Raise InvalidRequest with the field's name, or NotFound.
        """
        self._follow_sinks()
        before = self._sinks.get(sink_id)
        after = before
        if change.name is not None:
            after = replace(after, name=change.name)
        if change.is_on is not None:
            after = replace(after, is_on=change.is_on)
        if change.settings is not None:
            after = _with_settings(after, change.settings)
        if change.secret is not None:
            after = replace(after, secret=change.secret or None, is_readable=True)
        elif before.secret is not None and not keeps_secret(before.settings, after.settings):
            field = f"{before.kind.value}.password"
            message = (
                "enter it again: the server or the user name is another one, or the connection is not encrypted now"
            )
            raise InvalidRequest.of_field(field, message)
        check_settings(after.settings, has_secret=bool(after.secret) or not after.is_readable)
        with self._changing_sinks:
            self._sink_store.change(after, self._cameras.vault)
            self._sinks.set(after)
        self._sinks_changed()
        return after

    def remove_sink(self, sink_id: int) -> None:
        """Raise NotFound, or Conflict for the push sink."""
        with self._changing_sinks:
            if self._sinks.get(sink_id).kind is not SinkKind.PUSH:
                self._sinks.remove(sink_id)  # it takes back what its row remembers
            self._sink_store.remove(sink_id)
        self._sinks_changed()

    def test_sink(self, who: Principal, sink_id: int) -> Outcome:
        """Send a test now, also by a sink that is off. Return the outcome.

        Raise NotFound, or LimitReached (test_limit).
        """
        sink = self.sink(who, sink_id)
        owner = f" of {who.user_id}" if sink.kind is SinkKind.PUSH else ""  # whose own browsers get the test
        self._trials.take(who.user_id, f"sink {sink_id}{owner}")
        event = event_for_test(RuleDraft(name=""), self._cameras, self._clock.now_utc())
        delivery = self._delivery(Decision(Rule(0, who.user_id, RuleDraft(name="")), event), sink)
        notice = self._courier.notice(Waiting(delivery, event, 0.0), StopSignal())
        try:
            self._sinks.test(sink, notice)
        except SinkError as error:
            return Outcome(DeliveryState.FAILED, 1, error.code, error.detail)
        except Conflict as error:
            return Outcome(DeliveryState.FAILED, 0, error.code, error.detail)
        return Outcome(DeliveryState.SENT, 1)

    # ---- the log of deliveries -------------------------------------------------------------------

    def deliveries(self, who: Principal, *, limit: int, cursor: int | None = None) -> tuple[list[Delivery], int | None]:
        """Return the deliveries of the user's rules, the newest first, and the next cursor; an admin gets all."""
        sees_all = who.may(Permission.MANAGE)
        return self._deliveries.page(who.scope, user_id=who.user_id, sees_all=sees_all, limit=limit, cursor=cursor)

    # ---- work ------------------------------------------------------------------------------------

    def work(self) -> None:
        """Wait for events for some seconds, and queue the notifications about them. For one thread."""
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s >= _LOOKS_EVERY_S:
            self._looked_s = now_s
            self._look()
        result = self._dispatcher.step(self._rules.rules())
        for change in result.changes:
            if self._shown.note(change.key):
                self._looked_s = float("-inf")
        self._sinks.show(result.changes)
        self._deliver(self._allowed(result.decisions))
        self._log_losses(result.losses)
        next_s = self._looked_s + _LOOKS_EVERY_S
        if result.next_s is not None:
            next_s = min(next_s, result.next_s)
        self._dispatcher.wait(max(0.0, next_s - self._clock.monotonic_s()))

    def wake(self) -> None:
        """End a work() that waits."""
        self._dispatcher.wake()

    # ---- inside ----------------------------------------------------------------------------------

    def _look(self) -> None:
        """Look for changes that arrive without a message: rules of removed users, other cameras, old deliveries.

        With several nodes, also the sinks that other nodes have changed, and the deliveries of dead ones.
        """
        self._rules.load()
        self._deliveries.drop_unsure()
        self._follow_sinks()
        if self._takes_over:
            self._take_over()
        if self._sinks.has_mqtt():
            self._sinks.show_devices(self._shown.devices(), self._dispatcher.states.states())
        now_s = self._clock.monotonic_s()
        if now_s - self._pruned_s >= _PRUNES_EVERY_S:
            self._pruned_s = now_s
            self._deliveries.prune(self._clock.now_utc(), self._keep)

    def _take_over(self) -> None:
        """Queue the deliveries of dead nodes. Raise Unavailable: the next look tries it again."""
        self._takes_over = False
        try:
            self._queue_stored(self._deliveries.take_over(self._cameras.living_nodes()))
        except AppError:
            self._takes_over = True
            raise

    def _forget_camera(self, camera_id: int) -> None:
        self._dispatcher.forget_camera(camera_id)
        self._look_soon()

    def _follow_sinks(self) -> None:
        """Bring the running sinks in line with the stored ones, which other nodes may have changed."""
        if self._has_others:
            with self._changing_sinks:
                self._sinks.follow(self._sink_store.sinks(self._cameras.vault))

    def _sinks_changed(self) -> None:
        self._look_soon()
        for listener in self._sink_listeners:
            listener()

    def _look_soon(self) -> None:
        self._looked_s = float("-inf")
        self._dispatcher.wake()

    def _check_rule(self, who: Principal, user_id: int | None, draft: RuleDraft) -> None:
        if draft.channel is not None and draft.camera_id is None:
            raise InvalidRequest.of_field("camera_id", "needed for a channel")
        if draft.camera_id is not None:
            self._cameras.get_camera(draft.camera_id)
            numbers = {channel.number for channel in self._cameras.channels(draft.camera_id)}
            is_seen = who.scope.has_camera(draft.camera_id)
            if draft.channel is not None:
                is_seen = draft.channel in numbers and who.scope.has_channel(draft.camera_id, draft.channel)
            if not is_seen:
                raise NotFound("There is no such channel.")
        owner = self._courier.owner(user_id)
        for sink_id in draft.sinks:
            sink = self._sinks.find(sink_id)
            is_push = sink is not None and sink.kind is SinkKind.PUSH
            if sink is None or not (is_push or who.may(Permission.MANAGE)):
                raise InvalidRequest.of_field("sinks", f"there is no sink {sink_id}")
            if not is_push and not self._courier.may_use(owner, sink.kind):
                raise InvalidRequest.of_field("sinks", "the owner of this rule may use push alone")

    def _allowed(self, decisions: Iterable[Decision]) -> list[Decision]:
        """Leave out the decisions for owners who may not see the event."""
        found = []
        for decision in decisions:
            rule = decision.rule
            kinds = {sink.kind for sink in self.sinks_of(rule)}
            try:
                if any(self._courier.may_get(rule.user_id, kind, decision.event) for kind in kinds):
                    found.append(decision)
            except AppError as error:
                log.warning("rule %d: its owner's rights are unknown (%s)", rule.id, error.code)
        return found

    def _deliver(self, decisions: Iterable[Decision]) -> list[Delivery]:
        """Queue deliveries, and write them to the log. A log that cannot be written keeps nothing back."""
        wanted = [
            (self._delivery(decision, sink), decision.event)
            for decision in decisions
            for sink in self.sinks_of(decision.rule)
            if sink.is_on
        ]
        try:
            ids = self._deliveries.add([delivery for delivery, _ in wanted])
        except AppError as error:
            log.warning("the log of notifications could not be written (%s)", error.code)
            ids = [0] * len(wanted)
        now_s = self._clock.monotonic_s()
        stored = [replace(delivery, id=new_id) for (delivery, _), new_id in zip(wanted, ids, strict=True)]
        for delivery, (_, event) in zip(stored, wanted, strict=True):
            self._sinks.put(Waiting(delivery, event, now_s))
        return stored

    def _log_losses(self, losses: Sequence[Loss]) -> None:
        """Write to the log of deliveries how many events were too many for a rule."""
        allowed = {decision.rule.id for decision in self._allowed(Decision(loss.rule, loss.event) for loss in losses)}
        lost = [
            replace(
                self._delivery(Decision(loss.rule, loss.event), sink),
                state=DeliveryState.DROPPED,
                code="too_many_events",
                detail=f"Too many events came at a time: this rule has left out {loss.count}.",
            )
            for loss in losses
            if loss.rule.id in allowed
            for sink in self.sinks_of(loss.rule)
            if sink.is_on
        ]
        try:
            self._deliveries.add(lost)
        except AppError as error:
            log.warning("the log of notifications could not be written (%s)", error.code)

    def _delivery(self, decision: Decision, sink: StoredSink) -> Delivery:
        rule, event = decision.rule, decision.event
        return Delivery(
            time=self._clock.now_utc(),
            rule_id=rule.id,
            rule_name=rule.wanted.name,
            user_id=rule.user_id,
            sink_id=sink.id,
            sink_name=sink.name,
            sink_kind=sink.kind,
            event_id=event.id,
            event_kind=event.kind,
            camera_id=event.camera_id,
            channel=event.channel,
            is_alert_again=decision.is_alert_again,
        )

    def _queue_stored(self, deliveries: Iterable[Delivery]) -> None:
        """Queue deliveries that waited when the app, or another node, ended, except old ones."""
        now, now_s = self._clock.now_utc(), self._clock.monotonic_s()
        late: list[int] = []
        gone: list[int] = []
        for delivery in deliveries:
            event = self._event_of(delivery)
            if event is None:
                gone.append(delivery.id)
            elif now - delivery.time > LATEST:
                late.append(delivery.id)
            else:
                self._sinks.put(Waiting(delivery, event, now_s))
        dropped = DeliveryState.DROPPED
        self._deliveries.finish(
            late, Outcome(dropped, 0, "too_old", "The app was off for longer than 10 minutes."), now
        )
        self._deliveries.finish(gone, Outcome(dropped, 0, "event_gone", "The app was off, and the event is gone."), now)

    def _event_of(self, delivery: Delivery) -> LoggedEvent | None:
        try:
            return self._events.log.get(EventQuery(), delivery.event_id) if delivery.event_id else None
        except NotFound:
            return None


def _is_of(who: Principal, rule: Rule) -> bool:
    return who.may(Permission.MANAGE) or rule.user_id == who.user_id


def _with_settings(sink: StoredSink, settings: SinkSettings) -> StoredSink:
    if kind_of(settings) is not sink.kind:
        raise InvalidRequest.of_field(kind_of(settings).value, f"this sink is of the kind {sink.kind.value}")
    return replace(sink, settings=settings)
