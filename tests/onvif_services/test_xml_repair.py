"""XML that is not well-formed is repaired, in SOAP answers and discovery alike."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import CameraBadAnswer
from onvif_services.answers import (
    MalformedXml,
    child,
    descendants,
    parse_xml,
    raw_text,
    read_fault,
    read_payload,
    token,
)
from onvif_services.xml_repair import read_xml
from tests.patience import promised

GOOD = '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="urn:s"><s:Body><Name>{}</Name></s:Body></s:Envelope>'


def _name(body: bytes) -> str:
    return raw_text(read_xml(body).root, "Body", "Name")


def test_well_formed_xml_needs_no_repair() -> None:
    assert read_xml(GOOD.format("Gate &amp; door").encode()).repairs == ()


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (GOOD.format("Gate").encode() + b"\0\0\0", "Gate"),
        (b"\r\n\r\n" + GOOD.format("Gate").encode(), "Gate"),
        (b"\0" + GOOD.format("Gate").encode(), "Gate"),
        (b"\xef\xbb\xbf\n" + GOOD.format("Gate").encode(), "Gate"),
        (GOOD.format("Gate").encode() + b"\r\n0\r\n\r\n", "Gate"),
        (GOOD.format("Gate").encode() * 2, "Gate"),
        (GOOD.format("Gate & door").encode(), "Gate & door"),
        (GOOD.format("a?b=1&c=2&amp;d=3&#38;e").encode(), "a?b=1&c=2&d=3&e"),
        (GOOD.format("Ga\x01te\x0b").encode(), "Gate"),
        (GOOD.format("Ga&#1;te&#x1f;").encode(), "Gate"),
        (GOOD.format("前門").encode("gbk"), "前門"),
        (GOOD.replace("UTF-8", "GB2312").format("前門 & 1").encode("gbk"), "前門 & 1"),
        (GOOD.format("Entrée").encode("latin-1"), "Entrée"),
        (GOOD.replace("UTF-8", "klingon").format("Gate").encode(), "Gate"),
        (GOOD.replace(' xmlns:s="urn:s"', "").format("Gate").encode(), "Gate"),
        (GOOD.replace("<Name>{}", "<tt:Name>{}").replace("</Name>", "</tt:Name>").format("Gate").encode(), "Gate"),
        (GOOD.replace("<Name>", "<Name a=true b = x/y c='d'>").format("Gate").encode(), "Gate"),
        (GOOD.replace("<Name>", "<Other fixed=true/><Name>").format("Gate").encode(), "Gate"),
        (GOOD.replace("</s:Body>", "<Open></s:Body>").format("Gate").encode(), "Gate"),
        (b"--part\r\nContent-ID: <soap@device>\r\n\r\n" + GOOD.format("Gate").encode() + b"\r\n--part--", "Gate"),
        (b"[debug] heap <42>\n" + GOOD.format("Gate").encode(), "Gate"),
        (GOOD.replace("UTF-8", "utf-16").format("前門").encode(), "前門"),
        (GOOD.replace("</s:Envelope>", "</Envelope>").format("Gate").encode(), "Gate"),
        (GOOD.format("<![CDATA[a & <b>]]>").replace("</s:Body>", "<i></s:Body>").encode(), "a & <b>"),
        (GOOD.format("Gate").replace("</s:Body>", "<i><![CDATA[</s:Body>").encode(), "Gate"),
        (GOOD.removesuffix("</s:Envelope>").format("Gate").encode() + b"\r\n", "Gate"),
        (GOOD.replace("<Name>", "< Name>").replace("</Name>", "< /Name >").format("Gate").encode(), "Gate"),
        (GOOD.replace("<Name>", '<Name a="1"b="2">').format("Gate").encode(), "Gate"),
        (GOOD.format("前門大?").encode().replace("大?".encode(), "大".encode()[:2]), "前門"),
        (GOOD.replace("UTF-8", "gb2312").format("前門大").encode(), "前門大"),
    ],
)
def test_a_broken_answer_is_repaired(body: bytes, name: str) -> None:
    with pytest.raises(MalformedXml):
        parse_xml(body)
    assert _name(body) == name
    assert read_xml(body).repairs


ANSWER = '<tds:GetThingResponse><tds:Name token="7">Gate &amp; door</tds:Name></tds:GetThingResponse>'
INNER = f'<?xml version="1.0"?><e:Envelope xmlns:e="urn:e" xmlns:tds="urn:t"><e:Body>{ANSWER}</e:Body></e:Envelope>'


@pytest.mark.parametrize("write", [html.escape, lambda text: f"<![CDATA[{text}]]>"], ids=["escaped", "CDATA"])
@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ('<s:Envelope xmlns:s="urn:s"><s:Body>{}</s:Body></s:Envelope>', ANSWER),
        ('<s:Envelope xmlns:s="urn:s"><s:Body>\n {} \n</s:Body></s:Envelope>', INNER),
        ('<s:Envelope xmlns:s="urn:s"><s:Body><return><string>{}</string></return></s:Body></s:Envelope>', ANSWER),
        ('<s:Envelope xmlns:s="urn:s"><s:Body><GetThingResponse>{}</GetThingResponse></s:Body></s:Envelope>', ANSWER),
        ("<string>{}</string>", INNER),
        ('<s:Envelope xmlns:s="urn:s"><s:Body>{}</s:Body></s:Envelope>\0', ANSWER),
    ],
)
def test_xml_as_text_in_the_place_of_elements_is_read(outer: str, inner: str, write: Callable[[str], str]) -> None:
    parsed = read_xml(outer.format(write(inner)).encode())
    assert "XML as text" in parsed.repairs
    (found,) = descendants(read_payload(parsed.root, "GetThing"), "Name")
    assert (token(found), found.text) == ("7", "Gate & door")


def test_a_fault_in_xml_as_text_is_a_fault() -> None:
    inner = "<e:Fault><faultcode>ter:NotAuthorized</faultcode><faultstring>no</faultstring></e:Fault>"
    body = f'<s:Envelope xmlns:s="urn:s"><s:Body>{html.escape(INNER.replace(ANSWER, inner))}</s:Body></s:Envelope>'
    fault = read_fault(read_xml(body.encode()).root)
    assert fault is not None
    assert "NotAuthorized" in fault.codes


def test_an_answer_that_is_escaped_as_a_whole_is_read() -> None:
    parsed = read_xml(html.escape(INNER.partition("?>")[2]).encode())
    assert len(read_payload(parsed.root, "GetThing")) == 1


@pytest.mark.parametrize("text", ["<cam>", "<b>Gate</b", "5 < 6", "a <b>c</b>"])
def test_a_text_that_only_looks_like_xml_stays_a_text(text: str) -> None:
    parsed = read_xml(GOOD.format(html.escape(text)).encode())
    assert raw_text(parsed.root, "Body", "Name") == text


def test_a_document_type_in_xml_as_text_is_refused() -> None:
    inner = "<a/><!DOCTYPE a [<!ENTITY b 'c'>]><b>&b;</b>"
    with pytest.raises(CameraBadAnswer):
        read_xml(f"<Envelope><Body>{html.escape(inner)}</Body></Envelope>".encode())


def test_the_repairs_are_named() -> None:
    body = GOOD.format("<tt:A b=1/>&").encode() + b"\0"
    assert read_xml(body).repairs == (
        "forbidden characters",
        "unescaped &",
        "attributes without quotes",
        "undeclared prefixes",
    )


def test_an_address_in_broken_tags_keeps_its_ampersands() -> None:
    root = read_xml(b"<a><b><i>x</b><Uri>rtsp://cam/live?a=1&amp;b=2&c=&lt;3&#62;</Uri></a>").root
    (uri,) = descendants(root, "Uri")
    assert uri.text == "rtsp://cam/live?a=1&b=2&c=<3>"


def test_quoted_values_keep_their_text() -> None:
    body = GOOD.replace("<Name>", "<Name token=\"a b=c\" other='x=y z' bad=1>").format("x").encode()
    found = child(read_xml(body).root, "Body", "Name")
    assert found is not None
    assert dict(found.items()) == {"token": "a b=c", "other": "x=y z", "bad": "1"}


@pytest.mark.parametrize("attribute", ['tt:token="P0"', 'Token="P0"', 'tt:Token="P0"', "token=P0"])
def test_a_token_is_found_in_any_spelling(attribute: str) -> None:
    found = child(read_xml(GOOD.replace("<Name>", f"<Name {attribute}>").format("x").encode()).root, "Body", "Name")
    assert token(found) == "P0"


def test_an_answer_that_was_cut_off_is_not_repaired() -> None:
    whole = GOOD.format("Gate").encode()
    for length in range(whole.index(b"</s:Body>") + len("</s:Body")):
        with pytest.raises(CameraBadAnswer):
            read_xml(whole[:length])


@pytest.mark.parametrize("body", ["<!DOCTYPE a []>", "<!DOCTYPE a [<!ENTITY b 'c'>]>"])
def test_a_document_type_is_refused_in_broken_xml_too(body: str) -> None:
    for broken in (f"{body}<a>&</a>", f"<a>&</a>{body}", f"\0{body}<a>&b;</a>"):
        with pytest.raises(CameraBadAnswer):
            read_xml(broken.encode())


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        b"<a " * 600_000,
        b"&" * 2_000_000,
        b"<a b=" * 400_000,
        b"<a" + b" b=c" * 500_000 + b">",
        b'<a b="' * 300_000,
        b"<x:a>" * 400_000,
        b"<a>" + b"</b:a" * 300_000,
        b"<a>" + b"<![CDATA[" * 200_000,
        b"<" * 2_000_000,
        b"<?xml " * 300_000,
        b"\x81" * 2_000_000,
        b"</a" * 600_000,
        b"<a>&</a>" * 200_000,
        b'<?xml version="1.0" encoding="punycode"?>-' + b"a" * 400_000,
    ],
)
def test_hostile_text_is_read_in_bounded_time(body: bytes) -> None:
    with promised(3):
        try:
            read_xml(body)
        except CameraBadAnswer:
            return


@given(st.binary(max_size=300))
def test_any_bytes_are_xml_or_a_typed_error(body: bytes) -> None:
    try:
        read_xml(body)
    except CameraBadAnswer:
        return
