"""Recording on the server in the browser: the storage page, the dialogs, the state of channels, and the alerts.

All tests but the last answer the API's requests about it themselves; the rest is the real app with a simulated
recorder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.recordings import ROWS, wait
from tests.browser.server_recording import (
    NO_RULE,
    StandInRecording,
    alert,
    iso,
    kept_range,
    state,
    tell_sources,
    volume,
)
from tests.browser.watching import Open, box_at_rest, cut_outlines, until_on
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

WIDTH = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
RULE = "Recording of Recorder"


def opened(open_page: Open, **options: object) -> tuple[Page, StandInRecording]:
    """Return an empty page whose requests about recording the test answers."""
    page = open_page("about:blank", **options).page
    return page, StandInRecording(page)


def rule_dialog(page: Page, app: App) -> None:
    """Open the rule of the first recorded channel on the storage page."""
    page.goto(f"{app.url}/storage")
    page.get_by_role("button", name="Rule of Recorder: Car park").click()
    expect(page.get_by_role("dialog", name=RULE).get_by_label("Stream")).to_be_enabled()


def test_a_schedule_is_painted_by_mouse_and_keys_and_sent(app: App, camera_id: int, open_page: Open) -> None:
    page, server = opened(open_page)
    server.record(camera_id, 1)
    rule_dialog(page, app)
    dialog = page.get_by_role("dialog", name=RULE)
    dialog.get_by_label("By schedule").check()
    expect(dialog.locator("[data-part=week-text]")).to_have_text("Mon–Sun 00:00–24:00")
    dialog.get_by_role("button", name="Clear").click()
    expect(dialog.locator("[data-part=week-text]")).to_have_text("Never")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator("[data-error=schedule]")).to_have_text(re.compile("at least one half hour"))
    start = dialog.get_by_role("gridcell", name="Monday 08:00–08:30")
    end = dialog.get_by_role("gridcell", name="Friday 17:30–18:00")
    start.scroll_into_view_if_needed()
    boxes = [box_at_rest(page, cell) for cell in (start, end)]
    points = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=4)
    page.mouse.up()
    expect(dialog.locator("[data-part=week-text]")).to_have_text("Mon–Fri 08:00–18:00")
    expect(dialog.get_by_role("button", name="Working hours")).to_have_attribute("aria-pressed", "true")
    start.focus()
    page.keyboard.press("End")
    expect(dialog.get_by_role("gridcell", name="Monday 23:30–24:00")).to_be_focused()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(dialog.locator("[data-part=week-text]")).to_contain_text(
        "Mon 08:00–18:00, 23:00–24:00; Tue 08:00–18:00, 23:00"
    )
    dialog.get_by_role("button", name="Working hours").click()
    expect(dialog.locator(".rule-cost")).to_contain_text(re.compile(r"About [\d.]+ GB a day\."))
    dialog.get_by_label("Keep for days").fill("7,5")
    dialog.get_by_label("Time zone of the schedule").select_option("Asia/Tokyo")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("toast-area")).to_contain_text("The rule of Car park is saved.")
    ((method, path, rule),) = server.sent
    assert (method, path) == ("PUT", f"/api/cameras/{camera_id}/channels/1/recording-rule")
    assert rule["schedule"] == [{"weekday": day, "from_minute": 480, "until_minute": 1080} for day in range(5)]
    assert (rule["mode"], rule["keep_days"], rule["time_zone"]) == ("schedule", 7.5, "Asia/Tokyo")


def test_a_schedule_is_painted_with_a_finger(app: App, camera_id: int, open_page: Open) -> None:
    page, server = opened(open_page, width=390, height=844, has_touch=True)
    server.record(camera_id, 1)
    rule_dialog(page, app)
    dialog = page.get_by_role("dialog", name=RULE)
    dialog.get_by_label("By schedule").check()
    dialog.get_by_role("button", name="Clear").click()
    cells = [dialog.get_by_role("gridcell", name=f"Sunday {time}") for time in ("06:00–06:30", "11:30–12:00")]
    cells[0].scroll_into_view_if_needed()
    boxes = [box_at_rest(page, cell) for cell in cells]
    first, last = ({"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2} for box in boxes)
    finger = page.context.new_cdp_session(page)
    middle = {"x": (first["x"] + last["x"]) / 2, "y": first["y"]}
    for kind, points in (("Start", [first]), ("Move", [middle]), ("Move", [last]), ("End", [])):
        finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    expect(dialog.locator("[data-part=week-text]")).to_have_text("Sun 06:00–12:00")
    expect(dialog.locator("[data-part=week-point]")).to_have_text("Sunday 06:00–12:00: recorded")
    assert page.evaluate(WIDTH) == 0


def test_one_rule_is_sent_for_all_channels_of_a_camera(app: App, camera_id: int, open_page: Open) -> None:
    page, server = opened(open_page)
    server.record(camera_id, 1)
    rule_dialog(page, app)
    dialog = page.get_by_role("dialog", name=RULE)
    dialog.get_by_label("Always").check()
    dialog.get_by_label("Delete everything after days").fill("3")
    dialog.get_by_label("Same rule for all 8 channels of this camera").check()
    expect(dialog.locator(".rule-cost")).to_contain_text("for 8 channels")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    assert [path.split("/")[-2] for _, path, _ in server.sent] == [str(number) for number in range(1, 9)]
    assert {body["limit_days"] for _, _, body in server.sent} == {3}


def test_a_refused_rule_shows_the_servers_reason_at_its_field(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page("about:blank")
    watched.forgive("422")
    page, server = watched.page, StandInRecording(watched.page)
    server.record(camera_id, 1)
    server.rules[1] = {**NO_RULE, "pre_roll_bytes": 1_000_000}
    rule_dialog(page, app)
    dialog = page.get_by_role("dialog", name=RULE)
    dialog.get_by_label("On events").check()
    dialog.get_by_label("Seconds before an event").fill("600")
    expect(dialog.locator("[data-part=pre-note]")).to_contain_text("the memory holds only about 8 seconds")
    server.refusal = {
        "code": "invalid_request",
        "detail": "No.",
        "errors": [{"field": "pre_s", "message": "at most 60"}],
    }
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator("[data-error=pre_s]")).to_have_text("At most 60")
    expect(dialog.get_by_label("Seconds before an event")).to_be_focused()


def test_the_storage_page_shows_disks_channels_and_kept_parts(app: App, camera_id: int, open_page: Open) -> None:
    page, server = opened(open_page, width=390, height=844)
    now = datetime.now(UTC)
    page.goto(f"{app.url}/storage")
    expect(page.get_by_role("heading", name="Nothing is recorded yet")).to_be_visible()
    expect(page.get_by_role("button", name="Record…")).to_be_visible()
    server.record(camera_id, 1, 3)
    next_to_go = {"camera_id": camera_id, "channel": 1}
    server.volumes = [
        volume(full_at=iso(now + timedelta(days=2)), next_to_go=next_to_go),
        volume("NAS", state="gone", size_bytes=None, free_bytes=None, detail="The folder is not mounted."),
    ]
    hour = timedelta(hours=1)
    times = {"start_time": iso(now - 2 * hour), "end_time": iso(now - hour)}
    server.kept = [kept_range(1, camera_id=camera_id, channel=1, reason="<b>Theft</b>", **times)]
    page.reload()
    first, second = (page.locator(".volume").nth(at) for at in (0, 1))
    expect(first).to_contain_text("Then the server deletes the oldest recording of Recorder: Car park first.")
    expect(second).to_contain_text("The folder is not mounted.")
    expect(page.locator("#channels tr").first).to_contain_text("12 days")
    expect(page.locator("#channels tr").nth(1).locator("[data-short]")).to_have_count(0)
    expect(page.locator("#kept")).to_contain_text("<b>Theft</b>")
    assert page.evaluate(WIDTH) == 0
    assert not cut_outlines(page, ".table-frame button")
    page.get_by_role("button", name=re.compile("^Do not keep Recorder: Car park")).click()
    page.get_by_role("alertdialog").get_by_role("button", name="Do not keep").click()
    expect(page.locator("#no-kept")).to_be_visible()
    assert server.sent == [("DELETE", "/api/recordings/kept/1", None)]


@pytest.mark.parametrize("width", [390, 1280])
def test_the_storage_page_groups_disks_by_server(app: App, camera_id: int, open_page: Open, width: int) -> None:
    page, server = opened(open_page, width=width, height=844)
    server.record(camera_id, 1, node="north")
    server.record(camera_id, 1, 2, node="south")
    server.volumes = [volume("/srv/a", node="north"), volume("/srv/b", node="south"), volume("/srv/c", node="south")]
    server.silent_nodes = ["west"]
    page.goto(f"{app.url}/storage")
    expect(page.get_by_role("list", name="Disks of south").locator(".volume")).to_have_count(2)
    expect(page.locator("#silent")).to_contain_text("The server west does not answer")
    expect(page.locator("#channels tr").nth(1)).to_contain_text("on south")
    assert page.evaluate(WIDTH) == 0
    server.volumes, server.silent_nodes, server.channels = [volume("/srv/a")], [], []
    server.record(camera_id, 1)
    page.reload()
    expect(page.get_by_role("list", name="Disks", exact=True)).to_be_visible()
    expect(page.locator("#silent")).to_be_hidden()
    expect(page.locator("#channels tr").first).not_to_contain_text("server")


def test_the_viewer_shows_the_state_and_pauses_and_keeps(app: App, camera_id: int, open_page: Open) -> None:
    page, server = opened(open_page)
    server.states = [state(1, "recording", since=iso(datetime.now(UTC) - timedelta(hours=1))), state(2)]
    page.goto(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub")
    mark = page.locator("#recording")
    expect(mark).to_have_attribute("aria-label", re.compile("^Recorded on the server since "))
    tiles = page.locator("channel-grid .tile")
    expect(tiles.nth(0)).to_have_attribute("aria-description", re.compile("^Recorded on the server since "))
    expect(tiles.nth(1).locator("[data-part=rec]")).to_be_hidden()
    mark.click()
    page.get_by_role("button", name="Keep the last 5 minutes…").click()
    dialog = page.get_by_role("dialog", name="Keep this part")
    dialog.get_by_label("Reason").fill("Parcel")
    server.limited_until = iso(datetime.now(UTC) + timedelta(days=3))
    dialog.get_by_role("button", name="Keep", exact=True).click()
    expect(dialog).to_be_hidden()
    expect(page.locator("toast-area")).to_contain_text("The limit by law of the channel deletes it all the same, from ")
    _, path, kept = server.sent.pop()
    start, end, until = (datetime.fromisoformat(kept[name]) for name in ("start_time", "end_time", "until"))
    assert path == "/api/recordings/kept"
    assert (kept["channel"], kept["reason"], end - start) == (1, "Parcel", timedelta(minutes=5))
    assert timedelta(days=29) < until - end < timedelta(days=31)
    mark.click()
    page.get_by_role("button", name="Pause the recording…").click()
    dialog = page.get_by_role("dialog", name="Pause the recording of Car park")
    dialog.get_by_label("Until a user resumes it").check()
    dialog.get_by_role("button", name="Pause").click()
    expect(mark).to_have_attribute("aria-label", "Recording paused by anna")
    mark.click()
    page.get_by_role("button", name="Resume the recording").click()
    expect(mark).to_have_attribute("aria-label", re.compile("^Recorded on the server"))
    pause = f"/api/cameras/{camera_id}/channels/1/recording-pause"
    assert server.sent == [("POST", pause, {}), ("DELETE", pause, None)]


def test_camera_card_and_wall_tile_say_what_is_recorded(app: App, camera_id: int, open_page: Open) -> None:
    page, server = opened(open_page)
    server.states = [state(1, "recording"), state(2, "problem", reason="no_signal")]
    page.goto(f"{app.url}/cameras")
    card = page.locator("camera-card", has_text="Recorder").first
    expect(card).to_contain_text("2 of 2 channels: 1 recorded, 1 not recorded: the channel has no signal")
    page.goto(f"{app.url}/wall?layout=4&tiles={camera_id}.1,{camera_id}.2")
    first, second = (page.locator("live-tile").nth(at) for at in (0, 1))
    expect(first).to_have_attribute("aria-label", re.compile(", Recorded on the server$"))
    expect(second).to_have_attribute("aria-label", re.compile("Not recorded: the channel has no signal$"))
    expect(page.locator("live-tile").nth(2).locator("[data-part=rec]")).to_be_hidden()


def test_alerts_open_below_the_bell_until_they_are_seen(app: App, camera_id: int, open_page: Open) -> None:
    page, server = opened(open_page, width=390, height=844)
    server.alerts = [alert(7, camera_id=camera_id), alert(8, camera_id=camera_id, seen=True)]
    page.goto(f"{app.url}/cameras")
    page.get_by_role("button", name="1 recording alert").click()
    panel = page.locator("#alerts-panel")
    expect(panel).to_contain_text("Main street (Recorder) has not been recorded since")
    expect(panel.get_by_role("link", name="Timeline")).to_have_attribute(
        "href", re.compile(rf"^/recordings/{camera_id}\?")
    )
    assert page.evaluate(WIDTH) == 0
    panel.get_by_role("button", name="Mark as seen").click()
    expect(page.locator("recording-alerts")).to_be_hidden()
    assert server.sent == [("POST", "/api/recording-alerts/seen", {"ids": [7]})]


def test_the_timeline_tells_sources_on_demand_and_reasons(app: App, camera_id: int, open_page: Open) -> None:
    page, server = opened(open_page)
    server.states = [state(1, "recording")]
    tell_sources(page)
    page.goto(f"{app.url}/recordings/{camera_id}?channel=1")
    wait(page, ROWS)
    slider = page.locator("#timeline [role=slider]").first
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(", recorded(, |$)"))
    page.get_by_label("Show the source").check()
    expect(page.get_by_role("list", name="Legend")).to_contain_text("Recorded by the recorder")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(", recorded (on the server|by the recorder)"))
    expect(page.locator("#server-state")).to_have_text("Car park: Recorded on the server")
    page.get_by_role("button", name="Keep", exact=True).click()
    dialog = page.get_by_role("dialog", name="Keep this part")
    server.missing_s = 90.0
    dialog.get_by_role("button", name="Keep", exact=True).click()
    kept = until_on(page, lambda: server.sent)[0][2]
    start, end = (datetime.fromisoformat(kept[name]) for name in ("start_time", "end_time"))
    assert timedelta(minutes=2) < end - start <= timedelta(minutes=5)
    expect(dialog).to_contain_text("The server lacks 1 min 30 s of it.")
    expect(dialog.get_by_label("Reason")).to_be_hidden()
    dialog.get_by_role("button", name="Fetch").click()
    expect(dialog).to_be_hidden()
    _, path, wanted = server.sent.pop()
    assert path == "/api/backfills"
    assert (wanted["start_time"], wanted["end_time"]) == (kept["start_time"], kept["end_time"])
    page.unroute_all(behavior="ignoreErrors")  # of the coverage, which the page requests at intervals


@pytest.fixture(scope="module")
def recording_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app whose archive accepts any disk, however little space it has."""
    folder = tmp_path_factory.mktemp("recording")
    running = App(folder, SEGMENT_S="1", ARCHIVE_FLUSH_S="1", ARCHIVE_MIN_FREE_BYTES="0")
    running.start()
    yield running
    running.stop()


