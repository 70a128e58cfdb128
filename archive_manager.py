"""Recording on the server: the interface of the package `archive`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from datetime import datetime, timedelta

from archive.channel_recorder import RecordingState
from archive.disk_reads import DiskReads
from archive.disk_replay import DiskReplayConnection
from archive.files_of_nodes import FilesOfNodes, united_extents
from archive.gaps import GapStore, RecordingGap
from archive.index import ArchiveIndex
from archive.inflow import Inflow
from archive.installation import Installation
from archive.kept import KeptRanges
from archive.local_files import LocalFiles
from archive.open_files import OpenFiles
from archive.pauses import PauseStore
from archive.pre_roll import PreRollBudget
from archive.publishing import FilePublisher
from archive.readable import ReadableFiles
from archive.recorder import ChannelRecorders
from archive.records import to_ms
from archive.reindexing import Reindexed, reindex
from archive.retention import Retention, RetentionParts
from archive.rules import RuleStore
from archive.served_files import ServedFiles
from archive.shared_files import SharedFiles
from archive.signs import SignsOfLife
from archive.storage_report import StorageReport
from archive.storage_view import StorageView
from archive.storages import NodeStorage, Storages
from archive.stream_reader import StoredFragment, StreamReader
from archive.stream_recorder import RecorderParts
from archive.troubles import gap_troubles, volume_troubles
from archive.volumes import Volumes
from archive.writer import ArchiveWriter, EpochOf
from core.access import Principal
from core.archive import (
    ArchivedStream,
    ArchiveGap,
    ArchiveStretch,
    FootageElsewhere,
    KeptRange,
    RecordedQuality,
    RecordingMode,
    RecordingPause,
    RecordingRule,
    StreamKey,
)
from core.clock import Clock
from core.errors import InvalidRequest, NotFound
from core.events import DEVICE_EVENTS, WATCHED_EVENTS, ChannelActivity, Trouble
from core.recording_storage import RecordingStorage
from core.recordings import ReplaySource
from core.settings import Settings
from database import Database
from event_manager import EventManager
from media.rtsp.gateway import RtspGateway
from media.rtsp.replay.interface import ReplayConnection
from onvif_manager import OnvifManager

log = logging.getLogger(__name__)

__all__ = ["ArchiveManager"]


class ArchiveManager:
    """Thread-safe. The database must be open between start() and stop()."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        gateway: RtspGateway,
        cameras: OnvifManager,
        events: EventManager,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._gateway = gateway
        self._cameras = cameras
        self.index = ArchiveIndex(settings.archive_index_file)
        self._installation = Installation(database, clock, settings.node_name)
        self.volumes = Volumes(settings, self._installation)
        self.writer = ArchiveWriter(settings, clock, self.volumes, self.index)
        self.gap_store = GapStore(database, clock)
        self.open_files = OpenFiles()
        self._local_files = LocalFiles(self.index, self.open_files, DiskReads())
        self._files: ReadableFiles = self._local_files
        self._of_nodes: FilesOfNodes | None = None  # None: this process has all footage
        self._storages: Storages | None = None
        self._publisher: FilePublisher | None = None
        self.served_files: ServedFiles | None = None
        self._rules = RuleStore(database, clock)
        self._pauses = PauseStore(database, clock)
        self._pre_rolls = PreRollBudget(settings.archive_pre_roll_bytes)
        recorder_parts = RecorderParts(clock, cameras, gateway, self.writer, self._pre_rolls, events)
        signs = SignsOfLife(database) if settings.node_name else None
        self._recorders = ChannelRecorders(recorder_parts, self._rules, self._pauses, self.gap_store, signs)
        self._kept = KeptRanges(database, clock)
        inflow = Inflow(self.index, self._rules, clock, cameras)
        parts = RetentionParts(self.index, self.volumes, self.writer, self._rules, self._kept, self.open_files, inflow)
        self._retention = Retention(parts, clock, min_free_bytes=settings.archive_min_free_bytes)
        self._report = StorageReport(parts, clock, min_free_bytes=settings.archive_min_free_bytes)
        events.on_motion(self._take_activity)

    def share_files(self, nodes: NodeStorage | None, epoch_of: EpochOf | None = None) -> None:
        """Tell the shared database of this node's files, and play those of other places. Call it before start().

        `nodes`: reads the files of other nodes; None for an app of one process. `epoch_of`: the leases of this node.
        """
        if epoch_of is not None:
            self.writer.note_epochs(epoch_of)
        shared = SharedFiles(self._database, self._settings.node_name)
        self._storages = Storages(nodes)
        self._of_nodes = FilesOfNodes(self._local_files, shared, self._storages, self._clock)
        self._files = self._of_nodes
        self._publisher = FilePublisher(self.index, shared, self._clock)
        self.served_files = ServedFiles(self.index, self._local_files, shared, self.open_files, self._clock)

    def publish_again(self) -> None:
        """Tell the shared database of all files of this node, whose rows may be gone. Return immediately."""
        if self._publisher is not None:
            self._publisher.publish_again()

    def use_object_storage(self, objects: RecordingStorage) -> None:
        """Read files that no living node has from an object storage. Call it before start()."""
        if self._storages is None:
            self.share_files(None)
        assert self._storages is not None  # noqa: S101 - share_files() has made it
        self._storages.use_objects(objects)

    def start(self) -> None:
        """Open the index, start the writer and begin to record. Raise StartRefused if the index cannot be used."""
        is_new = self.index.open()
        self._installation.load()
        is_own = self._installation.claim(self.index)
        self._rules.load()
        camera_ids = [view.id for view in self._cameras.list_cameras()]
        # Without cameras, or with another database, the footage is that of other cameras.
        self.writer.start(is_new_index=is_new or not is_own, adopts=is_own and bool(camera_ids))
        self._recorders.start(self.writer.was_off[0] if self.writer.was_off else None)
        self._retention.delete_removed_cameras(camera_ids, self._installation.since)
        self._retention.start()
        if self._publisher is not None:
            self._publisher.start()

    def stop(self) -> None:
        """End all recordings within 7 s, also if a disk hangs. May be called twice."""
        self._retention.stop()
        self._recorders.stop()
        self.writer.stop()
        if self._publisher is not None:
            self._publisher.stop()
        self.index.close()

    def reindex(self) -> Reindexed:
        """Make the index again from the files; neither this object nor another process may record meanwhile.

        Raise StartRefused if the index cannot be used, StorageFull or Unavailable if it cannot be written.
        """
        self.index.open()
        try:
            return reindex(self.index, self.volumes)
        finally:
            self.index.close()

    # ---- playing ---------------------------------------------------------------------------------

    def streams_of(self, camera_id: int) -> Sequence[ArchivedStream]:
        """Return the recorded streams of a camera that this server or another one has footage of."""
        own = self.index.extents(self.index.streams(camera_id))
        return own if self._of_nodes is None else united_extents(own, self._of_nodes.extents(camera_id))

    def stretches(
        self, camera_id: int, channel: int, start: datetime, end: datetime, quality: RecordedQuality | None = None
    ) -> Sequence[ArchiveStretch]:
        """Return the recorded stretches of a channel that overlap [start, end) and can be read now: of both streams, or
        of one. Stretches of one stream overlap if two servers have the time."""
        own = self._own_stretches(camera_id, channel, start, end, quality)
        if self._of_nodes is None:
            return own
        streams = [it.stream for it in self._of_nodes.extents(camera_id)]
        streams = [it for it in streams if it.channel == channel and quality in (None, it.quality)]
        others = self._of_nodes.stretches(streams, start, end)
        return sorted((*own, *others), key=lambda it: (it.stream, it.start)) if others else own

    def footage_elsewhere(
        self, camera_id: int, channel: int, start: datetime, end: datetime
    ) -> Sequence[FootageElsewhere]:
        """Return the time of a channel in [start, end) that only other servers have, also those that do not answer."""
        if self._of_nodes is None:
            return ()
        own = self._own_stretches(camera_id, channel, start, end)
        return self._of_nodes.footage_elsewhere(camera_id, channel, start, end, own)

    def _own_stretches(
        self, camera_id: int, channel: int, start: datetime, end: datetime, quality: RecordedQuality | None = None
    ) -> list[ArchiveStretch]:
        streams = [it for it in self.index.streams(camera_id, channel) if quality in (None, it.quality)]
        return self.index.stretches(streams, start, end)

    def fragments(self, stream: StreamKey, start: datetime, end: datetime) -> Generator[StoredFragment]:
        """Yield the fragments of [start, end), from the key frame before it on, up to the one behind it.

        Each can be read until the next one is requested. Raise ArchiveUnreadable or Unavailable.
        """
        with closing(StreamReader(self._files, stream)) as reader:
            for item in reader.fragments_from(to_ms(start), crosses_gaps=True):
                if item.fragment.is_key and item.fragment.start_utc_ms >= to_ms(end):
                    return
                yield item

    def open_replay(self, source: ReplaySource) -> ReplayConnection:
        """Return a connection that plays a recording of the archive. Raise NotFound for one of the device."""
        stream = StreamKey.of_token(source.camera_id, source.recording_token)
        if stream is None:
            raise NotFound("This server has no such recording.")
        return DiskReplayConnection(StreamReader(self._files, stream), self._clock)

    # ---- rules and their recordings --------------------------------------------------------------

    def rule(self, camera_id: int, channel: int) -> RecordingRule:
        """Return the rule of a channel; one that says off if there is none."""
        return self._rules.rule(camera_id, channel)

    def rules(self) -> dict[tuple[int, int], RecordingRule]:
        """Return all stored rules, by camera and channel."""
        return self._rules.rules()

    def load_rules(self) -> None:
        """Read the rules that other nodes may have changed. Raise Unavailable."""
        self._rules.load()

    @property
    def pre_roll_bytes(self) -> int:
        """The most memory for the pre-roll of one stream."""
        return self._pre_rolls.stream_bytes

    def set_rule(self, camera_id: int, channel: int, rule: RecordingRule) -> None:
        """Store a rule and follow it immediately. Raise InvalidRequest, which names the field, or NotFound."""
        is_told = self._cameras.get_camera(camera_id).onvif or self._recorders.is_watched(camera_id, channel)
        if rule.mode is RecordingMode.EVENTS and not is_told:
            raise InvalidRequest.of_field("mode", "a camera without ONVIF reports no events; let the app watch it")
        self._rules.set_rule(camera_id, channel, rule)
        self._recorders.apply(camera_id, channel)
        self._retention.wake()

    def recording_states(self) -> list[RecordingState]:
        """Return the present state of each channel with a rule, by camera and channel."""
        return self._recorders.states()

    def event_cameras(self) -> frozenset[int]:
        """Return the cameras with a channel whose rule records events: the app listens to their devices."""
        return frozenset(key[0] for key, rule in self._rules.rules().items() if rule.mode is RecordingMode.EVENTS)

    def _take_activity(self, activity: ChannelActivity) -> None:
        """Take the beginning or the end of an event of a device."""
        if activity.channel is not None:
            is_active = activity.is_channel_active
            self.trigger(activity.camera_id, activity.channel, is_active, DEVICE_EVENTS, at=activity.at)

    def take_watched(self, activity: ChannelActivity) -> None:
        """Take the beginning or the end of a movement that the app itself has seen."""
        if activity.channel is not None:
            self.trigger(activity.camera_id, activity.channel, activity.active, WATCHED_EVENTS, at=activity.at)

    def note_watched(self, places: frozenset[tuple[int, int]]) -> None:
        """Note the cameras and channels in which the app itself looks for motion."""
        self._recorders.note_watched(places)

    def trigger(
        self, camera_id: int, channel: int, active: bool, kind: str = "", *, at: datetime | None = None
    ) -> None:
        """An event of a channel begins or ends, for rules of the mode events. Events of several kinds may overlap.

        `at`: its time, now if None.
        """
        self._recorders.trigger(camera_id, channel, active=active, kind=kind, at=at)

    # ---- pauses ----------------------------------------------------------------------------------

    def pauses(self) -> list[RecordingPause]:
        """Return the pauses that hold now."""
        return self._pauses.pauses()

    def is_paused(self, camera_id: int, channel: int) -> bool:
        """True if a user has paused the recording of a channel, for privacy."""
        return self._pauses.pause_of(camera_id, channel) is not None

    def limits(self) -> Sequence[tuple[int, int, datetime]]:
        """Return camera, channel and moment for each channel with a limit by law. Nothing before it may stay."""
        now = self._clock.now_utc()
        return [
            (camera_id, channel, now - timedelta(days=rule.limit_days))
            for (camera_id, channel), rule in self._rules.rules().items()
            if rule.limit_days is not None
        ]

    def paused(self, camera_id: int, channel: int, start: datetime, end: datetime) -> list[RecordingPause]:
        """Return the pauses of a channel that touch [start, end), also past ones, with their real ends."""
        return self._pauses.ranges(camera_id, channel, start, end)

    def pause(self, camera_id: int, channel: int, until: datetime | None, by: str) -> RecordingPause:
        """Pause the recording of a channel; nothing is recorded any more when this returns.

        Raise InvalidRequest if `until` is over, or NotFound.
        """
        made = self._pauses.pause(camera_id, channel, until, by)
        self._recorders.apply(camera_id, channel)
        return made

    def resume(self, camera_id: int, channel: int, by: str) -> None:
        """End the pause of a channel, if there is one."""
        self._pauses.resume(camera_id, channel)
        self._recorders.apply(camera_id, channel)
        log.info("camera %d, channel %d: %r has resumed the recording", camera_id, channel, by)

    # ---- gaps ------------------------------------------------------------------------------------

    def gaps(self, camera_id: int, channel: int, start: datetime, end: datetime) -> list[ArchiveGap]:
        """Return the gaps of a channel that touch [start, end), in order."""
        return self.gap_store.gaps(camera_id, channel, start, end)

    def alerts(self) -> list[RecordingGap]:
        """Return the alerts about gaps: those of the last week, and older ones that no user has seen. Newest first."""
        return self.gap_store.alerts()

    def mark_alerts_seen(self, gap_ids: Collection[int]) -> None:
        """Mark alerts as seen, for all users."""
        self.gap_store.mark_seen(gap_ids)

    def troubles(self) -> Sequence[Trouble]:
        """Return alerts about gaps and, while there are rules, the volumes that are not well. Raise Unavailable."""
        volumes = volume_troubles(self.volumes) if self._rules.rules() else ()
        return (*gap_troubles(self.gap_store), *volumes)

    def forget_camera(self, camera_id: int) -> None:
        """Follow the change or the removal of a camera."""
        self._recorders.forget_camera(camera_id)

    def release_camera(self, camera_id: int) -> None:
        """End the recordings of a camera that another node connects."""
        self._recorders.release_camera(camera_id)

    # ---- retention -------------------------------------------------------------------------------

    def keep(
        self,
        camera_id: int,
        channel: int,
        start: datetime,
        end: datetime,
        *,
        reason: str,
        until: datetime | None,
        by: Principal,
    ) -> KeptRange:
        """Keep a range from the retention, except from the channel's limit by law. Write a pre-roll in it to the disk.

        Raise InvalidRequest, NotFound for an unknown camera, or LimitReached (kept_limit).
        """
        made = self._kept.keep(camera_id, channel, start, end, reason=reason, until=until, by=by)
        self._recorders.keep_memory(camera_id, channel, end)
        return made

    def kept(self, camera_id: int | None = None) -> list[KeptRange]:
        """Return the kept ranges of a camera or of all cameras, the newest footage first."""
        return self._kept.ranges(camera_id)

    def kept_range(self, range_id: int) -> KeptRange:
        """Raise NotFound."""
        return self._kept.get(range_id)

    def is_kept(self, camera_id: int, channel: int, start: datetime, end: datetime) -> bool:
        """True if the retention deletes nothing of [start, end) by its age: it is kept, and within the limit."""
        limit_days = self._rules.rule(camera_id, channel).limit_days
        if limit_days is not None and start < self._clock.now_utc() - timedelta(days=limit_days):
            return False
        return self._kept.covers(camera_id, channel, start, end)

    def unkeep(self, range_id: int, by: Principal) -> None:
        """Let the retention delete a range again. Raise NotFound, or Forbidden for a range of another user."""
        self._kept.release(range_id, by)
        self._retention.wake()

    def storage(self) -> StorageView:
        """Return the volumes with their forecast, and the share of each channel. Raise Unavailable."""
        return self._report.view()

    def on_limit(self, callback: Callable[[int, int, datetime], None]) -> None:
        """Call `callback(camera_id, channel, moment)` after a limit by law has deleted footage of before the moment."""
        self._retention.on_limit(callback)

    def delete_footage(self, camera_id: int) -> None:
        """Delete all footage of a camera that was removed."""
        self._retention.delete_camera(camera_id)
