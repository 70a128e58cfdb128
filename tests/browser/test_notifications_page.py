"""The notifications page in Chromium, with a real mail server, web server and broker.

Chromium takes no push subscription in the contexts of tests, so a test answers `PushManager` with a subscription at a
pretend push service; permission, service worker and notification are Chromium's own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.watching import Open, until_on
from tests.notifications.brokers import broker, listening
from tests.notifications.discovery import faults_of
from tests.notifications.pretend_push_service import PretendBrowser, PretendPushService, pretend_push_service
from tests.notifications.receivers import MailBox, Receiver, mail_server, web_server
from tests.patience import until
from tools.running import App, Recorder, running_recorder

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECRET = "canary-signature"
RULE = {"name": "Gate", "kinds": ["motion"], "sinks": [1], "cool_down_s": 0}


@dataclass(frozen=True)
class Site:
    """An app with a recorder of two channels, and the servers that get its notifications."""

    app: App
    recorder: Recorder
    camera_id: int
    mail: MailBox
    hook: Receiver
    push: PretendPushService

    @property
    def url(self) -> str:
        return f"{self.app.url}/notifications"

    def empty(self) -> None:
        """Remove rules, receivers and browsers, and end the motion."""
        for name, key in (("notification-rules", "rules"), ("notification-sinks", "sinks")):
            for item in self.app.call("GET", f"/api/{name}")[key]:
                if item.get("kind") != "push":
                    self.app.call("DELETE", f"/api/{name}/{item['id']}")
        for item in self.app.call("GET", "/api/push/subscriptions")["subscriptions"]:
            self.app.call("DELETE", f"/api/push/subscriptions/{item['id']}")
        self.recorder.control("POST", "/motion", {"active": False})

    def add_webhook(self) -> int:
        body = {"name": "Siren", "kind": "webhook", "webhook": {"url": self.hook.url}}
        return int(self.app.call("POST", "/api/notification-sinks", body)["id"])

    def broker_state(self) -> dict[str, Any]:
        """Return the state of the only MQTT receiver."""
        sinks = self.app.call("GET", "/api/notification-sinks")["sinks"]
        (state,) = [sink["state"] for sink in sinks if sink["kind"] == "mqtt"]
        assert isinstance(state, dict)
        return state

    def begin_motion(self) -> None:
        """Begin a motion that is a new event: the end of the motion before is held for seconds."""
        until(lambda: not self._is_moving(), what="the end of the motion before")
        self.recorder.control("POST", "/motion", {"channel": 1, "active": True})

    def _is_moving(self) -> bool:
        found = self.app.call("GET", "/api/events?kind=motion")["events"]
        return any(event["end_time"] is None for event in found)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("notifications")
    with ExitStack() as stack:
        recorder = stack.enter_context(
            running_recorder("--channels", "2", "--profile", "small", "--make", "conformant")
        )
        recorder.control("POST", "/motion", {"active": False})  # only tests begin one
        push = stack.enter_context(pretend_push_service(folder))
        mail = stack.enter_context(mail_server())
        hook = stack.enter_context(web_server())
        app = App(folder, PUSH_SERVICES=f"localhost:{push.port}", NOTIFICATION_CA_FILE=str(push.certificate))
        app.start()
        stack.callback(app.stop)
        camera_id = app.add_camera(recorder, name="Garage <b>")
        yield Site(app, recorder, camera_id, mail, hook, push)


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    until(lambda: running.recorder.control("GET", "/state")["subscriptions"] == 1, what="the subscription")
    yield running
    running.empty()


def add_receiver(page: Page, kind: str) -> Locator:
    """Open the dialog for a receiver and return it."""
    page.get_by_role("button", name="Add a receiver").click()
    dialog = page.locator("#sink-dialog dialog")
    dialog.get_by_label(kind, exact=True).check()
    return dialog


def port_of(dialog: Locator) -> Locator:
    return dialog.get_by_role("spinbutton", name="Port")


def save(dialog: Locator) -> None:
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()


def test_a_mail_servers_errors_stand_at_their_fields(site: Site, open_page: Open) -> None:
    watched = open_page(site.url)
    watched.forgive("status of 400")
    page = watched.page
    dialog = add_receiver(page, "E-mail")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".field-error:visible")).to_have_text(["Must not be empty"] * 3)
    expect(page.locator("#email-recipients")).to_be_focused()
    dialog.get_by_label("To", exact=True).fill("anna@example.com, ben")
    dialog.get_by_label("From", exact=True).fill("cameras@example.com")
    dialog.get_by_label("Mail server (SMTP)").fill("127.0.0.1")
    dialog.get_by_role("textbox", name="User name").fill("cameras")
    dialog.get_by_label("Encryption").select_option("TLS from the beginning")
    expect(port_of(dialog)).to_have_value("465")
    dialog.get_by_label("Encryption").select_option("None")
    port_of(dialog).fill(str(site.mail.port))
    for message, label, text in (
        ("Not a mail address, such as gate@example.com", "To", "anna@example.com, ben@example.com"),
        ("A login needs a user name and a password", "User name", ""),
    ):
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.locator(".field-error:visible")).to_have_text([message])
        dialog.get_by_role("textbox", name=label).fill(text)
    save(dialog)
    page.get_by_role("button", name="Send a test to E-mail").click()
    expect(page.locator("toast-area")).to_contain_text("E-mail took the test")
    (envelope,) = site.mail.envelopes
    assert envelope.rcpt_tos == ["anna@example.com", "ben@example.com"]


def test_a_webhook_is_signed_and_keeps_its_secret_until_it_is_removed(site: Site, open_page: Open) -> None:
    page = open_page(site.url).page
    dialog = add_receiver(page, "Webhook")
    dialog.get_by_label("Address").fill(site.hook.url)
    dialog.get_by_label("Secret for the signature").fill(SECRET)
    save(dialog)
    site.hook.posts.clear()
    test = page.locator("#sinks").get_by_role("button", name=re.compile("^Send a test to"))
    test.click()
    until_on(page, lambda: len(site.hook.posts) == 1)
    page.get_by_role("button", name="Edit Webhook").click()
    expect(dialog.get_by_label("Secret for the signature")).to_have_value("")
    dialog.get_by_role("textbox", name="Name", exact=True).fill("Siren <i>")
    save(dialog)
    expect(page.locator("#sinks strong")).to_have_text("Siren <i>")
    test.click()
    until_on(page, lambda: len(site.hook.posts) == 2)
    for post in site.hook.posts:
        signed = f"{post.headers['X-Timestamp']}.".encode() + post.body
        expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        assert post.headers["X-Signature"] == f"sha256={expected}"
    page.get_by_role("button", name="Edit Siren").click()
    dialog.get_by_label("Remove the stored secret").check()
    save(dialog)
    test.click()
    until_on(page, lambda: len(site.hook.posts) == 3)
    assert "X-Signature" not in site.hook.posts[2].headers
    assert SECRET not in page.content()


def test_an_admin_switches_push_off_and_on_for_all_users(site: Site, open_page: Open) -> None:
    page = open_page(site.url).page
    push = page.locator("#push-sink .notify-row")
    expect(push.get_by_role("button")).to_have_text(["Test"])  # it can be neither edited nor deleted
    switch = push.get_by_role("switch", name="Send to Browsers and phones")
    switch.uncheck()
    expect(push.locator(".pill")).to_have_text("Off")
    (sink,) = site.app.call("GET", "/api/notification-sinks")["sinks"]
    assert (sink["kind"], sink["is_on"]) == ("push", False)
    expect(switch).to_be_focused()
    switch.check()
    expect(push.locator(".pill")).to_have_text("On")


def test_a_broker_hears_of_the_channels_and_its_loss_shows(site: Site, open_page: Open, tmp_path: Path) -> None:
    page = open_page(site.url).page
    with broker(tmp_path) as own:
        dialog = add_receiver(page, "MQTT")
        dialog.get_by_label("Broker").fill("127.0.0.1")
        dialog.get_by_label("Encrypted (TLS)").check()
        expect(port_of(dialog)).to_have_value("8883")
        dialog.get_by_label("Encrypted (TLS)").uncheck()
        port_of(dialog).fill(str(own.port))
        dialog.get_by_label("Announce the channels to Home Assistant").check()
        dialog.get_by_label("Publish pictures").check()
        save(dialog)
        with listening(own.port) as heard:
            until_on(page, lambda: heard.of(f"homeassistant/device/ovw_{site.camera_id}/config"))
            assert faults_of(heard.newest) == []
            config = json.loads(heard.newest[f"homeassistant/device/ovw_{site.camera_id}/config"])
            assert config["cmps"]["1_picture"]["image_topic"] == f"ovw/{site.camera_id}/1/picture"
        page.reload()
        expect(page.locator("#sinks .pill")).to_have_text("Connected")
    until(lambda: not site.broker_state()["is_connected"], what="the loss of the broker")
    page.reload()
    expect(page.locator("#sinks .pill")).to_have_attribute("data-tone", "bad")
    page.get_by_role("button", name="Delete MQTT").click()
    page.locator("#confirm").get_by_role("button", name="Delete").click()
    expect(page.locator("#no-sinks")).to_be_visible()


def test_an_event_of_a_rule_is_sent_and_logged(site: Site, open_page: Open) -> None:
    zone = {"id": 1, "name": "Path <i>", "kind": "watch", "points": [[0, 0], [1, 0], [1, 1]]}
    motion = {"mode": "off", "sensitivity": "high", "zones": [zone]}
    site.app.call("PUT", f"/api/cameras/{site.camera_id}/channels/1/motion", motion)
    site.add_webhook()
    site.hook.posts.clear()
    page = open_page(site.url).page
    page.get_by_role("button", name="Add a rule").click()
    dialog = page.locator("#rule-dialog dialog")
    dialog.get_by_label("Name").fill("Gate <b>")
    dialog.get_by_label("Which events").select_option("Alerts and notices")
    dialog.locator("#rule-kinds summary").click()
    dialog.get_by_label("Motion", exact=True).check()
    dialog.get_by_label("Camera").select_option("Garage <b>")
    dialog.get_by_label("Channel").select_option("Car park")
    expect(page.locator("#rule-zones option")).to_have_attribute("value", "Path <i>")
    dialog.get_by_label("Mon").uncheck()
    dialog.get_by_label("Mon").check()
    dialog.get_by_label("From").fill("00:00")
    dialog.get_by_label("Pause after a message").fill("-1")
    dialog.get_by_label("Your browsers and phones").uncheck()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".field-error:visible")).to_have_text(["Choose at least one"])
    expect(dialog.get_by_label("Your browsers and phones")).to_be_focused()
    dialog.get_by_label("Siren (Webhook)").check()
    dialog.get_by_label("Pause after a message").fill("0")
    save(dialog)
    text = "Motion of Garage <b>: Car park, 00:00 to 24:00, to Siren."
    expect(page.locator("#rules .notify-facts")).to_have_text(text)
    site.begin_motion()
    told = until_on(page, lambda: site.hook.posts)[0].json()
    assert (told["kind"], told["channel_name"]) == ("motion", "Car park")
    page.reload()
    row = page.locator("#log tr").first
    expect(row).to_contain_text("Motion, Garage <b>: Car park")
    expect(row.locator(".pill")).to_have_text("Sent")
    assert site.app.call("GET", "/api/notification-rules")["rules"][0]["days"] == []


def test_a_rule_is_snoozed_changed_and_deleted(site: Site, open_page: Open) -> None:
    site.app.call("POST", "/api/notification-rules", RULE)
    watched = open_page(site.url)
    watched.forgive("status of 400")
    page = watched.page
    expect(page.locator("#rules-note")).to_contain_text("No browser of yours has notifications switched on")
    page.get_by_label("Snooze the rule Gate").select_option("4 hours")
    expect(page.locator("#rules .notify-snoozed")).to_contain_text("Snoozed until")
    page.get_by_role("button", name="Send again: the rule Gate").click()
    expect(page.locator("#rules .notify-snoozed")).to_be_hidden()
    page.get_by_label("Rule Gate", exact=True).uncheck()
    expect(page.get_by_label("Snooze the rule Gate")).to_be_hidden()
    expect(page.locator("#rules-note")).to_be_hidden()
    page.get_by_role("button", name="Test the rule Gate").click()
    state = page.locator("#log tr").first
    expect(state).to_contain_text("No browser of this user has notifications switched on.")
    page.get_by_role("button", name="Edit the rule Gate").click()
    dialog = page.locator("#rule-dialog dialog")
    expect(dialog.get_by_label("Motion", exact=True)).to_be_checked()
    dialog.get_by_label("Lasting at least").fill("9999")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".field-error:visible")).to_have_text(["Must be at most 3600.0"])
    dialog.get_by_label("Lasting at least").fill("5")
    for day in ("Sat", "Sun"):
        dialog.get_by_label(day).uncheck()
    save(dialog)
    expect(page.locator("#rules .notify-facts")).to_contain_text("Mon to Fri, lasting 5 s or more")
    expect(page.get_by_role("button", name="Edit the rule Gate")).to_be_focused()
    page.get_by_role("button", name="Delete the rule Gate").click()
    page.locator("#confirm").get_by_role("button", name="Delete").click()
    expect(page.locator("#no-rules")).to_be_visible()


def test_a_page_over_plain_http_says_that_push_needs_https(site: Site, open_page: Open) -> None:
    watched = open_page("about:blank")
    watched.forgive("Cross-Origin-Opener-Policy")  # browsers take it from trustworthy pages only
    page = watched.page

    def from_the_app(route: Route) -> None:
        path = route.request.url.removeprefix("http://cameras.example")
        headers = {name: value for name, value in route.request.headers.items() if name not in ("origin", "referer")}
        route.fulfill(response=route.fetch(url=f"{site.app.url}{path}", headers=headers))

    page.route("http://cameras.example/**", from_the_app)
    page.goto("http://cameras.example/notifications")
    expect(page.locator("#browser-state")).to_have_text("Notifications need HTTPS")
    expect(page.locator("#browser button:visible")).to_have_count(0)
    expect(page.get_by_role("button", name="Add a rule")).to_be_enabled()


def test_a_blocked_browser_and_an_iphone_get_their_own_advice(site: Site, open_page: Open) -> None:
    page = open_page("about:blank").page
    session = page.context.new_cdp_session(page)
    context_id = session.send("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    denied = {"permission": {"name": "notifications"}, "setting": "denied", "browserContextId": context_id}
    session.send("Browser.setPermission", denied)
    page.goto(site.url)
    expect(page.locator("#browser-state")).to_have_text("The browser blocks notifications")
    phone = open_page("about:blank", 390, 844, user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)").page
    phone.add_init_script("delete window.PushManager")  # as Safari does outside of the home screen
    phone.goto(site.url)
    expect(phone.locator("#browser-state")).to_have_text("First add the app to the home screen")


def test_a_long_error_fits_on_a_phone_and_a_busy_server_shows(site: Site, open_page: Open) -> None:
    mail = {"host": "127.0.0.1", "port": 9, "security": "none", "sender": "a@example.com", "recipients": ["b@example"]}
    body = {"name": "Office", "kind": "email", "email": mail}
    sink_id = site.app.call("POST", "/api/notification-sinks", body)["id"]
    site.app.call("POST", "/api/notification-rules", {**RULE, "sinks": [sink_id]})
    watched = open_page(site.url, 390, 844)
    watched.forgive("status of 503")
    page = watched.page
    page.get_by_role("button", name="Test the rule Gate").click()
    expect(page.locator("#log .pill").first).to_have_text("Failed")
    page.reload()
    expect(page.locator("#sinks .notify-problem")).to_contain_text("port 9 belongs to another protocol")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.get_by_role("link", name="Cameras", exact=True)).to_be_visible()  # its text is too long here
    busy = {"code": "storage_failed", "detail": "The database is busy."}
    page.route("**/api/notification-rules", lambda route: route.fulfill(status=503, json=busy))
    page.reload()
    expect(page.locator("#problem")).to_contain_text("The database is busy.")
    page.unroute("**/api/notification-rules")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#problem")).to_be_hidden()
    expect(page.locator("#rules strong")).to_have_text("Gate")


# ---- push -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PushedPage:
    """A page whose browser has a subscription at the pretend push service."""

    page: Page
    service: PretendPushService
    browser: PretendBrowser
    session: Any
    registrations: list[str]

    def deliver(self) -> dict[str, Any]:
        """Give Chromium the newest message, as its maker's push service does, and return the content."""
        content = self.browser.open(self.service.messages[-1].body).decode()
        origin = self.page.evaluate("location.origin")
        message = {"origin": origin, "registrationId": self.registrations[-1], "data": content}
        self.session.send("ServiceWorker.deliverPushMessage", message)
        opened: dict[str, Any] = json.loads(content)
        return opened

    def shown(self) -> list[dict[str, Any]]:
        """Return the notifications that Chromium shows."""
        found: list[dict[str, Any]] = self.page.evaluate(_SHOWN)
        return found

    def click(self, title: str) -> None:
        """Click on a notification, as far as a script can: Chromium then lets the worker open no new window."""
        (worker,) = self.page.context.service_workers
        worker.evaluate(_CLICK, title)


