"""The requests of one session: with the login and the session id, sent again where the device wants another form."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace

from core.errors import CameraBadAnswer, CameraUnreachable, DeviceError
from media.rtsp.client.address import RtspSource, StreamAddress, other_host, redirected
from media.rtsp.client.connection import OnAnswer, RtspConnection
from media.rtsp.client.errors import NoAnswer, status_error
from media.rtsp.client.habits import SESSION_ID, DeviceHabits
from media.rtsp.client.login import LoginTries, SessionLogin, says_stale
from media.rtsp.client.messages import MessageError, Response, SessionHeader, parse_session

log = logging.getLogger(__name__)

_USER_AGENT = ("User-Agent", "onvif-web-viewer")
_MAX_REDIRECTS = 3
_CLOSES_WITHIN_S = 0.1
_SESSION_NOT_FOUND = 454
_OTHER_PORT = (
    "The device redirects this stream to its port {port}, and the app follows no redirect to another port. Enter the "
    "stream's address there as a camera of its own."
)
_OTHER_HOST = (
    "The device redirects this stream to {host}, and the app follows no redirect to another host. Add the device at "
    "that address as a camera of its own."
)
_NONE: frozenset[int] = frozenset()

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RequestRules:
    """The rules for all requests of a session.

    `timeout_s`: for one answer. `require`: the value of the Require header, empty for none. `on_answer`: see
    RtspConnection.request().
    """

    timeout_s: float
    require: str = ""
    on_answer: OnAnswer | None = None


class DeviceRequests:
    """In the gateway's thread. `last_uri`: the address of the newest request, after redirects.

    `connection` is replaced if the device closes it before there is a session.
    """

    def __init__(
        self,
        source: RtspSource,
        address: StreamAddress,
        connection: RtspConnection,
        reconnect: Callable[[], Awaitable[RtspConnection]],
        login: SessionLogin,
        habits: DeviceHabits,
        rules: RequestRules,
    ) -> None:
        self._source = source
        self._address = address
        self.connection = connection
        self._reconnect = reconnect
        self.has_answered = False
        """True if the device has answered a request on this connection."""
        self._login = login
        self._habits = habits
        self._timeout_s = rules.timeout_s
        self._require = [("Require", rules.require)] if rules.require else []
        self._on_answer = rules.on_answer
        self._sessions: list[SessionHeader] = []  # the first one that the device named, and the newest
        self._uses_first = habits.order(SESSION_ID, ["newest", "first"])[0] == "first"
        self._has_switched = False
        self.last_uri = address.uri

    async def send(
        self,
        method: str,
        uri: str,
        headers: Headers = (),
        *,
        accept: frozenset[int] = _NONE,
        timeout_s: float | None = None,
    ) -> Response:
        """Send a request and return its answer: one of status 2xx, or of a status in `accept`.

        Raises the DeviceError of errors.status_error(), CameraAuthFailed for a refused login, CameraUnreachable if the
        answer does not come in time, CameraBadAnswer for a redirect to another port.
        """
        complete = [*headers, *self._require]
        limit_s = timeout_s or self._timeout_s
        for _ in range(_MAX_REDIRECTS):
            self.last_uri = uri
            has_login = self._login.has_challenge
            answer = await self._exchange(method, uri, complete, limit_s)
            if answer.status == 401:
                refused = int(has_login and not says_stale(answer))
                answer = await self._log_in(method, uri, complete, answer, limit_s, refused)
            if answer.status == _SESSION_NOT_FOUND and self.switch_session():
                answer = await self._exchange(method, uri, complete, limit_s)
            if not 300 <= answer.status < 400 or (target := self._redirect(answer)) is None:
                break
            if isinstance(target, int):
                raise CameraBadAnswer(_OTHER_PORT.format(port=target))
            uri = target
        if 200 <= answer.status < 300:
            if self._has_switched:
                self._habits.worked(SESSION_ID, "first" if self._uses_first else "newest")
        elif answer.status not in accept:
            log.info("%s: %s is answered %d", self._source.device_key, method, answer.status)
            raise self._refusal(method, answer)
        return answer

    def send_now(self, method: str, uri: str, headers: Headers = ()) -> asyncio.Future[Response]:
        """Send a request without waiting; the future gets any answer."""
        return self.connection.request(method, uri, self.complete(method, uri, headers), self._on_answer)

    def complete(self, method: str, uri: str, headers: Headers) -> list[tuple[str, str]]:
        """Return `headers` with User-Agent, and with Session and Authorization if there are any."""
        complete = [*headers, _USER_AGENT]
        if self.session:
            complete.append(("Session", self.session.session_id))
        if (authorization := self._login.authorization(method, uri)) is not None:
            complete.append(("Authorization", authorization))
        return complete

    # -- session ids -------------------------------------------------------------------------------

    @property
    def session(self) -> SessionHeader | None:
        """The session id that is sent, with its timeout. None before SETUP.

        If the device names several, the newest counts, unless only the first one works with this device.
        """
        return self._sessions[0 if self._uses_first else -1] if self._sessions else None

    def take_session(self, answer: Response) -> None:
        """Take the session id of an answer. One that is empty, or that cannot be sent back, counts as none."""
        if "session" not in answer.headers:
            return
        try:
            named = parse_session(answer.headers.get("session"))
        except MessageError:
            log.info("%s: a session id that cannot be sent back", self._source.device_key)
            return
        if self._sessions and not named.has_timeout:  # often only the answer to SETUP names it
            named = replace(named, timeout_s=self._sessions[-1].timeout_s)
        first = self._sessions[0] if self._sessions else named
        self._sessions = [named] if first.session_id == named.session_id else [first, named]

    def switch_session(self) -> bool:
        """Use the other session id that the device has named, after a 454. False if there is none, or none is left."""
        if len(self._sessions) < 2 or self._has_switched:
            return False
        self._has_switched = True
        self._uses_first = not self._uses_first
        return True

    # -- inside ------------------------------------------------------------------------------------

    def _refusal(self, method: str, answer: Response) -> DeviceError:
        if 300 <= answer.status < 400:
            host = other_host(self._address, answer.headers.get("location"), self.connection.device_host)
            if host:
                return CameraBadAnswer(_OTHER_HOST.format(host=host))
        return status_error(method, answer.status)

    def _redirect(self, answer: Response) -> str | int | None:
        return redirected(self._address, answer.headers.get("location"), self.connection.device_host)

    async def _exchange(self, method: str, uri: str, headers: Headers, timeout_s: float) -> Response:
        try:
            return await self._exchange_once(method, uri, headers, timeout_s)
        except CameraUnreachable:
            if self.connection.is_open or self.session or not self.has_answered:
                raise
            if self._login.tries and self._login.has_challenge and self._login.tries.logins_left < 1:
                raise
        # Some devices close the connection after each refusal, or after a redirect.
        self.connection, self.has_answered = await self._reconnect(), False
        return await self._exchange_once(method, uri, headers, timeout_s)

    async def _exchange_once(self, method: str, uri: str, headers: Headers, timeout_s: float) -> Response:
        tries = self._login.tries if self._login.has_challenge and self.connection.is_open else None
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self.send_now(method, uri, headers)
        except TimeoutError:
            raise NoAnswer(f"The device did not answer {method} in time.") from None
        except CameraUnreachable:
            if tries:
                tries.cut += 1
            raise
        if tries:
            tries.answered(answer.status)
        self.has_answered = True
        return answer

    async def _log_in(
        self, method: str, uri: str, headers: Headers, answer: Response, timeout_s: float, refused: int
    ) -> Response:
        """Send the request with the credential, after a 401 that refused no login, or one that worked before."""
        if not self._login.can_answer(answer) and self._busy_s() > 0:
            answer = await self._exchange_later(method, uri, headers, timeout_s)
            if answer.status != 401:
                return answer
        self._login.take_up(answer)
        async with self._login.attempt() as tries:
            tries.refused = refused
            try:
                if tries.logins_left > 0:
                    answer = await self._try_logins(method, uri, headers, timeout_s, tries)
            except CameraUnreachable:
                is_login = tries.cut and await self._is_answered_without_login(method, uri, headers, timeout_s)
                if is_login and (error := tries.cut_off()):
                    raise error from None
                raise
            if answer.status == 401:
                self._login.forget()
                raise tries.refuse()
            if 200 <= answer.status < 500 and answer.status not in {400, 403} and self._login.has_challenge:
                self._login.accepted()
            return answer

    async def _try_logins(
        self, method: str, uri: str, headers: Headers, timeout_s: float, tries: LoginTries
    ) -> Response:
        """Try the kinds of login that the device names, each once, until no login is left.

        Once more with a new nonce if only that was stale, and after a wait if the device may still be busy with the end
        of the session before.
        """
        tried: set[str] = set()
        was_stale = False
        while True:
            tried.add(self._login.kind)
            await self._wait_for_close(tries)
            answer = await self._exchange(method, uri, headers, timeout_s)
            if answer.status != 401:
                return answer
            if self._busy_s() > 0 and tries.attempt.logins_left > tries.refused and not says_stale(answer):
                tries.waits += 1
                answer = await self._exchange_later(method, uri, headers, timeout_s)
                if answer.status != 401:
                    return answer
                self._login.take_up(answer)
                tried.clear()
            elif tries.logins_left < 1:
                return answer
            elif says_stale(answer) and not was_stale:
                was_stale = True
                self._login.take_up(answer)
            elif not self._login.take_up_another(answer, tried):
                return answer

    async def _wait_for_close(self, tries: LoginTries) -> None:
        """Before the last login: a device that closes after each refusal would cut it without having read it."""
        if tries.logins_left < 2 and not self.session:
            await asyncio.wait({self.connection.ended}, timeout=_CLOSES_WITHIN_S)

    async def _is_answered_without_login(self, method: str, uri: str, headers: Headers, timeout_s: float) -> bool:
        """True if a device that closed the connection at a login answers the same request without one."""
        self._login.forget()
        try:
            self.connection, self.has_answered = await self._reconnect(), False
            await self._exchange_once(method, uri, headers, timeout_s)
        except DeviceError:
            return False
        return True

    def _busy_s(self) -> float:
        return self._habits.busy_s(self._source.credential.password.fingerprint())

    async def _exchange_later(self, method: str, uri: str, headers: Headers, timeout_s: float) -> Response:
        """Send the request without a login once the device has had its time to end the session before."""
        await asyncio.sleep(self._busy_s())
        self._login.forget()
        return await self._exchange(method, uri, headers, timeout_s)
