"""The login of one session: answers a device's challenges, no more often than the login gate allows.

Devices lock an account after some wrong passwords. So the device may refuse at most two logins of one request, and
fewer if the login gate allows fewer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.clock import Clock
from core.errors import CameraAuthFailed, CameraUnreachable, CameraUnsupported, ReadableLoginNeeded
from core.login_gate import Attempt, LoginGate
from media.rtsp.client.address import RtspSource
from media.rtsp.client.auth import Challenge, read_challenges
from media.rtsp.client.habits import LOGIN, DeviceHabits
from media.rtsp.client.messages import Response

LOGIN_WAIT_S = 30.0
_POLL_S = 0.05
_MOST_REFUSALS = 2
_REFUSED = "The device refuses this user name or password."
_CUT = (
    "The device closes the connection when it gets this user name and password, and answers the same request without "
    "them. It probably refuses them."
)


@dataclass(slots=True)
class LoginTries:
    """The logins of one attempt of the login gate. The first verdict counts.

    `refused` counts the logins that the device refused, `cut` those that it closed the connection at.
    `waits` counts the refusals that meant "busy": after each, the request may be refused once more.
    """

    attempt: Attempt
    refused: int = 0
    cut: int = 0
    waits: int = 0

    @property
    def logins_left(self) -> int:
        """The number of further logins that may be sent."""
        return min(_MOST_REFUSALS + self.waits, self.attempt.logins_left) - self.refused - self.cut

    def answered(self, status: int) -> None:
        """The device answered a login. A cut before it belonged to the refusal before: some devices close at each."""
        self.cut = 0
        self.refused += status == 401

    def refuse(self) -> CameraAuthFailed:
        """Block the credential, and return the error for it."""
        self.attempt.refused(self.refused)
        return CameraAuthFailed(_REFUSED)

    def cut_off(self) -> CameraAuthFailed | None:
        """Report the cut logins. Return the error for a refused credential if they count as a refusal."""
        return CameraAuthFailed(_CUT) if self.attempt.cut(self.cut, refused_logins=self.refused) else None


class SessionLogin:
    """In the gateway's thread. `authorization()` goes with every request once a challenge was taken up.

    `outer` is the login whose attempt this one shares: a tunnel may be opened again while a request in it logs in.
    """

    def __init__(
        self,
        source: RtspSource,
        gate: LoginGate,
        clock: Clock,
        habits: DeviceHabits,
        *,
        is_tls: bool,
        outer: SessionLogin | None = None,
    ) -> None:
        self._source = source
        self._gate = gate
        self._clock = clock
        self._habits = habits
        self._is_tls = is_tls
        self._challenge: Challenge | None = None
        self._outer = outer
        self.tries: LoginTries | None = None
        """The attempt under way."""
        self._renewal: Attempt | None = None  # sent with a keep-alive that has no answer yet
        self._renewal_refusals = 0

    def authorization(self, method: str, uri: str) -> str | None:
        """Return the value of the Authorization header. None before the device has asked for a login."""
        if self._challenge is None:
            return None
        return self._challenge.authorization(self._source.credential, method, uri)

    # -- the kinds that a device names -------------------------------------------------------------

    def can_answer(self, answer: Response) -> bool:
        """True if a 401 names a kind of login that we know and may use."""
        return bool(self._offered(answer))

    def take_up(self, answer: Response) -> None:
        """Take up the best challenge of a 401.

        Raises CameraAuthFailed without a user name, ReadableLoginNeeded if the device names only Basic and that is not
        allowed, CameraUnsupported if no challenge can be answered.
        """
        if not self._source.credential.username:
            raise CameraAuthFailed("The device asks for a user name and a password.")
        offered = self._offered(answer)
        if not offered and read_challenges(answer.headers.all("www-authenticate")):
            raise ReadableLoginNeeded(
                "The device accepts only a login that sends the password readable (RTSP Basic). Allow that in the "
                "camera's settings if you trust the network, or use an rtsps address."
            )
        if not offered:
            raise CameraUnsupported("The device asks for an unknown kind of login.", service="media")
        self._challenge = offered[0]

    def take_up_another(self, answer: Response, tried: set[str]) -> bool:
        """Take up a kind of login that was not tried yet. False if the device names none.

        Some firmware offers SHA-256 and computes only MD5. Basic shows the password to the network, so it follows a
        refused Digest only over TLS.
        """
        for challenge in self._offered(answer):
            if challenge.kind not in tried and (challenge.algorithm or self._is_tls):
                self._challenge = challenge
                return True
        return False

    @property
    def kind(self) -> str:
        """The kind of login that was taken up, empty without one."""
        return self._challenge.kind if self._challenge else ""

    def accepted(self) -> None:
        """The device accepted the credential by the present kind of login, which goes first in the next RTSP login."""
        if self._outer is None:
            self._habits.worked(LOGIN, self.kind)
        if self.tries is not None:
            self.tries.attempt.accepted()

    @property
    def has_challenge(self) -> bool:
        """True if requests are sent with a login."""
        return self._challenge is not None

    def _offered(self, answer: Response) -> list[Challenge]:
        """Return the challenges that can be answered, the best first; before them the kind that worked before."""
        may_be_readable = self._is_tls or self._source.credential.may_be_readable
        challenges = reversed(read_challenges(answer.headers.all("www-authenticate")))
        offered = {item.kind: item for item in challenges if item.algorithm or may_be_readable}
        kinds = self._habits.order(LOGIN, reversed(offered))
        has_digest = any(item.algorithm for item in offered.values())
        if has_digest and not self._is_tls:  # Digest wins, even if Basic worked when it stood alone
            kinds.sort(key=lambda kind: not offered[kind].algorithm)
        return [offered[kind] for kind in kinds]

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[LoginTries]:
        """Hold the login gate's permission to send logins. Without a verdict inside, the next attempt may begin.

        Raises CameraUnreachable if another attempt has no result within LOGIN_WAIT_S, CameraAuthFailed while the
        credential is blocked.
        """
        tries = LoginTries(await self._begin_attempt())
        self.tries = tries
        try:
            yield tries
        finally:
            self.tries = None
            tries.attempt.unanswered(tries.refused)  # without effect after a verdict

    @asynccontextmanager
    async def shared_attempt(self) -> AsyncIterator[LoginTries]:
        """As attempt(), but within an attempt of the outer login it is that one, whose verdict stays open."""
        if self._outer is not None and self._outer.tries is not None:
            yield self._outer.tries
            return
        async with self.attempt() as tries:
            yield tries

    async def _begin_attempt(self) -> Attempt:
        deadline_s = self._clock.monotonic_s() + LOGIN_WAIT_S
        while self._clock.monotonic_s() < deadline_s:
            attempt = self._gate.try_begin(self._source.device_key, self._source.credential)
            if attempt is not None:
                return attempt
            await asyncio.sleep(_POLL_S)
        raise CameraUnreachable("The device did not answer the login in time.")

    def forget(self) -> None:
        """Forget the challenge: the next request goes without a login."""
        self._challenge = None

    # -- keep-alives -------------------------------------------------------------------------------

    def renew(self, answer: Response) -> bool:
        """Take up the challenge of a 401 to a keep-alive, usually a new nonce. True if it is to be sent again now.

        Raises CameraAuthFailed if the device refuses a credential that it took before: the password was changed.
        """
        challenge = next(iter(self._offered(answer)), None)
        attempt, self._renewal = self._renewal, None
        if attempt:
            if challenge and challenge.is_stale:
                attempt.unanswered()
                return False
            attempt.refused(self._renewal_refusals + 1)
            raise CameraAuthFailed("The device no longer accepts this user name or password.")
        if challenge and self._source.credential.username:
            self._renewal = self._gate.try_begin(self._source.device_key, self._source.credential)
            if self._renewal:
                self._renewal_refusals = int(self.has_challenge and not challenge.is_stale)
                self._challenge = challenge
                return True
        return False

    def confirm_renewal(self) -> None:
        """The device accepted the keep-alive."""
        attempt, self._renewal = self._renewal, None
        if attempt:
            attempt.accepted()

    def abandon_renewal(self) -> None:
        """The keep-alive got no answer."""
        attempt, self._renewal = self._renewal, None
        if attempt:
            attempt.unanswered()


def says_stale(answer: Response) -> bool:
    """True if a 401 refuses only the nonce, not the credential (RFC 7616 section 3.3, stale)."""
    return any(challenge.is_stale for challenge in read_challenges(answer.headers.all("www-authenticate")))
