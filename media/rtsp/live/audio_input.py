"""The audio of a shared source: puts its units onto the timeline, and gives the reason if there is no audio.

Bad audio raises no error here, so that the video goes on.
"""

from __future__ import annotations

from dataclasses import replace

from media.codecs.access_unit import AccessUnit
from media.rtsp.client.audio_depacketizing import AudioDepacketizer
from media.rtsp.client.rtp import RtpPacket, SenderReport
from media.rtsp.client.sdp_audio import AudioTrack
from media.rtsp.live.timeline import TrackClock

SILENT_AFTER_S = 2.0
_TIMESTAMP_MASK = 0xFFFF_FFFF
_SAME_PACKET_S = 1.0


class AudioInput:
    """In the gateway's thread, except for the properties. `refused`: why there is no track, for users."""

    def __init__(self, track: AudioTrack | None, refused: str = "") -> None:
        self._refused = refused
        self._units = AudioDepacketizer(track, place=self._place) if track else None
        self._clock: TrackClock | None = None
        self._rate = 0  # of the clock
        self._has_packets = False
        self._placed: tuple[int, float, float] | None = None  # of a unit: ticks, arrival, place
        self.is_late = False  # no packet has come although two seconds of video have

    @property
    def track(self) -> AudioTrack | None:
        """The track as its units are. None if the device has none that we can carry."""
        return self._units.track if self._units else None

    @property
    def is_known(self) -> bool:
        """True if `track` is what the packets show, or no packet is going to come."""
        return self._units is None or self._units.is_settled or self.is_late

    @property
    def is_missing(self) -> bool:
        """True if the track exists and gives no audio."""
        return self._units is not None and (self._units.is_undecodable or (self.is_late and not self._has_packets))

    @property
    def left_out(self) -> str:
        """Why there is no audio although the device offers some, for users. Empty if there is, or if it offers none."""
        if self._units is None:
            return self._refused
        if self._units.is_undecodable:
            return "it cannot be decoded"
        return "the device sends none" if self.is_missing else ""

    def take(self, packet: RtpPacket) -> list[AccessUnit]:
        """Return the units that this packet completes."""
        if self._units is None:
            return []
        self._has_packets = True
        return self._units.push((packet,))

    def place_again(self, unit: AccessUnit) -> AccessUnit:
        """Return a unit with its time by the present clock."""
        if self._clock is None:
            return unit
        return replace(unit, time_s=self._clock.time_of(unit.ticks & _TIMESTAMP_MASK))

    def report(self, report: SenderReport) -> None:
        """Take a sender report, if the device's time stamps are believed."""
        if self._clock and self._units and report.ntp_s and self._units.has_true_stamps:
            self._clock.report(report.rtp_timestamp, report.ntp_s)

    def slew(self, elapsed_s: float, video: TrackClock) -> None:
        if self._clock:
            self._clock.slew(elapsed_s, video)

    def _place(self, ticks: int, rate: int, arrived_s: float) -> float:
        """Return the place of a unit. Units of one packet follow each other, although they arrive together."""
        if self._clock is None or rate != self._rate:
            self._clock, self._rate, self._placed = TrackClock(rate), rate, None
        if self._placed is not None:
            last_ticks, last_arrived_s, last_time_s = self._placed
            after_s = (ticks - last_ticks) / rate
            if last_arrived_s == arrived_s and 0 < after_s < _SAME_PACKET_S:
                return last_time_s + after_s
        time_s = self._clock.place(ticks & _TIMESTAMP_MASK, arrived_s)
        self._placed = (ticks, arrived_s, time_s)
        return time_s