_CLICK = """async (title) => {
  const notification = (await registration.getNotifications()).find((shown) => shown.title === title);
  dispatchEvent(new NotificationEvent('notificationclick', { notification, action: '' }));
}"""
_SHOWN = """async () => {
  const shown = await (await navigator.serviceWorker.ready).getNotifications();
  return shown.map(({ title, body, data }) => ({ title, body, url: data.url }));
}"""
_SUBSCRIPTIONS = """
let held = null;
PushManager.prototype.getSubscription = async () => held;
PushManager.prototype.subscribe = async (options) => {
  const text = options.applicationServerKey.replaceAll('-', '+').replaceAll('_', '/');
  const applicationServerKey = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const keys = { p256dh: %(p256dh)s, auth: %(auth)s };
  held = { endpoint: %(endpoint)s, options: { applicationServerKey }, unsubscribe: async () => { held = null; },
    toJSON: () => ({ endpoint: %(endpoint)s, keys }) };
  return held;
};
"""


@pytest.fixture
def pushed(site: Site, open_page: Open) -> PushedPage:
    site.push.forget()
    browser = PretendBrowser()
    page = open_page("about:blank").page
    parts = {"p256dh": browser.p256dh, "auth": browser.auth, "endpoint": site.push.address("chromium")}
    page.add_init_script(_SUBSCRIPTIONS % {name: json.dumps(value) for name, value in parts.items()})
    page.context.grant_permissions(["notifications"], origin=site.app.url)
    session = page.context.new_cdp_session(page)
    registrations: list[str] = []

    def note(event: dict[str, Any]) -> None:
        registrations.extend(found["registrationId"] for found in event["registrations"] if not found["isDeleted"])

    session.on("ServiceWorker.workerRegistrationUpdated", note)
    session.send("ServiceWorker.enable")
    page.goto(site.url)
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator("#browser-state")).to_have_text("Notifications are on")
    return PushedPage(page, site.push, browser, session, registrations)


