"""Reading raw XML: local names, cleaned text, numbers, faults."""

from __future__ import annotations

from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import CameraAuthFailed, CameraBadAnswer, CameraUnsupported, DeviceError
from onvif_services import answers
from onvif_services.faults import SoapFault, error_of
from onvif_services.http_answer import HttpAnswer
from onvif_services.soap_answer import parse_soap


@given(st.text())
def test_cleaned_text_is_always_printable_and_short(value: str) -> None:
    cleaned = answers.clean(value)
    assert cleaned.isprintable()
    assert len(cleaned) <= 128
    assert cleaned == cleaned.strip()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("  Front   door\r\n", "Front door"),
        ("a\u202eb\u200bc\ufeffd", "a b c d"),
        ("Übergang 前門", "Übergang 前門"),
        ("\x00\x1b[31m", "[31m"),
        ("x" * 10_000, "x" * 128),
    ],
)
def test_text_is_cleaned_as_expected(value: str, expected: str) -> None:
    assert answers.clean(value) == expected


@pytest.mark.parametrize("value", ["", "abc", "1e999", "9" * 400, "-1", "0x10", "１２", "nan", "inf", None])
def test_an_unreadable_number_is_none(value: str | None) -> None:
    assert answers.whole(value) is None


def test_tokens_are_kept_unchanged_or_refused() -> None:
    assert answers.checked_token("Profile 1/..?x&<") == "Profile 1/..?x&<"
    assert answers.checked_token("a\nb") == ""
    assert answers.checked_token("a" * 257) == ""


@given(st.binary(max_size=200))
def test_any_bytes_are_xml_or_a_typed_error(body: bytes) -> None:
    for recover in (False, True):
        try:
            answers.parse_xml(body, recover=recover)
        except CameraBadAnswer:
            continue


def test_namespaces_and_undeclared_prefixes_do_not_matter() -> None:
    for body in (b'<a:x xmlns:a="urn:1"><a:y>1</a:y></a:x>', b"<x><y>1</y></x>", b"<q:x><r:y>1</r:y></q:x>"):
        root = answers.parse_xml(body, recover=True)
        assert answers.local_name(root) == "x"
        assert answers.raw_text(root, "y") == "1"


def _fault(inner: str) -> answers.Fault:
    root = answers.parse_xml(f"<Envelope><Body><Fault>{inner}</Fault></Body></Envelope>".encode(), recover=True)
    fault = answers.read_fault(root)
    assert fault is not None
    return fault


def test_a_fault_outside_of_the_body_is_found() -> None:
    root = answers.parse_xml(
        b"<Envelope><Fault><faultcode>x:NotAuthorized</faultcode></Fault></Envelope>", recover=True
    )
    assert answers.read_fault(root) == answers.Fault(("NotAuthorized",), "")


@pytest.mark.parametrize(
    ("inner", "error"),
    [
        (
            "<Code><Value>s:Sender</Value><Subcode><Value>ter:NotAuthorized</Value></Subcode></Code>"
            "<Reason><Text>The action requested requires authorization</Text></Reason>",
            CameraAuthFailed,
        ),
        (
            "<Code><Value>s:Sender</Value><Subcode><Value>ter:InvalidArgVal</Value><Subcode>"
            "<Value>ter:NoProfile</Value></Subcode></Subcode></Code><Reason><Text>x</Text></Reason>",
            SoapFault,
        ),
        ("<faultcode>wsse:FailedAuthentication</faultcode><faultstring>x</faultstring>", CameraAuthFailed),
        ("<faultcode>{http://www.onvif.org/ver10/error}NotAuthorized</faultcode>", CameraAuthFailed),
        ("<faultcode>http://www.onvif.org/ver10/error#NotAuthorized</faultcode>", CameraAuthFailed),
        ("<faultcode>http://www.onvif.org/ver10/error/NotAuthorized</faultcode>", CameraAuthFailed),
        (
            "<Code><Value>Receiver</Value></Code><Reason><Text>Authority failure: unauthorized</Text></Reason>",
            CameraAuthFailed,
        ),
        (
            "<Code><Value>Sender</Value></Code><Reason><Text>Invalid username or password</Text></Reason>",
            CameraAuthFailed,
        ),
        (
            "<Code><Value>Receiver</Value><Subcode><Value>ter:ActionNotSupported</Value></Subcode></Code>",
            CameraUnsupported,
        ),
        ("<Code><Value>Receiver</Value></Code><Reason><Text>Method not implemented</Text></Reason>", CameraUnsupported),
        ("<Code/>", SoapFault),
        ("", SoapFault),
    ],
)
def test_faults_are_distinguished_by_codes_then_by_words(inner: str, error: type[DeviceError]) -> None:
    assert isinstance(error_of(_fault(inner), "media", "GetProfiles"), error)


_ENVELOPE_11 = 'xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'


