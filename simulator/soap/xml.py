"""XML by prefix: elements of the namespaces ONVIF uses, SOAP 1.2 envelopes, careful parsing.

SOAP Version 1.2 Part 1; ONVIF Core Specification, section 5.8 (faults).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from lxml import etree

NAMESPACES = {
    "env": "http://www.w3.org/2003/05/soap-envelope",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "wstop": "http://docs.oasis-open.org/wsn/t-1",
    "wsrf-rw": "http://docs.oasis-open.org/wsrf/rw-2",
    "ter": "http://www.onvif.org/ver10/error",
    "tt": "http://www.onvif.org/ver10/schema",
    "tns1": "http://www.onvif.org/ver10/topics",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "timg": "http://www.onvif.org/ver20/imaging/wsdl",
    "tmd": "http://www.onvif.org/ver10/deviceIO/wsdl",
    "trc": "http://www.onvif.org/ver10/recording/wsdl",
    "tse": "http://www.onvif.org/ver10/search/wsdl",
    "trp": "http://www.onvif.org/ver10/replay/wsdl",
    "xs": "http://www.w3.org/2001/XMLSchema",
}
_ALLOWED = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DURATION = re.compile(r"(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")

Element = etree._Element
Content = Element | str | float | bool | None


class BadXml(ValueError):
    """Raised for a request that is not well-formed, or that has a document type."""


def qname(name: str) -> str:
    """``prefix:Name`` in lxml's form ``{namespace}Name``."""
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def as_text(value: object) -> str:
    """A value in XML Schema's form; characters that XML forbids become U+FFFD."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _ALLOWED.sub("\ufffd", str(value))


def el(name: str, *content: Content, attributes: Mapping[str, object] | None = None) -> Element:
    """Make an element ``prefix:Name`` with children or text; skip content that is None."""
    element = etree.Element(qname(name), nsmap={name.partition(":")[0]: NAMESPACES[name.partition(":")[0]]})
    for key, value in (attributes or {}).items():
        element.set(qname(key) if ":" in key else key, as_text(value))
    for part in content:
        if isinstance(part, etree._Element):
            element.append(part)
        elif part is not None:
            element.text = as_text(part)
    return element


def envelope(body: Element, *headers: Element) -> bytes:
    """A whole SOAP document. Its root declares all prefixes, so that QNames in text resolve."""
    root = etree.Element(qname("env:Envelope"), nsmap=NAMESPACES)
    if headers:
        etree.SubElement(root, qname("env:Header")).extend(headers)
    etree.SubElement(root, qname("env:Body")).append(body)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def fault(code: str, subcodes: tuple[str, ...], reason: str) -> Element:
    """A SOAP fault; `code` is Sender or Receiver, `subcodes` from outer to inner (``ter:...``)."""
    inner: Element | None = None
    for subcode in reversed(subcodes):
        inner = el("env:Subcode", el("env:Value", subcode), inner)
    text = el("env:Text", reason)
    text.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    return el("env:Fault", el("env:Code", el("env:Value", f"env:{code}"), inner), el("env:Reason", text))


def parse(data: bytes) -> Element:
    """Parse a request. Return its root, or raise BadXml."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise BadXml(str(error)) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise BadXml("a document type is not welcome")
    return root


def child(element: Element | None, name: str) -> Element | None:
    """The first child with a name; None if there is none."""
    return None if element is None else element.find(qname(name))


def text_of(element: Element | None, name: str, default: str = "") -> str:
    """The stripped text of a child; `default` if it is missing or empty."""
    found = child(element, name)
    return ((found.text or "").strip() if found is not None else "") or default


def texts_of(element: Element, name: str) -> list[str]:
    """The stripped texts of all children with a name."""
    return [(found.text or "").strip() for found in element.findall(qname(name))]


def descendants(element: Element, name: str) -> Iterator[Element]:
    """All elements with a name, at any depth."""
    return element.iter(qname(name))


def parse_duration(text: str) -> timedelta | None:
    """Parse an xs:duration of days and less; None for anything else (months have no fixed length)."""
    found = _DURATION.fullmatch(text.strip())
    if not found or text.strip() in ("P", "-P", "PT", "-PT"):
        return None
    days, hours, minutes = (min(int(part or 0), 100_000) for part in found.groups()[1:4])
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=min(float(found[5] or 0), 1e9))
    return -length if found[1] else length


def parse_time(text: str) -> datetime | None:
    """Parse an xs:dateTime, as UTC if it has no zone; None if the text is no time."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
