"""A consumer of replays that records everything it receives."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.errors import DeviceError
from core.recordings import FindMakersReplays, ReplayAbilities, ReplaySource, no_makers_replays
from core.records import AudioFormat, Credential, VideoFormat
from core.secrets import Secret
from media.codecs.access_unit import VIDEO, AccessUnit
from media.ffmpeg import find_ffmpeg
from tests.media.rtsp.asking import PASSWORD
from tests.patience import LIMIT_S, until

NONE_SHOWN = ReplayAbilities()


def recording(
    uri: str,
    *,
    token: str = "Recording1",
    password: str = PASSWORD,
    abilities: ReplayAbilities = NONE_SHOWN,
    find_makers_replays: FindMakersReplays = no_makers_replays,
) -> ReplaySource:
    credential = Credential("admin", Secret(password))
    return ReplaySource(
        1, token, uri, "camera1", credential, abilities=abilities, find_makers_replays=find_makers_replays
    )


@dataclass
class Listener:
    descriptions: list[tuple[VideoFormat, AudioFormat | None, tuple[bytes, ...], bytes]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    units: list[AccessUnit] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    errors: list[DeviceError] = field(default_factory=list)
    first_at_s: float = 0.0

    def on_description(
        self,
        video: VideoFormat,
        audio: AudioFormat | None,
        parameter_sets: tuple[bytes, ...],
        audio_config: bytes,
        audio_left_out: str = "",
    ) -> None:
        self.descriptions.append((video, audio, parameter_sets, audio_config))
        self.left_out.append(audio_left_out)

    def on_units(self, units: Sequence[AccessUnit]) -> None:
        self.first_at_s = self.first_at_s or time.monotonic()
        self.units += units

    def on_end(self, reason: str) -> None:
        self.ends.append(reason)

    def on_failed(self, error: DeviceError) -> None:
        self.errors.append(error)

    def pictures(self) -> list[AccessUnit]:
        return [unit for unit in self.units if unit.track == VIDEO]

    def times(self) -> list[float]:
        return [unit.device_s or 0.0 for unit in self.pictures()]

    def until_pictures(self, count: int, timeout_s: float = LIMIT_S) -> list[AccessUnit]:
        until(lambda: len(self.pictures()) >= count or self.errors or self.ends, timeout_s)
        assert not self.errors, self.errors
        return self.pictures()


def times_in(listener: Listener, count: int = 1) -> list[float]:
    """Return the times burnt into the first frames, in seconds since 1970, decoded by ffmpeg."""
    video, _, sets, _ = listener.descriptions[0]
    parts = [*sets, *(part for unit in listener.pictures()[:count] for part in unit.parts)]
    kind = "hevc" if video.codec == "hevc" else "h264"
    command = [str(find_ffmpeg()), "-v", "error", "-f", kind, "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    stream = b"".join(b"\0\0\0\1" + part for part in parts)
    gray = subprocess.run(command, input=stream, check=True, capture_output=True, timeout=LIMIT_S).stdout
    assert video.width
    assert video.height
    size = video.width * video.height
    return [burnt_time(gray[at : at + size], video.width) for at in range(0, len(gray), size)]


def burnt_time(gray: bytes, width: int) -> float:
    """Return the time in the upper eight lines of a decoded frame, in seconds since 1970.

    simulator.burnt_time draws 40 cells of 8 pixels, of which 36 count tenths of a second.
    """
    cells = [gray[4 * width + 8 * cell + 4] > 128 for cell in range(40)]
    assert cells[:2] == [True, False]
    assert (cells[38], cells[39]) == (sum(cells[2:38]) % 2 == 1, sum(cells[2:38]) % 2 == 0)
    return sum(bit << (35 - place) for place, bit in enumerate(cells[2:38])) / 10
