"""The quality of live pictures on thin links: chosen by the page, or pinned by the user."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pictures import assert_key_frames_move, assert_pictures_move, wait_playing
from tests.browser.thin_link import ThinLink, thin_link
from tests.browser.wall import at
from tests.browser.watching import Open, until_on
from tests.patience import LIMIT_S, promised, until
from tools.running import App, Recorder, running_recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

# The recorder's main streams have 700 kbit/s, its sub streams 160, and key frames alone 15 to 40.
_CARRIES_SUB = 350
_CARRIES_KEY_FRAMES = 90
_CARRIES_SMALL_VIDEO = 350  # of the half-way recorder, whose sub streams have 512 kbit/s
_CARRIES_SOME_KEY_FRAMES = 60
# The choice, and the stream that plays.
_MARKED = "#quality :is([aria-pressed=true], [data-now])"
_WIDTH = "(() => { const video = document.querySelector('live-player [data-part=video]'); return video.videoWidth; })()"

# Records brightness of the stage's picture, as it is drawn on screen: of the frozen frame or the video on top.
_WATCH_BRIGHTNESS = """
() => {
  window.black = 0;
  window.looks = 0;
  const canvas = new OffscreenCanvas(16, 9);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const isDark = (source) => {
    context.fillRect(0, 0, 16, 9);
    context.drawImage(source, 0, 0, 16, 9);
    const { data } = context.getImageData(0, 0, 16, 9);
    return data.reduce((sum, value) => sum + value, 0) / data.length < 90;
  };
  const look = () => {
    const frozen = document.querySelector('live-player [data-part=frozen]');
    const video = document.querySelector('live-player [data-part=video]');
    const shown = frozen.hidden ? video : frozen;
    window.looks += 1;
    // A video that seeks keeps its last frame on screen, but has none to draw.
    const isBlack = shown === frozen ? isDark(frozen) : !video.videoWidth || (video.readyState >= 2 && isDark(video));
    if (isBlack) window.black += 1;
    requestAnimationFrame(look);
  };
  look();
}
"""


_WAY_UP_S = 30.0  # from a free link to the next try of the better stream, on a quiet machine
_WAY_UP_LIMIT_S = 8 * _WAY_UP_S  # the promise itself allows for the machine's pace

# Refuses the first try of a better stream while its picture is held below the present one, and notes the watches after
# the try. On a busy machine two of them are right: a step down, which names the watch that ends with it; and the sub
# stream's own, if its picture stood still when the try began, so that it was not kept.
_REFUSE_A_TRY = """
() => {
  window.watchesAfter = [];
  window.isRefused = false;
  let isTried = false;
  let standsStill = false;
  addEventListener('player-stalls', ({ detail }) => (standsStill ||= detail >= 2), true);
  addEventListener('player-plays', () => isTried || (standsStill = false), true);
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    send.call(this, data);
    const { type, id, fresh, instead_of: ended } = JSON.parse(data);
    if (type !== 'watch') return;
    if (isTried && ended === undefined && (fresh || !standsStill)) window.watchesAfter.push(JSON.parse(data));
    if (isTried || !fresh) return;
    isTried = true;
    const problem = JSON.stringify({ type: 'problem', id, code: 'camera_busy', detail: 'The device is full.' });
    setTimeout(() => {
      this.dispatchEvent(new MessageEvent('message', { data: problem }));
      window.isRefused = true;
    }, 2500);
  };
}
"""


@pytest.fixture
def link(app: App) -> Iterator[ThinLink]:
    with thin_link(app.port) as running:
        yield running


@pytest.fixture(scope="module")
def half_way() -> Iterator[Recorder]:
    with running_recorder("--channels", "1", "--profile", "medium") as running:
        yield running


def assert_never_black(page: Page) -> None:
    looks, black = page.evaluate("[window.looks, window.black]")
    assert looks > 20
    assert black == 0


@pytest.mark.parametrize("engine", ["webcodecs", "mse"])
def test_a_thin_link_shows_the_sub_stream_until_it_is_free(
    app: App, camera_id: int, open_page: Open, link: ThinLink, engine: str
) -> None:
    page = open_page("about:blank").page
    if engine == "mse":
        page.add_init_script("delete window.VideoDecoder;")
    page.goto(f"{link.url}/viewer/{camera_id}?channel=1")
    wait_playing(page)
    until_on(page, lambda: page.evaluate(_WIDTH) == 640)
    pressed = page.locator(_MARKED)
    expect(pressed).to_have_text(["Auto", "Main"])
    note = page.locator("#quality-note")
    expect(note).to_have_text("")
    page.wait_for_timeout(1500)  # the start of a stream makes no link thin
    page.evaluate(_WATCH_BRIGHTNESS)
    link.set_rate(_CARRIES_SUB)
    with promised(8):
        until_on(page, lambda: page.evaluate(_WIDTH) == 320)
    expect(pressed).to_have_text(["Auto", "Sub"])
    expect(note).to_contain_text("Sub: the link ")
    assert_pictures_move(page)
    wait_playing(page)
    link.set_rate(None)
    with promised(_WAY_UP_S):
        until_on(page, lambda: page.evaluate(_WIDTH) == 640, _WAY_UP_LIMIT_S)
    expect(pressed).to_have_text(["Auto", "Main"])
    expect(note).to_have_text("")
    assert_pictures_move(page)
    assert_never_black(page)


@pytest.mark.parametrize("engine", ["webcodecs", "mse"])
def test_a_refused_try_leaves_the_sub_stream_as_it_was(
    app: App, camera_id: int, open_page: Open, link: ThinLink, engine: str
) -> None:
    page = open_page("about:blank").page
    if engine == "mse":
        page.add_init_script("delete window.VideoDecoder;")
    page.goto(f"{link.url}/viewer/{camera_id}?channel=1")
    wait_playing(page)
    link.set_rate(_CARRIES_SUB)
    until_on(page, lambda: page.evaluate(_WIDTH) == 320)
    wait_playing(page)
    page.evaluate(_REFUSE_A_TRY)
    page.evaluate(_WATCH_BRIGHTNESS)
    link.set_rate(None)
    with promised(_WAY_UP_S):
        until_on(page, lambda: page.evaluate("window.isRefused"), _WAY_UP_LIMIT_S)
    assert page.locator("live-player video").count() == 1, "the next stream's element is gone"
    assert_pictures_move(page)
    assert page.evaluate("window.watchesAfter") == [], "no watch but that of the try"
    assert page.evaluate(_WIDTH) == 320
    assert_never_black(page)


def test_a_link_too_thin_for_the_sub_stream_shows_small_video(
    app: App, open_page: Open, link: ThinLink, half_way: Recorder
) -> None:
    camera_id = app.add_camera(half_way, name="Half-way")
    page = open_page(f"{link.url}/viewer/{camera_id}?channel=1").page
    wait_playing(page)
    until_on(page, lambda: page.evaluate(_WIDTH) == 1280)
    page.evaluate(_WATCH_BRIGHTNESS)
    note = page.locator("#quality-note")

    def shows_small_video() -> bool:
        streams = app.call("GET", "/api/streams/all")["streams"]
        is_made = any(one["stream_id"].endswith(".small") and one["transcoding"] for one in streams)
        says_so = (note.text_content() or "").startswith("Small video: the link ")
        return is_made and says_so and page.evaluate(_WIDTH) == 480

    link.set_rate(_CARRIES_SMALL_VIDEO)
    # The first measurement of the link may be too low: then a try leads up from key frames.
    until(shows_small_video, 3 * LIMIT_S, rest=lambda seconds: page.wait_for_timeout(1000 * seconds))
    expect(page.locator(_MARKED)).to_have_text(["Auto"])
    wait_playing(page)
    assert_pictures_move(page)
    link.set_rate(None)
    until_on(page, lambda: page.evaluate(_WIDTH) == 1280)
    expect(note).to_have_text("")
    expect(page.locator(_MARKED)).to_have_text(["Auto", "Main"])
    assert_never_black(page)


def test_a_pinned_quality_stays_on_a_thin_link(app: App, camera_id: int, open_page: Open, link: ThinLink) -> None:
    page = open_page(f"{link.url}/viewer/{camera_id}?channel=1&quality=main").page
    wait_playing(page)
    link.set_rate(_CARRIES_SUB)
    page.wait_for_timeout(8000)
    assert page.evaluate(_WIDTH) == 640
    expect(page.locator(_MARKED)).to_have_text("Main")
    expect(page.locator("#quality-note")).to_have_text("")
    page.keyboard.press("a")
    until_on(page, lambda: page.evaluate(_WIDTH) == 320)
    expect(page.locator("#quality-note")).to_contain_text("Sub: the link ")


def test_a_very_thin_link_shows_key_frames_and_the_user_may_choose_them(
    app: App, camera_id: int, open_page: Open, link: ThinLink
) -> None:
    page = open_page(f"{link.url}/viewer/{camera_id}?channel=1").page
    wait_playing(page)
    link.set_rate(_CARRIES_KEY_FRAMES)
    note = page.locator("#quality-note")
    expect(note).to_contain_text("1 picture / 1 s: the link ")
    expect(page.locator(_MARKED)).to_have_text(["Auto", "Saver"])
    assert_key_frames_move(page)
    link.set_rate(None)
    page.get_by_role("button", name="Saver").click()
    expect(page.locator(_MARKED)).to_have_text("Saver")
    expect(note).to_have_text("1 picture / 1 s")
    page.reload()
    wait_playing(page)
    expect(note).to_have_text("1 picture / 1 s")
    assert_key_frames_move(page)


def test_an_enlarged_tile_falls_to_the_sub_stream_and_says_why(
    app: App, wall_id: int, open_page: Open, link: ThinLink
) -> None:
    page = open_page(f"{link.url}/wall?layout=1&tiles={wall_id}.1").page
    tile = at(page, 1)
    expect(tile).to_have_attribute("data-phase", "playing")
    quality = tile.locator("[data-part=quality]")
    expect(quality).to_have_text("Main")
    link.set_rate(_CARRIES_SUB)
    expect(quality).to_have_text("Sub")
    expect(tile).to_have_attribute("aria-label", re.compile("Sub: the link "))
    tile.click(button="right")
    # A busy machine makes the sub stream late, too, and one more step down may have come meanwhile.
    expect(page.locator("#tile-menu [data-part=note]")).to_contain_text(
        re.compile("Now: (Sub|Few pictures): the link ")
    )
    link.set_rate(None)
    expect(quality).to_have_text("Main")


def test_a_wall_whose_key_frames_do_not_fit_shows_small_pictures(
    app: App, wall_id: int, open_page: Open, link: ThinLink
) -> None:
    page = open_page(f"{link.url}/wall?layout=4&tiles={','.join(f'{wall_id}.{number}' for number in range(1, 5))}").page
    for place in range(1, 5):
        expect(at(page, place)).to_have_attribute("data-phase", "playing")
    link.set_rate(_CARRIES_SOME_KEY_FRAMES)
    small = page.locator("live-tile[data-stills]").first
    expect(small).to_be_visible()
    tile = at(page, int(small.get_attribute("data-place") or ""))
    still = tile.locator("[data-part=still] img")
    expect(still).to_be_visible()
    until_on(page, lambda: 0 < still.evaluate("image => image.naturalWidth") <= 320)
    expect(tile.locator("[data-part=quality]")).to_contain_text("mall picture")
    expect(tile).to_have_attribute("aria-label", re.compile("mall picture"))
    expect(tile.locator("[data-part=message]")).to_be_hidden()
    tile.click(button="right")
    with page.expect_download() as saved:
        page.locator("#tile-menu").get_by_role("menuitem", name="Snapshot").click()
    assert saved.value.suggested_filename.endswith(".jpg")
    link.set_rate(None)
    for place in range(1, 5):
        expect(at(page, place)).to_have_attribute("data-phase", "playing")
    expect(page.locator("live-tile[data-stills]")).to_have_count(0)
    expect(still).to_have_count(0)


def test_saver_on_the_wall_holds_for_tiles_without_a_choice(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/wall?layout=4&tiles={wall_id}.1,{wall_id}.2").page
    for place in (1, 2):
        expect(at(page, place)).to_have_attribute("data-phase", "playing")
    choices = page.get_by_role("group", name="Quality of all tiles")
    choices.get_by_role("button", name="Saver").click()
    qualities = [at(page, place).locator("[data-part=quality]") for place in (1, 2)]
    for quality in qualities:
        expect(quality).to_contain_text("1 picture / ")
    expect(page).to_have_url(re.compile("quality=saver"))
    at(page, 2).click(button="right")
    menu = page.locator("#tile-menu")
    expect(menu).to_contain_text("As the whole wall: Saver")
    menu.get_by_role("menuitemradio", name="Sub stream").click()
    expect(qualities[1]).to_have_text("")
    expect(qualities[0]).to_contain_text("1 picture / ")
    page.goto(f"{app.url}/wall?layout=4&tiles={wall_id}.1.saver,{wall_id}.2&quality=auto")
    expect(at(page, 1).locator("[data-part=quality]")).to_contain_text("1 picture / ")
    page.goto(f"{app.url}/wall?layout=4&tiles={wall_id}.1")
    expect(choices.locator("[aria-pressed=true]")).to_have_text("Saver")  # this browser has kept it
