"""Audio in Chromium, Firefox and WebKit."""

from __future__ import annotations

import pytest

from tests.browser.engines import EnginePage
from tests.browser.live_in_engine import READ_FRAME, VIDEO, play_viewer
from tests.patience import until
from tools.running import App

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("leave_page")]

SOUND_CHANNEL = 5
# The page's requests reach the server so late that the browser has forgotten the user's click, which it does after 5 s.
_SLOW_LINK = """(() => {
  const send = WebSocket.prototype.send;
  window.endSlowLink = () => (WebSocket.prototype.send = send);
  WebSocket.prototype.send = function (data) {
    const isSlow = String(data).includes('"type":"watch"');
    setTimeout(() => send.call(this, data), isSlow ? 6000 : 0);
  };
})()"""

# For the message of a failure: if a click counted as the user's, and what the player made of it.
_LOG_AUDIO = """(() => {
  window.audioLog = [];
  const note = (what) => window.audioLog.push(`${Math.round(performance.now())} ms: ${what}`);
  document.addEventListener('click', () => note(`click, active ${navigator.userActivation?.isActive}`), true);
  document.addEventListener('player-audio', ({ detail }) => note(`audio ${detail}`), true);
  document.addEventListener('player-restart', () => note('restart'), true);
})()"""


def test_sound_plays_with_the_picture(page: EnginePage, app: App, camera_id: int) -> None:
    play_viewer(page, app, camera_id, SOUND_CHANNEL)
    turn_audio_on(page)
    assert_plays_audio(page)


def test_sound_that_comes_long_after_the_click_plays(page: EnginePage, app: App, camera_id: int) -> None:
    play_viewer(page, app, camera_id, SOUND_CHANNEL)
    page.evaluate(_SLOW_LINK)
    turn_audio_on(page)
    assert_plays_audio(page)
    # Another stream, without a click on the page; the click is already forgotten.
    page.evaluate("void endSlowLink()")
    page.evaluate("document.querySelector('[data-quality=sub]').click()")
    until(lambda: page.evaluate(f"{VIDEO}.videoWidth") < 640, what="the sub stream")
    assert_plays_audio(page)


def turn_audio_on(page: EnginePage) -> None:
    """Click on the loudspeaker once the channel is known to have audio."""
    until(lambda: page.evaluate("!document.querySelector('#mute').disabled"), what="a channel with audio")
    page.evaluate(_LOG_AUDIO)
    page.click("#mute")


def assert_plays_audio(page: EnginePage) -> None:
    """Assert that the audio comes on and stays on while the picture moves."""
    try:
        until(lambda: page.evaluate(f"!{VIDEO}.muted"), what="audio on")
    except AssertionError as error:
        raise AssertionError(f"{error}; {page.evaluate('JSON.stringify(window.audioLog ?? [])')}") from None
    began_s = page.evaluate(f"{VIDEO}.currentTime")
    until(lambda: page.evaluate(f"!{VIDEO}.paused && {VIDEO}.currentTime") > began_s + 2, what="playing on")
    numbers: set[int] = set()

    def move() -> bool:
        numbers.add(page.evaluate(READ_FRAME)[0])
        return len(numbers - {-1}) >= 5

    until(move, what="moving frames")
    assert not page.evaluate(f"{VIDEO}.muted")


def test_a_tile_of_the_wall_plays_audio(page: EnginePage, app: App, camera_id: int) -> None:
    page.open(f"{app.url}/wall?layout=4&tiles={camera_id}.{SOUND_CHANNEL},{camera_id}.1")
    playing = "document.querySelector('live-tile[data-place=\"1\"]')?.dataset.phase"
    until(lambda: page.evaluate(playing) == "playing", what="playing")
    page.evaluate(_SLOW_LINK)
    page.press("1")
    page.press("m")
    assert_plays_audio(page)
