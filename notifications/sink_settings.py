"""The settings of sinks, as an admin enters them and as the database stores them. Secrets are stored apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from core.errors import InvalidRequest
from notifications.sinks import SinkKind

Security = Literal["tls", "starttls", "none"]

_MAIL_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?|\[?[0-9A-Fa-f:.]{2,45}\]?")
_TOPIC = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """`with_picture`: the JSON has the picture, as base64."""

    url: str
    with_picture: bool = False


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """`security`: tls from the beginning, starttls, or none."""

    host: str
    port: int
    security: Security
    sender: str
    recipients: tuple[str, ...]
    username: str = ""


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """`base_topic`: of all topics, except those of Home Assistant's discovery."""

    host: str
    port: int
    is_tls: bool = False
    username: str = ""
    base_topic: str = "ovw"
    with_home_assistant: bool = False
    with_pictures: bool = False


SinkSettings = WebhookSettings | EmailSettings | MqttSettings | None


def kind_of(settings: SinkSettings) -> SinkKind:
    """Return the kind of the sinks that have such settings."""
    match settings:
        case WebhookSettings():
            return SinkKind.WEBHOOK
        case EmailSettings():
            return SinkKind.EMAIL
        case MqttSettings():
            return SinkKind.MQTT
    return SinkKind.PUSH


def check_settings(settings: SinkSettings, *, has_secret: bool) -> None:
    """Raise InvalidRequest with the field's name if the settings cannot be used."""
    match settings:
        case WebhookSettings():
            _check_url(settings.url)
        case EmailSettings():
            _check_email(settings, has_secret=has_secret)
        case MqttSettings():
            _check_host(settings.host, "mqtt.host")
            if _TOPIC.fullmatch(settings.base_topic) is None:
                raise InvalidRequest.of_field("mqtt.base_topic", "letters, digits, - and _, with / between parts")
            if has_secret and not settings.username:
                raise InvalidRequest.of_field("mqtt.username", "a password needs a user name")


def as_json(settings: SinkSettings) -> dict[str, Any]:
    """Return the settings as the database stores them."""
    return {} if settings is None else asdict(settings)


def from_json(kind: SinkKind, stored: Mapping[str, Any]) -> SinkSettings:
    """Return stored settings. Raise ValueError if they cannot be read."""
    try:
        match kind:
            case SinkKind.WEBHOOK:
                return WebhookSettings(**stored)
            case SinkKind.EMAIL:
                return EmailSettings(**{**stored, "recipients": tuple(stored["recipients"])})
            case SinkKind.MQTT:
                return MqttSettings(**stored)
    except (TypeError, KeyError) as error:
        raise ValueError("unreadable settings of a sink") from error
    return None


def keeps_secret(before: SinkSettings, after: SinkSettings) -> bool:
    """True if changed settings may use the stored secret: the same server, user name, and no less encryption."""
    if not isinstance(before, EmailSettings | MqttSettings) or not isinstance(after, EmailSettings | MqttSettings):
        return True  # a webhook's secret signs, and is not sent
    is_same = (before.host, before.port, before.username) == (after.host, after.port, after.username)
    return is_same and (_is_encrypted(after) or not _is_encrypted(before))


def _is_encrypted(settings: EmailSettings | MqttSettings) -> bool:
    return settings.is_tls if isinstance(settings, MqttSettings) else settings.security != "none"


def _check_email(settings: EmailSettings, *, has_secret: bool) -> None:
    _check_host(settings.host, "email.host")
    for field, addresses in (("email.sender", (settings.sender,)), ("email.recipients", settings.recipients)):
        for address in addresses:
            if len(address) > 254 or _MAIL_ADDRESS.fullmatch(address) is None:
                raise InvalidRequest.of_field(field, "not a mail address, such as gate@example.com")
    if bool(settings.username) != has_secret:
        raise InvalidRequest.of_field("email.password", "a login needs a user name and a password")
    if settings.username and settings.security == "none" and settings.host not in _LOOPBACK:
        raise InvalidRequest.of_field("email.security", "a login needs tls or starttls, so that nobody reads it")


def _check_host(host: str, field: str) -> None:
    if _HOST.fullmatch(host) is None:
        raise InvalidRequest.of_field(field, "not a host name or address")


def _check_url(url: str) -> None:
    field = "webhook.url"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidRequest.of_field(field, "not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidRequest.of_field(field, "must begin with http:// or https:// and a host")
    if "@" in parts.netloc:
        raise InvalidRequest.of_field(field, "must not have a user name or password; use the secret")
    if port == 0 or not url.isascii() or any(char.isspace() or not char.isprintable() for char in url):
        raise InvalidRequest.of_field(field, "must have only ASCII characters without spaces")
    if parts.fragment:
        raise InvalidRequest.of_field(field, "must not have a part after #")
    _check_host(parts.hostname, field)
