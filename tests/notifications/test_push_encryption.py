"""Encryption and signature of web push, judged by http_ece."""

from __future__ import annotations

from datetime import UTC, datetime

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from notifications.push_encryption import MAX_PAYLOAD_BYTES, BrowserKeys, InvalidPushKeys, encrypt
from notifications.push_signature import PushSigner
from tests.notifications.pretend_push_service import PretendBrowser, as_bytes, as_text, point_of


def keys_of(browser: PretendBrowser) -> BrowserKeys:
    return BrowserKeys.of_texts(browser.p256dh, browser.auth)


@pytest.mark.parametrize("payload", [b"", b"x", b'{"title":"\xc3\xa4"}', b"y" * MAX_PAYLOAD_BYTES])
def test_http_ece_opens_every_length_of_message(payload: bytes) -> None:
    browser = PretendBrowser()
    body = encrypt(payload, keys_of(browser))
    assert browser.open(body) == payload
    assert len(body) <= 4096


def test_two_messages_with_the_same_content_share_no_byte_of_their_keys() -> None:
    keys = keys_of(PretendBrowser())
    one, other = encrypt(b"same", keys), encrypt(b"same", keys)
    assert one[:16] != other[:16]  # salt
    assert one[21:86] != other[21:86]  # public key
    assert one[86:] != other[86:]


def test_short_messages_have_the_same_length() -> None:
    keys = keys_of(PretendBrowser())
    assert len({len(encrypt(b"x" * length, keys)) for length in (1, 40, 200, 255)}) == 1


def test_a_message_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3800 bytes"):
        encrypt(b"x" * (MAX_PAYLOAD_BYTES + 1), keys_of(PretendBrowser()))


def test_another_browser_cannot_open_a_message() -> None:
    body = encrypt(b"for one", keys_of(PretendBrowser()))
    with pytest.raises(http_ece.ECEException):
        PretendBrowser().open(body)


@pytest.mark.parametrize(
    ("p256dh", "auth", "field"),
    [
        ("", "A" * 22, "p256dh"),
        ("!" * 87, "A" * 22, "p256dh"),
        (as_text(b"\x04" + b"\x01" * 64), "A" * 22, "p256dh"),  # not on the curve
        (as_text(b"\x05" + b"\x01" * 64), "A" * 22, "p256dh"),
        (as_text(point_of(ec.generate_private_key(ec.SECP256R1()))[:33]), "A" * 22, "p256dh"),
        (PretendBrowser().p256dh, "", "auth"),
        (PretendBrowser().p256dh, "A" * 24, "auth"),
        (PretendBrowser().p256dh, "ä" * 22, "auth"),
    ],
    ids=range(8),  # two processes that collect the tests make other keys
)
def test_malformed_keys_are_refused_with_their_name(p256dh: str, auth: str, field: str) -> None:
    with pytest.raises(InvalidPushKeys) as refused:
        BrowserKeys.of_texts(p256dh, auth)
    assert refused.value.field == field


def test_padded_keys_are_read_too() -> None:
    browser = PretendBrowser()
    assert BrowserKeys.of_texts(browser.p256dh + "=", browser.auth + "==") == keys_of(browser)


def test_a_stored_signer_is_the_same_one() -> None:
    signer = PushSigner.new()
    again = PushSigner.of_secret(signer.secret())
    assert again.public_key == signer.public_key
    assert as_bytes(again.public_key)[:1] == b"\x04"
    assert "hidden" in repr(signer.secret())


def test_a_signature_ends_within_a_day() -> None:
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    header = PushSigner.new().authorization("https://push.example/x", "mailto:a@example.com", now)
    claims = as_bytes(header.split(".")[1]).decode()
    assert '"aud":"https://push.example"' in claims
    assert f'"exp":{int(now.timestamp()) + 12 * 3600}' in claims
