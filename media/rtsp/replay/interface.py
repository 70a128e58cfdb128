"""The gateway's face towards replay sessions: one held line to a recorder, and who listens to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.errors import DeviceError
from core.recordings import ReplayAbilities
from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import AccessUnit

END_OF_RECORDING = "end_of_recording"
NO_DATA = "no_data"


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


class ReplayConnection(Protocol):
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

    def close(self, wait_s: float = 0.0) -> None:
        """Gives the device session back, and waits up to so long until the device has it. May be called twice."""
        ...