@pytest.mark.parametrize(
    ("body", "codes", "reason"),
    [
        (
            "<envelope><body><fault><faultcode>x:Client</faultcode><faultstring>No.</faultstring></fault></body></envelope>",
            ("Client",),
            "No.",
        ),
        (
            "<Envelope><Body><FAULT><faultCode>Client</faultCode><faultString>No.</faultString></FAULT></Body></Envelope>",
            ("Client",),
            "No.",
        ),
        (
            f"<s:Envelope {_ENVELOPE_11}><s:Body><s:Fault><faultcode>s:Client.NotAuthorized</faultcode>"
            "<faultstring>No.</faultstring></s:Fault></s:Body></s:Envelope>",
            ("Client", "NotAuthorized"),
            "No.",
        ),
        (
            f"<s:Envelope {_ENVELOPE_11}><s:Body><Fault xmlns='urn:other'><faultcode>s:Server</faultcode><faultstring/>"
            "<detail><NotAuthorized/><text>No right.</text></detail></Fault></s:Body></s:Envelope>",
            ("Server", "NotAuthorized", "text"),
            "No right.",
        ),
        (
            f"<s:Envelope {_ENVELOPE_11}><s:Body><s:Fault><s:code><s:value>s:Sender</s:value><s:subcode>"
            "<s:value>t:NoProfile</s:value></s:subcode></s:code><s:reason>No such profile.</s:reason></s:Fault>"
            "</s:Body></s:Envelope>",
            ("Sender", "NoProfile"),
            "No such profile.",
        ),
        (
            "<Envelope><Body><Fault><faultcode><html><head><style>p {}</style></head><body><h1>401 Unauthorized</h1>"
            "</body></html></faultcode></Fault></Body></Envelope>",
            ("401 Unauthorized",),
            "401 Unauthorized",
        ),
        (
            "<Envelope><Body><Fault><faultcode>Client</faultcode><faultstring>&lt;p&gt;No&amp;nbsp;right&lt;/p&gt;"
            "</faultstring></Fault></Body></Envelope>",
            ("Client",),
            "No right",
        ),
        (
            "<Envelope><Body><Fault><faultcode><p>401<br>Unauthorized</faultcode><faultstring>No&nbsp;right</faultstring>"
            "</Fault></Body></Envelope>",
            (),
            "No right",
        ),
        ("<Fault><faultcode>Client</faultcode><faultstring>No.</faultstring></Fault>", ("Client",), "No."),
        ("<x:Envelope><x:Body><y:Fault><faultstring>No.</faultstring></y:Fault></x:Body></x:Envelope>", (), "No."),
    ],
)
def test_a_fault_in_odd_xml_is_read_with_its_reason(body: str, codes: tuple[str, ...], reason: str) -> None:
    answer = HttpAnswer(500, Message(), body.encode())
    fault = answers.read_fault(parse_soap(answer, "media").root)
    assert fault is not None
    assert fault.reason == reason
    assert fault.codes[: len(codes)] == codes


def test_codes_are_compared_in_any_case() -> None:
    error = error_of(_fault("<faultcode>ter:noprofile</faultcode>"), "media", "GetStreamUri")
    assert isinstance(error, SoapFault)
    assert error.has_code("NoProfile")
    assert not error.has_code("NoConfig")


@pytest.mark.parametrize(
    "code",
    ["notauthorized", "Client.NotAuthorized", "<b>ter:NotAuthorized</b>", "ter:Unauthorized", "AuthenticationFailed"],
)
def test_a_refused_login_is_known_by_an_odd_code(code: str) -> None:
    assert isinstance(error_of(_fault(f"<faultcode>{code}</faultcode>"), "media", "GetProfiles"), CameraAuthFailed)


def test_an_unsupported_fault_names_the_service() -> None:
    error = error_of(_fault("<Code><Value>x:ActionNotSupported</Value></Code>"), "search", "FindEvents")
    assert isinstance(error, CameraUnsupported)
    assert error.service == "search"


RESPONSE = '<Envelope xmlns:trt="urn:m"><Body>{}</Body></Envelope>'
PROFILES = '<trt:GetProfilesResponse xmlns:trt="urn:m"><trt:Profiles/></trt:GetProfilesResponse>'


@pytest.mark.parametrize(
    "text",
    [
        RESPONSE.format(PROFILES),
        PROFILES,
        RESPONSE.format(PROFILES).replace("<Body>", "").replace("</Body>", ""),
        RESPONSE.format(f"<Body>{PROFILES}</Body>"),
        RESPONSE.format(PROFILES).replace("<Body>", "<Body/><Body>"),
        RESPONSE.format(
            PROFILES.replace("GetProfilesResponse", "getProfilesresponse").replace("Profiles/", "profiles/")
        ),
        RESPONSE.format(PROFILES.replace("GetProfilesResponse", "GetProfilesRes")),
        RESPONSE.format(PROFILES.replace("GetProfilesResponse", "GetProfileResponse")),
    ],
)
def test_a_response_is_found_wherever_it_stands(text: str) -> None:
    found = answers.read_payload(answers.parse_xml(text.encode()), "GetProfiles")
    assert len(list(answers.children(found, "Profiles"))) == 1


@pytest.mark.parametrize("echo", ["<GetProfiles/>", "<GetServicesResponse/>", "GetProfilesResponse", ""])
def test_another_element_is_no_response(echo: str) -> None:
    with pytest.raises(CameraBadAnswer):
        answers.read_payload(answers.parse_xml(RESPONSE.format(echo).encode()), "GetProfiles")


def test_a_token_may_be_an_element() -> None:
    assert answers.token(answers.parse_xml(b"<Profiles><Name>a</Name><token>P1</token></Profiles>")) == "P1"


@pytest.mark.parametrize(
    "words",
    [
        "Authority failure",
        "wsse authorized time check failed",
        "Login failed",
        "Access denied",
        "Username or password error",
        "password is incorrect",
    ],
)
def test_a_refused_login_is_known_by_the_words_of_makers(words: str) -> None:
    assert isinstance(error_of(answers.Fault(("Sender",), words), "media", "GetProfiles"), CameraAuthFailed)


def test_other_words_are_no_refused_login() -> None:
    for words in ("The password file cannot be read", "Invalid argument", "No profile"):
        assert not isinstance(error_of(answers.Fault(("Sender",), words), "media", "GetProfiles"), CameraAuthFailed)
    assert isinstance(error_of(answers.Fault((), "operation not support"), "media", "GetX"), CameraUnsupported)
