"""The consumers of a shared live source: those that get media, and those that wait for a key frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from media.rtsp.client.rtp import VIDEO
from media.rtsp.live.gop_buffer import Media


class MediaConsumer(Protocol):
    """Takes media in the gateway's thread; must not block, and must not change them.

    Implemented by loopback.LoopbackReader (for ffmpeg), fragments.LiveFragments (for sockets) and units.UnitTap (for
    recordings).
    """

    def on_media(self, media: Sequence[Media]) -> None:
        """A batch. The first batch begins with a key frame."""
        ...

    def on_end(self) -> None:
        """No more media: the source failed or was closed, or its video changed its size.

        The source has detached the consumer already.
        """
        ...


class MediaConsumers:
    """In the gateway's thread only. A consumer may remove itself, or another one, while it takes media."""

    def __init__(self) -> None:
        self._flowing: list[MediaConsumer] = []
        self._beginners: list[MediaConsumer] = []  # of those that flow: began at the last key frame
        self._waiting: list[MediaConsumer] = []  # start with the held key frame or, without one, with the next
        self._waiting_for_next: list[MediaConsumer] = []

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting or self._waiting_for_next)

    def add(self, consumer: MediaConsumer, *, at_next_key_frame: bool) -> None:
        """Let a consumer wait for start_waiting()."""
        (self._waiting_for_next if at_next_key_frame else self._waiting).append(consumer)

    def remove(self, consumer: MediaConsumer) -> None:
        """Send nothing more to a consumer; without effect for one that was not added."""
        for consumers in (self._flowing, self._beginners, self._waiting, self._waiting_for_next):
            if consumer in consumers:
                consumers.remove(consumer)

    def send(self, batch: Sequence[Media]) -> None:
        """Send a batch to the consumers that flow; without leading frames to those that began at the last key frame."""
        if not batch:
            return
        if not self._beginners:
            for consumer in tuple(self._flowing):
                consumer.on_media(batch)
            return
        frames = [item for item in batch if item.track == VIDEO]
        shown = [item for item in batch if not item.is_leading]
        for consumer in tuple(self._flowing):
            media = shown if consumer in self._beginners else batch
            if media:
                consumer.on_media(media)
        if not all(frame.is_leading for frame in frames):
            self._beginners = []

    def start_waiting(self, held: Sequence[Media], *, has_new_key: bool) -> None:
        """Start the waiting consumers with the held media, which begin with a key frame.

        Consumers that wait for the next key frame start only if this one is new.
        """
        starting = self._waiting
        self._waiting = []
        if has_new_key:
            starting = [*starting, *self._waiting_for_next]
            self._waiting_for_next = []
        is_at_key_frame = not any(item.track == VIDEO for item in held[1:])
        for consumer in starting:
            self._flowing.append(consumer)
            if is_at_key_frame:
                self._beginners.append(consumer)
            consumer.on_media(tuple(held))

    def end_all(self) -> None:
        """Remove all consumers and tell each that no more media come."""
        ending = [*self._flowing, *self._waiting, *self._waiting_for_next]
        self._flowing, self._beginners, self._waiting, self._waiting_for_next = [], [], [], []
        for consumer in ending:
            consumer.on_end()
