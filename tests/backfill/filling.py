"""The backfill over the pretend recorder: real cameras, gateway, archive and index, on one folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from archive.records import from_ms
from archive_manager import ArchiveManager
from backfill.records import Backfill, BackfillState
from backfill_manager import BackfillManager
from cameras.records import CameraDraft
from core.allowed_addresses import allowed_addresses
from core.archive import ArchiveStretch
from core.clock import SystemClock
from core.records import CameraStatus
from core.secrets import Secret
from event_manager import EventManager
from media.rtsp.gateway import RtspGateway
from onvif_manager import OnvifManager
from recording_manager import RecordingManager
from tests.cameras.doubles import CameraHarness
from tests.events.listening import make_harness
from tests.patience import LIMIT_S, until
from tests.simulator.process import PASSWORD, USERNAME, Simulator


@dataclass
class Filling:
    """The running parts, with the recorder as camera 1."""

    harness: CameraHarness
    cameras: OnvifManager
    gateway: RtspGateway
    archive: ArchiveManager
    recordings: RecordingManager
    backfills: BackfillManager

    def add(self, onvif_port: int) -> None:
        """Add the recorder, unless an earlier run has, and wait for its connection."""
        if not self.cameras.list_cameras():
            self.cameras.add_camera(CameraDraft("127.0.0.1", USERNAME, Secret(PASSWORD), onvif_port))
        self.harness.wait_status(1, CameraStatus.ONLINE)

    def stretches(self, start: datetime, end: datetime, channel: int = 1) -> list[ArchiveStretch]:
        return list(self.archive.stretches(1, channel, start, end))

    def archived_s(self, start: datetime, end: datetime, channel: int = 1) -> float:
        return sum((it.end - it.start).total_seconds() for it in self.stretches(start, end, channel))

    def state(self, backfill_id: int) -> BackfillState:
        return self.backfills.get(backfill_id).state

    def ended(self, backfill_id: int) -> Backfill:
        until(lambda: not self.state(backfill_id).is_unfinished, within_s=3 * LIMIT_S, what="the end of the backfill")
        return self.backfills.get(backfill_id)


@contextmanager
def filling(folder: Path, **settings: object) -> Iterator[Filling]:
    """Run all parts on a folder, as a start of the app does."""
    harness = make_harness(folder)
    harness.settings = replace(harness.settings, archive_flush_s=1.0, **settings)  # type: ignore[arg-type] # by name
    with harness.running() as cameras:
        clock = SystemClock()
        database = cameras._database
        gateway = RtspGateway(login_gate=harness.gate, clock=clock, settings=harness.settings)
        events = EventManager(database, harness.settings, clock, cameras)
        archive = ArchiveManager(database, harness.settings, clock, gateway, cameras, events)
        recordings = RecordingManager(database, harness.settings, clock, cameras, archive)
        backfills = BackfillManager(database, harness.settings, clock, gateway, cameras, archive, recordings)
        parts = (gateway, archive, recordings, backfills)
        for part in parts:
            part.start()
        try:
            yield Filling(harness, cameras, gateway, archive, recordings, backfills)
        finally:
            for part in reversed(parts):
                part.stop()


def recorded(recorder: Simulator, minutes: float, channel: int = 1) -> tuple[datetime, datetime]:
    """Return a stretch of so many minutes that the recorder has without a gap, some hours ago."""
    now = datetime.now(UTC)
    query = f"channel={channel}&start={_text(now - timedelta(hours=30))}&end={_text(now - timedelta(hours=1))}"
    for span in reversed(recorder.get(f"/archive?{query}")["spans"]):
        start, end = (datetime.fromisoformat(span[name]) for name in ("start", "end"))
        if end - start > timedelta(minutes=minutes + 21):
            begin = from_ms(-(-int(start.timestamp()) // 600) * 600_000)
            return begin, begin + timedelta(minutes=minutes)
    raise AssertionError("no stretch is so long")


def gap_of(recorder: Simulator, channel: int = 1) -> tuple[datetime, datetime]:
    """Return a time of at least a minute that the recorder has not recorded, between two spans."""
    now = datetime.now(UTC)
    query = f"channel={channel}&start={_text(now - timedelta(hours=60))}&end={_text(now - timedelta(hours=1))}"
    spans = recorder.get(f"/archive?{query}")["spans"]
    times = [tuple(datetime.fromisoformat(span[name]) for name in ("start", "end")) for span in spans]
    for (_, end), (start, _) in pairwise(times):
        if start - end > timedelta(minutes=1):
            return end, start
    raise AssertionError("it has no gap")


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def main(folder: str, onvif_port: str, start: str, end: str) -> None:
    """Fetch a range until the process is killed."""
    allowed_addresses.allow_loopback(True)
    with filling(Path(folder), backfill_max_mbps=60.0) as app:
        app.add(int(onvif_port))
        app.backfills.add(1, 1, datetime.fromisoformat(start), datetime.fromisoformat(end), "anna")
        time.sleep(LIMIT_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
