"""The multivariant playlist of a channel in hls.js: both variants play, and the change between them is seamless."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.watching import Watched, until_on
from tools.running import App

pytestmark = pytest.mark.browser

_PLAY = """async (url) => {
  const { default: Hls } = await import('/static/vendor/hls.mjs');
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  const hls = new Hls({ enableWorker: false, startLevel: 0, liveSyncDurationCount: 2 });
  Object.assign(window, { hls, video, faults: [], errors: [], backwards: 0, last: 0 });
  hls.on(Hls.Events.ERROR, (_, fault) => (fault.fatal ? window.faults : window.errors).push(fault.details));
  video.addEventListener('timeupdate', () => {
    window.backwards = Math.max(window.backwards, window.last - video.currentTime);
    window.last = video.currentTime;
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  await video.play();
}"""
_PLAYS_LEVEL = """([level, width]) => {
  if (hls.autoLevelEnabled) hls.nextLevel = level;
  return video.videoWidth === width;
}"""
_PLAYS_AT = """([width, past]) => video.videoWidth === width && video.currentTime > past + 2 && !video.seeking"""

_STATE = """() => {
  const { currentTime, paused, seeking, readyState, videoWidth, buffered } = video;
  const loaded = [...Array(buffered.length).keys()].map((at) => [buffered.start(at), buffered.end(at)]);
  const { autoLevelEnabled, currentLevel, loadLevel } = hls;
  const levels = hls.levels.map(({ height, details }) => [height, details?.fragments.at(-1)?.url]);
  const frames = video.getVideoPlaybackQuality().totalVideoFrames;
  const player = { currentTime, paused, seeking, readyState, videoWidth, frames, loaded };
  return JSON.stringify({ ...player, autoLevelEnabled, currentLevel, loadLevel, levels, errors });
}"""

# The playing date is missing for a moment after a change of variants.
_PLACE = "() => hls.playingDate && { at: video.currentTime, date: +hls.playingDate }"


def place(page: Page) -> dict[str, float]:
    """Return the playing time in seconds and the playing date in milliseconds."""
    found: dict[str, float] = page.wait_for_function(_PLACE).json_value()
    return found


def play_level(page: Page, level: int, width: int) -> None:
    """Choose a variant for the segments from now on, and wait until two seconds of it have played.

    hls.js forgets the choice if the playlist of a stream that starts takes too long, as on a busy machine.
    """
    page.evaluate("(level) => { hls.nextLevel = level; }", level)
    try:
        until_on(page, lambda: page.evaluate(_PLAYS_LEVEL, [level, width]))
        at_s = page.evaluate("video.currentTime")
        until_on(page, lambda: page.evaluate(_PLAYS_AT, [width, at_s]))
    except AssertionError as error:
        raise AssertionError(f"{error}; {page.evaluate(_STATE)}") from None


def test_hls_js_changes_between_the_variants(app: App, camera_id: int, open_page: Callable[..., Watched]) -> None:
    page = open_page(f"{app.url}/api/docs").page
    page.evaluate(_PLAY, f"/api/cameras/{camera_id}/channels/1/master.m3u8")
    page.wait_for_function("() => video.currentTime > 1 && hls.playingDate")
    heights = page.evaluate("hls.levels.map((level) => level.height)")
    assert sorted(heights) == [180, 360]
    small, large = heights.index(180), heights.index(360)
    began = place(page)
    play_level(page, large, 640)
    play_level(page, small, 320)
    play_level(page, large, 640)
    ended = place(page)
    assert page.evaluate("faults") == []
    # The playing time neither leaps nor repeats.
    assert (ended["date"] - began["date"]) / 1000 == pytest.approx(ended["at"] - began["at"], abs=0.5)
    assert page.evaluate("backwards") < 0.5
