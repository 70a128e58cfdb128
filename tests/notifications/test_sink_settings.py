"""A stored password goes to the server for which it was entered, over no less secure connection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from notifications.sink_settings import EmailSettings, MqttSettings, keeps_secret

MQTT = MqttSettings("broker.example", 8883, is_tls=True, username="anna")
EMAIL = EmailSettings("mail.example", 465, "tls", "a@example.com", ("b@example.com",), "anna")


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [
        ({"base_topic": "yard"}, True),
        ({"is_tls": False}, False),
        ({"host": "other.example"}, False),
        ({"port": 8884}, False),
        ({"username": "bob"}, False),
    ],
)
def test_a_brokers_password_stays_with_its_encrypted_server(change: dict[str, Any], is_kept: bool) -> None:
    assert keeps_secret(MQTT, replace(MQTT, **change)) is is_kept


def test_a_password_stays_when_the_connection_becomes_encrypted() -> None:
    assert keeps_secret(replace(MQTT, is_tls=False), MQTT)


@pytest.mark.parametrize(
    ("change", "is_kept"), [({"security": "starttls"}, True), ({"security": "none"}, False), ({"port": 25}, False)]
)
def test_a_mail_servers_password_stays_with_its_encrypted_server(change: dict[str, Any], is_kept: bool) -> None:
    assert keeps_secret(EMAIL, replace(EMAIL, **change)) is is_kept
