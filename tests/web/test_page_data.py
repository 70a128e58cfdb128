"""Live pages contain the API responses that they need first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from core.access import Role, Scope
from core.records import Channel, Problem, ProfileRole, VideoFormat
from tests.web.stand_in_cameras import StandInCameras
from tests.web.web_harness import WebHarness


def page_data(page: str) -> Any:
    [text] = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', page)
    return json.loads(text)


def test_the_viewer_page_contains_its_camera_and_channels(client: FlaskClient, camera: Any) -> None:
    data = page_data(client.get(f"/viewer/{camera.id}").get_data(as_text=True))
    assert data["camera"] == client.get(f"/api/cameras/{camera.id}").get_json()
    assert data["channels"] == client.get(f"/api/cameras/{camera.id}/profiles").get_json()["channels"]


def first_watch(client: FlaskClient, path: str) -> str | None:
    """Return what the page's socket watches from the start."""
    found = re.search(r'<script data-live="/live"(?: data-first="(.*?)")?', client.get(path).get_data(as_text=True))
    assert found is not None
    return found[1]


def test_the_viewer_page_names_the_stream_that_it_probably_shows(
    client: FlaskClient, cameras: StandInCameras, camera: Any
) -> None:
    channels = cameras.channel_lists[camera.id]
    channels[:] = [with_main(one, role=ProfileRole.MAIN) for one in channels]
    path = f"/viewer/{camera.id}"
    assert first_watch(client, path) == f"{camera.id}/MediaProfile00000"
    assert first_watch(client, f"{path}?channel=2") == f"{camera.id}/MediaProfile00100"
    assert first_watch(client, f"{path}?channel=99") == f"{camera.id}/MediaProfile00000", "as the page chooses"
    client.patch(f"/api/cameras/{camera.id}/channels/1", json={"hidden": True})
    assert first_watch(client, path) == f"{camera.id}/MediaProfile00100"
    assert first_watch(client, "/wall") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda it: replace(it, problem=Problem("camera_no_signal", "This channel has no signal.")),
        lambda it: replace(it, profiles=it.profiles[1:]),
        lambda it: with_main(it, video=None),
        lambda it: with_main(it, video=VideoFormat("hevc", 1920, 1080)),
        lambda it: with_main(it, profile_token="Profile/1"),
        lambda it: with_main(it, profile_token='"><script>'),
    ],
    ids=["no signal", "no main stream", "unknown codec", "hevc", "odd token", "hostile token"],
)
def test_the_viewer_page_names_no_stream_that_may_not_play(
    client: FlaskClient, cameras: StandInCameras, camera: Any, change: Callable[[Channel], Channel]
) -> None:
    channels = cameras.channel_lists[camera.id]
    channels[0] = change(with_main(channels[0], role=ProfileRole.MAIN))
    assert first_watch(client, f"/viewer/{camera.id}?channel=1") is None


def with_main(channel: Channel, **changes: Any) -> Channel:
    main, *others = channel.profiles
    return replace(channel, profiles=(replace(main, **changes), *others))


def test_the_wall_contains_all_cameras(client: FlaskClient) -> None:
    assert page_data(client.get("/wall").get_data(as_text=True)) == []
    for host in ("127.0.0.8", "127.0.0.9"):
        client.post("/api/cameras", json={"host": host})
    data = page_data(client.get("/wall").get_data(as_text=True))
    assert [each["camera"] for each in data] == client.get("/api/cameras").get_json()["cameras"]
    assert [each["channels"] for each in data] == [
        client.get(f"/api/cameras/{number}/profiles").get_json()["channels"] for number in (1, 2)
    ]


def test_a_page_contains_only_cameras_that_its_user_may_see(harness: WebHarness) -> None:
    api = harness.token_client(Role.VIEWER, Scope({2: frozenset({2, 3})}))
    viewer = page_data(api.request("GET", "/viewer/2").get_data(as_text=True))
    [wall] = page_data(api.request("GET", "/wall").get_data(as_text=True))
    for data in (viewer, wall):
        assert (data["camera"]["id"], data["camera"]["username"], data["camera"]["channels"]) == (2, "", 2)
        assert [channel["channel"] for channel in data["channels"]] == [2, 3]
    assert api.request("GET", "/viewer/1").status_code == 404


def test_the_search_page_contains_only_channels_that_its_user_may_see(harness: WebHarness) -> None:
    api = harness.token_client(Role.REVIEWER, Scope({2: frozenset({2, 3})}))
    [place] = page_data(api.request("GET", "/search").get_data(as_text=True))
    assert (place["camera"]["id"], place["camera"]["username"]) == (2, "")
    assert [channel["channel"] for channel in place["channels"]] == [2, 3]
    viewer = harness.token_client(Role.VIEWER)
    assert viewer.request("GET", "/search").status_code == 403


def test_the_motion_page_is_for_users_who_may_see_the_channel(harness: WebHarness) -> None:
    api = harness.token_client(Role.VIEWER, Scope({2: frozenset({2, 3})}))
    data = page_data(api.request("GET", "/motion/2/3").get_data(as_text=True))
    assert [channel["channel"] for channel in data["channels"]] == [2, 3]
    for path in ("/motion/2/1", "/motion/1/2", "/motion/2/9"):
        assert api.request("GET", path).status_code == 404, path


def test_the_motion_page_of_no_channel_is_not_found(harness: WebHarness) -> None:
    api = harness.token_client(Role.ADMIN)
    assert api.request("GET", "/motion/2/1").status_code == 200
    for path in ("/motion/2/99", "/motion/2/x", "/motion/2/01", "/motion/7/1"):
        assert api.request("GET", path).status_code == 404, path


def test_other_pages_contain_no_api_responses(client: FlaskClient) -> None:
    assert "page-data" not in client.get("/cameras").get_data(as_text=True)