def test_a_click_on_a_pushed_event_opens_it_in_an_idle_tab(site: Site, pushed: PushedPage) -> None:
    page = pushed.page
    page.get_by_role("button", name="Send a test", exact=True).click()
    until_on(page, lambda: pushed.service.messages)
    assert pushed.service.complaints == []
    title = pushed.deliver()["title"]
    until_on(page, lambda: [item["title"] for item in pushed.shown()] == [title])
    site.app.call("POST", "/api/notification-rules", RULE)
    site.begin_motion()
    until_on(page, lambda: len(pushed.service.messages) == 2)
    content = pushed.deliver()
    until_on(page, lambda: len(pushed.shown()) == 2)
    (motion,) = [item for item in pushed.shown() if item["title"] == content["title"]]
    assert "Car park" in motion["title"]
    assert re.fullmatch(f"{re.escape(site.app.url)}/events\\?event=[0-9]+", motion["url"])
    pushed.click(motion["title"])
    page.wait_for_url(motion["url"])
    expect(page.locator("#play-title")).to_contain_text("Motion")
    page.goto(site.url)


def test_switching_off_removes_browser_and_service_worker(site: Site, pushed: PushedPage) -> None:
    page = pushed.page
    page.get_by_role("button", name="Switch off").click()
    expect(page.locator("#browser-state")).to_have_text("Notifications are off")
    assert site.app.call("GET", "/api/push/subscriptions")["subscriptions"] == []
    assert page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0


def test_chromium_can_install_the_app(site: Site, open_page: Open) -> None:
    page = open_page(f"{site.app.url}/cameras").page
    session = page.context.new_cdp_session(page)
    manifest = session.send("Page.getAppManifest")
    assert (manifest["url"], manifest["errors"]) == (f"{site.app.url}/manifest.webmanifest", [])
    found = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {error["errorId"] for error in found} <= {"in-incognito"}  # all contexts of tests are
