"""Exports in the browser: the marked range on the recordings page, the dialog, and the page of exports."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.recordings import PLAYING, ROWS, burnt_s, recorded_at, stamp, wait
from tests.browser.watching import Open, answer_requests, box_at_rest, settled_on, until_on
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams", "remove_exports")]

PANEL = "#mark-in:not([disabled])"
MARKS = """[...document.querySelectorAll('#mark-in-time, #mark-out-time')].map(
  (input) => input.value && new Date(input.value + 'Z').getTime() / 1000)"""
FRAME_S = 0.2  # of the pretend recorder's small profile
HAS_PICTURE = """(() => {
  const canvas = document.querySelector('blur-editor canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return Math.max(...data.filter((_, at) => at % 400 === 0)) > 80;
})()"""
WIDTH = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def remove_exports(app: App) -> Iterator[None]:
    yield
    for job in app.call("GET", "/api/exports")["exports"]:
        app.call("DELETE", f"/api/exports/{job['id']}")


def export(app: App, camera_id: int, start: datetime, length: timedelta, **more: Any) -> int:
    """Queue an export of the first channel; return its id."""
    wanted = {"camera_id": camera_id, "channel": 1, "start_time": stamp(start), "end_time": stamp(start + length)}
    export_id: int = app.call("POST", "/api/exports", {"ranges": [wanted], **more})["id"]
    return export_id


def open_paused(open_page: Open, app: App, camera_id: int, at: datetime, **options: Any) -> Page:
    """Open ten minutes of recordings around a time, paused, in UTC."""
    view = f"from={stamp(at - timedelta(minutes=5))}&to={stamp(at + timedelta(minutes=5))}"
    address = f"{app.url}/recordings/{camera_id}?channel=1&t={stamp(at)}&{view}"
    page = open_page(address, timezone_id="UTC", **options).page
    wait(page, ROWS)
    page.wait_for_selector(PLAYING)
    page.wait_for_selector(PANEL)
    page.keyboard.press("k")
    page.wait_for_selector("#player [data-phase=paused]")
    return page


def shown_s(page: Page) -> float:
    """Return the time burnt into the frame, once it stands still."""
    return settled_on(page, lambda: burnt_s(page), for_s=0.6)


def marks(page: Page) -> list[Any]:
    """Return the times in the fields, in seconds; an empty text for a missing mark."""
    found: list[Any] = page.evaluate(MARKS)
    return found


def test_an_export_shows_exactly_the_frames_that_keys_have_marked(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    page = open_paused(open_page, app, camera_id, recorded_at(recorder))
    page.keyboard.press(".")
    start_s = shown_s(page)
    page.keyboard.press("Alt+[")  # as on a Mac with a German keyboard
    assert marks(page)[0] == pytest.approx(start_s, abs=0.0015)
    expect(page.locator("#range-facts")).to_contain_text("Mark the end, too.")
    page.keyboard.press("l")
    until_on(page, lambda: burnt_s(page) > start_s + 5)
    page.keyboard.press(".")
    end_s = shown_s(page)
    page.keyboard.press("]")
    end_s += FRAME_S  # the frame on screen is in the range
    assert marks(page) == [pytest.approx(start_s, abs=0.0015), pytest.approx(end_s, abs=0.0015)]
    expect(page.locator("#range-facts")).to_have_text(re.compile(r"^[\d.]+ s · about [\d.]+ [kM]B$"))
    page.keyboard.press("E")
    dialog = page.get_by_role("dialog", name="Export")
    expect(dialog.get_by_role("checkbox", name="1 Car park")).to_be_checked()
    before = marks(page)
    dialog.get_by_role("checkbox", name="1 Car park").focus()
    for key in (",", "[", "k", "?"):
        page.keyboard.press(key)
    expect(page.locator("#player [data-phase=paused]")).to_be_visible()
    expect(page.locator("#keys-dialog dialog")).to_be_hidden()
    assert marks(page) == before
    expect(dialog.locator("#export-estimate")).to_contain_text("about")
    alone = dialog.locator("#export-estimate").inner_text()
    dialog.get_by_label("Time of day in the picture").check()
    expect(dialog.locator("#export-estimate")).not_to_have_text(re.compile(f"^({alone}|Estimating.*)$"))
    dialog.get_by_label("Time of day in the picture").uncheck()
    expect(dialog.locator("#export-estimate")).to_have_text(alone)
    dialog.get_by_role("checkbox", name="3 Front door").check()
    dialog.get_by_label("Name").fill("Theft <b>at</b> the gate")
    dialog.get_by_label("Notes").fill("for the insurance")
    dialog.get_by_role("button", name="Start the export").click()
    expect(page.locator("#range-started")).to_contain_text("The export “Theft <b>at</b> the gate” has started.")
    page.get_by_role("link", name="See its progress").click()
    row = page.locator("export-row")
    expect(row).to_have_attribute("data-wanted", "")
    expect(row).to_contain_text("Recorder: 1 Car park, 3 Front door")
    expect(row).to_have_attribute("data-state", "done")
    expect(row.locator("h3")).to_have_text("Theft <b>at</b> the gate")
    expect(row.locator("[data-part=expiry]")).to_contain_text("Deleted in 7 days")
    (job,) = app.call("GET", "/api/exports")["exports"]
    assert page.url == job["link"]
    assert [file["channel"] for file in job["files"]] == [1, 3]
    first = job["files"][0]
    times = [datetime.fromisoformat(first[name]).timestamp() for name in ("start_time", "end_time")]
    assert times == [pytest.approx(start_s, abs=0.002), pytest.approx(end_s, abs=0.002)]
    with page.expect_download() as download:
        row.get_by_role("link", name=f"Download {first['name']}").click()
    assert download.value.path().stat().st_size == first["bytes"]
    row.get_by_role("button", name=f"Play {first['name']}").click()
    wait(page, "document.querySelector('#watch-video').currentTime > 0.3")
    assert page.evaluate("document.querySelector('#watch-video').duration") == pytest.approx(end_s - start_s, abs=0.1)
    page.keyboard.press("Escape")
    wait(page, "!document.querySelector('#watch-video').hasAttribute('src')")


@pytest.mark.parametrize("is_finger", [False, True], ids=["mouse", "finger"])
def test_handles_move_the_marks_to_frames(
    app: App, camera_id: int, recorder: Recorder, open_page: Open, is_finger: bool
) -> None:
    phone = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
    page = open_paused(open_page, app, camera_id, recorded_at(recorder), **(phone if is_finger else {}))
    page.get_by_role("button", name="Last 30 s").click()
    before = marks(page)
    assert before[1] - before[0] == pytest.approx(30)
    assert page.evaluate(WIDTH) == 0
    handle = page.get_by_role("slider", name="Start of the marked range")
    handle.scroll_into_view_if_needed()
    box = box_at_rest(page, handle)
    x, y, by = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, -40
    if is_finger:
        touch = page.context.new_cdp_session(page)

        def finger(kind: str, *at: float) -> None:
            points = [{"x": place, "y": y, "id": 1} for place in at]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        finger("touchStart", x)
        for step in range(1, 5):
            finger("touchMove", x + by * step / 4)
        finger("touchEnd")
    else:
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + by, y, steps=4)
        page.mouse.up()
    page.wait_for_selector("#player [data-phase=paused]")
    frame_s = shown_s(page)
    until_on(page, lambda: marks(page)[0] == pytest.approx(frame_s, abs=0.0015))
    plot_px = page.evaluate("document.querySelector('recording-timeline').plot.widthPx")
    assert frame_s == pytest.approx(before[0] + by * 600 / plot_px, abs=2 * 600 / plot_px + FRAME_S)
    assert marks(page)[1] == before[1]
    handle.focus()
    page.keyboard.press("ArrowRight")
    until_on(page, lambda: marks(page)[0] > frame_s)
    expect(handle).to_be_focused()
    page.get_by_role("button", name="Clear").click()
    expect(handle).to_be_hidden()
    assert marks(page) == ["", ""]


def test_keys_move_a_handle_by_a_frame_at_least(app: App, camera_id: int, recorder: Recorder, open_page: Open) -> None:
    page = open_paused(open_page, app, camera_id, recorded_at(recorder))
    page.keyboard.press(".")
    start_s = shown_s(page)
    for key in ("[", "]"):
        page.keyboard.press(key)
    expected = [start_s, start_s + FRAME_S]
    assert marks(page) == pytest.approx(expected, abs=0.0015)
    view = {"startMs": 1000 * (start_s - 5), "endMs": 1000 * (start_s + 5)}  # a step is shorter than a frame
    page.evaluate("view => (document.querySelector('recording-timeline').view = view)", view)
    for name, key, which, by in (
        ("End", "ArrowRight", 1, FRAME_S),
        ("End", "ArrowRight", 1, FRAME_S),
        ("Start", "ArrowRight", 0, FRAME_S),
        ("Start", "ArrowLeft", 0, -FRAME_S),
        ("End", "ArrowLeft", 1, -FRAME_S),
    ):
        page.get_by_role("slider", name=f"{name} of the marked range").focus()
        page.keyboard.press(key)
        expected[which] += by
        until_on(page, lambda: settled_on(page, lambda: marks(page), for_s=0.6) == pytest.approx(expected, abs=0.0015))
    for key in (".", ".", ".", "."):
        page.keyboard.press(key)
    until_on(page, lambda: burnt_s(page) > expected[1])
    page.keyboard.press("[")  # removes the end, whose handle has the focus
    assert marks(page)[1] == ""
    expect(page.get_by_role("slider", name="End of the marked range")).to_be_hidden()
    expect(page.locator("recording-timeline [data-part=slider]")).to_be_focused()


def test_a_typed_time_and_an_event_make_a_range(app: App, camera_id: int, recorder: Recorder, open_page: Open) -> None:
    at = recorded_at(recorder)
    page = open_paused(open_page, app, camera_id, at)
    for field, value in (("#mark-in-time", at), ("#mark-out-time", at + timedelta(minutes=2, milliseconds=40))):
        page.locator(field).fill(value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}")
        page.locator(field).press("Tab")
    assert marks(page) == [at.timestamp(), at.timestamp() + 120.04]
    expect(page.locator("#range-facts")).to_contain_text("2 min")
    page.locator("#mark-out-time").fill((at - timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%S"))
    page.locator("#mark-out-time").press("Tab")
    assert marks(page) == [at.timestamp(), at.timestamp() - 5]
    expect(page.locator("#range-facts")).to_have_text("The end must be later than the start.")
    expect(page.get_by_role("button", name="Export", exact=True)).to_be_disabled()
    page.locator("#mark-in-time").fill("2026-11-20T10:00")
    page.locator("#mark-out-time").fill("2026-11-20T10:30")
    page.locator("#mark-out-time").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.type("11")  # "1" is an earlier hour than the start's
    ten_s = datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()
    assert marks(page) == [ten_s, ten_s + 90 * 60]
    page.get_by_role("button", name="Next event").click()
    expect(page.locator("#range-around")).to_have_text("This event")
    page.locator("#range-around").click()
    began_s, ended_s = marks(page)
    motion = recorder.archive(1, at, datetime.now(UTC))["motion"][0]
    assert began_s == pytest.approx(datetime.fromisoformat(motion["start"]).timestamp() - 2, abs=1)
    assert ended_s == pytest.approx(datetime.fromisoformat(motion["end"]).timestamp() + 2, abs=1)


def test_blurred_areas_are_drawn_on_the_picture_of_the_start(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    at = recorded_at(recorder)
    page = open_page(f"{app.url}/recordings/{camera_id}?channel=1", timezone_id="UTC").page
    wait(page, ROWS)
    page.wait_for_selector("#range-last:not([disabled])")
    for field, value in (("#mark-in-time", at), ("#mark-out-time", at + timedelta(seconds=10))):
        page.locator(field).fill(value.strftime("%Y-%m-%dT%H:%M:%S"))
        page.locator(field).press("Tab")
    page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog", name="Export")
    dialog.get_by_role("checkbox", name="Blurred areas").check()
    expect(dialog.locator("blur-editor [data-part=note]")).to_be_hidden()
    assert page.evaluate(HAS_PICTURE)
    dialog.get_by_role("button", name="Start the export").click()
    expect(dialog.locator("[data-error=copies]")).to_have_text("Draw at least one area, or untick “Blurred areas”.")
    expect(dialog.get_by_role("button", name="Add an area")).to_be_focused()

    stage = dialog.locator(".blur-stage")
    stage.scroll_into_view_if_needed()
    box = box_at_rest(page, stage)

    def drag(start: tuple[float, float], end: tuple[float, float]) -> None:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
        page.mouse.move(*places[0])
        page.mouse.down()
        page.mouse.move(*places[1], steps=3)
        page.mouse.up()

    drag((0.1, 0.1), (0.3, 0.4))
    drag((0.6, 0.6), (0.9, 0.9))
    drag((0.2, 0.2), (0.4, 0.3))  # moves the first area
    areas = page.evaluate("document.querySelector('blur-editor').areas")
    assert [(area["x"], area["y"]) for area in areas] == [
        (pytest.approx(0.3, abs=0.01), pytest.approx(0.2, abs=0.01)),
        (pytest.approx(0.6, abs=0.01), pytest.approx(0.6, abs=0.01)),
    ]
    dialog.get_by_role("button", name="Remove area 1").click()
    assert page.evaluate("document.querySelector('blur-editor').areas") == areas[1:]
    dialog.get_by_role("button", name="Start the export").click()
    expect(page.locator("#range-started")).to_be_visible()
    (job,) = app.call("GET", "/api/exports")["exports"]
    assert [copy["blur"] for copy in job["copies"]] == [areas[1:]]


def test_a_preview_plays_the_range_and_stops_at_its_end(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    page = open_paused(open_page, app, camera_id, recorded_at(recorder))
    end_s = shown_s(page)
    page.keyboard.press("]")
    page.locator("#mark-in-time").fill(datetime.fromtimestamp(end_s - 3, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    page.locator("#mark-in-time").press("Tab")
    start_s = marks(page)[0]
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#range-preview")).to_have_text("Stop")
    until_on(page, lambda: start_s - 0.3 <= burnt_s(page) < end_s - 1)
    expect(page.locator("#range-preview")).to_have_text("Preview")
    page.wait_for_selector("#player [data-phase=paused]")
    assert end_s - FRAME_S <= shown_s(page) <= end_s + 3


def test_a_running_export_is_paused_resumed_cancelled_and_deleted(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    start = datetime.now(UTC) - timedelta(hours=23)
    export(app, camera_id, start, timedelta(hours=20), name="Night")
    page = open_page(f"{app.url}/exports").page
    row = page.locator("export-row")
    expect(row.locator("[data-part=state]")).to_have_text("Running")
    expect(row.locator("[data-part=progress-text]")).to_have_text(
        re.compile(r"^\d+ %: .+ of \d+ h.* · [\d.]+ × real time · about .+ left · .+B$")
    )
    row.get_by_role("button", name="Pause: Night").click()
    expect(row.locator("[data-part=state]")).to_have_text("Paused")
    expect(row.get_by_role("button", name="Resume: Night")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row.locator("[data-part=state]")).to_have_text("Running")
    row.get_by_role("button", name="Cancel: Night").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Keep it running").click()
    expect(row.locator("[data-part=state]")).to_have_text("Running")
    row.get_by_role("button", name="Cancel: Night").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel the export").click()
    expect(row.locator("[data-part=state]")).to_have_text("Cancelled")
    row.get_by_role("button", name="Try again: Night").click()
    expect(row.locator("[data-part=state]")).to_have_text("Running")
    row.get_by_role("button", name="Edit: Night").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Morning")
    page.get_by_role("button", name="Save").click()
    expect(row.locator("h3")).to_have_text("Morning")
    row.get_by_role("button", name="Cancel: Morning").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel the export").click()
    expect(row.locator("[data-part=state]")).to_have_text("Cancelled")
    row.get_by_role("button", name="Delete: Morning").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#empty")).to_be_visible()
    assert app.call("GET", "/api/exports")["exports"] == []


def test_a_row_keeps_its_focus_and_acts_once_after_another_has_gone(app: App, camera_id: int, open_page: Open) -> None:
    start = datetime.now(UTC) - timedelta(hours=23)
    _first, _second, third = (export(app, camera_id, start, timedelta(hours=20), name=name) for name in "ABC")
    page = open_page(f"{app.url}/exports").page
    moves: list[str] = []
    page.on("request", lambda request: moves.append(request.url) if request.method == "POST" else None)
    pause = page.get_by_role("button", name="Pause: A")
    pause.focus()
    app.call("DELETE", f"/api/exports/{third}")
    expect(page.locator("export-row")).to_have_count(2)
    expect(pause).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("export-row", has=page.get_by_text("A", exact=True))).to_have_attribute("data-state", "paused")
    assert len(moves) == 1


def test_waiting_and_failed_exports_name_the_reason(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    page = open_page(f"{app.url}/exports").page
    expect(page.locator("#empty")).to_contain_text("There are no exports yet")
    other_id = app.add_camera(recorder, name="Other", host="localhost")
    at = recorded_at(recorder)
    recorder.set_fault("drop_connections")
    try:
        export(app, camera_id, at, timedelta(minutes=1), name="Yard")
        export(app, other_id, at, timedelta(minutes=1), name="Lost")
        page.reload()
        yard, lost = (page.locator("export-row", has=page.get_by_text(name, exact=True)) for name in ("Yard", "Lost"))
        for row in (yard, lost):
            expect(row.locator("[data-part=state]")).to_have_text("Waits for the recorder")
            expect(row.locator("[data-part=reason]")).to_contain_text("The app tries again by itself.")
        app.call("DELETE", f"/api/cameras/{other_id}")
        expect(lost.locator("[data-part=state]")).to_have_text("Failed")
        expect(lost.locator("[data-part=reason]")).to_have_text(
            "The camera of this export was deleted before the export was done."
        )
        expect(page.locator("#ended")).to_have_text("Lost has failed.")
    finally:
        recorder.clear_fault("drop_connections")
    expect(yard.locator("[data-part=state]")).to_have_text("Ready")
    yard.get_by_role("button", name="Keep: Yard").click()
    expect(yard.locator("[data-part=expiry]")).to_contain_text("Kept until you delete it")
    expect(yard.get_by_role("button", name="Keep: Yard")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Search in the exports").fill("yard")
    expect(page.locator("export-row")).to_have_count(1)
    page.get_by_label("Search in the exports").fill("nothing like this")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("export-row")).to_have_count(2)


def test_selected_exports_become_an_evidence_package(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    export(app, camera_id, recorded_at(recorder), timedelta(seconds=10), name="Gate")
    watched = open_page(f"{app.url}/exports")
    page = watched.page
    watched.forgive("/api/evidence/key")
    problem = {"code": "evidence_key", "detail": "The key file cannot be used."}
    answer_requests(page, "**/api/evidence/key", lambda route: route.fulfill(status=503, json=problem))
    page.locator("export-row[data-state=done]").get_by_role("checkbox", name="Select Gate").check()
    page.get_by_label("Search in the exports").fill("nothing like this")
    expect(page.locator("export-row")).to_have_count(0)
    expect(page.locator("#selection-text")).to_have_text("1 export selected")
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("checkbox", name="Select Gate")).to_be_checked()
    page.get_by_role("button", name="Evidence package…").click()
    dialog = page.get_by_role("dialog", name="Evidence package")
    dialog.get_by_label("Name of the case").fill("Case <i>12</i>")
    dialog.get_by_role("button", name="Make the package").click()
    package = page.locator("case-row")
    expect(package.locator("h3")).to_have_text("Case <i>12</i>")
    expect(package.locator("[data-part=state]")).to_have_text("Ready")
    expect(page.locator("#selection")).to_be_hidden()
    expect(package).to_be_focused()
    expect(page.locator("#evidence-key-problem")).to_have_text("The key file cannot be used.")
    page.unroute("**/api/evidence/key")
    page.reload()
    expect(page.locator("export-row [data-part=expiry]")).to_contain_text("Kept until you delete it")
    expect(page.locator("#evidence-fingerprint")).to_have_text(app.call("GET", "/api/evidence/key")["fingerprint"])
    with page.expect_download() as download:
        package.get_by_role("link", name="Download: Case").click()
    with zipfile.ZipFile(download.value.path()) as content:
        assert {"manifest.json", "manifest.sig", "verify.html"} <= {Path(name).name for name in content.namelist()}
    page.get_by_role("button", name="Delete: Gate").click()
    question = page.get_by_role("alertdialog")
    expect(question).to_contain_text("The evidence package “Case <i>12</i>” loses this export, and must be made again.")
    question.get_by_role("button", name="Delete").click()
    expect(package.locator("[data-part=reason]")).to_have_text("All exports of this case were deleted.")
    expect(package.get_by_role("link", name="Download: Case")).to_be_hidden()
    package.get_by_role("button", name="Delete: Case").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(package).to_have_count(0)


def test_the_player_and_a_link_of_an_export_work_or_give_the_reason(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    export_id = export(app, camera_id, recorded_at(recorder), timedelta(seconds=10), name="Gate")
    watched = open_page(f"{app.url}/exports")
    page, row = watched.page, watched.page.locator("export-row")
    expect(row).to_have_attribute("data-state", "done")
    page.get_by_label("Search in the exports").fill("nothing like this")
    expect(row).to_have_count(0)
    page.evaluate(f"window.location.hash = 'export-{export_id}'")
    expect(row).to_have_attribute("data-wanted", "")
    row.get_by_role("button", name="Edit: Gate").click()
    edit = page.get_by_role("dialog", name="Name and notes")
    edit.get_by_label("Name").fill("")
    edit.get_by_role("button", name="Save").click()
    expect(edit.locator("[data-error=name]")).to_have_text("Enter a name.")
    edit.get_by_role("button", name="Cancel").click()
    watched.forgive("/files/")
    app.call("DELETE", f"/api/exports/{export_id}")
    row.get_by_role("button", name=re.compile("^Play ")).click()
    expect(page.locator("#watch-problem")).to_have_text("There is no such export.")
