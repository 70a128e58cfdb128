"""PLAY (RFC 2326 section 10.5): at the address and with the range that a device wants."""

from __future__ import annotations

from collections.abc import Mapping

from core.clock import Clock
from core.errors import CameraUnreachable
from media.rtsp.client.device_requests import DeviceRequests, Headers
from media.rtsp.client.errors import status_error
from media.rtsp.client.habits import RANGE, SESSION_ADDRESS, DeviceHabits
from media.rtsp.client.messages import Headers as MessageHeaders
from media.rtsp.client.messages import Response
from media.rtsp.client.receiver import MediaReceiver

# Live media has no range. Some devices want one, some refuse any: by 457, or by 400, 501 and the like.
LIVE_RANGES = {"from now": [("Range", "npt=0.000-")], "none": [], "npt=now": [("Range", "npt=now-")]}
_WRONG_RANGE = frozenset({400, 451, 456, 457, 501})
_WRONG_ADDRESS = frozenset({400, 404, 405, 454, 459, 460})  # PTZOptics: 405 for an address with a slash at its end
_ONLY_TRACKS = 459  # aggregate operation not allowed
_TRACK = "track"


class PlayRequests:
    """The PLAY requests of one session. `control`: the address of PLAY, PAUSE, TEARDOWN and keep-alives."""

    def __init__(
        self, requests: DeviceRequests, receiver: MediaReceiver, habits: DeviceHabits, clock: Clock, uri: str
    ) -> None:
        self._requests = requests
        self._receiver = receiver
        self._habits = habits
        self._clock = clock
        self._controls = {"request": uri}
        self.control = uri

    def offer(self, controls: Mapping[str, str], track: str) -> None:
        """Offer the addresses that PLAY may need, by name: those of the session, and the video's for a 459."""
        self._controls = {**controls, _TRACK: track}
        self.control = next(iter(self._controls.values()))

    async def send(self, ranges: Mapping[str, Headers]) -> Response:
        """PLAY with one of these sets of headers, at one of the session's addresses: the first that the device takes.

        The addresses are settled by the first PLAY that succeeds.
        """
        refusals: list[int] = []
        for name in self._habits.order(SESSION_ADDRESS, self._controls):
            is_tried = name != _TRACK or _ONLY_TRACKS in refusals or self._habits.has_worked(SESSION_ADDRESS, _TRACK)
            if not is_tried and len(self._controls) > 1:
                continue
            for kind in self._habits.order(RANGE, ranges):
                uri = self._controls[name]
                is_settled = len(self._controls) == 1 and len(ranges) == 1
                accept = frozenset() if is_settled else _WRONG_ADDRESS | (_WRONG_RANGE if len(ranges) > 1 else set())
                answer = await self._send_once(uri, ranges[kind], accept)
                if answer.status < 300:
                    self._requests.take_session(answer)
                    if kind:
                        self._habits.worked(RANGE, kind)
                    self._habits.worked(SESSION_ADDRESS, name)
                    self._controls, self.control = {name: uri}, uri
                    return answer
                refusals.append(answer.status)
                if answer.status not in _WRONG_RANGE:
                    break
        raise status_error("PLAY", refusals[0])

    async def _send_once(self, uri: str, headers: Headers, accept: frozenset[int]) -> Response:
        """Send PLAY. If the media comes and the answer does not, return an answer of our own."""
        try:
            return await self._requests.send("PLAY", uri, headers, accept=accept)
        except CameraUnreachable:
            if self._requests.connection.is_open and self._receiver.receiver_reports(self._clock.monotonic_s()):
                return Response(200, "", MessageHeaders())
            raise
