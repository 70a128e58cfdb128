"""What sessions need of the gateway and of the devices; app.py plugs the real ones in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from core.records import AudioFormat, Problem, StreamSource, VideoFormat


class Description(Protocol):
    """What a source is made of."""

    @property
    def video(self) -> VideoFormat | None: ...
    @property
    def audio(self) -> AudioFormat | None: ...


class Status(Protocol):
    """A feed at one moment."""

    @property
    def state(self) -> str:
        """connecting, waiting_key_frame, flowing, silent or failed."""
        ...

    @property
    def problem(self) -> Problem | None: ...
    @property
    def video(self) -> VideoFormat | None: ...
    @property
    def audio(self) -> AudioFormat | None: ...
    @property
    def bitrate_kbps(self) -> int | None: ...
    @property
    def fps(self) -> float | None: ...
    @property
    def key_frame_interval_s(self) -> float | None: ...


class Feed(Protocol):
    """One consumer's share of a device session, as an RTSP address on loopback."""

    @property
    def url(self) -> str: ...
    def wait_described(self, timeout_s: float) -> Description: ...
    def status(self) -> Status: ...
    def wall_time_of(self, media_s: float) -> datetime | None: ...
    def close(self) -> None: ...


OpenFeed = Callable[[StreamSource], Feed]
ResolveSource = Callable[[int, str], StreamSource]
RequestKeyFrame = Callable[[int, str], None]
KnownVideo = Callable[[int, str], VideoFormat | None]
"""Answers from memory; NotFound where there is no such camera or media profile."""
