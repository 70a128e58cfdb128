"""The login of one session: answers a device's challenges, no more often than the login gate allows."""

from __future__ import annotations

import asyncio

from core.clock import Clock
from core.errors import CameraAuthFailed, CameraUnreachable, CameraUnsupported
from core.login_gate import Attempt, LoginGate
from media.rtsp.client.address import RtspSource
from media.rtsp.client.auth import Challenge, choose_challenge
from media.rtsp.client.messages import Response

LOGIN_WAIT_S = 30.0
_POLL_S = 0.05


class SessionLogin:
    """In the gateway's thread. `authorization()` goes with every request once a challenge was taken up."""

    def __init__(self, source: RtspSource, gate: LoginGate, clock: Clock) -> None:
        self._source = source
        self._gate = gate
        self._clock = clock
        self._challenge: Challenge | None = None
        self._renewal: Attempt | None = None  # sent with a keep-alive that has no answer yet

    def authorization(self, method: str, uri: str) -> str | None:
        """Return the value of the Authorization header. None before the device has asked for a login."""
        if self._challenge is None:
            return None
        return self._challenge.authorization(self._source.credential, method, uri)

    async def begin_attempt(self, answer: Response) -> Attempt:
        """Take up the challenge of a 401 and wait until the login gate allows an attempt.

        Raises CameraAuthFailed without a user name, CameraUnsupported if no challenge can be answered,
        CameraUnreachable if another attempt has no result within LOGIN_WAIT_S.
        """
        if not self._source.credential.username:
            raise CameraAuthFailed("The device asks for a user name and a password.")
        self._challenge = choose_challenge(answer.headers.all("www-authenticate"))
        if self._challenge is None:
            raise CameraUnsupported("The device asks for an unknown kind of login.", service="media")
        deadline_s = self._clock.monotonic_s() + LOGIN_WAIT_S
        while self._clock.monotonic_s() < deadline_s:
            attempt = self._gate.try_begin(self._source.device_key, self._source.credential)
            if attempt is not None:
                return attempt
            await asyncio.sleep(_POLL_S)
        raise CameraUnreachable("The device did not answer the login in time.")

    def refuse(self) -> CameraAuthFailed:
        """Forget the challenge and return the error for a refused credential."""
        self._challenge = None
        return CameraAuthFailed("The device refuses this user name or password.")

    # -- keep-alives -------------------------------------------------------------------------------

    def renew(self, answer: Response) -> bool:
        """Take up the challenge of a 401 to a keep-alive, usually a new nonce. True if it is to be sent again now.

        Raises CameraAuthFailed if the device refuses a credential that it took before: the password was changed.
        """
        challenge = choose_challenge(answer.headers.all("www-authenticate"))
        attempt, self._renewal = self._renewal, None
        if attempt:
            if challenge and challenge.is_stale:
                attempt.unanswered()
                return False
            attempt.refused()
            raise CameraAuthFailed("The device no longer accepts this user name or password.")
        if challenge and self._source.credential.username:
            self._renewal = self._gate.try_begin(self._source.device_key, self._source.credential)
            if self._renewal:
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
    challenge = choose_challenge(answer.headers.all("www-authenticate"))
    return challenge is not None and challenge.is_stale
