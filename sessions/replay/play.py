"""Plays one recording in one run: makes segments and parts of the recorder's frames, until the recording ends.

The recorder never gets more than HLS_AHEAD_S ahead of HLS players, or beyond the position that viewers on sockets have
requested. A recording that is still being written has no end yet: another play() from the last frame on asks for
more every ASK_AGAIN_S, and joins without a discontinuity.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.errors import CameraBadAnswer, CameraUnsupported, DeviceError
from core.records import AudioFormat
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.codecs.video import H264
from media.fmp4.segments import LONGEST_STEP_S, Part, Segment, SegmentBuilder
from media.fmp4.tracks import TrackError
from media.rtsp.replay.interface import ReplayConnection
from media.rtsp.replay.track_timeline import TrackTimeline
from sessions.context import SessionContext
from sessions.errors import NothingRecorded, Stalled
from sessions.folders import require_free_disk
from sessions.replay.broadcast import ReplayBroadcaster, ReplayInit, ReplayPart, SegmentsOnly
from sessions.replay.buffer import BufferItem, Description, Ended, ReplayBuffer
from sessions.replay.channel_recordings import ChannelRecordings, Continuation
from sessions.replay.encoder import SegmentEncoder
from sessions.replay.key_frames import LONGEST_SPACING_S, KeyFrameFilter
from sessions.replay.resources import ReplayResources
from sessions.replay.run import ReplayRun
from sessions.replay.small_frames import SmallFrames, check_small_recording
from sessions.replay.status import ReplayStatus

HLS_AHEAD_S = 60.0
ASK_AGAIN_S = 2.0
ASK_AGAIN_BY_OPENING_S = 10.0

_AHEAD_MARGIN_S = 3.0  # frames still arrive after PAUSE
_TICK_S = 0.25
_VIEWER_TICK_S = 0.05
_QUEUE_BYTES = 16_000_000
_DISK_EVERY_S = 1.0
_COPIED = ("h264", "hevc")
_PLAYED_AUDIO = ("aac", "opus")
_AUDIO_AS_FLAC = ("pcm_alaw", "pcm_mulaw", "pcm_s16be")
_NO_AUDIO = "it does not come with key frames alone"
_NO_SMALL_AUDIO = "it does not come with small video"
_NOT_DESCRIBED = "The recording's pictures are not described in a way that can be played."


@dataclass(frozen=True, slots=True)
class PlayContext:
    """Shared by all plays of one session. Setting `wake` ends a wait of the session's thread."""

    context: SessionContext
    stream_id: str
    accepts_hevc: bool
    status: ReplayStatus
    resources: ReplayResources
    broadcaster: ReplayBroadcaster
    recordings: ChannelRecordings
    wake: threading.Event


