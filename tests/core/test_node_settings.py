"""Settings of a node."""

from __future__ import annotations

import pytest

from core.settings import Settings, SettingsError


def test_a_node_has_the_address_of_the_app_by_default() -> None:
    assert Settings.from_environ({"NODE_NAME": "north", "HOST": "10.0.0.12", "PORT": "5002"}).address_of_node == (
        "10.0.0.12:5002"
    )
    assert Settings.from_environ({"NODE_NAME": "north", "HOST": "::1"}).address_of_node == "[::1]:5001"
    given = {"NODE_NAME": "north", "HOST": "0.0.0.0", "NODE_ADDRESS": "10.0.0.12:80"}
    assert Settings.from_environ(given).address_of_node == "10.0.0.12:80"


@pytest.mark.parametrize(
    "given",
    [
        {"NODE_NAME": "two words"},
        {"NODE_NAME": "n" * 64},
        {"NODE_NAME": "north", "NODE_ADDRESS": "10.0.0.12"},
        {"NODE_NAME": "north", "NODE_ADDRESS": "10.0.0.12:99999"},
        {"NODE_NAME": "north", "NODE_ADDRESS": "north.lan:80"},
        {"NODE_NAME": "north", "NODE_ADDRESS": "0.0.0.0:5001"},
        {"NODE_NAME": "north", "NODE_ADDRESS": "[::]:5001"},
        {"NODE_NAME": "north", "NODE_ADDRESS": "::1:5001"},
        {"NODE_NAME": "north", "NODE_ADDRESS": "http://10.0.0.12:80"},
        {"NODE_NAME": "north", "NODE_LEASE_S": "1"},
        {"NODE_NAME": "north", "SITE": "a/b"},
        {"NODE_CAPACITY": "10"},
    ],
)
def test_wrong_settings_of_a_node_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=list(given)[-1]):
        Settings.from_environ(given)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "north.lan"])
def test_a_node_needs_an_address_that_nginx_can_use(host: str) -> None:
    with pytest.raises(SettingsError, match="NODE_ADDRESS: needed with HOST"):
        Settings.from_environ({"NODE_NAME": "north", "HOST": host})
    assert Settings.from_environ({"HOST": host}).host == host
