"""What the recorder has recorded: one recording a living channel, from a month before its start until now.

It is the catalogue only: nothing of it can be played yet (the RTSP door answers 551 to `Require: onvif-replay`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from simulator.layout import ChannelSpec

if TYPE_CHECKING:
    from simulator.recorder import Recorder

KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Recording:
    """A container of tracks; `earliest` and `latest` are times of the device's clock."""

    channel: ChannelSpec
    earliest: datetime
    latest: datetime

    @property
    def token(self) -> str:
        return self.channel.recording_token

    def tracks(self) -> list[tuple[str, str]]:
        """Token and type of each track."""
        number = self.channel.number - 1
        found = [(f"VideoTrack{number:03d}", "Video")]
        return [*found, (f"AudioTrack{number:03d}", "Audio")] if self.channel.audio else found


def recordings(recorder: Recorder) -> list[Recording]:
    """All recordings, as they are now; the whole seconds keep the catalogue still from one question to the next."""
    clock = recorder.clock
    shift = clock.epoch_s() - datetime.now(UTC).timestamp()
    begin = datetime.fromtimestamp(int(clock.started_s + shift), UTC) - KEPT
    latest = clock.utc().replace(microsecond=0)
    return [Recording(channel, begin, latest) for channel in recorder.layout if not channel.dead]


def find(recorder: Recorder, token: str) -> Recording | None:
    """A recording by its token."""
    return next((recording for recording in recordings(recorder) if recording.token == token), None)