class ReplayPlay:
    """Call start() once, step() until it returns None, and close(); only the session's thread does.

    `ahead_s`: by which the clock of this recording is ahead of the run's device time, because the run began with a
    recording of the other origin, or while the recorder's local time had another difference to UTC. start() and step()
    raise the AppError that ends the play.
    """

    def __init__(
        self, play_context: PlayContext, connection: ReplayConnection, run: ReplayRun, *, ahead_s: float = 0.0
    ) -> None:
        self._context = play_context.context
        self._play_context = play_context
        self._status = play_context.status
        self._resources = play_context.resources
        self._broadcaster = play_context.broadcaster
        self._connection = connection
        self._run = run
        self._ahead_s = ahead_s
        self._buffer: ReplayBuffer | None = None
        self._items: deque[BufferItem] = deque()
        self._received_s = 0.0  # our monotonic clock
        self._described: Description | None = None
        self._builder: SegmentBuilder | None = None
        self._offset_s = 0.0  # the builder's time 0 on the run's time line
        self._timelines: dict[int, TrackTimeline] = {VIDEO: TrackTimeline(), AUDIO: TrackTimeline()}
        self._key_frames = KeyFrameFilter() if run.key_frames_only else None
        self._small: SmallFrames | None = None
        self._small_sets: tuple[bytes, ...] = ()
        self._has_encoded = False  # small frames, since the last look
        self._is_encoded_later = False
        self._has_times = True
        self._ask_again_s: float | None = None  # when to ask a growing recording for more
        self._continuation: Continuation | None = None
        self._first_segment_s: float | None = None
        self._last_segment_s = 0.0
        self._disk_checked_s = -_DISK_EVERY_S

    @property
    def healthy_s(self) -> float:
        """Seconds from the first to the last segment of this play."""
        return 0.0 if self._first_segment_s is None else self._last_segment_s - self._first_segment_s

    @property
    def continuation(self) -> Continuation | None:
        """The decision about what follows; None until the recording has ended."""
        return self._continuation

    def start(self) -> None:
        """Request the play(): the gateway sends PLAY later. Raises StorageFull."""
        self._check_disk()
        self._buffer = self._play(self._run.resume_device_s)
        self._received_s = self._now_s()

    def step(self) -> float | None:
        """Handle new units. Return the seconds to wait until the next step; None if the recording has ended."""
        assert self._buffer is not None  # noqa: S101 - start() came before
        if not self._items:
            self._items.extend(self._buffer.take())
        while self._items:
            if self._broadcaster.is_full():
                return _VIEWER_TICK_S
            self._received_s = self._now_s()
            self._handle(self._items.popleft())
            if self._continuation is not None:
                return None
            if self._has_encoded:
                self._has_encoded = False
                return 0.0  # a seek may have come meanwhile
        if self._ask_again_s is not None and self._now_s() >= self._ask_again_s:
            self._buffer.retire()
            self._buffer = self._play_again()
        self._buffer.allow(self._allowed_s())
        self._check_disk()
        if self._buffer.is_paused or self._ask_again_s is not None:
            self._received_s = self._now_s()  # silence is expected
        self._check_silence()
        return _TICK_S

    def close(self) -> None:
        """Take nothing more from the recorder."""
        if self._buffer is not None:
            self._buffer.retire()
        if self._small is not None:
            self._small.close()
            if not self._resources.is_encoding:
                self._context.slots.give_back(self._play_context.stream_id, self._resources)
        self._status.break_off(self._run)

    # ---- play() of the connection ----------------------------------------------------------------

    def _play(self, start_device_s: float) -> ReplayBuffer:
        buffer = ReplayBuffer(
            self._connection,
            begins_s=self._run.playlist.length_s,
            allowed_s=self._allowed_s(),
            queue_bytes=min(_QUEUE_BYTES, self._context.settings.replay_session_bytes // 8),
            wake=self._play_context.wake,
        )
        end_s = self._run.stop_device_s
        self._connection.play(
            start_device_s + self._ahead_s, buffer, end_device_s=None if end_s is None else end_s + self._ahead_s
        )
        return buffer

    def _play_again(self) -> ReplayBuffer:
        """Ask for what follows the last frame. The recorder begins with the key frame before it."""
        self._ask_again_s = None
        for timeline in self._timelines.values():
            timeline.begin()
        return self._play(self._reached_device_s)

    @property
    def _reached_device_s(self) -> float:
        """The device's time of the last frame; before the first one, the requested time."""
        reached_s = self._timelines[VIDEO].device_s
        return self._run.resume_device_s if reached_s is None else reached_s

    def _allowed_s(self) -> float:
        """Return up to which playing time the recorder may send.

        With viewers on sockets only: as far as they have requested. With an HLS viewer also HLS_AHEAD_S beyond the
        fetched segments, but 0 while unwatched segments fill half of the allowed size.
        """
        requested_s = self._broadcaster.requested_s(self._run.number)
        if not self._status.has_hls_viewer(self._run):
            return requested_s
        fetched_end_s, unwatched_bytes = self._status.fetched(self._run)
        if 2 * unwatched_bytes > self._context.settings.replay_session_bytes:
            return 0.0
        return max(fetched_end_s + HLS_AHEAD_S - _AHEAD_MARGIN_S, requested_s)

    def _check_disk(self) -> None:
        """Raise StorageFull if too little disk is free; looks once a second."""
        now_s = self._now_s()
        if now_s - self._disk_checked_s >= _DISK_EVERY_S:
            self._disk_checked_s = now_s
            require_free_disk(self._resources.folder.parent, self._context.settings.min_free_bytes)

    def _check_silence(self) -> None:
        """Raise Stalled. The gateway notices a silent recorder earlier; this is for faults that it does not see."""
        silent_s = self._now_s() - self._received_s
        if silent_s > 2 * self._context.settings.rtsp_timeout_s:
            raise Stalled(f"The recorder has sent nothing for {silent_s:.0f} s.")

    # ---- items of the buffer ---------------------------------------------------------------------

    def _handle(self, item: BufferItem) -> None:
        if isinstance(item, CameraUnsupported) and item.service == "media":
            raise CameraUnsupported(item.detail, service="replay")  # in a replay, that is the service that is missing
        if isinstance(item, DeviceError):
            raise item
        if isinstance(item, Description):
            self._describe(item)
        elif isinstance(item, Ended):
            self._finish()
        else:
            self._take(item)

    def _describe(self, described: Description) -> None:
        """Begin segments of this format. A recorder that goes on after a pause repeats the same description."""
        if self._key_frames is not None or self._run.is_small:
            why = _NO_SMALL_AUDIO if self._run.is_small else _NO_AUDIO
            described = replace(described, audio=None, audio_config=b"", audio_left_out=why if described.audio else "")
        if described == self._described:
            return
        self._described = described
        codec = described.video.codec
        if codec not in _COPIED:
            raise CameraUnsupported("This recording's video cannot be shown: neither H.264 nor H.265.", service="video")
        if self._run.is_small:
            self._begin_small(described)
            return
        needs_encoder = codec == "hevc" and not self._play_context.accepts_hevc
        if needs_encoder and not self._resources.is_encoding:
            self._context.slots.take(self._play_context.stream_id, self._resources)
            self._resources.encode_with(
                SegmentEncoder(self._context.spawner, self._context.settings.ffmpeg, self._resources.folder)
            )
        self._begin_segments(described, codec, is_encoded_later=needs_encoder)

    def _begin_segments(self, described: Description, source_codec: str, *, is_encoded_later: bool) -> SegmentBuilder:
        if self._builder is not None:
            self._write(self._builder.flush())
        self._is_encoded_later = is_encoded_later
        self._offset_s = self._run.playlist.length_s
        builder = self._builder_for(described)
        self._builder = builder
        video = replace(described.video, codec="h264") if is_encoded_later else described.video
        audio = _playable_audio(described.audio)
        self._status.describe(video, audio, source_codec, described.audio_left_out)
        number = self._run.number
        self._broadcaster.send(
            SegmentsOnly(number)
            if is_encoded_later
            else ReplayInit(number, builder.codecs, video, audio, self._offset_s, builder.init)
        )
        return builder

    def _begin_small(self, described: Description) -> None:
        """Make small video of the frames of this format. The first small frame tells its own format.

        Raises CameraUnsupported, FfmpegMissing, or LimitReached if no more streams may be transcoded.
        """
        check_small_recording(described.video)
        before = self._small
        if before is not None:
            self._take_small(before.flush())
        try:
            small = SmallFrames(
                self._context.spawner,
                self._context.find_ffmpeg(),
                self._resources.folder,
                described,
                begins_s=before.ends_s if before is not None else 0.0,
            )
        except TrackError as error:
            raise CameraBadAnswer(_NOT_DESCRIBED) from error
        self._context.slots.take(self._play_context.stream_id, self._resources)
        self._small = small
        self._resources.make_small_with(small)

    def _builder_for(self, described: Description) -> SegmentBuilder:
        """The first segment has only one GOP: a recorder that keeps to real time lets a player wait for it."""
        try:
            return SegmentBuilder(
                described.video,
                described.audio,
                described.parameter_sets,
                described.audio_config,
                first_target_s=0.0,
                on_part=self._send_part,
                longest_step_s=LONGEST_SPACING_S if self._key_frames else LONGEST_STEP_S,
            )
        except TrackError as error:
            raise CameraBadAnswer(_NOT_DESCRIBED) from error

    def _send_part(self, part: Part) -> None:
        """Send a part to viewers on sockets, which do not wait for whole segments."""
        if self._is_encoded_later:
            return
        run, start_s = self._run, self._offset_s + part.start_s
        device_s = part.start_device_s
        recorded_utc = run.true_utc(run.device_s_at(start_s) if device_s is None else device_s)
        self._broadcaster.send(ReplayPart(run.number, part.data, start_s, recorded_utc, part.is_key))

    def _take(self, unit: AccessUnit) -> None:
        if (self._builder is None and self._small is None) or (placed := self._place(unit)) is None:
            return
        if unit.track == VIDEO:
            self._has_times = unit.device_s is not None and unit.is_time_confirmed
        if self._small is not None:
            self._status.note_unit(self._run, placed)
            self._take_small(self._small.push(placed))
            return
        kept = placed if self._key_frames is None else self._key_frames.kept(placed)
        if kept is not None and self._builder is not None:
            self._status.note_unit(self._run, kept)
            self._write(self._builder.push(kept))

    def _take_small(self, units: Sequence[AccessUnit]) -> None:
        for unit in units:
            builder = self._builder
            if builder is None or (unit.is_key and unit.parameter_sets != self._small_sets):
                self._small_sets = unit.parameter_sets
                video = H264.video_format(H264.named_sets(unit.parameter_sets))
                source = self._described
                assert source is not None  # noqa: S101 - _begin_small() came before
                described = Description(video, None, unit.parameter_sets, b"", source.audio_left_out)
                builder = self._begin_segments(described, source.video.codec, is_encoded_later=False)
            self._write(builder.push(unit))
            self._has_encoded = True

    def _place(self, unit: AccessUnit) -> AccessUnit | None:
        """Return None for a unit that an earlier play() of this run has delivered, and for audio without times with it.

        The gateway has timelines, too. They join the PLAYs of one play() after pauses and lost sessions; these join
        the play() calls for a growing recording.
        """
        if unit.device_s is None and self._timelines[VIDEO].is_skipping:
            return None
        if self._ahead_s and unit.device_s is not None:
            unit = replace(unit, device_s=unit.device_s - self._ahead_s)
        return self._timelines[unit.track].place(unit)

    def _finish(self) -> None:
        """The recorder has no more of this recording.

        A recording without confirmed times is not asked again: its new frames look like those that were sent.
        """
        reached_utc = self._run.true_utc(self._reached_device_s)
        continuation = self._play_context.recordings.continue_after(self._run, reached_utc)
        if continuation is Continuation.LATER and self._has_times:
            opens_session = self._connection.abilities().seeks_in_session is False  # then each PLAY needs a new session
            self._ask_again_s = self._now_s() + (ASK_AGAIN_BY_OPENING_S if opens_session else ASK_AGAIN_S)
            self._status.set_caught_up(self._run)
            return
        if self._small is not None:
            self._take_small(self._small.flush())
        if self._builder is not None:
            self._write(self._builder.flush())
        if continuation is not Continuation.OTHER_PLACE and not self._run.playlist.segments:
            raise NothingRecorded("Nothing is recorded at this time or after it.")
        self._continuation = Continuation.NOTHING if continuation is Continuation.LATER else continuation

    def _write(self, made: Sequence[Segment]) -> None:
        for segment in made:
            self._status.add(
                self._run, self._resources.write(self._run, segment, is_encoded_later=self._is_encoded_later)
            )
            self._last_segment_s = self._now_s()
            if self._first_segment_s is None:
                self._first_segment_s = self._last_segment_s
        if made:
            self._resources.remove(self._status.drop_beyond(self._context.settings.replay_session_bytes))

    def _now_s(self) -> float:
        return self._context.clock.monotonic_s()


def _playable_audio(audio: AudioFormat | None) -> AudioFormat | None:
    """Return the format that players get: G.711 and PCM as FLAC, without loss, because MediaSource plays neither."""
    if audio is None or audio.codec in _PLAYED_AUDIO:
        return audio
    return replace(audio, codec="flac") if audio.codec in _AUDIO_AS_FLAC else None
