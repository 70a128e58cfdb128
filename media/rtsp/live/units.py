"""A consumer of a shared source: passes its access units on to a sink that keeps them, with their wall-clock times.

The times follow the arrival by our wall clock (timeline.py), but never jump: small corrections are spread over the
following frames. After a step of our clock the stretch ends at the next key frame, so that no frame is lost and no
stretch has two clocks.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from core.archive import GapReason, gap_reason_of
from media.codecs.access_unit import VIDEO, AccessUnit
from media.rtsp.client.sdp_audio import AudioTrack
from media.rtsp.live.consumers import MediaConsumer
from media.rtsp.live.gop_buffer import Media
from media.rtsp.live.source import SharedSource
from media.units import UnitDescription, UnitSink

log = logging.getLogger(__name__)

_STEP_S = 2.0  # a larger change of our wall clock is a step
_LEAP_S = 0.5
_SLEW = 0.05  # of the time that passes


class UnitClock:
    """The wall-clock time of a source's units, in seconds since 1970."""

    def __init__(self) -> None:
        self._shift_s: float | None = None  # to add to the source's time
        self._difference_s = 0.0  # of UTC and the monotonic clock, as far as it is accepted
        self._last_s = 0.0  # the source's time of the last frame
        self._latest_utc_s = float("-inf")

    def has_stepped(self, difference_s: float) -> bool:
        """True if the wall clock has stepped since the times began. `difference_s`: of UTC and the monotonic clock."""
        return self._shift_s is not None and abs(difference_s - self._difference_s) > _STEP_S

    def follow(self, time_s: float, arrived_s: float, difference_s: float) -> None:
        """Note the arrival of the frame at `time_s` of the source, by the monotonic clock."""
        if self._shift_s is None or not self.has_stepped(difference_s):
            self._difference_s = difference_s
        wanted_s = arrived_s + self._difference_s - time_s
        if self._shift_s is None:
            self._shift_s = wanted_s
        else:
            error_s = wanted_s - self._shift_s
            # The source leaps over the time in which a device has sent nothing.
            if abs(error_s) > _LEAP_S and time_s + wanted_s > self._latest_utc_s:
                self._shift_s = wanted_s
            else:
                most_s = _SLEW * max(0.0, time_s - self._last_s)
                self._shift_s += max(-most_s, min(most_s, error_s))
        self._last_s = max(self._last_s, time_s)
        self._latest_utc_s = max(self._latest_utc_s, time_s + self._shift_s)

    def utc_s(self, time_s: float) -> float:
        """Return the wall-clock time of a unit. Call follow() before."""
        return time_s + (self._shift_s or 0.0)


class UnitTap(MediaConsumer):
    """Passes the units of one feed on, in the gateway's thread. The sink gets on_end() once at the end, in any case."""

    def __init__(self, shared_source: SharedSource, sink: UnitSink) -> None:
        self._shared_source = shared_source
        self._sink = sink
        self._clock = UnitClock()
        self._held: list[Media] = []  # until the audio is known, so that a stretch begins with its final description
        self._sets: tuple[bytes, ...] = ()
        self._audio: AudioTrack | None = None
        self._is_flowing = False
        self._is_over = False

    async def attach(self) -> None:
        """Wait for the codec, and begin with the next key frame.

        Frames that are held from before are not recorded: they may be recorded already, or from a pause.
        """
        codec = await self._shared_source.until_announced()
        if codec is None:
            self.on_end()
        elif not codec.has_fragments:
            self.close(GapReason.UNSUPPORTED)
        elif not self._is_over:
            self._shared_source.attach(self, at_next_key_frame=self._shared_source.has_key_frame)

    def close(self, reason: GapReason = GapReason.SWITCHED_OFF) -> None:
        """End the sink. May be called twice."""
        if not self._is_over:
            self._is_over = True
            self._held.clear()
            self._shared_source.detach(self)
            self._sink.on_end(reason)

    # -- consumers.MediaConsumer -------------------------------------------------------------------

    def on_media(self, media: Sequence[Media]) -> None:
        try:
            self._pass_on(media)
        except Exception:  # the session belongs to viewers, too, and must survive a fault in a recording
            log.exception("a recording ends because of an unexpected error")
            self.close(GapReason.UNKNOWN)

    def on_end(self) -> None:
        error = self._shared_source.error
        if error is not None:
            self.close(gap_reason_of(error.code))
        elif not self._is_over:  # the video has changed its size: the next key frame has new parameter sets
            self._shared_source.attach(self, at_next_key_frame=True)

    # -- inside ------------------------------------------------------------------------------------

    def _pass_on(self, media: Sequence[Media]) -> None:
        if not self._is_flowing and not self._shared_source.is_audio_known:
            self._held.extend(media)
            return
        if self._held:
            media = [*self._held, *media]
            self._held.clear()
        units: list[AccessUnit] = []
        utc_s: list[float] = []
        for item in media:
            if item.track == VIDEO:
                if item.is_key:
                    self._begin_group(item, units, utc_s)
                if not self._is_flowing:
                    continue
                self._clock.follow(item.time_s, *self._shared_source.arrival_of(item.time_s))
            elif not self._is_flowing or self._shared_source.audio != self._audio:
                continue
            units.append(item)
            utc_s.append(self._clock.utc_s(item.time_s))
        self._send(units, utc_s)

    def _send(self, units: list[AccessUnit], utc_s: list[float]) -> None:
        if units:
            self._sink.on_units(tuple(units), tuple(utc_s))
            units.clear()
            utc_s.clear()

    def _begin_group(self, frame: AccessUnit, units: list[AccessUnit], utc_s: list[float]) -> None:
        """Describe the units again before a key frame with other parameter sets, other audio or another wall clock."""
        sets = frame.parameter_sets or self._sets
        codec = self._shared_source.codec
        if codec is None or not sets:
            return
        audio = self._shared_source.audio
        has_stepped = self._clock.has_stepped(self._shared_source.arrival_of(frame.time_s)[1])
        if self._is_flowing and not has_stepped and (sets, audio) == (self._sets, self._audio):
            return
        self._send(units, utc_s)
        if has_stepped:
            self._sink.on_end(GapReason.CLOCK_STEPPED)
            self._clock = UnitClock()
        self._sets, self._audio, self._is_flowing = sets, audio, True
        by_type = {set_type: nal for nal in sets if (set_type := codec.parameter_set_type(nal))}
        self._sink.on_description(
            UnitDescription(
                codec.video_format(by_type),
                sets,
                audio.format if audio else None,
                audio.config if audio else b"",
            )
        )