@pytest.mark.slow
def test_a_user_begins_pauses_keeps_and_ends_a_recording(
    recording_app: App, recorder: Recorder, open_page: Open
) -> None:
    camera_id = recording_app.add_camera(recorder, name="Recorder")
    page = open_page(f"{recording_app.url}/storage").page
    page.get_by_role("button", name="Record…").click()
    dialog = page.get_by_role("dialog", name=RULE)
    dialog.get_by_label("Always").check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    row = page.locator("#channels tr", has_text="Recorder: Car park")
    expect(row).to_contain_text("30 days")
    page.goto(f"{recording_app.url}/viewer/{camera_id}?channel=1&quality=sub")
    mark = page.locator("#recording")
    expect(mark).to_have_attribute("aria-label", re.compile("^Recorded on the server"))
    mark.click()
    page.get_by_role("button", name="Keep the last 5 minutes…").click()
    page.get_by_label("Reason").fill("Parcel")
    page.locator("#recording-keep").get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator("toast-area")).to_contain_text("This part is kept.")
    page.locator("#recording-keep [data-part=leave]").click()  # the recorder may have the minutes before the recording
    mark.click()
    page.get_by_role("button", name="Pause the recording…").click()
    page.locator("#recording-pause").get_by_role("button", name="Pause").click()
    expect(mark).to_have_attribute("aria-label", re.compile("^Recording paused by .+ until "))
    mark.click()
    page.get_by_role("button", name="Resume the recording").click()
    expect(mark).to_have_attribute("aria-label", re.compile("^Recorded on the server"))
    page.goto(f"{recording_app.url}/storage")
    expect(row.locator("td").nth(1)).to_have_text(re.compile(r"[1-9][\d.]* [kMG]?B"))
    expect(page.locator("#kept tr")).to_contain_text("Parcel")
    page.get_by_role("button", name="Rule of Recorder: Car park").click()
    expect(dialog.get_by_label("Always")).to_be_checked()
    dialog.get_by_label("Off").check()
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("toast-area")).to_contain_text("Recording of Car park is off.")
    rule = recording_app.call("GET", f"/api/cameras/{camera_id}/channels/1/recording-rule")
    assert rule["mode"] == "off"
