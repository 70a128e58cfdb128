"""The gateway's face towards replay sessions: one held line to a recorder, and who listens to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.errors import DeviceError
from core.records import AudioFormat, ServiceCheck, VideoFormat
from media.access_unit import AccessUnit

END_OF_RECORDING = "end_of_recording"
NO_DATA = "no_data"
_WAYS = {
    "plain": "its replay address is played as plain RTSP",
    "dahua": "played by Dahua's own address",
    "hikvision": "played by Hikvision's own address",
}


@dataclass(frozen=True, slots=True)
class ReplayAbilities:
    """What a recorder was seen to do; None where it has not shown yet.

    `way`: "onvif" (Require: onvif-replay), "plain" (its replay address as plain RTSP), "dahua",
    "hikvision"; "" before anything was played. `seeks_in_session`: it takes another PLAY in an open
    session. `has_times`: its packets carry the device's time. `beats_real_time`: it sends faster
    than the recording plays when it is asked to (Rate-Control: no).
    """

    way: str = ""
    seeks_in_session: bool | None = None
    has_times: bool | None = None
    beats_real_time: bool | None = None

    def checks(self) -> tuple[ServiceCheck, ...]:
        """As lines of the health card; nothing for what has not been seen."""
        lines: list[ServiceCheck] = []
        if self.way:
            is_onvif = self.way == "onvif"
            lines.append(ServiceCheck("replay by ONVIF", "ok" if is_onvif else "no", _WAYS.get(self.way, "")))
        for name, seen in (
            ("replay: seeks in an open session", self.seeks_in_session),
            ("replay: times with the pictures", self.has_times),
            ("replay: faster than real time", self.beats_real_time),
        ):
            if seen is not None:
                lines.append(ServiceCheck(name, "ok" if seen else "no"))
        return tuple(lines)


class ReplayConsumer(Protocol):
    """Told what one play() brings, on the gateway's thread: must be quick."""

    def on_description(
        self, video: VideoFormat, audio: AudioFormat | None, parameter_sets: tuple[bytes, ...], audio_config: bytes
    ) -> None:
        """Before the first units, and again before units whose parameter sets are others.

        `audio` is None where there is none that units can carry; `audio_config` is AAC's
        AudioSpecificConfig.
        """
        ...

    def on_units(self, units: Sequence[AccessUnit]) -> None:
        """Pictures from a key frame at or before the time asked for, and sound, in order of arrival."""
        ...

    def on_end(self, reason: str) -> None:
        """Nothing follows: END_OF_RECORDING (or the end asked for), NO_DATA."""
        ...

    def on_failed(self, error: DeviceError) -> None:
        """Nothing follows, and it is the device's fault; another play() may try again."""
        ...


class ReplayLine(Protocol):
    """Opened by RtspGateway.open_replay. All methods may be called from any thread and return at once."""

    def play(
        self,
        start_device_s: float,
        consumer: ReplayConsumer,
        *,
        end_device_s: float | None = None,
        fast: bool = True,
        key_frames_only: bool = False,
        scale: float = 1.0,
    ) -> None:
        """Plays from the key frame at or before this time (seconds since 1970 by the device).

        The newest call wins: the consumer of the one before is told nothing more. `fast` asks for
        Rate-Control: no; bound what comes with pause() and resume().
        """
        ...

    def pause(self) -> None: ...
    def resume(self) -> None: ...

    def abilities(self) -> ReplayAbilities:
        """What this recorder was seen to do, over all lines."""
        ...

    def close(self) -> None:
        """Gives the device session back. May be called twice."""
        ...
