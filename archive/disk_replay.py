"""Plays recordings of the archive: a ReplayConnection over files instead of a session with a recorder.

A thread of each connection reads the files, so that a slow disk holds up neither the gateway nor a viewer of another
recording. It reads one fragment after the other and waits while the consumer has paused it, so little is in memory.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from archive.stream_reader import StoredFragment, StreamReader
from core.clock import Clock
from core.errors import AppError, ArchiveUnreadable, DeviceError
from core.recordings import SERVER_ABILITIES, ReplayAbilities
from media.archive.file_reader import ArchiveFileError
from media.codecs.access_unit import VIDEO, AccessUnit
from media.rtsp.client.connection import ReadLimit
from media.rtsp.replay.interface import END_OF_RECORDING, NO_DATA, ReplayConnection, ReplayConsumer, ReplayRank
from media.units import UnitDescription

log = logging.getLogger(__name__)

_BEHIND_MS = 60_000
_FAILED = "The disk with this recording cannot be read."


@dataclass(eq=False, slots=True)
class _Playback:
    """The arguments of one play()."""

    start_s: float
    consumer: ReplayConsumer
    end_s: float | None
    fast: bool
    key_frames_only: bool
    key_frames_ms: int


class DiskReplayConnection(ReplayConnection):
    """ReplayConnection documents the methods. The device time of these recordings is true UTC.

    The consumer's methods are called in the connection's own thread. `limit` and `scale` of play() count for devices
    only.
    """

    def __init__(self, reader: StreamReader, clock: Clock) -> None:
        self._stream = reader.stream
        self._clock = clock
        self._reader = reader  # the thread's own
        self._changed = threading.Condition()
        self._requested: _Playback | None = None
        self._is_paused = False
        self._is_closed = False
        self._thread: threading.Thread | None = None

    # ---- any thread ------------------------------------------------------------------------------

    def play(
        self,
        start_device_s: float,
        consumer: ReplayConsumer,
        *,
        end_device_s: float | None = None,
        fast: bool = True,
        key_frames_only: bool = False,
        scale: float = 1.0,  # noqa: ARG002 - for devices
        key_frames_ms: int | None = None,
        limit: ReadLimit | None = None,  # noqa: ARG002 - a file cannot send more than was asked for
    ) -> None:
        playback = _Playback(start_device_s, consumer, end_device_s, fast, key_frames_only, key_frames_ms or 0)
        with self._changed:
            if self._is_closed:
                return
            self._requested, self._is_paused = playback, False
            if self._thread is None:
                name = f"disk-replay-{self._stream.camera_id}-{self._stream.channel}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def pause(self) -> None:
        with self._changed:
            self._is_paused = True

    def resume(self) -> None:
        with self._changed:
            self._is_paused = False
            self._changed.notify_all()

    def abilities(self) -> ReplayAbilities:
        return SERVER_ABILITIES

    def received_bytes(self) -> int:
        """Return 0: a recorder sends nothing for this connection."""
        return 0

    def set_rank(self, rank: ReplayRank) -> None:
        """Do nothing: files can be read as often as needed."""

    def close(self, wait_s: float = 0.0) -> None:
        """End the thread. It may outlast `wait_s` while a disk does not answer."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and wait_s > 0.0 and thread is not threading.current_thread():
            thread.join(wait_s)

    # ---- the connection's thread -----------------------------------------------------------------

    def _run(self) -> None:
        done: _Playback | None = None
        try:
            while (playback := self._next_after(done)) is not None:
                self._play(playback)
                done = playback
        finally:
            self._reader.close()

    def _next_after(self, done: _Playback | None) -> _Playback | None:
        """Wait for another play(). Return None after close()."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._requested is not done)
            return None if self._is_closed else self._requested

    def _play(self, playback: _Playback) -> None:
        consumer = playback.consumer
        try:
            has_units = self._deliver_all(playback)
            if has_units is False:
                start_ms = round(playback.start_s * 1000)
                end_ms = start_ms + 1 if playback.end_s is None else round(playback.end_s * 1000)
                self._reader.refuse_missing(start_ms, end_ms)
            if has_units is not None:
                consumer.on_end(END_OF_RECORDING if has_units else NO_DATA)
            return
        except DeviceError as error:
            failure: DeviceError = error
        except AppError as error:  # the index
            failure = ArchiveUnreadable(error.detail)
        except OSError as error:
            log.warning("an archive file of camera %d cannot be read: %s", self._stream.camera_id, error.strerror)
            failure = ArchiveUnreadable(_FAILED)
        except Exception:
            log.exception("a recording of camera %d cannot be played by a fault of ours", self._stream.camera_id)
            failure = ArchiveUnreadable("Something went wrong here. It is in the app's log.")
        self._reader.close()
        if self._is_wanted(playback):
            consumer.on_failed(failure)

    def _deliver_all(self, playback: _Playback) -> bool | None:
        """Return True if the consumer got units, False if nothing is recorded; None if another request came."""
        described: UnitDescription | None = None
        has_units = False
        began_s, first_s = self._clock.monotonic_s(), None
        for description, units in self._batches(playback):
            units, is_last = _before_end(units, playback.end_s)
            if units and not playback.fast:
                first_s = units[0].device_s if first_s is None else first_s
                due_s = began_s + (units[0].device_s or 0.0) - (first_s or 0.0)
                self._wait_until(due_s, playback)
            if not self._wait_while_paused(playback):
                return None
            if units:
                if description != described:
                    described = description
                    _describe(playback.consumer, description)
                playback.consumer.on_units(units)
                has_units = True
            if is_last:
                break
        return has_units if self._is_wanted(playback) else None

    def _batches(self, playback: _Playback) -> Iterator[tuple[UnitDescription, Sequence[AccessUnit]]]:
        """Yield units with their description: a fragment each, or a key frame."""
        if playback.key_frames_only:
            yield from self._key_frames(playback)
            return
        needs_key = False
        for stored in self._reader.fragments_from(round(playback.start_s * 1000)):
            if needs_key and not stored.fragment.is_key:
                continue
            try:
                units = stored.units()
            except ArchiveFileError as error:
                log.warning("a fragment of an archive file is left out: %s", error)
                needs_key = True
                continue
            except FileNotFoundError:
                self._reader.leave_deleted()
                continue
            if stored.is_after_gap or needs_key:
                units = _marked(units)
            needs_key = False
            if playback.fast:
                yield stored.description, units
            else:
                yield stored.description, units[:1]  # pictures play slowly, and need no other frame
                yield stored.description, units[1:]

    def _key_frames(self, playback: _Playback) -> Iterator[tuple[UnitDescription, Sequence[AccessUnit]]]:
        """Yield key frames: all, or the last one at or before each time of a grid of `key_frames_ms`."""
        step_ms, start_ms = playback.key_frames_ms, round(playback.start_s * 1000)
        last_ms: int | None = None
        for stored in self._grid(start_ms, step_ms) if step_ms else self._all_keys(start_ms):
            begins_ms = stored.fragment.start_utc_ms
            if last_ms is not None and begins_ms <= last_ms:
                continue
            try:
                frame = stored.key_frame()
            except FileNotFoundError:
                self._reader.leave_deleted()
                continue
            except ArchiveFileError as error:
                log.warning("a key frame of an archive file is left out: %s", error)
            else:
                yield stored.description, (frame,)
            last_ms = begins_ms

    def _all_keys(self, start_ms: int) -> Iterator[StoredFragment]:
        found = self._reader.fragments_from(start_ms, crosses_gaps=True)
        return (stored for stored in found if stored.fragment.is_key)

    def _grid(self, start_ms: int, step_ms: int) -> Iterator[StoredFragment]:
        time_ms, is_again = start_ms, False
        while (stored := self._reader.key_fragment_at(time_ms)) is not None:
            yield stored
            is_again = self._reader.has_left and not is_again
            if is_again:
                continue
            if stored.fragment.end_utc_ms < time_ms - _BEHIND_MS:
                return  # the newest key frame of a file that is being written
            # Nothing is recorded between the time and a later key frame.
            time_ms += step_ms * max(1, (stored.fragment.start_utc_ms - time_ms) // step_ms)

    # ---- waiting ---------------------------------------------------------------------------------

    def _is_wanted(self, playback: _Playback) -> bool:
        return not self._is_closed and self._requested is playback

    def _wait_while_paused(self, playback: _Playback) -> bool:
        """Return False if this playback is not wanted any more."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_paused or not self._is_wanted(playback))
            return self._is_wanted(playback)

    def _wait_until(self, due_s: float, playback: _Playback) -> None:
        with self._changed:
            while self._is_wanted(playback) and (left_s := due_s - self._clock.monotonic_s()) > 0:
                self._changed.wait(left_s)


def _describe(consumer: ReplayConsumer, description: UnitDescription) -> None:
    it = description
    consumer.on_description(it.video, it.audio, it.parameter_sets, it.audio_config, it.audio_left_out)


def _marked(units: tuple[AccessUnit, ...]) -> tuple[AccessUnit, ...]:
    """Return the units with the mark of a gap before the first frame."""
    first = next((n for n, unit in enumerate(units) if unit.track == VIDEO), None)
    if first is None:
        return units
    return (*units[:first], replace(units[first], is_discontinuous=True), *units[first + 1 :])


def _before_end(units: Sequence[AccessUnit], end_s: float | None) -> tuple[Sequence[AccessUnit], bool]:
    """Return the units before the first frame at or after the end, and True if there is such a frame."""
    if end_s is None:
        return units, False
    for number, unit in enumerate(units):
        if unit.track == VIDEO and (unit.device_s or 0.0) >= end_s:
            return units[:number], True
    return units, False
