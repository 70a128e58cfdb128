"""Keep-alives of a session (RFC 2326 section 10.8): a request before its timeout, by a method that the device takes.

GET_PARAMETER is sent if the device's Public header names it, OPTIONS otherwise: cameras such as the GW4089IP close the
connection at a method that they do not know. A method that is refused, or at which a session ended, is replaced.
EvoStream's server names no GET_PARAMETER, and ends a session that has only OPTIONS after 30 s. A device that ends two
sessions at a receiver report gets no more reports for an hour.
"""

from __future__ import annotations

import asyncio
import logging
import re

from core.clock import Clock
from media.rtsp.client.device_requests import DeviceRequests
from media.rtsp.client.errors import status_error
from media.rtsp.client.habits import KEEP_ALIVE, REPORTS, DeviceHabits
from media.rtsp.client.login import SessionLogin
from media.rtsp.client.messages import Response

log = logging.getLogger(__name__)

MOST_S = 25.0
_BLAME_S = 3.0
_REPORT_BLAME_S = 1.0
_WITHOUT_REPORTS_S = 3600.0
_METHODS = ("GET_PARAMETER", "OPTIONS", "SET_PARAMETER")
RECEIVER_REPORT = "RR"
_NONE = "no request"  # RTCP's reports are the last guess


class KeepAlive:
    """Of one session, from its PLAY on. tick() is called twice a second."""

    def __init__(
        self,
        requests: DeviceRequests,
        login: SessionLogin,
        habits: DeviceHabits,
        clock: Clock,
        *,
        uri: str,
        most_s: float = MOST_S,
    ) -> None:
        self._requests = requests
        self._login = login
        self._habits = habits
        self._clock = clock
        self._uri = uri
        self._most_s = most_s
        self._started_s = clock.monotonic_s()
        self._sent_s: float | None = None
        self._due_s = self._started_s + self._every_s()
        self._refused: set[str] = set()
        self._pending: asyncio.Future[Response] | None = None
        self._method = ""
        self._method_since_s = self._started_s
        self.reported_s = float("-inf")
        """When the last receiver reports were sent."""

    def tick(self) -> None:
        """Read the answer to the last keep-alive, send the next one when it is due.

        Raises CameraUnreachable if the device forgot the session, CameraAuthFailed if it refuses the credential.
        """
        now_s = self._clock.monotonic_s()
        if self._pending and self._pending.done():
            answer, self._pending = self._pending.result(), None
            if self._must_repeat(answer):
                self._due_s = now_s
        if now_s < self._due_s:
            return
        self._due_s = now_s + self._every_s()
        if self._pending:
            self._pending.cancel()  # some devices never answer; media is what counts
            self._pending = None
            self._login.abandon_renewal()
        lives_by_method = self._sent_s is not None and now_s - self._method_since_s > 2 * self._timeout_s
        if lives_by_method and self._method not in self._refused:
            self._habits.worked(KEEP_ALIVE, self._method)
        method = self._next_method()
        if method != self._method:
            self._method, self._method_since_s = method, now_s
        self._sent_s = now_s
        if method != _NONE:
            self._pending = self._requests.send_now(method, self._uri)

    def session_lost(self) -> None:
        """The device ended the session: if a keep-alive may be the reason, another method is used the next time.

        It ended at a keep-alive, or at its timeout, which the keep-alives did not extend, or twice after the same time.
        """
        now_s = self._clock.monotonic_s()
        lasted_s = now_s - self._started_s
        is_regular = self._habits.ends_alike(self._uri, lasted_s)
        if is_regular and now_s - self.reported_s < _REPORT_BLAME_S:
            self._habits.failed(REPORTS, RECEIVER_REPORT, for_s=_WITHOUT_REPORTS_S)
        if self._sent_s is None:
            if lasted_s > _BLAME_S:  # its timeout is shorter than it says
                self._habits.ended_early(lasted_s)
            return
        is_unproven = not self._habits.has_worked(KEEP_ALIVE, self._method)
        is_at_timeout = 0.7 * self._timeout_s < lasted_s < 1.5 * self._timeout_s + _BLAME_S
        if now_s - self._sent_s < _BLAME_S or is_at_timeout or (is_regular and is_unproven):
            log.info("a session ended at the keep-alive %s", self._method)
            self._habits.doubt(KEEP_ALIVE, self._method)

    # -- inside ------------------------------------------------------------------------------------

    @property
    def _timeout_s(self) -> float:
        return self._requests.session.timeout_s if self._requests.session else 60.0

    def _every_s(self) -> float:
        return min(min(self._timeout_s, self._habits.lifetime_s) * 0.4, self._most_s)

    def _next_method(self) -> str:
        """Return the best method; the first keep-alive is OPTIONS, whose answer has the Public header."""
        known = self._habits.public or frozenset()
        named = [method for method in _METHODS if method == "OPTIONS" or method in known]
        others = [method for method in (*_METHODS, _NONE) if method not in named]
        methods = self._habits.order(KEEP_ALIVE, named)
        if all(self._habits.has_failed(KEEP_ALIVE, method) for method in named):
            methods = self._habits.order(KEEP_ALIVE, [*named, *others])
        return next((method for method in (*methods, *others) if method not in self._refused), methods[0])

    def _must_repeat(self, answer: Response) -> bool:
        """True if the keep-alive is to be sent again now: with a new nonce, another session id or another method."""
        if answer.status == 401:
            return self._login.renew(answer)
        self._login.confirm_renewal()
        if self._method == "OPTIONS" and 200 <= answer.status < 300:
            listed = ",".join((*answer.headers.all("public"), *answer.headers.all("allow")))
            self._habits.public = frozenset(re.findall(r"[A-Z_]{3,16}", listed.upper()))
        if answer.status == 454:
            if self._requests.switch_session():
                return True
            self._habits.doubt(KEEP_ALIVE, self._method)
            raise status_error(self._method, 454)
        if answer.status < 400 or self._method in self._refused:
            return False
        self._refused.add(self._method)
        self._habits.failed(KEEP_ALIVE, self._method)
        return True
