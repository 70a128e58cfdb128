"""The device's reason in the message of a refused request: bounded, without markup, and without credentials."""

from __future__ import annotations

import base64
import html

import pytest

from core.errors import CameraUnsupported, DeviceError
from core.records import Credential
from core.secrets import Secret
from onvif_services import answers, ptz
from onvif_services.answers import Fault
from onvif_services.fault_reasons import reason_of
from onvif_services.faults import SoapFault
from tests.onvif_services.connecting import Connect
from tests.onvif_services.head_answers import PTZ
from tests.onvif_services.soap_device import SoapDevice, fault

LOGIN = Credential("admin", Secret("s3cret&<"))


def _refused(device: SoapDevice, connect: Connect, code: str, reason: str) -> DeviceError:
    device.services["ptz"] = PTZ
    conn = connect()
    conn.open()
    device.answers["GotoPreset"] = fault(code, html.escape(reason))
    with pytest.raises(DeviceError) as caught:
        ptz.goto_preset(conn, "P1", "7")
    return caught.value


def test_a_refusal_has_the_reason_and_code_of_the_device(device: SoapDevice, connect: Connect) -> None:
    error = _refused(device, connect, "ter:NoToken", "The requested preset token does not exist")
    assert isinstance(error, SoapFault)
    assert error.detail == (
        "The device refuses GotoPreset. It says: “The requested preset token does not exist” (NoToken)."
    )


def test_a_missing_operation_has_the_reason_of_the_device(device: SoapDevice, connect: Connect) -> None:
    error = _refused(device, connect, "ter:ActionNotSupported", "PTZ is locked by the recorder")
    assert isinstance(error, CameraUnsupported)
    assert error.detail == (
        "The device does not offer GotoPreset of the ptz service. "
        "It says: “PTZ is locked by the recorder” (ActionNotSupported)."
    )


def test_a_refusal_without_words_names_the_code_only(device: SoapDevice, connect: Connect) -> None:
    assert _refused(device, connect, "ter:NoToken", "").detail == "The device refuses GotoPreset (NoToken)."
    assert _refused(device, connect, "ter:Made<Up", "").detail == "The device refuses GotoPreset."


def test_the_password_is_not_in_the_message(device: SoapDevice, connect: Connect) -> None:
    error = _refused(device, connect, "ter:NoToken", f"No preset for {device.username}:{device.password}")
    assert error.detail == "The device refuses GotoPreset (NoToken)."


@pytest.mark.parametrize(
    "reason",
    [
        "password s3cret&< is weak",
        "password S3CRET&< is weak",
        "password s3c\u200bret &< is weak",
        "password s3cret&amp;&lt; is weak",
        "password s3cret&amp;amp;&amp;lt; is weak",
        "password s3cret%26%3C is weak",
        "login " + base64.b64encode(b"admin:s3cret&<").decode(),
        "login " + base64.b64encode(b"s3cret&<").decode(),
        "the user Admin is unknown",
    ],
)
def test_a_reason_with_the_login_is_left_out(reason: str) -> None:
    assert reason_of(Fault(("Sender",), reason), LOGIN) == ""


def test_a_password_with_markup_in_it_is_left_out() -> None:
    assert reason_of(Fault((), "bad <b>Wi11</b><i>ow-Tree</i>"), Credential("x1", Secret("Wi11ow-Tree"))) == ""


def test_a_short_password_does_not_show_in_the_gap_of_a_reason() -> None:
    assert reason_of(Fault((), "Preset 1 is locked"), Credential("x1", Secret("1"))) == ""


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("no <b onclick='go()'>preset</b> here", "no preset here"),
        ("no &lt;script&gt;go()&lt;/script&gt; here", "no go() here"),
        ("1 < 2 > 0 <img src=x", "1 2 0 img src=x"),
        ("end\x00\x1b[31m of\r\nit \u202eright to left", "end [31m of it right to left"),
        ("call http://evil.example/x?a=1 or www.evil.example now", "call … or … now"),
        ("digest 5Pn2YqmQhbwNs5xYFmO0rE2mCk8= was wrong", "digest … was wrong"),
        ('he says “stop” or "go"', "he says 'stop' or 'go'"),
        ("   ", ""),
    ],
)
def test_hostile_text_becomes_one_plain_line(reason: str, shown: str) -> None:
    assert reason_of(Fault((), reason), LOGIN) == shown


def test_a_long_reason_is_cut() -> None:
    shown = reason_of(Fault((), "no preset " * 100_000), LOGIN)
    assert len(shown) <= 120
    assert shown.endswith("…")


@pytest.mark.parametrize(
    "body", ["<s:Text>" + "no " * 50_000 + "</s:Text>", "<s:Text>&#60;b&#62;no&#60;/b&#62;</s:Text>"]
)
def test_the_reason_of_a_raw_answer_is_bounded(body: str) -> None:
    root = answers.parse_xml(
        f'<s:Fault xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Reason>{body}</s:Reason></s:Fault>'.encode()
    )
    found = answers.read_fault(root)
    assert found is not None
    shown = reason_of(found, LOGIN)
    assert shown.startswith("no")
    assert len(shown) <= 120
    assert "<" not in shown
