"""The e-mail sink against an independent mail server, and its messages against Python's parser."""

from __future__ import annotations

import socket
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from core.clock import SystemClock
from core.errors import InvalidRequest
from core.secrets import Secret
from core.settings import Settings
from notifications.mail import EmailSink, message_of
from notifications.outgoing import Outgoing
from notifications.sink_settings import EmailSettings, check_settings
from notifications.sinks import SinkError
from tests.notifications.receivers import Authority, MailBox, mail_server
from tests.notifications.test_webhook import NOTICE

HOSTILE = 'Gate\r\nBcc: victim@example.com\r\n\r\n<img src=x onerror=alert(1)> \u202egnp.exe "Größe" \x00'


def settings_to(port: int, **more: Any) -> EmailSettings:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "cameras@example.com",
        "recipients": ("anna@example.com", "ben@example.com"),
    }
    return EmailSettings(**{**values, **more})


def sink_to(settings: EmailSettings, password: str | None = None, **app: Any) -> EmailSink:
    clock = SystemClock()
    secret = None if password is None else Secret(password)
    return EmailSink(settings, secret, Outgoing(Settings(**app), clock), clock)


def received(box: MailBox) -> EmailMessage:
    content = box.envelopes[-1].content
    assert isinstance(content, bytes)
    return message_from_bytes(content, policy=policy.default)


def refusal(sink: EmailSink) -> SinkError:
    with pytest.raises(SinkError) as caught:
        sink.send(NOTICE)
    return caught.value


def test_a_message_has_the_words_the_link_and_the_picture_inside() -> None:
    with mail_server() as box:
        sink_to(settings_to(box.port)).send(NOTICE)
    assert box.envelopes[0].mail_from == "cameras@example.com"
    assert box.envelopes[0].rcpt_tos == ["anna@example.com", "ben@example.com"]
    message = received(box)
    assert message["Subject"] == "Person: Gate"
    assert message["Auto-Submitted"] == "auto-generated"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert NOTICE.text in plain.get_content()
    assert NOTICE.url in plain.get_content()
    (picture,) = [part for part in message.walk() if part.get_content_type() == "image/jpeg"]
    assert picture.get_payload(decode=True) == NOTICE.picture
    assert picture.get_content_disposition() == "inline"
    assert f"cid:{picture['Content-ID'].strip('<>')}" in html.get_content()


def test_starttls_and_a_login_come_before_the_message(authority: Authority) -> None:
    with mail_server(authority.server_context(), needs_login=True) as box:
        settings = settings_to(box.port, security="starttls", username="cameras")
        sink_to(settings, "mail-secret", notification_ca_file=authority.ca_file).send(NOTICE)
    assert box.were_encrypted == [True]
    assert box.logins == [(b"cameras", b"mail-secret")]


def test_a_server_with_an_unknown_certificate_gets_no_login(authority: Authority) -> None:
    with mail_server(authority.server_context(), needs_login=True) as box:
        settings = settings_to(box.port, security="starttls", username="cameras")
        assert refusal(sink_to(settings, "mail-secret")).code == "certificate_refused"
    assert not box.logins


def test_a_server_without_starttls_gets_no_message() -> None:
    with mail_server() as box:
        error = refusal(sink_to(settings_to(box.port, security="starttls")))
    assert (error.code, error.is_final) == ("email_unsupported", True)
    assert not box.envelopes


def test_a_wrong_password_is_named_without_the_servers_words(authority: Authority) -> None:
    with mail_server(authority.server_context(), needs_login=True) as box:
        settings = settings_to(box.port, security="starttls", username="cameras")
        error = refusal(sink_to(settings, "canary-wrong", notification_ca_file=authority.ca_file))
    assert (error.code, error.is_final) == ("email_login", True)
    assert "canary" not in error.detail


def test_texts_of_devices_add_no_header_no_recipient_and_no_markup() -> None:
    notice = replace(NOTICE, title=HOSTILE, text=HOSTILE)
    with mail_server() as box:
        sink_to(settings_to(box.port)).send(notice)
    message = received(box)
    assert box.envelopes[0].rcpt_tos == ["anna@example.com", "ben@example.com"]
    assert "Bcc" not in message
    assert message["Subject"].startswith("Gate Bcc: victim@example.com")
    assert "Größe" in message["Subject"]
    assert "\u202e" not in message["Subject"]
    assert "\x00" not in message["Subject"]
    html = message.get_body(("html",))
    assert html is not None
    assert "<img src=x" not in html.get_content()


def test_a_line_with_a_dot_does_not_end_the_message() -> None:
    message = message_of(replace(NOTICE, text=".", url=""), settings_to(25))
    with mail_server() as box:
        sink_to(settings_to(box.port)).send(replace(NOTICE, text=".", url=""))
    assert [part.get_content_type() for part in received(box).walk()] == [
        part.get_content_type() for part in message.walk()
    ]


def test_the_greeting_does_not_tell_the_name_of_this_machine() -> None:
    with mail_server() as box:
        sink_to(settings_to(box.port)).send(NOTICE)
    content = box.envelopes[0].content
    assert isinstance(content, bytes)
    assert socket.gethostname().encode() not in content.replace(b"localhost", b"")


@pytest.mark.parametrize("port", [25, 465, 587])
def test_ports_of_mail_servers_are_allowed_for_mail(port: int) -> None:
    assert refusal(sink_to(settings_to(port))).code != "address_refused"


def test_a_mail_server_at_a_metadata_address_is_refused() -> None:
    assert refusal(sink_to(settings_to(587, host="169.254.169.254"))).code == "address_refused"


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("sender", {"sender": "cameras@example.com\r\nBcc: x@example.com"}),
        ("sender", {"sender": "Cameras <cameras@example.com>"}),
        ("recipients", {"recipients": ("anna",)}),
        ("recipients", {"recipients": ("anna@example.com, ben@example.com",)}),
        ("host", {"host": "mail.example:25"}),
        ("host", {"host": "-oProxyCommand=x"}),
    ],
)
def test_invalid_settings_are_refused_with_their_field(field: str, more: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=rf"email\.{field}"):
        check_settings(settings_to(587, **more), has_secret=False)


def test_a_login_is_never_sent_readable_over_a_network() -> None:
    settings = settings_to(25, host="mail.example", username="cameras")
    with pytest.raises(InvalidRequest, match=r"email\.security"):
        check_settings(settings, has_secret=True)
    check_settings(replace(settings, security="starttls"), has_secret=True)
    check_settings(replace(settings, host="127.0.0.1"), has_secret=True)
