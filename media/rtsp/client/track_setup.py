"""SETUP of the tracks (RFC 2326 section 10.4): over interleaved TCP, over UDP where a device refuses that."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from core.clock import Clock
from core.errors import CameraUnreachable
from media.rtsp.client.address import StreamAddress, track_addresses
from media.rtsp.client.device_requests import DeviceRequests
from media.rtsp.client.errors import NoTransport, status_error
from media.rtsp.client.habits import TRACK_ADDRESS, TRANSPORT, DeviceHabits
from media.rtsp.client.receiver import MediaReceiver
from media.rtsp.client.rtp import VIDEO
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from media.rtsp.client.transports import TCP, UDP, interleaved_offer, read_transport, udp_offer
from media.rtsp.client.udp import UdpTrack

log = logging.getLogger(__name__)

_REFUSED_TRANSPORT = 461
_OTHER_TRANSPORT_S = 60.0
# After these statuses the track may have another address. The clear ones do not change with the transport.
_WRONG_ADDRESS = frozenset({400, 404, 405, 410, 451, 454, 459, 460, 500})
_CLEAR = frozenset({404, 410, 454})
_UNAVAILABLE = 503  # for now: neither the address nor the transport is wrong
_RAISED = frozenset({401, 403, 453})
_ACCEPTED = frozenset(range(400, 600)) - _RAISED


class TrackSetup:
    """The tracks of one session. `base_name`: the base address that suited them; `transport`: TCP or UDP.

    `video_uri`: the address of the video's track.
    """

    def __init__(
        self,
        address: StreamAddress,
        requests: DeviceRequests,
        receiver: MediaReceiver,
        habits: DeviceHabits,
        clock: Clock,
        *,
        can_use_udp: bool,
    ) -> None:
        self._address = address
        self._requests = requests
        self._receiver = receiver
        self._habits = habits
        self._clock = clock
        self._transports = habits.order(TRANSPORT, (TCP, UDP) if can_use_udp else (TCP,))
        self._udp: dict[int, UdpTrack] = {}  # by RTCP channel
        self.base_name = ""
        self.video_uri = ""
        self.transport = ""

    async def setup(
        self, index: int, track: VideoTrack | AudioTrack, bases: Mapping[str, str], *, timeout_s: float | None = None
    ) -> None:
        """Set up one track: VIDEO or AUDIO. The second track uses the transport of the first.

        Raises NoTransport if every transport is refused, or the DeviceError of the first refusal.
        """
        addresses = track_addresses(self._address, bases, track.control)
        refusals: list[int] = []
        for transport in [self.transport] if self.transport else self._transports:
            status = await self._try(transport, index, track, addresses, timeout_s)
            if status < 300:
                return
            refusals.append(status)
            if status == _REFUSED_TRANSPORT and not self.transport:  # the second one has no choice
                self._habits.failed(TRANSPORT, transport)
            elif status in _CLEAR:
                break
        if refusals[0] == _REFUSED_TRANSPORT:
            raise NoTransport("The device supports neither RTP over TCP nor RTP over UDP.", service="media")
        raise status_error("SETUP", refusals[0])

    async def _try(
        self,
        transport: str,
        index: int,
        track: VideoTrack | AudioTrack,
        addresses: Mapping[str, str],
        timeout_s: float | None,
    ) -> int:
        """Try the addresses of a track over one transport. Return 200, or the status of the first refusal."""
        udp: UdpTrack | None = None
        offer = interleaved_offer(index)
        first = 0
        try:
            if transport == UDP:
                hosts = self._requests.connection.local_host, self._requests.connection.device_host
                udp = UdpTrack(index, *hosts, self._receiver, self._clock)
                offer = udp_offer(await udp.open())
            for name in self._habits.order(TRACK_ADDRESS, addresses):
                try:
                    answer = await self._requests.send(
                        "SETUP", addresses[name], [("Transport", offer)], accept=_ACCEPTED, timeout_s=timeout_s
                    )
                except CameraUnreachable:
                    if index == VIDEO:  # the audio is at the address of the video, or has a fault of its own
                        self._habits.doubt(TRACK_ADDRESS, name)
                    raise
                if answer.status == _UNAVAILABLE:
                    raise status_error("SETUP", _UNAVAILABLE)
                if answer.status < 300:
                    self._requests.take_session(answer)
                    self._habits.worked(TRACK_ADDRESS, name)
                    self.base_name = name.partition(",")[0]
                    if index == VIDEO:
                        self.video_uri = addresses[name]
                    is_taken = self._take(index, track, answer.headers.get("transport"), transport, udp)
                    return 200 if is_taken else _REFUSED_TRANSPORT
                first = first or answer.status
                if answer.status not in _WRONG_ADDRESS:
                    break
            return first
        finally:
            if udp is not None and udp not in self._udp.values():
                udp.close()

    def _take(
        self, index: int, track: VideoTrack | AudioTrack, header: str, offered: str, udp: UdpTrack | None
    ) -> bool:
        """Expect the media as the device's Transport header says. False for UDP that was not offered."""
        got = read_transport(header, offered)
        if got.kind == TCP:
            channels = got.channels or (2 * index, 2 * index + 1)
            self._receiver.add_track(index, track.payload_type, channels, got.ssrc)
        elif udp is None:
            return False
        else:
            self._receiver.add_track(index, track.payload_type, udp.channels, got.ssrc)
            self._udp[udp.channels[1]] = udp
            udp.begin(got.server_ports)
        self.transport = got.kind
        return True

    # -- while the session is open -----------------------------------------------------------------

    def send_report(self, report: bytes) -> None:
        """Send a receiver report, framed as for an interleaved connection."""
        udp = self._udp.get(report[1])
        if udp is None:
            self._requests.connection.send(report)
        else:
            udp.send_report(report[4:])

    def keep_open(self) -> None:
        """Keep the way of UDP packets open."""
        now_s = self._clock.monotonic_s()
        for udp in self._udp.values():
            udp.keep_open(now_s)

    def media_came(self) -> None:
        """The transport works with this device. UDP only replaces TCP: it is not preferred."""
        if self.transport == TCP:
            self._habits.worked(TRANSPORT, TCP)

    def no_media_came(self) -> None:
        """The device agreed to play and sent nothing: another transport may work."""
        if len(self._transports) > 1 and not self._habits.has_worked(TRANSPORT, self.transport):
            self._habits.failed(TRANSPORT, self.transport, for_s=_OTHER_TRANSPORT_S)

    def close(self) -> None:
        """Close the UDP ports. May be called twice."""
        for udp in self._udp.values():
            udp.close()
