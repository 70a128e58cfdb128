"""/api/push: browsers with notifications, each for its own user; and what a browser needs to install the app."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from PIL import Image

from core.access import Role
from notifications.push_records import MAX_SUBSCRIPTIONS
from tests.notifications.pretend_push_service import as_bytes
from tests.web.web_harness import PUSH_SUBSCRIPTION, WebHarness
from tools.app_icons import FOLDER, ICONS, SOURCE, hash_of
from web.api.push import browser_name

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"


def test_the_key_is_a_point_and_stays(harness: WebHarness) -> None:
    api = harness.session_client(Role.REVIEWER)
    key = api.request("GET", "/api/push/key").get_json()["public_key"]
    assert (len(as_bytes(key)), as_bytes(key)[0]) == (65, 4)
    assert api.request("GET", "/api/push/key").get_json()["public_key"] == key


def test_a_browser_is_added_once_and_named_by_its_agent(harness: WebHarness) -> None:
    api = harness.session_client(Role.REVIEWER)
    api.headers["User-Agent"] = FIREFOX
    added = api.request("POST", "/api/push/subscriptions", json=PUSH_SUBSCRIPTION)
    assert added.status_code == 201
    assert api.request("POST", "/api/push/subscriptions", json=PUSH_SUBSCRIPTION).status_code == 200
    (found,) = api.request("GET", "/api/push/subscriptions").get_json()["subscriptions"]
    assert found == added.get_json()
    assert found["name"] == "Firefox on Linux"
    endpoint = str(PUSH_SUBSCRIPTION["endpoint"])
    assert found["endpoint_sha256"] == hashlib.sha256(endpoint.encode()).hexdigest()
    assert endpoint not in added.text


def test_users_neither_see_nor_remove_nor_test_others_browsers(harness: WebHarness) -> None:
    owner, other = harness.session_client(Role.REVIEWER), harness.session_client(Role.ADMIN)
    added = owner.request("POST", "/api/push/subscriptions", json=PUSH_SUBSCRIPTION).get_json()
    path = f"/api/push/subscriptions/{added['id']}"
    assert other.request("GET", "/api/push/subscriptions").get_json()["subscriptions"] == []
    assert other.request("POST", f"{path}/test").status_code == 404
    assert other.request("DELETE", path).status_code == 404
    assert owner.request("DELETE", path).status_code == 204
    assert owner.request("GET", "/api/push/subscriptions").get_json()["subscriptions"] == []


def test_a_browser_belongs_to_the_user_who_used_it_last(harness: WebHarness) -> None:
    first, second = harness.session_client(Role.REVIEWER), harness.session_client(Role.REVIEWER)
    first.request("POST", "/api/push/subscriptions", json=PUSH_SUBSCRIPTION)
    assert second.request("POST", "/api/push/subscriptions", json=PUSH_SUBSCRIPTION).status_code == 201
    assert first.request("GET", "/api/push/subscriptions").get_json()["subscriptions"] == []


def test_tests_of_browsers_do_not_take_all_threads(harness: WebHarness) -> None:
    api = harness.session_client(Role.REVIEWER)
    added = api.request("POST", "/api/push/subscriptions", json=PUSH_SUBSCRIPTION).get_json()
    limit = harness.app.extensions["web.services"].sink_limit
    with limit, limit:
        answer = api.request("POST", f"/api/push/subscriptions/{added['id']}/test")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "busy")


def test_a_removed_user_leaves_no_browser(harness: WebHarness) -> None:
    api = harness.session_client(Role.REVIEWER)
    api.request("POST", "/api/push/subscriptions", json=PUSH_SUBSCRIPTION)
    user = harness.accounts.users()[-1]
    web_push = harness.app.extensions["web.services"].web_push
    assert len(web_push.subscriptions(user.id)) == 1
    harness.accounts.remove_user(user.id)
    assert web_push.subscriptions(user.id) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"endpoint": "https://10.0.0.1/x"}, "endpoint"),
        ({"endpoint": "http://push.example/x"}, "endpoint"),
        ({"keys": {"p256dh": "AAAA", "auth": "BTBZMqHH6r4Tts7J_aSIgg"}}, "keys.p256dh"),
        ({"keys": {**PUSH_SUBSCRIPTION["keys"], "auth": "AAAA"}}, "keys.auth"),
    ],
)
def test_a_refused_subscription_names_the_field(harness: WebHarness, change: dict[str, Any], field: str) -> None:
    api = harness.session_client(Role.REVIEWER)
    refused = api.request("POST", "/api/push/subscriptions", json={**PUSH_SUBSCRIPTION, **change})
    assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (400, field)


def test_one_user_has_a_limited_number_of_browsers(harness: WebHarness) -> None:
    api = harness.session_client(Role.REVIEWER)
    answers = [
        api.request(
            "POST",
            "/api/push/subscriptions",
            json={**PUSH_SUBSCRIPTION, "endpoint": f"https://push.example/{number}"},
        )
        for number in range(MAX_SUBSCRIPTIONS + 1)
    ]
    assert answers[-1].get_json()["code"] == "too_many_push_subscriptions"
    assert [answer.status_code for answer in answers] == [201] * MAX_SUBSCRIPTIONS + [409]


def test_a_page_that_is_open_can_learn_its_csrf_token_again(harness: WebHarness) -> None:
    api = harness.session_client(Role.REVIEWER)
    token = api.headers.pop("X-CSRF-Token")
    assert api.request("GET", "/api/session").get_json()["csrf_token"] == token
    assert harness.token_client(Role.ADMIN).request("GET", "/api/session").get_json()["csrf_token"] is None


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) AppleWebKit/605.1 Version/19 Safari/605.1", "Safari on Mac"),
        ("curl/8", "Browser"),
        ("", "Browser"),
    ],
)
def test_a_browser_is_named_in_words(agent: str, name: str) -> None:
    assert browser_name(agent) == name


def test_the_manifest_needs_no_login_and_names_icons_that_exist(harness: WebHarness) -> None:
    client = harness.app.test_client()
    answer = client.get("/manifest.webmanifest")
    assert (answer.status_code, answer.mimetype) == (200, "application/manifest+json")
    manifest = answer.get_json(force=True)
    for icon in manifest["icons"]:
        with client.get(icon["src"]) as found:
            assert (found.status_code, found.mimetype) == (200, icon["type"])
        if icon["type"] == "image/png":
            with Image.open(FOLDER / icon["src"].rpartition("/")[2]) as picture:
                assert f"{picture.width}x{picture.height}" == icon["sizes"]


def test_the_service_worker_comes_from_the_root_and_is_checked(harness: WebHarness) -> None:
    with harness.app.test_client().get("/service-worker.js") as answer:
        assert (answer.status_code, answer.mimetype) == (200, "text/javascript")
        assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ICONS)
def test_an_icon_is_of_the_present_drawing(name: str) -> None:
    source, side = ICONS[name]
    with Image.open(FOLDER / name) as picture:
        assert picture.size == (side, side)
        assert picture.info[SOURCE] == hash_of(FOLDER / source), "run tools/app_icons.py"
