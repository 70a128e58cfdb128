"""Web push from the notice to the browser, over TLS to a pretend push service."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cameras.stored_secrets import secrets_of_notifications
from cameras.vault import Vault
from core.errors import Conflict, InvalidRequest, NotFound
from core.events import Severity
from database import Database
from notifications.push_records import MAX_SUBSCRIPTIONS
from notifications.push_services import PushServices
from notifications.push_store import PushStore
from notifications.sinks import SinkError
from notifications.web_push import WebPush
from tables.accounts import UserRow
from tests.hand_clock import HandClock
from tests.notifications.pretend_push_service import PretendBrowser, PretendPushService, pretend_push_service
from tests.notifications.push_parts import HOLDER, NOW, HeldVault, draft_of, event_of, notice_of
from tests.patience import promised, until
from tests.prepared_database import prepared_database

CONTACT = "https://cams.example"


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    del database_engine  # it has chosen the engine
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    yield made
    made.close()


@pytest.fixture(scope="module")
def running_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PretendPushService]:
    with pretend_push_service(tmp_path_factory.mktemp("push-service")) as running:
        yield running


@pytest.fixture
def service(running_service: PretendPushService) -> Iterator[PretendPushService]:
    running_service.forget()
    yield running_service
    assert running_service.complaints == []


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
def push(database: Database, service: PretendPushService, clock: HandClock) -> WebPush:
    services = PushServices(frozenset({service.place}), ca_file=service.certificate)
    return WebPush(PushStore(database, HOLDER), services, clock, contact=CONTACT)


def browser_of(
    push: WebPush, service: PretendPushService, user_id: int | None = None, name: str = "a"
) -> PretendBrowser:
    browser = PretendBrowser()
    push.subscribe(None, draft_of(browser, service.address(name)))
    return browser


def content_of(service: PretendPushService, browser: PretendBrowser) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(browser.open(service.messages[-1].body))
    return found


def test_a_browser_reads_the_notice_of_its_user(push: WebPush, service: PretendPushService) -> None:
    browser = browser_of(push, service)
    push.send(notice_of())
    assert content_of(service, browser) == {
        "title": "Person",
        "text": "Gate, channel 3",
        "url": "/events?camera=1&channel=3",
        "tag": "event-7",
        "time_ms": int(NOW.timestamp() * 1000),
        "picture": "/api/events/7/picture",
        "rule": 4,
    }
    sent = service.messages[0]
    assert (sent.path, sent.claims["sub"], sent.key) == ("/push/a", CONTACT, push.public_key())
    assert sent.headers["urgency"] == "high"
    assert push.subscriptions(None)[0].last_sent_at == NOW


def test_a_notice_without_urgency_may_wait(push: WebPush, service: PretendPushService) -> None:
    browser_of(push, service)
    push.send(notice_of(event_of(severity=Severity.NOTICE)))
    assert service.messages[0].headers["urgency"] == "normal"


def test_messages_about_one_event_share_a_topic_that_says_nothing(push: WebPush, service: PretendPushService) -> None:
    browser_of(push, service, name="a")
    browser_of(push, service, name="b")
    push.send(notice_of())
    push.send(replace(notice_of(), is_alert_again=True))
    push.send(notice_of(event_of(8)))
    topics = [message.headers["topic"] for message in service.messages]
    assert topics[0] == topics[2] != topics[1] == topics[3]
    assert topics[4] not in topics[:4]


@pytest.mark.parametrize("letter", ["x", "ä", "\U0001f6b6", '"'])
def test_a_long_text_is_cut_to_what_push_services_take(push: WebPush, service: PretendPushService, letter: str) -> None:
    browser = browser_of(push, service)
    push.send(notice_of(text=letter * 6000))
    content = content_of(service, browser)
    assert content["title"] == "Person"
    assert content["text"] == letter * len(content["text"])
    assert len(content["text"].encode()) > 1500


def test_other_users_browsers_get_nothing(push: WebPush, service: PretendPushService) -> None:
    browser_of(push, service)
    with pytest.raises(SinkError) as refused:
        push.send(notice_of(user_id=1))
    assert (refused.value.code, refused.value.is_final) == ("no_browser", True)
    assert service.messages == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_the_service_no_longer_has_is_removed(
    push: WebPush, service: PretendPushService, status: int
) -> None:
    browser_of(push, service)
    service.answers = [(status, {})]
    with pytest.raises(SinkError) as refused:
        push.send(notice_of())
    assert (refused.value.code, refused.value.is_final) == ("gone", True)
    assert push.subscriptions(None) == []


def test_a_busy_service_gets_nothing_until_the_time_it_names(
    push: WebPush, service: PretendPushService, clock: HandClock
) -> None:
    browser_of(push, service)
    service.answers = [(429, {"Retry-After": "120"}), (201, {})]
    for wait_s in (120, 20):
        with pytest.raises(SinkError) as refused:
            push.send(notice_of())
        assert (refused.value.code, refused.value.is_final) == ("busy", False)
        assert refused.value.retry_after_s == pytest.approx(wait_s)
        clock.move(seconds=100)
    assert len(service.messages) == 1
    assert push.subscriptions(None)[0].last_code == "busy"
    push.send(notice_of())
    assert len(service.messages) == 2
    assert push.subscriptions(None)[0].last_code == ""


def test_another_try_leaves_out_browsers_that_have_the_notice(push: WebPush, service: PretendPushService) -> None:
    browser_of(push, service, name="a")
    browser_of(push, service, name="b")
    service.answers = [(201, {}), (500, {}), (201, {})]
    with pytest.raises(SinkError) as refused:
        push.send(notice_of())
    assert not refused.value.is_final
    push.send(notice_of())
    assert [message.path for message in service.messages] == ["/push/a", "/push/b", "/push/b"]


def test_one_refused_browser_is_no_failure_for_the_others(push: WebPush, service: PretendPushService) -> None:
    browser_of(push, service, name="a")
    browser_of(push, service, name="b")
    service.answers = [(403, {}), (201, {})]
    push.send(notice_of())
    assert [found.last_code for found in push.subscriptions(None)] == ["refused", ""]


def test_a_redirect_is_not_followed(push: WebPush, service: PretendPushService) -> None:
    browser_of(push, service)
    service.answers = [(307, {"Location": service.address("elsewhere")}), (201, {})]
    with pytest.raises(SinkError) as refused:
        push.send(notice_of())
    assert (refused.value.code, refused.value.is_final) == ("refused", True)
    assert [message.path for message in service.messages] == ["/push/a"]


def test_a_test_message_says_the_reason_of_its_failure(push: WebPush, service: PretendPushService) -> None:
    browser_of(push, service)
    found = push.subscriptions(None)[0]
    push.test(None, found.id)
    assert service.messages[0].headers["ttl"] == "60"
    service.answers = [(403, {})]
    with pytest.raises(Conflict, match=r"refuses the message \(403\)"):
        push.test(None, found.id)
    with pytest.raises(NotFound):
        push.test(3, found.id)


def test_a_browser_that_subscribes_again_keeps_one_subscription(push: WebPush, service: PretendPushService) -> None:
    browser_of(push, service)
    again, is_new = push.subscribe(None, draft_of(PretendBrowser(), service.address("a"), "Firefox on a phone"))
    assert not is_new
    assert [found.name for found in push.subscriptions(None)] == ["Firefox on a phone"]
    replaced = replace(draft_of(PretendBrowser(), service.address("b")), replaces=service.address("a"))
    other, is_new = push.subscribe(None, replaced)
    assert is_new
    assert [found.id for found in push.subscriptions(None)] == [other.id]
    assert other.id != again.id


def test_a_user_has_a_limited_number_of_browsers(push: WebPush, service: PretendPushService) -> None:
    for number in range(MAX_SUBSCRIPTIONS):
        browser_of(push, service, name=str(number))
    with pytest.raises(Conflict) as refused:
        browser_of(push, service, name="one-more")
    assert refused.value.code == "too_many_push_subscriptions"
    browser_of(push, service, name="0")  # renews


def test_another_key_begins_anew_without_the_old_browsers(
    push: WebPush, service: PretendPushService, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    before = push.public_key()
    browser_of(push, service)
    store = PushStore(database, HeldVault(Vault(b"o" * 32)))
    assert store.of_user(None)[0].keys is None
    assert store.signer(NOW).public_key != before
    assert store.of_user(None) == []
    assert "a new one is made" in caplog.text


@pytest.mark.sqlite
def test_no_secret_is_in_the_database_in_the_clear(
    push: WebPush, service: PretendPushService, database: Database, tmp_path: Path
) -> None:
    browser = browser_of(push, service)
    push.send(notice_of())
    private = PushStore(database, HOLDER).signer(NOW).secret().reveal()
    database.close()  # copies the WAL into the file
    content = (tmp_path / "cameras.sqlite3").read_bytes()
    assert browser.auth.encode() not in content
    assert browser.auth_secret not in content
    assert private.encode() not in content
    assert bytes.fromhex(private) not in content


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://push.example/x", "https address"),
        ("https://push.example:8443/x", "port 443"),
        ("https://push.example:99999/x", "port up to 65535"),
        ("https://user@push.example/x", "https address"),
        ("https://localhost/x", "public push service"),
        ("https://127.0.0.1/x", "public push service"),
        ("https://2130706433/x", "public push service"),
        ("https://0x7f.1/x", "public push service"),
        ("https://[::1]/x", "https address"),
        ("https://router.local/x", "public push service"),
        ("https://metadata.google.internal/x", "public push service"),
        ("https://push.example/x\r\nHost: y", "https address"),
        ("https://push.example/x y", "https address"),
        ("https://push.example/" + "x" * 1000, "https address"),
        ("https://push.example#x", "https address"),
        ("file:///etc/passwd", "https address"),
        ("", "https address"),
    ],
)
def test_an_address_of_no_public_push_service_is_refused(push: WebPush, address: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        push.subscribe(None, draft_of(PretendBrowser(), address))
    assert refused.value.errors[0].field == "endpoint"
    assert reason in refused.value.errors[0].message
    assert push.subscriptions(None) == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.5", "100.64.0.1", "169.254.169.254", "168.63.129.16", "::1", "fd00::1",
     "fe80::1%eth0", "::ffff:10.0.0.1", "2002:a00:1::1", "64:ff9b::a00:1", "0.0.0.0", "224.0.0.1", "fec0::1"],
)  # fmt: skip
def test_a_name_with_a_private_address_gets_no_message(
    push: WebPush, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    push.subscribe(None, draft_of(PretendBrowser(), "https://push.example/x"))
    found = [(0, 0, 0, "", ("8.8.8.8", 443)), (0, 0, 0, "", (address, 443))]  # one good address is not enough
    monkeypatch.setattr("notifications.push_services.socket.getaddrinfo", lambda *_, **__: found)
    connected: list[object] = []
    monkeypatch.setattr("notifications.push_services.socket.create_connection", lambda *args: connected.append(args))
    with pytest.raises(SinkError) as refused:
        push.send(notice_of())
    assert (refused.value.code, refused.value.is_final) == ("address_refused", True)
    assert connected == []


def test_a_service_with_a_wrong_certificate_gets_no_message(
    database: Database, service: PretendPushService, clock: HandClock
) -> None:
    services = PushServices(frozenset({service.place}))
    push = WebPush(PushStore(database, HOLDER), services, clock, contact=CONTACT)
    browser_of(push, service)
    with pytest.raises(SinkError, match="certificate is not valid"):
        push.send(notice_of())
    assert service.messages == []


def test_slow_push_services_of_one_user_leave_time_for_others(
    push: WebPush,
    service: PretendPushService,
    database: Database,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    with database.write() as session:
        session.add(
            UserRow(
                id=2,
                name="Ben",
                name_key="ben",
                password_hash="-",
                role="viewer",
                created_at=NOW,
                password_changed_at=NOW,
            )
        )

    def take(path: str, *_: object) -> tuple[int, dict[str, str]]:
        asked.append(path)
        clock.move(seconds=9)
        return 201, {}

    monkeypatch.setattr(service, "take", take)
    for name in ("a", "b", "c"):
        browser_of(push, service, name=name)
    for _ in range(2):
        with pytest.raises(SinkError, match="answer too late") as late:
            push.send(notice_of())
        assert not late.value.is_final
        assert late.value.retry_after_s == 60
    push.subscribe(2, draft_of(PretendBrowser(), service.address("other")))
    push.send(replace(notice_of(), user_id=2, rule_id=9))
    clock.move(seconds=60)
    push.send(notice_of())
    assert asked == ["/push/a", "/push/b", "/push/other", "/push/c"]


@pytest.mark.parametrize(("browsers", "code"), [(1, "unreachable"), (2, "interrupted")])
def test_closing_ends_a_request_that_gets_no_answer(
    browsers: int, code: str, push: WebPush, service: PretendPushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()
    asked: list[str] = []

    def take(path: str, *_: object) -> tuple[int, dict[str, str]]:
        asked.append(path)
        is_asked.set()
        may_answer.wait()
        return 201, {}

    monkeypatch.setattr(service, "take", take)
    for name in ("a", "b")[:browsers]:
        browser_of(push, service, name=name)
    problems: list[SinkError] = []

    def send() -> None:
        try:
            push.send(notice_of())
        except SinkError as error:
            problems.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    is_asked.wait()
    with promised(1.0):
        push.close()
        until(lambda: not thread.is_alive())
    may_answer.set()
    assert [error.code for error in problems] == [code]
    assert len(asked) == 1


def test_a_new_encryption_key_finds_the_secrets_of_web_push(
    push: WebPush, service: PretendPushService, database: Database
) -> None:
    browser = browser_of(push, service)
    push.public_key()
    with database.read() as session:
        secrets = list(secrets_of_notifications(session))
        opened = [HOLDER.vault.decrypt(one.box, one.context).reveal() for one in secrets if one.box is not None]
    assert browser.auth in opened
    assert PushStore(database, HOLDER).signer(NOW).secret().reveal() in opened
