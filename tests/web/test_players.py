"""Addresses for players without a login: what they open, and when they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from accounts.player_links import PlayerLink, is_signed, read_link, write_link
from accounts.records import UserChange
from core.access import Role, Scope
from core.secrets import Secret
from tests.web.web_harness import HERE, PASSWORD, ApiClient, WebHarness

LINK = "/api/cameras/1/channels/1/player-link"
OWN = "camera1_MediaProfile00000"
OTHER_SITE = {"Origin": "https://receiver.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def user(harness: WebHarness) -> ApiClient:
    return harness.session_client(Role.VIEWER)


@pytest.fixture
def player(harness: WebHarness) -> FlaskClient:
    """A client without a login."""
    return harness.app.test_client()


def address_of(user: ApiClient) -> str:
    """Return the path of a new address."""
    answer = user.request("POST", LINK)
    assert answer.status_code == 200, answer.text
    return str(answer.get_json()["address"]).removeprefix("http://localhost")


def test_a_player_without_login_gets_the_playlists_and_files(user: ApiClient, player: FlaskClient) -> None:
    address = address_of(user)
    folder = address.removesuffix("master.m3u8")
    answer = player.get(address, headers=OTHER_SITE)
    assert (answer.status_code, answer.content_type) == (200, "application/vnd.apple.mpegurl")
    assert "\nmain.m3u8?codec=h264&" in answer.text
    found = player.get(f"{folder}{OWN}/s1.ts", headers=OTHER_SITE)
    assert (found.status_code, found.data) == (200, b"segment")
    found.close()
    assert player.get(f"{folder}main.m3u8?codec=vp9").status_code == 400


def test_a_variant_names_its_segments_relative_to_the_address(
    user: ApiClient, player: FlaskClient, streams: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '#EXTM3U\n#EXT-X-MAP:URI="init_0.mp4"\n#EXTINF:2.0,\ns1.m4s\n'
    monkeypatch.setattr(streams, "playlist", lambda *_: text)
    answer = player.get(address_of(user).replace("master", "main"), headers=OTHER_SITE)
    assert answer.text == f'#EXTM3U\n#EXT-X-MAP:URI="{OWN}/init_0.mp4"\n#EXTINF:2.0,\n{OWN}/s1.m4s\n'


def test_only_these_addresses_are_open_to_other_sites(user: ApiClient, player: FlaskClient) -> None:
    address = address_of(user)
    for method in ("GET", "OPTIONS"):
        answer = player.open(address, method=method, headers=OTHER_SITE)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Range" in answer.headers["Access-Control-Allow-Headers"]
    closed = user.request("GET", "/api/cameras/1/channels/1/master.m3u8")
    assert closed.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in closed.headers
    assert player.get("/api/cameras/1/channels/1/master.m3u8", headers=OTHER_SITE).status_code == 403


def test_the_address_opens_no_other_channel_and_nothing_else(user: ApiClient, player: FlaskClient) -> None:
    address = address_of(user)
    secret = address.split("/")[2]
    folder = f"/play/{secret}"
    assert player.get(f"{folder}/camera1_MediaProfile00100/s1.ts").status_code == 404
    assert player.get(f"{folder}/camera2_MediaProfile00000/s1.ts").status_code == 404
    assert player.get(f"{folder}/replay1_0000000000000001/run1.m3u8").status_code in (403, 404)
    player.set_cookie("onvif_session", secret)
    for headers in ({}, {"Authorization": f"Bearer {secret}"}):
        assert player.get(address).status_code == 200
        assert player.get("/api/cameras", headers=headers).status_code == 401


def test_a_login_alone_opens_no_address_of_a_player(user: ApiClient) -> None:
    secret = address_of(user).split("/")[2]
    changed = secret[:-2] + ("AA" if not secret.endswith("AA") else "BB")
    for wrong in ("unknown", changed, secret + "=", secret[:-1]):
        assert user.request("GET", f"/play/{wrong}/master.m3u8").status_code == 401, wrong


def test_the_address_ends_with_the_login(user: ApiClient, player: FlaskClient) -> None:
    address = address_of(user)
    assert player.get(address).status_code == 200
    assert user.request("DELETE", "/api/session").status_code == 204
    ended = player.get(address)
    assert ended.status_code == 401
    assert "copy a new one" in ended.get_json()["detail"]


@pytest.mark.parametrize(
    "change",
    [
        UserChange(password=Secret("another-horse-stapled")),
        UserChange(role=Role.OPERATOR),
        UserChange(scope=Scope({2: None})),
        UserChange(disabled=True),
    ],
)
def test_a_change_of_the_account_ends_the_address(
    harness: WebHarness, user: ApiClient, player: FlaskClient, change: UserChange
) -> None:
    address = address_of(user)
    harness.accounts.change_user(harness.accounts.users()[-1].id, change)
    assert player.get(address).status_code == 401


def test_the_viewers_of_an_address_are_those_of_its_login(harness: WebHarness) -> None:
    _, who = harness.accounts.log_in("Anna", PASSWORD, HERE)
    link, _ = harness.accounts.make_player_link(who, 1, 1)
    viewer = harness.accounts.principal_of_player_link(link)
    assert viewer is not None
    assert (viewer.key, viewer.role, viewer.scope) == (who.key, Role.VIEWER, Scope({1: frozenset({1})}))
    assert viewer.name == "Anna/player"


def test_a_token_makes_no_address(harness: WebHarness) -> None:
    assert harness.token_client(Role.ADMIN).request("POST", LINK).status_code == 400


def test_a_user_makes_no_address_of_a_hidden_channel(harness: WebHarness) -> None:
    api = harness.token_client(Role.VIEWER, Scope({1: frozenset({2})}))
    assert api.request("POST", LINK).status_code == 404


def test_an_address_lives_for_a_day(harness: WebHarness) -> None:
    _, who = harness.accounts.log_in("Anna", PASSWORD, HERE)
    clock: Any = harness.accounts._clock
    link, expires_at = harness.accounts.make_player_link(who, 1, 1)
    now = clock.now_utc()
    assert timedelta(hours=23, minutes=59) < expires_at - now <= timedelta(hours=24)
    kept = read_link(link)
    assert kept is not None
    found = harness.accounts._store.session_with_hash(kept.session_id)
    assert found is not None
    old = write_link(PlayerLink(kept.session_id, 1, 1, now - timedelta(seconds=1)), found[2])
    assert is_signed(old, found[2])
    assert harness.accounts.principal_of_player_link(old) is None
