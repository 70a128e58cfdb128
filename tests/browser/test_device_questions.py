"""Questions of devices: a changed certificate, and a login that sends the password readable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.watching import Open, answer_requests, until_on
from tests.onvif_services.soap_device import SoapDevice
from tests.onvif_services.tls import server_context
from tools.running import App

pytestmark = pytest.mark.browser


@pytest.fixture
def device() -> Iterator[SoapDevice]:
    made = SoapDevice()
    made.start()
    yield made
    made.stop()


def add(app: App, device: SoapDevice, address: str) -> int:
    body = {"address": address, "username": device.username, "password": device.password, "name": "Gate"}
    return int(app.call("POST", "/api/cameras?wait=1", body)["id"])


def test_a_changed_certificate_is_compared_and_accepted(
    emptied_app: App, device: SoapDevice, tmp_path: Path, open_page: Open
) -> None:
    device.speak_tls(server_context(tmp_path, "camera"))
    camera_id = add(emptied_app, device, f"https://127.0.0.1:{device.port}")
    page = open_page(emptied_app.url).page
    card = page.locator("camera-card")
    expect(card).to_contain_text("Online")
    device.speak_tls(server_context(tmp_path, "another"))
    emptied_app.call("POST", f"/api/cameras/{camera_id}/refresh")
    expect(card.locator("[data-part=status]")).to_have_text("New certificate")
    card.get_by_role("button", name="Compare the certificates").click()
    health = page.locator("#health-card")
    expect(health).to_contain_text("another certificate than before")
    expect(health).to_contain_text(re.compile(r"New certificate\s*([0-9A-F]{2}:){31}[0-9A-F]{2}"))
    held: list[Route] = []
    answer_requests(page, "**/certificate", lambda route: held.append(route))
    accept = health.get_by_role("button", name="Accept the new certificate")
    accept.click()
    expect(accept).to_be_disabled()
    until_on(page, lambda: held)
    held[0].continue_()
    expect(accept).to_be_hidden()
    expect(health.locator("[data-part=certificate-note]")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(card.locator("[data-part=status]")).to_have_text("Online")


def test_the_viewer_leads_to_the_question_about_the_certificate(
    emptied_app: App, device: SoapDevice, tmp_path: Path, open_page: Open
) -> None:
    device.speak_tls(server_context(tmp_path, "camera"))
    camera_id = add(emptied_app, device, f"https://127.0.0.1:{device.port}")
    device.speak_tls(server_context(tmp_path, "another"))
    emptied_app.call("POST", f"/api/cameras/{camera_id}/refresh")
    watched = open_page(f"{emptied_app.url}/viewer/{camera_id}")
    watched.forgive("status of 50")
    page = watched.page
    expect(page.locator("#camera-status")).to_have_text("New certificate")
    page.get_by_role("link", name="Compare the certificates").click()
    health = page.locator("#health-card")
    expect(health.get_by_role("button", name="Accept the new certificate")).to_be_visible()
    page.keyboard.press("Escape")
    page.reload()
    expect(page.locator("camera-card")).to_be_visible()
    expect(health.locator("dialog")).to_be_hidden()


def test_a_readable_password_is_allowed_from_the_card(emptied_app: App, device: SoapDevice, open_page: Open) -> None:
    device.login = "basic"
    add(emptied_app, device, f"http://127.0.0.1:{device.port}/onvif/device_service")
    page = open_page(emptied_app.url).page
    card = page.locator("camera-card")
    expect(card.locator("[data-part=status]")).to_have_text("Needs permission")
    card.get_by_role("button", name="Allow it").click()
    form = page.locator("#camera-form")
    allow = form.get_by_label("Allow a readable password")
    expect(allow).to_be_focused()
    allow.check()
    form.get_by_role("button", name="Save").click()
    expect(card.locator("[data-part=status]")).to_have_text("Online")
    card.get_by_role("button", name="Health card").click()
    expect(page.locator("#health-card")).to_contain_text(re.compile(r"Readable password\s*Allowed"))


def test_the_zone_of_a_recorder_is_chosen_in_its_form(emptied_app: App, device: SoapDevice, open_page: Open) -> None:
    camera_id = add(emptied_app, device, f"http://127.0.0.1:{device.port}/onvif/device_service")
    page = open_page(emptied_app.url).page
    form = page.locator("#camera-form")
    for shown, chosen in (("", "Europe/Berlin"), ("Europe/Berlin", "")):
        page.locator("camera-card").get_by_role("button", name="Edit").click()
        zone = form.get_by_label("Time zone of its recordings")
        expect(zone).to_have_value(shown)
        zone.select_option(chosen)
        form.get_by_role("button", name="Save").click()
        expect(zone).to_be_hidden()
        assert emptied_app.call("GET", f"/api/cameras/{camera_id}")["recording_time_zone"] == chosen
