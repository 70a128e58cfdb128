"""Key frames of one recording: over one replay connection, which gives its place to viewers.

Two methods: one PLAY for a run of times, with `Frames: intra/<ms>` and `Rate-Control: no`; or a PLAY for each time,
with `Rate-Control: yes`, so that the recorder sends little besides the key frame. The second is used for times that
are far apart, and for recorders that ignore Frames or send in real time. A recorder that needs a new session for each
PLAY gets at most twelve of them for an hour of its recording.

A recorder may send anything, and without end: each PLAY has a limit of bytes, and none is read faster than 20 MB/s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import ClassVar

from core.clock import Clock
from core.errors import CameraUnreachable
from core.recordings import RecorderTimes, ReplayAbilities
from media.rtsp.client.connection import ReadLimit
from media.rtsp.gateway import RtspGateway
from media.rtsp.replay.interface import ReplayRank
from onvif_manager import OnvifManager
from pictures.inbox import KeyFrame, KeyFrameInbox
from pictures.placing import GroupLength, Placing, is_answer
from recording_manager import RecordingManager

LONGEST_RUN_STEP_S = 200  # every sixteenth time of a grid of ten seconds: the first pictures of an hour
SHORTEST_RUN = 4
SEEKS_AN_HOUR = 12
_FIRST_RUN = 64
_LONGEST_RUN = 256
_SLOW_AFTER_S = 3.0
_SLOW_STEP_S = 0.4  # a PLAY for each time is faster than a recorder that needs longer for a key frame of a run
_SILENCE_S = 1.5  # after it, a run is over: many recorders do not tell the end of the requested range
_BYTES_PER_S = 20e6
_PLAY_S = 60.0  # of a PLAY for one time; the key frame comes first
_PLAY_BYTES = 8_000_000  # a key frame, and what a fast recorder sends until PAUSE
_RUN_BYTES = 64_000_000  # the first half of them may be key frames: a run of large ones is cut into shorter runs
_FRAMES_A_TIME = 4
_IN_TIME_S = 0.1  # how often a wait looks for reasons to stop

_PLAY_LIMIT = ReadLimit(_PLAY_BYTES, _BYTES_PER_S)

Placed = tuple[int, KeyFrame | None]
"""A time and its key frame; None if the recorder has none for it."""


class RecordingSource:
    """For one thread. Its connection opens with the first frames; after close() make another source.

    `rank`: of the connection; subclasses may have another. The methods that yield frames raise the DeviceError that
    ended the connection, also CameraBusy if it gave way.
    """

    rank: ClassVar[ReplayRank] = ReplayRank.STORYBOARD

    def __init__(
        self,
        gateway: RtspGateway,
        cameras: OnvifManager,
        recordings: RecordingManager,
        clock: Clock,
        camera_id: int,
        recording_token: str,
        *,
        timeout_s: float,
    ) -> None:
        self.recording_token = recording_token
        self._cameras = cameras
        self._clock = clock
        self._timeout_s = timeout_s
        self._source, correction_s = recordings.replay_source(camera_id, recording_token)
        self._times = RecorderTimes(correction_s, self._source.zone)
        self._noted = self._source.abilities
        self._connection = recordings.open_replay(gateway, self._source, self.rank)
        self._group = GroupLength()
        self._longest_run = _FIRST_RUN
        self._plays_runs = True
        self._inbox: KeyFrameInbox | None = None  # of the newest play()

    def correction_at(self, time_s: float) -> float:
        """Return the seconds to add to true time at this moment to get the device's time."""
        return self._times.correction_at(time_s)

    @property
    def seeks(self) -> bool:
        """False if each place of the recording needs a new session."""
        return self._abilities.seeks_in_session is not False

    @property
    def longest_run(self) -> int:
        """How many times one PLAY should be for: few as long as its frames drift away from the times."""
        return self._longest_run if self.seeks else _LONGEST_RUN

    def plays_runs(self, step_s: int) -> bool:
        """True if the recorder sends only the key frames of a grid on request, as far as is known."""
        has_method = self._abilities.method in ("", "onvif", "server")
        is_fit = has_method and self._abilities.honours_frames is not False and self._plays_runs
        return is_fit and step_s <= LONGEST_RUN_STEP_S

    def frames_of_run(
        self, times: Sequence[int], step_s: int, should_stop: Callable[[], bool], most_bytes: int = _RUN_BYTES
    ) -> Iterator[Placed]:
        """Yield the times of one run that have a key frame, in order; the others need another PLAY.

        The first time is among them, with None if the recorder has nothing for it. Ends early if should_stop(), or if
        the recorder does not play runs, as plays_runs() then says. Raises TooManyBytes.
        """
        most_bytes = max(_PLAY_BYTES, min(most_bytes, _RUN_BYTES))
        correction_s = self.correction_at(times[0])
        times = list(takewhile(lambda time_s: self.correction_at(time_s) == correction_s, times))
        inbox = self._new_inbox()
        self._connection.play(
            times[0] + correction_s,
            inbox,
            end_device_s=times[-1] + correction_s + step_s,
            key_frames_only=True,
            key_frames_ms=1000 * step_s,
            limit=ReadLimit(most_bytes, _BYTES_PER_S),
        )
        placing, last = Placing(times, step_s, self._group), None
        frame: KeyFrame | None = None
        waited_s, count, placed, frames_bytes = 0.0, 0, 0, 0
        most_frames = _FRAMES_A_TIME * len(times)
        while not (placing.is_done or should_stop() or self._is_unfit(inbox, count, waited_s, most_frames)):
            if frames_bytes > most_bytes / 2:
                break
            began_s = self._clock.monotonic_s()
            frame = self._next(inbox, should_stop, _SILENCE_S if count else None)
            waited_s += self._clock.monotonic_s() - began_s
            if frame is None:
                break
            count += 1
            frames_bytes += frame.data.size
            for time_s, is_this in placing.take(frame.device_s - correction_s):
                placed += 1
                yield time_s, frame if is_this or last is None else last
            if count == 1 and not placed:
                yield times[0], None
            last = frame
        is_over = inbox.is_over or (frame is None and not should_stop())
        if is_over and last is None:
            yield times[0], None
        for time_s in placing.finish() if is_over and last is not None else ():
            placed += 1
            yield time_s, last
        self._end_play(inbox)
        if is_over and not inbox.is_over and count == 1:
            self._plays_runs = False  # the next key frame comes in real time
        if placing.is_done or is_over:
            self._note_run(len(times), placed)

    def frames_one_by_one(self, times: Sequence[int], step_s: int, should_stop: Callable[[], bool]) -> Iterator[Placed]:
        """Yield each time with its key frame, by one PLAY for each. The recorder seeks while the caller decodes.

        `step_s`: of their grid, 0 for a single time. Ends early if should_stop(), or if a run turns out to be better.
        """
        inbox: KeyFrameInbox | None = None
        waiting: Placed | None = None
        for time_s in times:
            if should_stop() or (not self.seeks and step_s and self.plays_runs(step_s)):
                break
            if not self.seeks and time_s % (3600 // SEEKS_AN_HOUR) and not self.plays_runs(0):
                yield time_s, None
                continue
            inbox = self._new_inbox()
            at_s = time_s + self.correction_at(time_s)
            self._connection.play(at_s, inbox, end_device_s=at_s + _PLAY_S, fast=False, limit=_PLAY_LIMIT)
            if waiting is not None:
                yield waiting
                waiting = None
            frame = self._next(inbox, should_stop)
            if frame is None and not inbox.is_over:
                break
            waiting = time_s, frame if frame is not None and self._is_answer(time_s, frame) else None
        if inbox is not None:
            self._end_play(inbox)
        if waiting is not None:
            yield waiting

    def set_rank(self, rank: ReplayRank) -> None:
        """Change the importance of the next pictures."""
        self._connection.set_rank(rank)

    def received_bytes(self) -> int:
        """Return the number of bytes that the recorder has sent."""
        return self._connection.received_bytes()

    def close(self) -> None:
        """Give the recorder its session back."""
        self.note_abilities()
        self._connection.close(1.0)

    def give_back(self) -> None:
        """Give the recorder its session back without waiting, from any thread. close() is still needed."""
        self._connection.close()

    def note_abilities(self) -> None:
        """Store the abilities that the recorder has shown since the last call."""
        seen = self._abilities
        if seen != self._noted:
            self._noted = seen
            self._cameras.note_replay_abilities(self._source, seen)

    # ---- inside ----------------------------------------------------------------------------------

    @property
    def _abilities(self) -> ReplayAbilities:
        return self._connection.abilities()

    def _new_inbox(self) -> KeyFrameInbox:
        if self._inbox is not None:
            self._inbox.retire()
        self._inbox = KeyFrameInbox(self._connection)
        return self._inbox

    def _next(
        self, inbox: KeyFrameInbox, should_stop: Callable[[], bool], patience_s: float | None = None
    ) -> KeyFrame | None:
        """Return the next key frame; None after the end, after `patience_s`, or if should_stop().

        Raises CameraUnreachable after a long time, unless `patience_s` is given.
        """
        ends_s = self._clock.monotonic_s() + (3 * self._timeout_s if patience_s is None else patience_s)
        while (frame := inbox.take(_IN_TIME_S)) is None:
            if inbox.is_over:
                return inbox.take(0.0)
            if should_stop():
                return None
            if self._clock.monotonic_s() > ends_s and patience_s is not None:
                return None
            if self._clock.monotonic_s() > ends_s:  # the gateway notices a silent recorder earlier
                raise CameraUnreachable("The recorder sends no pictures.")
        return frame

    def _is_answer(self, time_s: int, frame: KeyFrame) -> bool:
        if not frame.is_confirmed:
            return True
        frame_s = frame.device_s - self.correction_at(time_s)
        if not is_answer(time_s, frame_s, self._group):
            return False
        self._group.note(time_s - frame_s)
        return True

    def _is_unfit(self, inbox: KeyFrameInbox, count: int, waited_s: float, most_frames: int) -> bool:
        """True if a run shows that a PLAY for each time is better: the recorder sends other frames, or in real time.

        `waited_s`: for its key frames, without the time that the caller took for them.
        """
        is_slow = waited_s > max(_SLOW_AFTER_S, count * _SLOW_STEP_S)
        if count and (inbox.other_frames or is_slow or count > most_frames):
            self._plays_runs = False
        return not self._plays_runs

    def _end_play(self, inbox: KeyFrameInbox) -> None:
        """Let the recorder send nothing more. The next play() goes on from there."""
        inbox.retire()
        if not inbox.is_over:
            self._connection.pause()
        self.note_abilities()

    def _note_run(self, wanted: int, placed: int) -> None:
        if placed == wanted:
            self._longest_run = min(2 * self._longest_run, _LONGEST_RUN)
        else:
            self._longest_run = max(SHORTEST_RUN, min(self._longest_run, placed))
