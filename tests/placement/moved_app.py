"""A whole app in the test's process, whose cameras a test moves to another node and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cameras.records import CameraDraft
from core.archive import RecordedQuality, RecordingMode, RecordingRule
from core.records import CameraStatus, ProfileRole, StreamState
from core.secrets import Secret
from core.settings import Settings
from media.fmp4.live import LiveFragment, LiveInit
from sessions.live.broadcast import LiveListener
from sessions.view import StreamView
from tests.patience import until
from tests.placement.fake import FakePlacement
from tests.simulator.process import PASSWORD, USERNAME, Simulator
from wiring import Application

CONTINUOUS = RecordingRule(mode=RecordingMode.CONTINUOUS, qualities=(RecordedQuality.SUB,))


class Watcher(LiveListener):
    """Counts the fragments of a live channel."""

    def __init__(self) -> None:
        self.fragments = 0
        self.is_over = False

    def on_live_init(self, init: LiveInit) -> None:
        pass

    def on_live_fragments(self, fragments: Sequence[LiveFragment]) -> None:
        self.fragments += len(fragments)

    def on_live_state(self, view: StreamView) -> None:
        self.is_over = view.status is StreamState.STOPPED


class MovedApp:
    """An app that owns the cameras that a test gives it, from the start all."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.placement = FakePlacement(owns_new=True)
        self.app = Application(
            Settings(
                data_dir=folder / "data",
                streams_dir=folder / "streams",
                secret_key_file=folder / "key",
                allow_loopback_devices=True,
                archive_min_free_bytes=0,
                min_free_bytes=0,
                **settings,  # type: ignore[arg-type]  # any setting, by name
            ),
            placement=self.placement,
        )
        self.app.start()

    def add(self, recorder: Simulator) -> int:
        draft = CameraDraft("127.0.0.1", USERNAME, Secret(PASSWORD), recorder.onvif_port)
        camera_id = self.app.cameras.add_camera(draft).id
        self.wait_online(camera_id)
        return camera_id

    def wait_online(self, camera_id: int) -> None:
        cameras = self.app.cameras
        until(lambda: cameras.get_camera(camera_id).status is CameraStatus.ONLINE, what="a connected camera")

    def sub(self, camera_id: int, number: int) -> str:
        """Return the media profile of a channel's sub stream."""
        channel = next(one for one in self.app.cameras.channels(camera_id) if one.number == number)
        return next(one.profile_token for one in channel.profiles if one.role is ProfileRole.SUB)

    def watch(self, camera_id: int, number: int) -> Watcher:
        watcher = Watcher()
        self.app.streams.watch_live(camera_id, self.sub(camera_id, number), watcher)
        until(lambda: watcher.fragments, what="a live fragment")
        return watcher

    def replay(self, camera_id: int) -> str:
        """Play the last hour of a recording of the device, and return its stream_id."""
        token = until(lambda: self._recording_token(camera_id), what="an indexed recording") or ""
        view, _ = self.app.streams.start_replay(camera_id, token, last_hour()[0])
        return view.stream_id

    def _recording_token(self, camera_id: int) -> str | None:
        rows = self.app.recordings.coverage(camera_id, *last_hour(), channel=1).channels
        spans = [span for row in rows for span in row.spans]
        return next((span.recording_token for span in spans if span.recording_token), None)

    def record(self, camera_id: int, number: int) -> None:
        self.app.archive.set_rule(camera_id, number, CONTINUOUS)
        self.wait_recording(camera_id, number)

    def wait_recording(self, camera_id: int, number: int) -> None:
        until(
            lambda: any(
                (one.camera_id, one.channel, one.state) == (camera_id, number, "recording")
                for one in self.app.archive.recording_states()
            ),
            what="a recording",
        )


def last_hour() -> tuple[datetime, datetime]:
    """Return an hour that ended ten minutes ago."""
    now = datetime.now(UTC)
    return now - timedelta(minutes=70), now - timedelta(minutes=10)


def connections(recorder: Simulator) -> int:
    """Return the number of RTSP connections that a recorder has."""
    return len(recorder.get("/state")["connections"])


def subscriptions(recorder: Simulator) -> int:
    return int(recorder.get("/state")["subscriptions"])
