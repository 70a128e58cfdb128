"""RTP packets into access units of audio.

The units do not depend on a device's habits: AAC frames are plain, their configuration is the one that the stream
itself shows, and times count samples (audio_payloads.py, audio_times.py). G.711 has the law that is known when the
session begins; payloads of the other one are converted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from media.codecs import aac, g711, opus
from media.codecs.access_unit import AUDIO, AccessUnit
from media.rtsp.client.audio_payloads import aac_payloads
from media.rtsp.client.audio_times import AudioTicks, TimedFrames, aac_rate
from media.rtsp.client.onvif_replay_extension import read_stamp
from media.rtsp.client.rtp import RtpPacket
from media.rtsp.client.sdp_audio import G722_CLOCK, AudioTrack, aac_track
from media.rtsp.client.track_times import DeviceTime

_MAX_HELD = 256  # more than come in the time that aac_rate() needs
_JUDGED_FRAMES = 24
_PLAUSIBLE_PART = 0.7
_SAMPLES_IN_FRAGMENTS = frozenset({"aac", "pcm_alaw", "pcm_mulaw", "pcm_s16be", "opus"})
_PLAYED_TYPES = frozenset({2, 5, 29})  # LC, also with SBR and PS: browsers have no decoder for Main, LTP or LD
_CLOCKS = {"opus": opus.RATE, "adpcm_g722": G722_CLOCK}  # of the units, if the device names another one
_CHECKED_TYPES = frozenset({1, 2, 3, 4, 5, 29})  # object types whose frames begin as aac.is_plausible() reads


class AudioDepacketizer:
    """One track of audio.

    `track`: the track as its units are, with the configuration of AAC; it may change with the first packets, if
    `is_settled` is False, and when the stream itself shows another configuration. `start_device_s`: the first unit's
    time if the device sends no stamps; None in live. `place` returns the time_s of a unit from its ticks, the clock
    rate of `track` and its arrival (AudioInput._place); 0 without it.
    """

    def __init__(
        self,
        track: AudioTrack,
        start_device_s: float | None = None,
        *,
        place: Callable[[int, int, float], float] | None = None,
    ) -> None:
        self._place = place
        self._announced = track
        self._start_device_s = start_device_s
        self._is_live = start_device_s is None
        self._law = None
        if track.format.codec in g711.LAWS:
            self._law = track.law or g711.TrackLaw(track.format.codec)
            self._law.begin()
            track = _in_law(track, self._law.law)
        rate = _CLOCKS.get(track.format.codec, track.clock_rate)
        self.track = replace(track, clock_rate=rate)
        self.is_settled = True
        self._ticks = AudioTicks(track.clock_rate, rate)
        self._device_time = DeviceTime(rate, start_device_s)
        self._held: list[tuple[RtpPacket, list[bytes]]] = []
        self._plausible: deque[bool] = deque(maxlen=_JUDGED_FRAMES)
        self._object_type = 0
        self._channels = 0  # as the first frame shows them
        self._payloads = aac_payloads(track) if track.format.codec == "aac" else None
        if self._payloads:
            self._begin_aac(track)

    @staticmethod
    def can_carry(track: AudioTrack) -> bool:
        """True if fragments can hold this audio, and browsers play it. ffmpeg reads more."""
        config = aac.read_config(track.config) if track.config else None
        is_played = config is None or config.object_type in _PLAYED_TYPES
        return is_played and track.format.codec in _SAMPLES_IN_FRAGMENTS

    @property
    def is_undecodable(self) -> bool:
        """True if most frames of the last seconds are no AAC: encrypted, or of another codec."""
        full = len(self._plausible) == _JUDGED_FRAMES
        return full and sum(self._plausible) < _PLAUSIBLE_PART * _JUDGED_FRAMES

    @property
    def has_true_stamps(self) -> bool:
        """True if the units' ticks are the device's RTP time stamps."""
        return self._ticks.are_stamps

    def push(self, packets: Sequence[RtpPacket]) -> list[AccessUnit]:
        units: list[AccessUnit] = []
        for packet in packets:
            if self._payloads:
                self._push_aac(packet, units)
            elif samples := _sample_count(self.track, packet.payload):
                payload = packet.payload
                if self._law is not None:
                    payload = self._in_our_law(packet, self._law)
                self._add(packet, [payload], samples, units, is_converted=payload is not packet.payload)
        return units

    def _in_our_law(self, packet: RtpPacket, track_law: g711.TrackLaw) -> bytes:
        """Return the payload of G.711 in the law of `track`; the same object if it has that law."""
        is_described = packet.payload_type == self._announced.payload_type
        law = track_law.of(packet.payload, None if is_described else packet.payload_type)
        return g711.converted(packet.payload, law, self.track.format.codec)

    # -- AAC ---------------------------------------------------------------------------------------

    def _begin_aac(self, track: AudioTrack) -> None:
        config = track.config or aac.make_config(track.format.sample_rate or 16_000, track.format.channels or 1)
        self._use(config)
        is_certain = track.mux_config is None and track.format.sample_rate == track.clock_rate
        self.is_settled = is_certain

    def _push_aac(self, packet: RtpPacket, units: list[AccessUnit]) -> None:
        assert self._payloads is not None  # noqa: S101 - the caller has looked
        frames = self._payloads.frames(packet)
        if not frames:
            return
        if self._payloads.config is not None:
            self._take_config(self._payloads.config)
        frames = [frame for frame in frames if self._is_valid(frame)]
        if not frames or self.is_undecodable:
            return
        self._held.append((packet, frames))
        if not self.is_settled:
            self._settle()
        if self.is_settled:
            held, self._held = self._held, []
            for early, its_frames in held:
                self._add(early, its_frames, aac.FRAME_SAMPLES, units)

    def _take_config(self, config: aac.AacConfig) -> None:
        """Take the configuration that the stream itself shows, in ADTS or LATM."""
        present = aac.read_config(self.track.config)
        channels = config.channels or self.track.format.channels or 1
        is_same = present is not None and (present.rate, present.channels) == (config.rate, channels)
        if not is_same and config.rate in aac.RATES:
            self._use(aac.make_config(config.rate, channels))
        self.is_settled = True

    def _is_valid(self, frame: bytes) -> bool:
        """True if a frame may be decoded. A decoder of a browser ends at the first one that is none."""
        if self._object_type not in _CHECKED_TYPES:
            return True
        rate = (self.track.format.sample_rate or 0) if self.is_settled else 0
        is_valid = len(frame) <= aac.MAX_FRAME_BYTES and aac.is_plausible(frame, rate)
        self._plausible.append(is_valid)
        if is_valid and not self._channels:
            self._channels = aac.channels_of(frame)
            self._correct_channels(self._channels)
        return is_valid

    def _correct_channels(self, channels: int) -> None:
        config = aac.read_config(self.track.config)
        is_plain = config is not None and config.object_type == aac.LOW_COMPLEXITY and config.rate in aac.RATES
        if config and is_plain and channels and config.channels in {1, 2} - {channels}:
            self._use(aac.make_config(config.rate, channels))

    def _settle(self) -> None:
        packets = [TimedFrames(packet.timestamp, len(frames), packet.arrived_s) for packet, frames in self._held]
        stated = self.track.format.sample_rate or 0
        rate = aac_rate(stated, self._announced.clock_rate, packets, is_live=self._is_live)
        if rate is None and len(self._held) < _MAX_HELD:
            return
        if rate is not None and rate != stated:
            self._use(aac.make_config(rate, self.track.format.channels or 1))
        self.is_settled = True

    def _use(self, config: bytes) -> None:
        """Take this configuration from now on, and count time anew."""
        read = aac.read_config(config)
        self._object_type = read.object_type if read else 0
        self.track = aac_track(self._announced, config)
        rate = self.track.clock_rate
        self._ticks = AudioTicks(self._announced.clock_rate, rate)
        self._device_time = DeviceTime(rate, self._start_device_s)

    # -- units -------------------------------------------------------------------------------------

    def _add(
        self,
        packet: RtpPacket,
        frames: list[bytes],
        samples: int,
        units: list[AccessUnit],
        *,
        is_converted: bool = False,
    ) -> None:
        """Add the units of a packet. `samples`: of each."""
        rate = self.track.clock_rate
        ticks = self._ticks.place(packet.timestamp, samples * len(frames), packet.arrived_s)
        stamp = read_stamp(packet.extension) if packet.extension else None
        device_s = self._device_time.of(stamp, ticks)
        for index, frame in enumerate(frames):
            shift = index * samples
            units.append(
                AccessUnit(
                    AUDIO,
                    (frame,),
                    ticks + shift,
                    rate,
                    is_key=True,
                    device_s=None if device_s is None else device_s + shift / rate,
                    is_discontinuous=index == 0 and stamp is not None and stamp.is_discontinuous,
                    time_s=self._place(ticks + shift, rate, packet.arrived_s) if self._place else 0.0,
                    arrived_s=packet.arrived_s,
                    is_converted=is_converted,
                )
            )


def _in_law(track: AudioTrack, law: str) -> AudioTrack:
    """Return a track of G.711 as one of this law."""
    if law == track.format.codec:
        return track
    name = "PCMA" if law == "pcm_alaw" else "PCMU"
    encoding = "/".join((name, *track.encoding.split("/")[1:]))
    return replace(track, format=replace(track.format, codec=law), encoding=encoding)


def _sample_count(track: AudioTrack, payload: bytes) -> int:
    """Return the length of a payload, in ticks of the track's clock. 0 if it holds no audio."""
    channels = track.format.channels or 1
    match track.format.codec:
        case "opus":
            return opus.sample_count(payload) or 0
        case "pcm_s16be":
            return len(payload) // (2 * channels)
        case "g726":
            bits = int(track.encoding.partition("/")[0][-2:])
            return len(payload) * 8 // (bits * channels)
    return len(payload) // channels
