"""The replay player: frame steps, growing recordings, the next recording, and releasing the recorder's session."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Route, expect

from tests.browser.replaying import (
    BURNT,
    NUMBER,
    PAINTED_S,
    PLAYING,
    burnt_s,
    no_longer_seeks,
    open_at,
    pause,
    play_for,
    shows,
    shows_before,
    standing_s,
    wait,
)
from tests.browser.watching import Open, answer_requests, settled_on, until_on
from tests.patience import until
from tools.running import App, Recorder, running_recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]


def earlier(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


# Records each title of the player with its link to live.
_KEEP_SAID = """
  (() => {
    const part = (name) => document.querySelector(`#player [data-part=${name}]`);
    window.said = [];
    new MutationObserver(() => {
      const live = part('live');
      window.said.push([part('title').textContent, live.hidden ? '' : live.getAttribute('href')]);
    }).observe(document.querySelector('#player'), { subtree: true, childList: true, attributes: true });
  })()
"""


def step_back_to(page: Page, at_s: float) -> None:
    """Step back frame by frame to the frame of this time."""
    shown_s = standing_s(page)
    for step in range(round(5 * (shown_s - at_s))):
        page.keyboard.press(",")
        shows(page, shown_s - (step + 1) / 5)


# Records each title of the player with the advice below it.
_KEEP_ADVICE = """
  window.advised = [];
  new MutationObserver(() => {
    const part = (name) => document.querySelector(`#player [data-part=${name}]`)?.textContent ?? '';
    window.advised.push([part('title'), part('advice')]);
  }).observe(document, { subtree: true, childList: true, characterData: true });
