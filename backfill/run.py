"""One run of one job: fetches its missing pieces one after the other, until it is done or ends early."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from archive.stream_writer import StreamWriter
from archive_manager import ArchiveManager
from backfill.budget import BackfillBudget
from backfill.fetching import Fetched, PieceFetcher
from backfill.planning import SHORTEST_S, lacking_in, without
from backfill.records import Backfill, BackfillPiece, Stretch
from backfill.store import BackfillStore
from backfill.targets import FoundTargets, Target, Targets
from core.archive import GapReason, Origin, StreamKey
from core.clock import Clock
from core.errors import Unavailable
from core.reading_pace import ReadingPace
from core.recordings import RecorderTimes
from core.settings import Settings
from media.rtsp.gateway import RtspGateway
from media.rtsp.replay.interface import ReplayConnection, ReplayRank
from recording_manager import RecordingManager

log = logging.getLogger(__name__)

_RELEASE_WAIT_S = 1.0
_COUNT_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class BackfillContext:
    """The parts of the app that a run works with."""

    settings: Settings
    clock: Clock
    gateway: RtspGateway
    archive: ArchiveManager
    recordings: RecordingManager
    store: BackfillStore
    targets: Targets
    budget: BackfillBudget


class BackfillRun:
    """One thread calls fetch(). `check` is called all the time and raises to end the run."""

    def __init__(self, context: BackfillContext, job: Backfill, check: Callable[[], None]) -> None:
        self._context = context
        self.job = job
        self._check = check
        self._pieces = list(job.pieces)
        self._pace = ReadingPace(context.clock, context.settings.backfill_max_mbps)
        self._open: _OpenRecording | None = None
        self._counted_bytes = 0  # of the open recording
        self._count_at_s = float("-inf")

    def fetch(self) -> None:
        """Fetch the missing pieces. Raise a DeviceError, another AppError, or what `check` raises."""
        job = self.job
        found = self._context.targets.find(job.camera_id, job.channel, Stretch(job.start, job.end), resumes=False)
        self._require_list(found)
        try:
            for index, piece in enumerate(self._pieces):
                if piece.is_done:
                    continue
                self._count_at_s = float("-inf")
                self._check_all()
                self._fetch_piece(index, found.targets)
        finally:
            self._close()

    def _require_list(self, found: FoundTargets) -> None:
        """Raise Unavailable if a piece may be on the recorder, which has not listed all of the range yet."""
        left = [piece.stretch for piece in self._pieces if not piece.is_done]
        if not found.is_complete and without(left, found.stretches):
            raise Unavailable("The recorder has not listed its recordings of this time yet.", code="backfill_unlisted")

    def _follows(self, index: int) -> bool:
        """True if the next piece begins where this one ends."""
        following = self._pieces[index + 1] if index + 1 < len(self._pieces) else None
        return following is not None and following.stretch.start == self._pieces[index].stretch.end

    def _fetch_piece(self, index: int, targets: Sequence[Target]) -> None:
        """Fetch a piece, then a second time the groups of pictures in it that lost frames."""
        piece, is_followed = self._pieces[index], self._follows(index)
        found, lacking = Fetched(), list[Stretch]()
        wanted = piece.stretch
        own = [target for target in targets if target.stretch.start < wanted.end and target.stretch.end > wanted.start]
        for target in own:
            part = Stretch(max(wanted.start, target.stretch.start), min(wanted.end, target.stretch.end))
            # The archive already has the frames of an earlier run, even of one that was killed.
            for missing in without([part], [*self._context.targets.archived(target.stream, wanted), *piece.lossy]):
                if missing.length_s < SHORTEST_S:
                    continue
                goes_on = is_followed and missing.end == wanted.end
                fetched = self._fetcher(target).fetch(missing, goes_on=goes_on)
                found += fetched
                lacking += lacking_in(missing, [*fetched.stretches, *fetched.lossy])
        lossy = [*piece.lossy, *found.lossy]
        self._note(index, replace(piece, lossy=tuple(lossy), frames_lost=piece.frames_lost + found.frames_lost))
        found = replace(found, frames_lost=piece.frames_lost + found.frames_lost) + self._fetch_again(lossy, own)
        covered = [target.stretch for target in own]
        lacking += lacking_in(wanted, [*covered, *lacking, *self._archived_before(wanted, own)])
        self._note(
            index,
            replace(
                piece,
                is_done=True,
                size_bytes=piece.size_bytes + found.size_bytes,
                lacking=tuple(lacking),
                lossy=(),
                frames_lost=found.frames_lost,
            ),
        )

    def _fetch_again(self, lossy: Sequence[Stretch], targets: Sequence[Target]) -> Fetched:
        """Fetch stretches that lost frames at the first try, and take them as they come now.

        A writer of its own tells when they are on the disk: the time of the other one is beyond them.
        """
        found = Fetched()
        if lossy:
            self._close()
        for stretch in sorted(lossy, key=lambda it: it.start):
            middle = stretch.start + (stretch.end - stretch.start) / 2
            target = next((it for it in targets if it.stretch.start <= middle < it.stretch.end), None)
            if target is not None:
                archived = self._context.targets.archived(target.stream, stretch)
                for missing in without([stretch], archived):
                    found += self._fetcher(target).fetch(missing, goes_on=False, repeats=False)
        if lossy:
            self._close()
        return found

    def _note(self, index: int, piece: BackfillPiece) -> None:
        if piece != self._pieces[index]:
            self._pieces[index] = piece
            self._context.store.note_pieces(self.job.id, self._pieces)

    def _archived_before(self, wanted: Stretch, own: Sequence[Target]) -> list[Stretch]:
        """Return the part of a piece that is in the archive: after an interruption the targets begin behind it."""
        streams = {target.stream for target in own} or set(self._streams())
        return [part for stream in streams for part in self._context.targets.archived(stream, wanted)]

    def _streams(self) -> list[StreamKey]:
        return list(self._context.archive.index.streams(self.job.camera_id, self.job.channel))

    def _fetcher(self, target: Target) -> PieceFetcher:
        if self._open is not None and self._open.target == (target.recording_token, target.stream):
            return self._open.fetcher
        self._close()
        context = self._context
        source, correction_s = context.recordings.replay_source(self.job.camera_id, target.recording_token)
        writer = context.archive.writer.open_stream(
            target.stream, origin=Origin.DEVICE, clock_correction_s=correction_s
        )
        connection = context.recordings.open_replay(context.gateway, source, ReplayRank.BACKFILL)
        fetcher = PieceFetcher(
            connection,
            writer,
            context.clock,
            self._pace,
            times=RecorderTimes(correction_s, source.zone),
            silence_s=3 * context.settings.rtsp_timeout_s,
            check=self._check_all,
        )
        self._open = _OpenRecording((target.recording_token, target.stream), connection, writer, fetcher)
        return fetcher

    def _close(self) -> None:
        """Give the place at the recorder back."""
        opened, self._open = self._open, None
        if opened is not None:
            opened.connection.close(_RELEASE_WAIT_S)
            opened.writer.finish(GapReason.UNKNOWN)
            self._count(opened.fetcher)
            self._counted_bytes = 0

    def _check_all(self) -> None:
        """Raise what `check` raises, or OverBudget: a piece that is over the budget ends in its middle."""
        self._check()
        now_s = self._context.clock.monotonic_s()
        if now_s < self._count_at_s:
            return
        self._count_at_s = now_s + _COUNT_EVERY_S
        if self._open is not None:
            self._count(self._open.fetcher)
        if self.job.is_automatic:
            self._context.budget.require()

    def _count(self, fetcher: PieceFetcher) -> None:
        """Count the bytes that were read since the last count, for the budget of the day."""
        read_bytes = fetcher.read_bytes
        self._context.budget.note(read_bytes - self._counted_bytes)
        self._counted_bytes = read_bytes


@dataclass(frozen=True, slots=True)
class _OpenRecording:
    target: tuple[str, StreamKey]
    connection: ReplayConnection
    writer: StreamWriter
    fetcher: PieceFetcher
