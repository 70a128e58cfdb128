"""The needs of every queue: the check of rights, the words and picture of a notice, the log of deliveries."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from account_manager import AccountManager
from accounts.records import User
from core.access import Permission, permissions_of
from core.clock import Clock
from core.errors import AppError, NotFound
from core.events import LoggedEvent
from core.settings import Settings
from core.stop_signal import StopSignal
from event_manager import EventManager
from events.log_query import may_see_event
from notifications.delivery_store import DeliveryStore
from notifications.records import Delivery, DeliveryState, Outcome
from notifications.rule_book import RuleBook
from notifications.rules import LATEST, is_active, zone_of
from notifications.sinks import Notice, SinkKind
from notifications.texts import Place, clean, text_of, title_of
from onvif_manager import OnvifManager

log = logging.getLogger(__name__)

PICTURE_WAIT_S = 3.0
_LOOKS_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery in a queue. `put_s`: when it came, on the monotonic clock."""

    delivery: Delivery
    event: LoggedEvent
    put_s: float

    @property
    def is_test(self) -> bool:
        return not self.event.id


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierParts:
    """The parts of the app that a Courier asks."""

    settings: Settings
    clock: Clock
    cameras: OnvifManager
    events: EventManager
    accounts: AccountManager
    deliveries: DeliveryStore
    rules: RuleBook


class Courier:
    """Thread-safe."""

    def __init__(self, parts: CourierParts) -> None:
        self._parts = parts
        self.clock = parts.clock

    def why_drop(self, waiting: Waiting) -> Outcome | None:
        """Return the outcome of a delivery that must not be sent; None if it may be. Raise Unavailable.

        The rights are those of this moment: they may have changed since the event.
        """
        if waiting.delivery.id and self._parts.deliveries.is_taken(waiting.delivery.id):
            return _dropped("taken_over", "Another server sends it.")
        if not waiting.is_test and (dropped := self._rule_outcome(waiting.delivery.rule_id)) is not None:
            return dropped
        if self.clock.now_utc() - waiting.delivery.time > LATEST:
            return _dropped("too_old", "It waited for longer than 10 minutes.")
        if waiting.event.camera_id is not None:
            try:
                self._parts.cameras.get_camera(waiting.event.camera_id)
            except NotFound:
                return _dropped("camera_removed", "The camera was removed.")
        if not self.may_get(waiting.delivery.user_id, waiting.delivery.sink_kind, waiting.event):
            return _dropped("no_permission", "The owner of the rule may not see this, or may not use this sink.")
        return None

    def _rule_outcome(self, rule_id: int) -> Outcome | None:
        rule = self._parts.rules.find(rule_id)
        if rule is None:
            return _dropped("rule_removed", "The rule was removed.")
        return None if is_active(rule, self.clock.now_utc()) else _dropped("rule_off", "The rule was switched off.")

    def may_get(self, user_id: int | None, kind: SinkKind, event: LoggedEvent) -> bool:
        """True if a user may get a notice about an event by a sink of this kind. Raise Unavailable."""
        user = self.owner(user_id)
        if user is None:
            return user_id is None and self.may_use(None, kind)
        return self.may_use(user, kind) and may_see_event(user.scope, event)

    def owner(self, user_id: int | None) -> User | None:
        """Return the account of the owner of a rule; None if there is none, or if it is disabled. Raise Unavailable."""
        if user_id is None:
            return None
        try:
            user = self._parts.accounts.user(user_id)
        except NotFound:
            return None
        return None if user.disabled else user

    def may_use(self, user: User | None, kind: SinkKind) -> bool:
        """True if the owner of a rule may use sinks of this kind: push is for everybody who sees events.

        `user` None: the rule was made while there were no accounts. Once there are accounts, its push subscriptions
        have no owner.
        """
        if user is None:
            return kind is not SinkKind.PUSH or not self._parts.accounts.has_accounts()
        allowed = permissions_of(user.role)
        if Permission.RECORDINGS not in allowed:
            return False
        return kind is SinkKind.PUSH or (Permission.MANAGE in allowed and not user.scope.is_limited)

    def notice(self, waiting: Waiting, is_stopping: StopSignal) -> Notice:
        """Return the notice of a delivery, with the event's picture if it is ready 3 s after the event.

        Do not wait for the picture any longer if the queue stops.
        """
        delivery, event = waiting.delivery, waiting.event
        picture = None if waiting.is_test else self._picture(waiting, is_stopping)
        place = self.place_of(event)
        rule = self._parts.rules.find(delivery.rule_id)
        local = event.start_at.astimezone(zone_of(rule.wanted.time_zone if rule is not None else ""))
        now = self.clock.now_utc()
        path = f"/events?event={event.id}" if event.id else "/events"
        base = self._parts.settings.public_url.removesuffix("/")
        return Notice(
            event=event,
            title=title_of(event, place, is_test=waiting.is_test),
            text=text_of(event, place, local, is_alert_again=delivery.is_alert_again),
            sent_at=now,
            camera_name=clean(place.camera_name),
            channel_name=clean(place.channel_name),
            path=path,
            url=base + path if base else "",
            picture=picture,
            user_id=delivery.user_id,
            rule_id=delivery.rule_id or None,
            rule_name=clean(delivery.rule_name, 80),
            is_alert_again=delivery.is_alert_again,
            is_test=waiting.is_test,
        )

    def place_of(self, event: LoggedEvent) -> Place:
        """Return the names of the camera and the channel of an event."""
        if event.camera_id is None:
            return Place()
        try:
            camera = self._parts.cameras.get_camera(event.camera_id)
            channels = self._parts.cameras.channels(event.camera_id)
        except AppError:
            return Place()
        names = {channel.number: channel.name for channel in channels}
        return Place(camera.name or camera.host, names.get(event.channel or 0, ""))

    def finish(self, waiting: Waiting, outcome: Outcome) -> None:
        """Write the outcome to the log of deliveries."""
        if not waiting.delivery.id:
            return  # the log was not writable when it came
        try:
            self._parts.deliveries.finish([waiting.delivery.id], outcome, self.clock.now_utc())
        except AppError as error:
            log.warning("the outcome of delivery %d could not be stored (%s)", waiting.delivery.id, error.code)

    def _picture(self, waiting: Waiting, is_stopping: StopSignal) -> bytes | None:
        event, pictures = waiting.event, self._parts.events.pictures
        if event.camera_id is None or event.channel is None:
            return None
        until_s = waiting.put_s + PICTURE_WAIT_S
        while pictures.is_expected(event.camera_id, event.id) and self.clock.monotonic_s() < until_s:
            if is_stopping.wait(_LOOKS_EVERY_S):
                break
        return pictures.get(event.camera_id, event.id)


def _dropped(code: str, detail: str) -> Outcome:
    return Outcome(DeliveryState.DROPPED, 0, code, detail)