"""


def sessions(recorder: Recorder) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = recorder.control("GET", "/replay")["sessions"]
    return found


# ---- frame steps ---------------------------------------------------------------------------------


def test_each_key_press_moves_one_frame_at_5_fps(app: App, camera_id: int, open_page: Open) -> None:
    page = open_at(app, camera_id, open_page, earlier(40)).page
    play_for(page, 2.5)  # so that there are frames to step back to
    pause(page)
    at_s = standing_s(page)
    for step in range(1, 13):
        page.keyboard.press(".")
        shows(page, at_s + step / 5)
    for step in range(11, -13, -1):
        page.keyboard.press(",")
        shows(page, at_s + step / 5)


def test_a_step_back_from_the_first_frame_of_a_run_seeks(app: App, camera_id: int, open_page: Open) -> None:
    at = earlier(45).replace(microsecond=0)
    page = open_at(app, camera_id, open_page, at).page
    pause(page)
    at_s = at.timestamp()  # a key frame begins each second, so this is the run's first frame
    step_back_to(page, at_s)
    page.keyboard.press(",")
    shows(page, at_s - 0.2)
    page.wait_for_selector("#player [data-phase=paused]")
    page.keyboard.press(".")
    shows(page, at_s)


def test_key_presses_during_the_seek_of_a_step_back_count(app: App, camera_id: int, open_page: Open) -> None:
    at = earlier(45).replace(microsecond=0)
    page = open_at(app, camera_id, open_page, at).page
    pause(page)
    at_s = at.timestamp()
    step_back_to(page, at_s)
    for _ in range(7):  # the first one seeks, and the run that it starts begins less than a second earlier
        page.keyboard.press(",")
    page.keyboard.press(".")
    shows(page, at_s - 1.2)


@pytest.fixture(scope="module")
def clip_page(app: App) -> Iterator[int]:
    with running_recorder("--channels", "1", "--profile", "small", "--replay-clip") as recorder:
        yield app.add_camera(recorder, name="25 a second")


def test_each_key_press_moves_one_frame_at_25_fps(app: App, clip_page: int, open_page: Open) -> None:
    page = open_at(app, clip_page, open_page, earlier(40)).page
    play_for(page, 1)
    pause(page)
    loop = 25 * 16
    at: int = settled_on(page, lambda: page.evaluate(NUMBER), PAINTED_S)

    def has_moved(frames: int) -> bool:
        number: int = page.evaluate(NUMBER)
        return (number - at) % loop == frames % loop

    for step in (*range(1, 31), *range(29, -3, -1)):
        before = page.evaluate(NUMBER)
        page.keyboard.press("." if (step - (before - at)) % loop == 1 else ",")
        no_longer_seeks(page)
        until_on(page, partial(has_moved, step))


# ---- ends of recordings --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(app: App) -> Iterator[tuple[Recorder, int]]:
    """A recorder with one recording per six hours, and its camera id."""
    with running_recorder("--channels", "2", "--profile", "small", "--make", "many-recordings") as recorder:
        yield recorder, app.add_camera(recorder, name="Many recordings")


def boundary(recorder: Recorder) -> datetime:
    """Return a recent time at which one recording of channel 1 follows another without a gap."""
    now = datetime.now(UTC)
    at = now.replace(hour=now.hour // 6 * 6, minute=0, second=0, microsecond=0)
    while True:
        around = recorder.archive(1, at - timedelta(minutes=10), at + timedelta(minutes=10))["spans"]
        is_inside = any(
            datetime.fromisoformat(one["start"]) < at < datetime.fromisoformat(one["end"]) for one in around
        )
        if is_inside and now - at > timedelta(minutes=15):
            return at
        at -= timedelta(hours=6)


def test_playback_and_seeks_continue_in_the_next_recording(
    app: App, many: tuple[Recorder, int], open_page: Open
) -> None:
    recorder, camera_id = many
    cut = boundary(recorder)
    watched = open_at(app, camera_id, open_page, cut - timedelta(seconds=8))
    watched.forgive("/static/streams/")  # files of a run that a quick seek has replaced
    page = watched.page
    token = "() => fetch('/api/streams/all').then((it) => it.json()).then((it) => it.streams.at(-1).recording_token)"
    wait(page, f"({BURNT})('player') > {cut.timestamp() + 3}")
    expect(page.locator("#player [data-part=title]")).to_have_text("")
    expect(page.locator("#gap-note")).to_have_text("")
    until_on(page, lambda: page.evaluate(token).endswith(cut.strftime("_%Y%m%d%H")))
    for _ in range(3):
        page.keyboard.press("j")
    shows_before(page, cut.timestamp())
    page.wait_for_selector(PLAYING)
    until(lambda: len(sessions(recorder)) == 1)  # the session of the other recording ends a moment later


def test_a_growing_recording_plays_up_to_now_and_on(app: App, camera_id: int, open_page: Open) -> None:
    began = earlier(0.3)
    page = open_at(app, camera_id, open_page, began).page
    page.evaluate(_KEEP_SAID)  # new data may replace the title after a moment
    page.keyboard.press(">")
    page.keyboard.press(">")
    wait(page, "window.said.some(([title, live]) => title === 'Caught up with now' && live)")
    links = {live for title, live in page.evaluate("window.said") if title == "Caught up with now" and live}
    assert links == {f"/viewer/{camera_id}?channel=1"}
    reached_s = burnt_s(page)
    assert datetime.now(UTC).timestamp() - reached_s < 30
    wait(page, f"({BURNT})('player') > {reached_s + 8}")
    assert "/recordings/" in page.url, "it never goes to live by itself"
    wait(page, "document.querySelector('#player video').playbackRate === 1")
    expect(page.locator("#player [data-part=note]")).to_contain_text("caught up with now")


@pytest.fixture(scope="module")
def ended(recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, int, datetime]]:
    """An app, the id of a camera whose channel 11 stopped recording an hour ago, and the end of that recording."""
    with running_recorder("--channels", "16", "--profile", "small") as other:
        running = App(tmp_path_factory.mktemp("ended"), SEGMENT_S="1")
        running.start()
        camera_id = running.add_camera(other, name="Ended")
        now = datetime.now(UTC)
        end = datetime.fromisoformat(other.archive(11, now - timedelta(hours=3), now)["latest"])
        yield running, camera_id, end
        running.stop()


def test_play_at_the_end_asks_for_more_instead_of_starting_over(
    ended: tuple[App, int, datetime], open_page: Open
) -> None:
    app, camera_id, end = ended
    page = open_at(app, camera_id, open_page, end - timedelta(seconds=9), channel=11).page
    title = page.locator("#player [data-part=title]")
    expect(title).to_have_text("The recording ends here")
    last_s = standing_s(page)
    assert last_s == pytest.approx(end.timestamp(), abs=0.5)
    page.evaluate(f"""setInterval(() => (window.seen ??= []).push(({BURNT})('player')), 20)""")
    # The loading lasts for one answer of the recorder: an observer keeps what a look from outside may miss.
    page.evaluate(
        """new MutationObserver((changes) => (window.left ??= []).push(...changes.map((change) => change.oldValue)))
          .observe(document.querySelector('#player'),
            { subtree: true, attributeFilter: ['data-phase'], attributeOldValue: true })"""
    )
    with page.expect_request("**/api/playback/seek") as asked:
        page.keyboard.press("k")
    assert asked.value.post_data
    wait(page, "(window.left ?? []).includes('loading')")
    expect(title).to_have_text("The recording ends here")
    still = page.locator("#player [data-part=frozen]")
    expect(still).to_be_hidden()
    shown = [value for value in page.evaluate("window.seen") if value is not None]
    assert standing_s(page) == pytest.approx(last_s, abs=0.3)
    assert min(shown) > last_s - 1.5, "what is decoded up to the last picture lies below its still"
    page.keyboard.press("j")
    page.wait_for_selector(PLAYING)


# ---- waits ---------------------------------------------------------------------------------------


def test_opening_and_stalling_show_the_reason_and_the_seconds(app: App, open_page: Open) -> None:
    # This make sends in real time only, so that little is buffered when it falls silent.
    with running_recorder("--channels", "1", "--profile", "small", "--make", "uniview-like") as recorder:
        camera_id = app.add_camera(recorder, name="Slow")
        recorder.set_fault("replay_setup_delay", 5.0)
        text = earlier(30).strftime("%Y-%m-%dT%H:%M:%SZ")
        page = open_page("about:blank").page
        page.add_init_script(_KEEP_ADVICE)  # the texts may have gone when the test looks at the page
        page.goto(f"{app.url}/recordings/{camera_id}?channel=1&t={text}")
        advice = page.locator("#player [data-part=advice]")
        page.wait_for_selector(PLAYING)
        expect(advice).to_have_text("")
        advised: list[list[str]] = page.evaluate("window.advised")
        assert [
            advice
            for title, advice in advised
            if title == "Opening the recording" and re.search(r"The recorder takes a moment: [2-5] s", advice)
        ], advised
        recorder.set_fault("rtsp_silent")
        expect(page.locator("#player [data-part=title]")).to_have_text("The picture stands still")
        expect(advice).to_have_text(re.compile(r"Waiting for the recorder: \d+ s"))
        recorder.clear_fault("rtsp_silent")
        page.wait_for_selector(PLAYING)
        expect(advice).to_have_text("")


def test_a_recorder_limited_to_real_time_offers_no_higher_speed(app: App, open_page: Open) -> None:
    with running_recorder("--channels", "1", "--profile", "small", "--make", "uniview-like") as recorder:
        camera_id = app.add_camera(recorder, name="Real time only")
        page = open_at(app, camera_id, open_page, earlier(30)).page
        fast = page.locator("#player [data-part=speed] option[value='4']")
        expect(fast).to_be_disabled()
        expect(page.locator("#player [data-part=note]")).to_have_text("")
        page.keyboard.press(">")
        expect(page.locator("#player [data-part=note]")).to_have_text("This recorder sends no faster than 1×")
        assert page.evaluate("document.querySelector('#player video').playbackRate") == 1
        page.keyboard.press("<")
        page.keyboard.press("<")
        expect(page.locator("#player [data-part=badge-text]")).to_have_text("PLAYBACK 0.5×")


# ---- the recorder's session is released ----------------------------------------------------------


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, recorder: Recorder) -> Iterator[tuple[App, int]]:
    """An app that plays one recording per recorder at a time, and a camera id."""
    running = App(tmp_path_factory.mktemp("single"), SEGMENT_S="1", DEVICE_REPLAY_SESSIONS="1")
    running.start()
    yield running, running.add_camera(recorder, name="One at a time")
    running.stop()


def test_the_modal_player_replaces_the_session_of_the_page(single: tuple[App, int], open_page: Open) -> None:
    app, camera_id = single
    page = open_at(app, camera_id, open_page, earlier(60)).page
    page.get_by_role("button", name="Last 24 h").click()
    page.get_by_role("button", name="Search", exact=True).click()
    row = page.locator("#results tr").first.get_by_role("button")
    page.evaluate(
        """window.problems = []; document.addEventListener('replay-phase', (event) => {
          if (event.detail === 'problem') setTimeout(() => window.problems.push(event.target.innerText), 100); })"""
    )
    for _ in range(2):
        row.click()
        page.wait_for_selector("#modal-player [data-phase=playing]")
        page.keyboard.press("Escape")
        expect(page.locator("#modal-player [data-part=stage]")).to_have_attribute("data-phase", "idle")
        page.evaluate("document.querySelector('#player').dispatchEvent(new Event('replay-wanted', { bubbles: true }))")
        page.wait_for_selector(PLAYING)
    slider = page.get_by_role("slider", name="Time")
    slider.focus()
    with page.expect_request("**/api/playback/start"):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#player [data-part=channel]")).to_contain_text("2 ")
    page.wait_for_selector(PLAYING)
    assert page.evaluate("window.problems") == []
    assert len(app.call("GET", "/api/streams/all")["streams"]) == 1


def test_a_long_pause_frees_the_session_and_resumes_at_the_same_frame(
    app: App, camera_id: int, open_page: Open
) -> None:
    page = open_at(app, camera_id, open_page, earlier(50)).page
    play_for(page, 1)
    pause(page)
    at_s = standing_s(page)
    mine = "() => fetch('/api/streams/all').then((it) => it.json()).then((it) => it.streams.length)"
    assert page.evaluate(mine) == 1
    page.evaluate("document.querySelector('#player').suspendAfter = { pausedMs: 300, hiddenMs: 60000 }")
    until_on(page, lambda: not page.evaluate(mine))
    still = page.locator("#player [data-part=frozen]")
    expect(still).to_be_visible()
    assert page.locator("#player [data-part=stage]").get_attribute("data-phase") == "paused"
    page.evaluate("document.querySelector('#player').suspendAfter = { pausedMs: 300000, hiddenMs: 60000 }")
    page.keyboard.press(".")
    expect(still).to_be_hidden()
    shows(page, at_s + 0.2)
    page.wait_for_selector("#player [data-part=stage][data-phase=paused]")
    page.keyboard.press("k")
    page.wait_for_selector(PLAYING)
    assert burnt_s(page) >= at_s


def test_a_hidden_silent_tab_frees_its_session_and_resumes_when_shown(
    app: App, camera_id: int, open_page: Open
) -> None:
    page = open_at(app, camera_id, open_page, earlier(55)).page
    page.evaluate(
        """document.querySelector('#player').suspendAfter = { pausedMs: 300000, hiddenMs: 300 };
        window.hide = (isHidden) => {
          Object.defineProperty(document, 'hidden', { configurable: true, get: () => isHidden });
          document.dispatchEvent(new Event('visibilitychange'));
        };"""
    )
    page.evaluate("window.hide(true)")
    still = page.locator("#player [data-part=frozen]")
    expect(still).to_be_visible()
    at_ms = page.evaluate("document.querySelector('#player').atMs")
    since_s = time.monotonic()
    page.evaluate("window.hide(false)")
    page.wait_for_selector(PLAYING)
    expect(still).to_be_hidden()
    assert -0.2 <= burnt_s(page) - at_ms / 1000 < 1 + (time.monotonic() - since_s)


def changed(route: Route, **fields: object) -> None:
    """Fulfil the route with the server's response and changed fields, which no simulated recorder produces."""
    with contextlib.suppress(PlaywrightError):  # the page of a test that has just ended is gone
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), **fields})


def test_a_time_without_proof_from_the_recorder_is_unconfirmed(app: App, camera_id: int, open_page: Open) -> None:
    page = open_at(app, camera_id, open_page, earlier(45)).page
    clock = page.locator("#player [data-part=clock]")
    expect(clock).not_to_contain_text("not confirmed")
    answer_requests(page, "**/api/streams/status/*", lambda route: changed(route, time_confirmed=False))
    expect(clock).to_contain_text("(not confirmed by the recorder)")


def test_an_incomplete_search_shows_the_reason(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/recordings/{camera_id}").page
    error = {"code": "camera_unreachable", "detail": "It does not answer."}
    answer_requests(page, "**/recordings/search", lambda route: changed(route, complete=False, error=error))
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("#search-state")).to_contain_text("has not reported everything: ")
