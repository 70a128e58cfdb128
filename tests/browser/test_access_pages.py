"""First visit, login, roles and logout in Chromium."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.watching import Open, until_on
from tests.patience import promised
from tools.running import PASSWORD as RECORDER_PASSWORD
from tools.running import App, Recorder, running_recorder

pytestmark = pytest.mark.browser

PASSWORD = "correct-horse-battery"
HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}"


@pytest.fixture
def new_app(tmp_path: Path) -> Iterator[App]:
    """An app in the state of the very first visit."""
    running = App(tmp_path, is_chosen=False, SEGMENT_S="1", LISTEN_TO_EVENTS="no")
    running.start()
    try:
        yield running
    finally:
        running.stop()


def make_first(page: Page, app: App) -> None:
    page.goto(f"{app.url}/")
    page.get_by_label("Your name").fill("Anna")
    page.get_by_label("A password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url(f"{app.url}/cameras")


def log_in(page: Page, name: str = "Anna", password: str = PASSWORD) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()


def fetch(page: Page, method: str, path: str, body: object = None) -> Any:
    """Make an API call like a script of the page; return (status, JSON document)."""
    return page.evaluate(
        """async ([method, path, body]) => {
          const headers = { 'X-CSRF-Token': document.body.dataset.csrf };
          if (body) headers['Content-Type'] = 'application/json';
          const answer = await fetch(path, { method, headers, body: body ? JSON.stringify(body) : undefined });
          return [answer.status, answer.status === 204 ? null : await answer.json()];
        }""",
        [method, path, body],
    )


def add_recorder(page: Page, recorder: Recorder) -> None:
    body = {"host": "127.0.0.1", "port": recorder.onvif_port, "username": "admin", "password": RECORDER_PASSWORD}
    status, camera = fetch(page, "POST", "/api/cameras?wait=1", body)
    assert status == 201, camera
    until_on(page, lambda: fetch(page, "GET", f"/api/cameras/{camera['id']}")[1]["status"] == "online")


def add_user(page: Page, name: str, role: str, cameras: object = None) -> None:
    body = {"name": name, "password": PASSWORD, "role": role, "cameras": cameras}
    status, answer = fetch(page, "POST", "/api/users", body)
    assert status == 201, answer


def forgive(watched: Any) -> None:
    """Ignore the console messages that Chromium writes about refused calls."""
    watched.forgive("status of 400", "status of 401", "status of 403", "status of 409", "status of 503")


def test_the_first_visit_offers_an_account_or_local_use(new_app: App, open_page: Open) -> None:
    page = open_page(f"{new_app.url}/viewer/1").page
    page.wait_for_url(f"{new_app.url}/welcome")
    expect(page.get_by_role("heading", level=1)).to_have_text("Who may look at your cameras?")
    expect(page.locator(".account-link")).to_have_count(0)
    page.get_by_role("button", name="Only on this machine").click()
    page.wait_for_url(f"{new_app.url}/cameras")
    expect(page.get_by_role("heading", name="Watch your cameras here")).to_be_visible()
    page.goto(f"{new_app.url}/cameras")
    expect(page).to_have_url(f"{new_app.url}/cameras")
    page.get_by_role("button", name="More pages").click()
    page.get_by_role("link", name="Access").click()  # an account can be made at any time
    expect(page.get_by_role("heading", level=1)).to_have_text("Create an account")


def test_a_weak_password_is_marked_and_a_good_one_opens_the_app(new_app: App, open_page: Open) -> None:
    watched = open_page(f"{new_app.url}/")
    forgive(watched)
    page = watched.page
    page.get_by_label("Your name").fill("Anna")
    page.get_by_label("A password").fill("password1234")
    page.get_by_role("button", name="Create account").click()
    expect(page.locator("#first-password-error")).to_contain_text("Too easy to guess")
    expect(page.get_by_label("A password")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("A password")).to_be_focused()
    page.get_by_label("A password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{new_app.url}/cameras")
    page.get_by_role("button", name="More pages").click()
    expect(page.get_by_role("link", name="Account of Anna")).to_be_visible()


def test_the_login_shows_errors_and_leads_back_to_the_page(new_app: App, open_page: Open) -> None:
    first = open_page(f"{new_app.url}/").page
    make_first(first, new_app)
    watched = open_page(f"{new_app.url}/recordings?x=1#y")
    forgive(watched)
    page = watched.page
    page.wait_for_url(re.compile(r"/login\?next="))
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    log_in(page, password="not-the-password")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    log_in(page)
    page.wait_for_url(f"{new_app.url}/recordings?x=1#y")


@pytest.mark.parametrize("role", ["viewer", "reviewer", "operator"])
def test_actions_beyond_the_role_are_not_offered(new_app: App, recorder: Recorder, open_page: Open, role: str) -> None:
    admin = open_page(f"{new_app.url}/").page
    make_first(admin, new_app)
    add_recorder(admin, recorder)
    add_user(admin, "Ben", role, [{"camera_id": 1, "channels": [2, 3]}])
    for number in (1, 2):
        fetch(admin, "PUT", f"/api/cameras/1/channels/{number}/recording-rule", {"mode": "continuous"})
    fetch(admin, "POST", "/api/notification-rules", {"name": "Rule of Anna", "sinks": [1]})
    watched = open_page(f"{new_app.url}/cameras")
    page = watched.page
    log_in(page, "Ben")
    card = page.locator("camera-card")
    expect(card).to_have_count(1)
    expect(page.locator("#add")).to_be_hidden()
    for name in ("edit", "delete", "health", "record"):
        expect(card.locator(f"[data-part={name}]")).to_be_hidden()
    expect(card.locator("[data-part=refresh]")).to_be_visible(visible=role == "operator")
    expect(card.locator("[data-part=recordings]")).to_be_visible(visible=role != "viewer")
    expect(page.get_by_role("link", name="Recordings", exact=True)).to_have_count(0 if role == "viewer" else 1)
    expect(page.get_by_role("link", name="Events")).to_have_count(0 if role == "viewer" else 1)
    page.get_by_role("button", name="More pages").click()
    expect(page.get_by_role("link", name="API")).to_be_visible()
    expect(page.get_by_role("link", name="Exports")).to_have_count(0 if role == "viewer" else 1)
    expect(page.get_by_role("link", name="Access")).to_have_count(0)
    page.goto(f"{new_app.url}/viewer/1")
    expect(page.locator("#channels [data-channel]")).to_have_count(2)
    page.wait_for_selector("[data-part=stage][data-phase=playing], [data-phase=playing]")
    expect(page.locator("#edit-channels")).to_be_hidden()
    expect(page.locator("#moment")).to_be_visible(visible=role != "viewer")
    page.locator("#recording").click()
    expect(page.locator("#recording-text")).to_be_visible()
    expect(page.get_by_role("button", name="Pause the recording…")).to_be_visible(visible=role == "operator")
    expect(page.get_by_role("button", name="Keep the last 5 minutes…")).to_be_visible(visible=role != "viewer")
    expect(page.get_by_role("button", name="Rule of the recording…")).to_be_hidden()
    forgive(watched)
    for path in ("/access", "/storage"):
        page.goto(f"{new_app.url}{path}")
        expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
    page.goto(f"{new_app.url}/notifications")
    if role == "viewer":
        expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
    else:
        make_own_rule(page)


def make_own_rule(page: Page) -> None:
    """Add a rule for the allowed channels; rules of the admin and other receivers than browsers are not shown."""
    page.get_by_role("button", name="Add a rule").click()
    expect(page.locator("#sinks-part")).to_have_count(0)
    dialog = page.locator("#rule-dialog dialog")
    dialog.get_by_label("Camera").select_option(index=1)
    expect(dialog.get_by_label("Channel").locator("option")).to_have_count(3)  # all that Ben may see, and these two
    expect(dialog.locator("#rule-sinks label")).to_have_text(["Your browsers and phones"])
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("#rules strong")).to_have_text(["All alerts"])


def watches(app: App, recorder: Recorder) -> bool:
    """True if the app has an RTSP session with the recorder."""
    listening = {link.laddr.port for link in psutil.Process(recorder.pid).net_connections("tcp") if not link.raddr}
    family = [psutil.Process(app.pid), *psutil.Process(app.pid).children(recursive=True)]
    links = []
    for process in family:
        with contextlib.suppress(psutil.Error):  # a child that ends meanwhile
            links += [link for link in process.net_connections("tcp") if link.raddr]
    rtsp = listening - {recorder.onvif_port, recorder.control_port}
    return any(link.raddr.port in rtsp and link.status == psutil.CONN_ESTABLISHED for link in links)


def test_a_user_limited_to_channels_is_not_offered_to_stop_indexing(new_app: App, open_page: Open) -> None:
    admin = open_page(f"{new_app.url}/").page
    make_first(admin, new_app)
    with running_recorder("--channels", "2", "--profile", "small") as recorder:
        add_recorder(admin, recorder)
        recorder.set_fault("slow", 2.0)  # the indexing goes on until both pages were looked at
        add_user(admin, "Ben", "reviewer", [{"camera_id": 1, "channels": [2]}])
        page = open_page(f"{new_app.url}/recordings/1").page
        log_in(page, "Ben")
        expect(page.locator("#indexing-text")).to_contain_text("Asking the recorder:")
        expect(page.locator("#indexing-stop")).to_be_hidden()
        admin.goto(f"{new_app.url}/recordings/1")
        admin.locator("#indexing-stop").click()
        expect(admin.locator("#indexing-resume")).to_be_visible()
        expect(page.locator("#indexing")).to_be_hidden()
        expect(page.locator("#indexing-resume")).to_be_hidden()


@pytest.mark.parametrize("way", ["socket", "hls"])
def test_a_logout_ends_streams_in_all_tabs_within_five_seconds(
    new_app: App, recorder: Recorder, open_page: Open, way: str
) -> None:
    watched = open_page(f"{new_app.url}/")
    forgive(watched)
    page = watched.page
    make_first(page, new_app)
    add_recorder(page, recorder)
    page.goto(f"{new_app.url}/viewer/1?way={way}")
    page.wait_for_selector("[data-phase=playing]")
    # Another ffmpeg may make a still of a tile for a moment.
    until_on(page, lambda: bool(new_app.ffmpegs()) == (way == "hls"))
    assert watches(new_app, recorder)
    other = page.context.new_page()
    other.goto(f"{new_app.url}/account")
    other.get_by_role("button", name="Log out").click()
    with promised(12):  # the gateway keeps a device's session for some seconds
        with promised(5):
            page.wait_for_url(re.compile(r"/login\?next=%2Fviewer%2F1"), wait_until="commit")
            until_on(page, lambda: not new_app.ffmpegs())
        until_on(page, lambda: not watches(new_app, recorder))
    other.wait_for_url(re.compile("/login$"))


def test_a_login_ended_by_an_admin_loses_its_stream_in_five_seconds(
    new_app: App, recorder: Recorder, open_page: Open
) -> None:
    admin = open_page(f"{new_app.url}/").page
    make_first(admin, new_app)
    add_recorder(admin, recorder)
    add_user(admin, "Ben", "viewer")
    watched = open_page(f"{new_app.url}/viewer/1")
    forgive(watched)
    page = watched.page
    log_in(page, "Ben")
    page.wait_for_selector("[data-phase=playing]")
    admin.goto(f"{new_app.url}/access")
    admin.get_by_role("button", name="Log Ben out").click()
    with promised(12):
        with promised(5):
            page.wait_for_url(re.compile(r"/login\?next="), wait_until="commit")
        until_on(page, lambda: not watches(new_app, recorder))
    expect(admin.locator("#sessions .access-row")).to_have_count(1)


def test_users_and_tokens_are_managed_on_one_page(new_app: App, recorder: Recorder, open_page: Open) -> None:
    watched = open_page(f"{new_app.url}/")
    forgive(watched)
    page = watched.page
    make_first(page, new_app)
    add_recorder(page, recorder)
    page.goto(f"{new_app.url}/access")
    page.get_by_role("button", name="Add user").click()
    dialog = page.locator("#user-dialog dialog")
    dialog.get_by_label("Name").fill("Ben")
    dialog.get_by_label("Password").fill("ben")
    dialog.get_by_label("Only these").check()
    dialog.locator("[data-part=check]").first.check()
    dialog.locator("[data-part=channels]").first.fill("1-3, nonsense")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.locator("[data-part=channels]").first).to_have_attribute("aria-invalid", "true")
    dialog.locator("[data-part=channels]").first.fill("1-3, 7")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.locator("[data-error=password]")).to_have_text("At least 12 characters")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_be_hidden()
    row = page.locator("#users .access-row").nth(1)
    expect(row).to_contain_text("Ben")
    expect(row).to_contain_text("1–3, 7")
    page.get_by_role("button", name="Disable Ben").click()
    expect(row.locator("[data-part=disabled]")).to_be_visible()
    page.get_by_role("button", name="Disable Anna").click()
    expect(page.locator("toast-area")).to_contain_text("last admin")
    page.get_by_role("button", name="Add token").click()
    token_dialog = page.locator("#token-dialog dialog")
    token_dialog.get_by_label("Purpose").fill("Snapshots")
    for role, is_limitable in (("admin", False), ("viewer", True)):
        token_dialog.get_by_label("Role").select_option(role)
        expect(token_dialog.locator("#token-limits")).to_be_visible(visible=is_limitable)
    token_dialog.get_by_role("button", name="Create token").click()
    field = page.get_by_label("Token", exact=True)
    expect(field).to_have_value(re.compile(r"^ovw_[\w-]{43}$"))
    token = field.input_value()
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#tokens .access-row")).to_contain_text("Snapshots")
    expect(page.locator("#made-example")).to_be_empty()
    assert token not in page.content()
    page.get_by_role("button", name="Remove Ben").click()
    page.locator("#confirm").get_by_role("button", name="Remove").click()
    expect(page.locator("#users .access-row")).to_have_count(1)


def test_adding_users_waits_for_the_list_of_cameras(new_app: App, recorder: Recorder, open_page: Open) -> None:
    watched = open_page(f"{new_app.url}/")
    watched.forgive("ERR_FAILED")
    page = watched.page
    make_first(page, new_app)
    add_recorder(page, recorder)
    asked: list[Route] = []

    def keep(route: Route) -> None:
        asked.append(route)

    page.route("**/api/cameras", keep)
    with page.expect_request("**/api/cameras"):
        page.goto(f"{new_app.url}/access")
    user, token = (page.get_by_role("button", name=name) for name in ("Add user", "Add token"))
    expect(user).to_be_disabled()
    expect(token).to_be_disabled()
    asked[0].abort()
    expect(page.locator("toast-area")).to_contain_text("does not answer")
    expect(user).to_be_disabled()
    page.unroute("**/api/cameras")
    page.reload()
    user.click()
    dialog = page.locator("#user-dialog dialog")
    dialog.get_by_label("Only these").check()
    expect(dialog.locator("[data-part=check]")).to_have_count(1)


def test_the_page_works_on_after_a_change_of_ones_own_password(new_app: App, open_page: Open) -> None:
    watched = open_page(f"{new_app.url}/")
    forgive(watched)
    page = watched.page
    make_first(page, new_app)
    page.get_by_role("button", name="More pages").click()
    page.get_by_role("link", name="Account of Anna").click()
    page.get_by_label("Current password").fill("wrong-one-entirely")
    page.get_by_label("New password").fill("other-horse-stapled")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("[data-error=current_password]")).to_be_visible()
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("toast-area")).to_contain_text("Password changed")
    assert fetch(page, "POST", "/api/discovery")[0] in (200, 503)
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(re.compile("/login$"))
    log_in(page, password="other-horse-stapled")
    page.wait_for_url(f"{new_app.url}/cameras")


def test_hostile_text_of_users_and_tokens_stays_text(new_app: App, recorder: Recorder, open_page: Open) -> None:
    """Names of users, user agents, tokens, cameras and channels.

    Strings of a device are in test_cameras_page.py, all fields of the API in test_hostile_strings.py. `open_page`
    fails the test if a script runs or the content security policy is violated.
    """
    page = open_page(f"{new_app.url}/").page
    make_first(page, new_app)
    add_recorder(page, recorder)
    add_user(page, HOSTILE, "viewer", [{"camera_id": 1, "channels": [1]}])
    assert fetch(page, "PATCH", "/api/cameras/1", {"name": HOSTILE})[0] == 200
    assert fetch(page, "PATCH", "/api/cameras/1/channels/1", {"name": HOSTILE})[0] == 200
    assert fetch(page, "POST", "/api/tokens", {"name": HOSTILE, "role": "viewer"})[0] == 201
    for path in ("/cameras", "/viewer/1", "/recordings/1", "/access"):
        page.goto(new_app.url + path)
        expect(page.get_by_text(HOSTILE).first).to_be_attached()
        assert page.locator("img[src=x]").count() == 0
    page.get_by_role("button", name=f"Edit {HOSTILE}").click()
    expect(page.locator("#user-title")).to_have_text(f"Edit {HOSTILE}")
    page.keyboard.press("Escape")
    guest = open_page(f"{new_app.url}/login", user_agent=HOSTILE).page
    log_in(guest, HOSTILE)
    guest.wait_for_url(f"{new_app.url}/cameras")
    page.goto(f"{new_app.url}/access")
    expect(page.locator("#sessions [data-part=agent]").filter(has_text=HOSTILE)).to_have_count(1)
    assert page.locator("img[src=x]").count() == 0
    guest.goto(f"{new_app.url}/account")
    expect(guest.get_by_role("heading", level=1)).to_have_text(HOSTILE)


def test_the_access_pages_fit_their_window(new_app: App, open_page: Open) -> None:
    page = open_page(f"{new_app.url}/").page
    page.wait_for_url(f"{new_app.url}/welcome")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.reload()
        assert_it_fits(page)
    make_first(page, new_app)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        for path in ("/account", "/cameras", "/access"):
            page.goto(new_app.url + path)
            assert_it_fits(page)
        page.get_by_role("button", name="Add user").click()
        assert_it_fits(page)


def assert_it_fits(page: Page) -> None:
    """Check in both colour schemes that the page is as wide as its window."""
    schemes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert page.evaluate(fits), (page.url, page.viewport_size, scheme)
