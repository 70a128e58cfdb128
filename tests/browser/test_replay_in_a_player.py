"""A replay in hls.js: true times, a gap, a seek and an end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.sync_api import Page
from werkzeug.serving import make_server

from account_manager import AccountManager
from core.clock import SystemClock
from core.settings import Settings
from database import Database
from media.process import Spawner
from placement.alone import Alone
from stream_manager import StreamManager
from tests.browser.watching import Watched
from tests.media.encoded import encoded
from tests.sessions.replay.thin_recorder import FPS, ThinRecorder
from tests.sessions.stand_ins import NoCameras, ThinRecordings, ThinReplays
from tests.web.stand_in_ptz import StandInPtz
from web.flask_app import build_web
from web.services import Managers, Services

pytestmark = pytest.mark.browser

NIGHT = datetime(2026, 11, 22, 2, 0, 0, tzinfo=UTC)
GAP_S = 1000.0

_PLAY = """async (url) => {
  const { default: Hls } = await import('/static/vendor/hls.mjs');
  window.hls?.destroy();
  document.querySelector('video')?.remove();
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  const hls = new Hls({ enableWorker: false });
  Object.assign(window, { hls, video, faults: [], dates: [] });
  const slow = ['bufferStalledError', 'bufferNudgeOnStall']; // a slow machine has not made the next segment yet
  hls.on(Hls.Events.ERROR, (_, { details }) => slow.includes(details) || window.faults.push(details));
  // hls.playingDate follows a change of fragments late; the time in the fragment counts.
  const note = () => {
    if (window.hls !== hls) return;
    const at = video.currentTime;
    const frag = (hls.latestLevelDetails?.fragments ?? []).findLast((each) => each.start <= at);
    if (frag) window.dates.push(new Date(frag.programDateTime + (at - frag.start) * 1000).toISOString());
  };
  const isLoaded = new Promise((resolve) => video.addEventListener('loadeddata', resolve, { once: true }));
  hls.loadSource(url);
  hls.attachMedia(video);
  await isLoaded;
  note(); // before it plays: the first timeupdate may come late
  video.addEventListener('timeupdate', note);
  video.addEventListener('ended', note);
  await video.play();
}"""


@dataclass
class Playing:
    url: str
    manager: StreamManager

    def start(self, at_s: float) -> str:
        view, _ = self.manager.start_replay(1, "Rec0", NIGHT + timedelta(seconds=at_s))
        return view.stream_id


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[Playing]:
    settings = Settings(data_dir=tmp_path / "data", streams_dir=tmp_path / "streams", min_free_bytes=0)
    start_s = NIGHT.timestamp()
    recorder = ThinRecorder([(start_s, start_s + 4), (start_s + GAP_S, start_s + GAP_S + 12)])
    film = encoded("h264")
    recorder.pictures, recorder.parameter_sets = film.pictures[:FPS], film.sets
    spawner = Spawner()
    manager = StreamManager(
        settings,
        SystemClock(),
        spawner,
        ThinReplays(recorder),
        NoCameras(),
        ThinRecordings(recorder),
    )
    manager.start()
    database = Database(settings.database_file)
    accounts = AccountManager(database, settings, SystemClock())
    accounts.start()
    accounts.postpone()
    managers = Managers(
        cameras=cast(Any, None),
        streams=manager,
        recordings=cast(Any, None),
        accounts=accounts,
        walls=cast(Any, None),
        ptz=StandInPtz(),
        pictures=cast(Any, None),
        exports=cast(Any, None),
        evidence=cast(Any, None),
        archive=cast(Any, None),
        backfills=cast(Any, None),
        events=cast(Any, None),
        motion=cast(Any, None),
        objects=cast(Any, None),
        notifications=cast(Any, None),
        web_push=cast(Any, None),
        searches=cast(Any, None),
        placement=Alone(),
        node_link=cast(Any, None),
    )
    web = build_web(Services(settings, managers, is_ready=lambda: True))
    server = make_server("127.0.0.1", 0, web, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Playing(f"http://127.0.0.1:{server.server_port}", manager)
    server.shutdown()
    thread.join()
    server.server_close()
    manager.stop()
    accounts.stop()
    database.close()


def seconds(page: Page) -> list[float]:
    """Return the playing dates that hls.js reported, in seconds after NIGHT."""
    dates: list[str] = page.evaluate("window.dates")
    return [(datetime.fromisoformat(item) - NIGHT).total_seconds() for item in dates]


def test_hls_js_starts_at_the_time_crosses_a_gap_and_seeks(playing: Playing, open_page: Callable[..., Watched]) -> None:
    page = open_page(f"{playing.url}/api/docs").page
    stream_id = playing.start(0.0)
    page.evaluate(_PLAY, f"/static/streams/{stream_id}/run1.m3u8")
    page.evaluate("video.playbackRate = 4")
    page.wait_for_function("() => dates.at(-1) > '2026-11-22T02:16:4'")  # after the gap
    seen = seconds(page)
    assert 0.0 <= seen[0] < 1.5
    assert seen == sorted(seen)
    assert not [moment for moment in seen if 4.3 < moment < GAP_S]
    page.wait_for_function("() => video.ended")
    assert seconds(page)[-1] == pytest.approx(GAP_S + 12, abs=1.0)
    moved = playing.manager.seek_replay(stream_id, NIGHT + timedelta(seconds=GAP_S + 5.4))
    page.evaluate(_PLAY, moved.playlist_url)
    page.wait_for_function("() => dates.length > 2")
    assert GAP_S + 5.0 <= seconds(page)[0] < GAP_S + 6.5
    assert page.evaluate("faults") == []
    page.evaluate("hls.destroy()")
