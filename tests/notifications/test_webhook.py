"""The webhook sink against an independent web server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.clock import SystemClock
from core.errors import InvalidRequest
from core.events import EventKind
from core.secrets import Secret
from core.settings import Settings
from notifications.outgoing import Outgoing
from notifications.sink_settings import WebhookSettings, check_settings
from notifications.sinks import Notice, SinkError
from notifications.webhook import WebhookSink
from tests.events.logged import event
from tests.notifications.receivers import Authority, Receiver, web_server
from tests.patience import promised, until

NOTICE = Notice(
    event=event(EventKind.PERSON, id=7),
    title="Person: Gate",
    text="2026-11-24 13:00:00 · alert",
    sent_at=datetime(2026, 11, 24, 12, 0, 1, tzinfo=UTC),
    camera_name="Yard",
    channel_name="Gate",
    url="https://cameras.example/events?event=7",
    picture=b"\xff\xd8\xff\xe0 picture",
)


def sink_to(url: str, secret: str | None = None, *, with_picture: bool = False, **settings: Any) -> WebhookSink:
    clock = SystemClock()
    hidden = None if secret is None else Secret(secret)
    return WebhookSink(WebhookSettings(url, with_picture), hidden, Outgoing(Settings(**settings), clock), clock)


def refusal(sink: WebhookSink) -> SinkError:
    with pytest.raises(SinkError) as caught:
        sink.send(NOTICE)
    return caught.value


def test_the_receiver_can_check_the_signature_and_the_age(receiver: Receiver) -> None:
    sink_to(f"{receiver.url}?key=1", "shared").send(NOTICE)
    (post,) = receiver.posts
    assert post.path == "/hook?key=1"
    timestamp = post.headers["X-Timestamp"]
    assert abs(int(timestamp) - time.time()) < 60
    expected = hmac.new(b"shared", f"{timestamp}.".encode() + post.body, hashlib.sha256).hexdigest()
    assert post.headers["X-Signature"] == f"sha256={expected}"
    assert post.headers["X-Event-Id"] == "7"
    told = post.json()
    assert (told["event_id"], told["type"], told["channel_name"]) == (7, "event", "Gate")
    assert told["url"] == "https://cameras.example/events?event=7"
    assert "picture_jpeg" not in told


def test_without_a_secret_there_is_no_signature(receiver: Receiver) -> None:
    sink_to(receiver.url).send(NOTICE)
    assert "X-Signature" not in receiver.posts[0].headers


def test_the_json_has_the_picture_if_that_is_wanted(receiver: Receiver) -> None:
    sink = sink_to(receiver.url, with_picture=True)
    sink.send(NOTICE)
    sink.send(replace(NOTICE, picture=None))
    assert base64.b64decode(receiver.posts[0].json()["picture_jpeg"]) == NOTICE.picture
    assert receiver.posts[1].json()["picture_jpeg"] is None


@pytest.mark.parametrize(
    ("status", "code", "is_final"),
    [
        (301, "webhook_redirect", True),
        (307, "webhook_redirect", True),
        (400, "webhook_refused", True),
        (404, "webhook_refused", True),
        (429, "webhook_refused", False),
        (500, "webhook_refused", False),
    ],
)
def test_a_refused_post_is_tried_again_only_if_it_may_help(
    receiver: Receiver, status: int, code: str, is_final: bool
) -> None:
    receiver.statuses = [status]
    error = refusal(sink_to(receiver.url))
    assert (error.code, error.is_final) == (code, is_final)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    with web_server() as target:
        receiver.statuses, receiver.location = [302], target.url
        refusal(sink_to(receiver.url, "shared"))
        assert not target.posts


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0.0.0.0:9/",
        "http://224.0.0.1/",
        "http://127.0.0.1:25/",
        "http://127.0.0.1:6379/",
        "http://127.0.0.1:22/",
    ],
)
def test_no_connection_goes_to_metadata_services_and_other_protocols(url: str) -> None:
    error = refusal(sink_to(url))
    assert (error.code, error.is_final) == ("address_refused", True)


def test_the_setting_allows_the_listed_servers_alone(receiver: Receiver) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    sink_to(receiver.url, notification_addresses=f"10.0.0.0/8 127.0.0.1:{port}").send(NOTICE)
    assert refusal(sink_to(receiver.url, notification_addresses="10.0.0.0/8 127.0.0.1:9999")).code == "address_refused"


def test_a_name_that_points_to_a_metadata_service_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port)), (2, 1, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert refusal(sink_to("http://hook.example/")).code == "address_refused"
    assert asked == ["hook.example"]


def test_tls_is_verified_against_the_name_and_known_authorities(authority: Authority) -> None:
    with web_server(authority.server_context()) as secure:
        error = refusal(sink_to(secure.url))
        assert (error.code, error.is_final) == ("certificate_refused", True)
        other_name = secure.url.replace("127.0.0.1", "localhost")
        assert refusal(sink_to(other_name, notification_ca_file=authority.ca_file)).code == "certificate_refused"
        sink_to(secure.url, notification_ca_file=authority.ca_file).send(NOTICE)
        assert len(secure.posts) == 1


@contextmanager
def dripping_server() -> Iterator[str]:
    """A server that answers one byte in a while, and never ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()

    def serve() -> None:
        line, _ = listener.accept()
        with line:
            while not is_over.wait(0.05):
                try:
                    line.sendall(b"H")
                except OSError:
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    is_over.set()
    thread.join()
    listener.close()


def test_a_server_that_answers_byte_by_byte_is_left_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications.webhook.LIMIT_S", 0.3)
    with dripping_server() as url, promised(1.0):
        assert refusal(sink_to(url)).code == "sink_unreachable"


def test_closing_the_sink_ends_a_send(receiver: Receiver) -> None:
    receiver.hold = threading.Event()
    sink = sink_to(receiver.url)
    codes: list[str] = []
    thread = threading.Thread(target=lambda: codes.append(refusal(sink).code))
    thread.start()
    until(lambda: receiver.posts)
    with promised(1.0):
        sink.close()
        thread.join()
    assert codes == ["stopped"]
    assert refusal(sink).code == "stopped"


def test_errors_have_no_address_and_no_secret_in_them() -> None:
    error = refusal(sink_to("http://127.0.0.1:1/canary-path?key=canary-key", "canary-secret"))
    assert "canary" not in error.detail


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hook.example/",
        "http:///path",
        "http://user:password@hook.example/",
        "http://hook.example:0/",
        "http://hook.example:70000/",
        "http://hook.example/a b",
        "http://hook.example/\r\nX-Evil: 1",
        "http://höok.example/",
        "http://hook.example/#part",
        "javascript:alert(1)",
        "//hook.example",
    ],
)
def test_an_url_that_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"webhook\.url"):
        check_settings(WebhookSettings(url), has_secret=False)
