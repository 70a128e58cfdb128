"""Web push: notifications on phones and computers, through the push service of each browser's maker.

    push_encryption.py   encrypts a message for one browser (RFC 8291)
    push_signature.py    signs a request with the server's key (RFC 8292)
    push_services.py     sends requests, to public addresses only
    push_message.py      the content of a message
    push_store.py        the key pair and the browsers' subscriptions

A push service sees that this server sends something to a browser, and its size; it cannot read it.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict

from core.clock import Clock
from core.errors import Conflict, InvalidRequest
from notifications.push_encryption import BrowserKeys, InvalidPushKeys, encrypt
from notifications.push_message import headers_of, message_of, trial_notice
from notifications.push_records import PushSubscription, SubscriptionDraft
from notifications.push_services import Endpoint, EndpointRefused, PushAnswer, PushServices, PushServiceUnreachable
from notifications.push_store import PushStore
from notifications.sinks import Notice, SinkError
from notifications.trial_limit import TrialLimit

log = logging.getLogger(__name__)

_GONE = frozenset({404, 410})
_LATER = frozenset({408, 425, 429})
_PAUSE_S = 60.0  # of a push service that names no time
_KEPT_NOTICES = 500
_TURN_S = 16.0  # for the browsers of one user, since all users share one queue

_NoticeKey = tuple[int, int | None, bool]


class WebPush:
    """Sends notices to the browsers of their users: the sink of the kind `push`. Thread-safe.

    `contact`: an address (URI) that tells a push service's people who sends the messages.
    """

    def __init__(self, store: PushStore, services: PushServices, clock: Clock, *, contact: str) -> None:
        self._store = store
        self._services = services
        self._clock = clock
        self._contact = contact
        self._lock = threading.Lock()
        self._paused_until_s: dict[str, float] = {}
        self._reached: OrderedDict[_NoticeKey, set[int]] = OrderedDict()
        self._late_until_s: dict[int | None, float] = {}  # users whose browsers took more than a turn
        self._closings = 0
        self._trials = TrialLimit(clock)

    # the browsers of a user

    def public_key(self) -> str:
        """Return the key with which browsers subscribe. The first call makes it."""
        return self._store.signer(self._clock.now_utc()).public_key

    def subscriptions(self, user_id: int | None) -> list[PushSubscription]:
        return self._store.of_user(user_id)

    def subscribe(self, user_id: int | None, draft: SubscriptionDraft) -> tuple[PushSubscription, bool]:
        """Add or renew a browser's subscription; the second value is True for a new one.

        Raise InvalidRequest with the field's name, or Conflict (too_many_push_subscriptions).
        """
        try:
            self._services.endpoint(draft.endpoint)
        except EndpointRefused as error:
            raise InvalidRequest.of_field("endpoint", str(error)) from None
        try:
            BrowserKeys.of_texts(draft.p256dh, draft.auth)
        except InvalidPushKeys as error:
            raise InvalidRequest.of_field(f"keys.{error.field}", error.message) from None
        return self._store.add(user_id, draft, self._clock.now_utc())

    def unsubscribe(self, user_id: int | None, subscription_id: int) -> None:
        """Raise NotFound, also for another user's subscription."""
        self._store.remove(user_id, subscription_id)

    def test(self, user_id: int | None, subscription_id: int) -> None:
        """Send a test to one browser.

        Raise NotFound, LimitReached (test_limit), or Conflict with the reason why it was not sent.
        """
        found = self._store.get(user_id, subscription_id)
        self._trials.take(user_id, f"browser {subscription_id}")
        try:
            self._deliver(found, trial_notice(user_id, self._clock.now_utc()))
        except SinkError as error:
            raise Conflict(f"The test was not sent: {error.detail}", code=error.code) from None

    # the sink

    def send(self, notice: Notice) -> None:
        """Send a notice to all browsers of its user. Browsers that have it already are left out in another try.

        A user whose push services are slower than a turn waits for a minute, so that others get theirs.
        """
        browsers = self._store.of_user(notice.user_id)
        if not browsers:
            raise SinkError("no_browser", "No browser of this user has notifications switched on.", is_final=True)
        closings, ends_s = self._closings, self._turn_of(notice.user_id)
        reached = self._reached_by(notice)
        problems: list[SinkError] = []
        failed_hosts: dict[str, SinkError] = {}
        for browser in browsers:
            if browser.id in reached:
                continue
            self._refuse_late(notice.user_id, closings, ends_s)
            host = _host_of(browser)
            try:
                if host in failed_hosts:  # another wait for the same server would delay the other browsers
                    raise failed_hosts[host]
                self._deliver(browser, notice)
                reached.add(browser.id)
            except SinkError as error:
                problems.append(error)
                if error.code == "unreachable":
                    failed_hosts[host] = error
        again = [error for error in problems if not error.is_final]
        if again:
            waits_s = [error.retry_after_s for error in again if error.retry_after_s is not None]
            raise SinkError(again[0].code, again[0].detail, retry_after_s=max(waits_s, default=None))
        self._forget(notice)
        if problems and not reached:
            raise SinkError(problems[0].code, problems[0].detail, is_final=True)

    def close(self) -> None:
        """End a running request, and the `send` to which it belongs. May be called twice."""
        self._closings += 1
        self._services.close()

    # inside

    def _deliver(self, browser: PushSubscription, notice: Notice) -> None:
        """Send a notice to one browser, and store the outcome. Raise SinkError."""
        try:
            self._send(browser, notice)
        except SinkError as error:
            if error.code != "gone":
                self._store.note(browser, error.code)
            raise
        self._store.note(browser, "", self._clock.now_utc())

    def _send(self, browser: PushSubscription, notice: Notice) -> None:
        if browser.keys is None:
            raise SinkError("unreadable", "The keys of this browser cannot be read: switch it on again.", is_final=True)
        try:
            endpoint = self._services.endpoint(browser.endpoint)
            self._refuse_paused(endpoint)
            headers = headers_of(notice, browser.keys)
            signer = self._store.signer(self._clock.now_utc())
            headers["Authorization"] = signer.authorization(browser.endpoint, self._contact, self._clock.now_utc())
            answer = self._services.post(endpoint, headers, encrypt(message_of(notice), browser.keys))
        except EndpointRefused as error:
            raise SinkError("address_refused", f"The push service's address {error}.", is_final=True) from None
        except PushServiceUnreachable as error:
            raise SinkError("unreachable", f"The push service was not reached: {error}.") from None
        self._judge(browser, endpoint, answer)

    def _judge(self, browser: PushSubscription, endpoint: Endpoint, answer: PushAnswer) -> None:
        """Raise SinkError unless the push service took the message."""
        status = answer.status
        if 200 <= status < 300:
            return
        if status in _GONE:
            self._store.forget(browser)
            raise SinkError("gone", "The browser no longer wants notifications. It is removed.", is_final=True)
        if status in _LATER or status >= 500:
            wait_s = answer.retry_after_s
            if status == 429 or wait_s is not None:
                wait_s = _PAUSE_S if wait_s is None else wait_s
                with self._lock:
                    self._paused_until_s[endpoint.host] = self._clock.monotonic_s() + wait_s
            raise SinkError("busy", f"The push service takes no messages now ({status}).", retry_after_s=wait_s)
        raise SinkError("refused", f"The push service refuses the message ({status}).", is_final=True)

    def _refuse_paused(self, endpoint: Endpoint) -> None:
        """Raise SinkError while the push service of an address wants no messages."""
        with self._lock:
            left_s = self._paused_until_s.get(endpoint.host, 0.0) - self._clock.monotonic_s()
            if left_s <= 0:
                self._paused_until_s.pop(endpoint.host, None)
                return
        raise SinkError("busy", "The push service takes no messages now.", retry_after_s=left_s)

    def _turn_of(self, user_id: int | None) -> float:
        """Return the end of a user's turn. Raise SinkError if the last one took too long."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            wait_s = self._late_until_s.get(user_id, 0.0) - now_s
            if wait_s <= 0:
                self._late_until_s.pop(user_id, None)
                return now_s + _TURN_S
        raise SinkError("busy", "The push services of this user answer too late.", retry_after_s=wait_s)

    def _refuse_late(self, user_id: int | None, closings: int, ends_s: float) -> None:
        """Raise SinkError after a user's turn, or if the sink was closed meanwhile."""
        if self._closings != closings:
            raise SinkError("interrupted", "The app ended before the notice was sent.")
        if self._clock.monotonic_s() >= ends_s:
            with self._lock:
                self._late_until_s[user_id] = self._clock.monotonic_s() + _PAUSE_S
            raise SinkError("busy", "The push services of this user answer too late.", retry_after_s=_PAUSE_S)

    def _reached_by(self, notice: Notice) -> set[int]:
        """Return the ids of the browsers that have a notice. It is empty at the first try."""
        if notice.is_test:
            return set()
        with self._lock:
            while len(self._reached) >= _KEPT_NOTICES:
                self._reached.popitem(last=False)
            return self._reached.setdefault(_key_of(notice), set())

    def _forget(self, notice: Notice) -> None:
        with self._lock:
            self._reached.pop(_key_of(notice), None)


def _key_of(notice: Notice) -> _NoticeKey:
    return notice.event.id, notice.rule_id, notice.is_alert_again


def _host_of(browser: PushSubscription) -> str:
    return browser.endpoint.split("/", 3)[2]
