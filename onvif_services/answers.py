"""Reading of a device's answers, which are treated as if an attacker had written them.

Elements are read from the raw XML by local name, in any order, with any prefix and in any number: real devices differ
from the schema, and zeep then silently returns None. zeep is only used to build requests from the WSDL.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from core.errors import CameraBadAnswer

Element = etree._Element

MAX_TEXT = 128
MAX_TOKEN = 256  # the schema says 64 (tt:ReferenceToken); some recorders use more


_DOCUMENT_TYPE = "The device's answer declares a document type, which SOAP forbids."


class MalformedXml(CameraBadAnswer):
    """The XML is not well-formed; `xml_repair` may be able to read it."""


def parse_xml(body: bytes, *, recover: bool = False) -> Element:
    """Parse an answer and return its root element.

    The parser accepts no DTD (so no entities), fetches nothing, and keeps libxml2's depth limit of 256. Raise
    MalformedXml if the XML is not well-formed and CameraBadAnswer if it declares a document type.
    """
    refuse_document_type(body)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MalformedXml("The device's answer is not well-formed XML.") from error
    if root is None:  # recover mode found nothing at all
        raise MalformedXml("The device's answer contains no XML.")
    # UTF-16 hides a DOCTYPE from the check of the bytes above.
    if root.getroottree().docinfo.internalDTD is not None:
        raise CameraBadAnswer(_DOCUMENT_TYPE)
    return root


def refuse_document_type(body: bytes) -> None:
    """Raise CameraBadAnswer if the bytes declare a document type or an entity."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise CameraBadAnswer(_DOCUMENT_TYPE)


def local_name(element: Element) -> str:
    """Return the name without namespace and without an undeclared prefix; "" for a comment or an instruction."""
    if not isinstance(element.tag, str):
        return ""
    return _without_prefix(element.tag)


def _without_prefix(name: str) -> str:
    return name.rpartition("}")[2].rpartition(":")[2]


def children(element: Element | None, name: str) -> Iterator[Element]:
    """Yield the direct children with this local name in any case, in the device's order."""
    if element is not None:
        wanted = name.lower()
        yield from (child for child in element if local_name(child).lower() == wanted)


def child(element: Element | None, *path: str) -> Element | None:
    """Return the element at a path of local names (the first match at each step), or None."""
    for name in path:
        element = next(children(element, name), None)
    return element


def descendants(element: Element | None, name: str) -> Iterator[Element]:
    if element is not None:
        wanted = name.lower()
        yield from (item for item in element.iter() if local_name(item).lower() == wanted)


def raw_text(element: Element | None, *path: str) -> str:
    """Return the text of the element at a path without surrounding space; "" if there is none."""
    found = child(element, *path) if path else element
    return (found.text or "").strip() if found is not None else ""


def text(element: Element | None, *path: str) -> str:
    """Return `raw_text` cleaned for display: printable, at most 128 characters."""
    return clean(raw_text(element, *path))


def clean(value: str) -> str:
    """Return one printable line of at most 128 characters, without control, bidi or zero-width characters."""
    shown = "".join(char if char.isprintable() else " " for char in value[: MAX_TEXT * 8])
    return " ".join(shown.split())[:MAX_TEXT].rstrip()


def token(element: Element | None, name: str = "token") -> str:
    """Return a reference token from an attribute, exactly as the device wrote it; "" if it is missing or unusable.

    The attribute may have a prefix (`tt:token`) or capital letters (`Token`), or be an element.
    """
    if element is None:
        return ""
    value = element.get(name) or next(
        (element.get(key, "") for key in element.attrib if _without_prefix(str(key)).lower() == name.lower()), ""
    )
    return checked_token(value or raw_text(element, name))


def checked_token(value: str) -> str:
    """Return the token unchanged, or "" if it is longer than 256 characters or contains unprintable ones."""
    return value if len(value) <= MAX_TOKEN and value.isprintable() else ""


_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")


def number(value: str | None, *, low: float = 0, high: float = 1e9) -> float | None:
    """Return a number within the limits, otherwise None: figures of a device are hints, not promises."""
    if not value or not _NUMBER.fullmatch(value.strip()):
        return None
    found = float(value)
    return found if low <= found <= high else None


def whole(value: str | None, *, low: int = 0, high: int = 1_000_000_000) -> int | None:
    found = number(value, low=low, high=high)
    return int(found) if found is not None else None


def is_true(value: str | None) -> bool:
    """True for an xsd:boolean that is true, and for TRUE, which some recorders write."""
    return (value or "").strip().lower() in {"true", "1"}


_ON, _OFF = frozenset({"true", "1", "on", "active", "yes"}), frozenset({"false", "0", "off", "inactive", "no"})


def state_of(value: str) -> bool | None:
    """Return the state that an item of an event tells, in any of the words that devices use; None for other values."""
    word = value.strip().lower()
    return True if word in _ON else False if word in _OFF else None


def is_envelope(root: Element) -> bool:
    """True for the root of a SOAP answer, in any namespace and any case."""
    return _is_named(root, "envelope")


def body_of(root: Element) -> Element | None:
    """Return the Body of an envelope, in any namespace and any case."""
    return next((part for part in root if _is_named(part, "body")), None)


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault: the local names of its codes from the outermost in, and the device's reason text, cleaned."""

    codes: tuple[str, ...]
    reason: str


_CODE_PREFIX = re.compile(r".*[:#}/]", re.DOTALL)  # a prefix, or a whole namespace in its place
_MARKUP = re.compile(r"<[^<>]{0,200}>")
_MOST_CODES = 8
_MOST_CHARACTERS = 4096  # of one text in a fault, before it is cleaned


def read_fault(root: Element) -> Fault | None:
    """Return the SOAP 1.1 or 1.2 fault of an answer, or None.

    Accepted are undeclared prefixes, other namespaces, names in another case, a fault without Body or Envelope, codes
    of both versions together, and HTML in the place of a text.
    """
    body = body_of(root)
    places = (*(body if body is not None else ()), *root, root)
    fault = next((place for place in places if _is_named(place, "fault")), None)
    if fault is None:
        return None
    values = [_code_of(code) for code in _parts(fault, "faultcode", "code", "subcode")]
    details = [child for detail in _parts(fault, "detail") for child in detail]
    # SOAP 1.1 joins the code and its finer codes by dots; gSOAP writes the code of ONVIF as an element of the detail.
    codes = [code for value in values for code in _CODE_PREFIX.sub("", value).split(".")]
    codes += [local_name(child) for child in details]
    texts = [_words(part) for name in ("text", "reason", "faultstring", "detail") for part in _parts(fault, name)]
    texts += [value for value in values if " " in value]
    return Fault(
        tuple(cleaned for code in codes[:_MOST_CODES] if (cleaned := clean(code))), next(filter(None, texts), "")
    )


def _is_named(element: Element, *names: str) -> bool:
    return local_name(element).lower() in names


def _parts(element: Element, *names: str) -> Iterator[Element]:
    return (item for item in element.iter() if _is_named(item, *names))


def _code_of(code: Element) -> str:
    """Return the value of one code: without those of its subcodes, which are codes themselves."""
    value = next((part for part in code if _is_named(part, "value")), None)
    if value is not None:
        return _words(value)
    return "" if any(_is_named(part, "subcode") for part in code) else _words(code)


def _words(element: Element) -> str:
    """Return the text of an element and of those in it, without HTML, cleaned for display."""
    pieces: list[str] = []
    for item in element.iter():
        if not _is_named(item, "style", "script"):
            pieces.append(item.text or "")
        if item is not element:
            pieces.append(item.tail or "")
    return clean(html.unescape(_MARKUP.sub(" ", " ".join(pieces)[:_MOST_CHARACTERS])))


def read_payload(root: Element, operation: str) -> Element:
    """Return the operation's response element. Raise CameraBadAnswer if the answer contains another element.

    Accepted are a response without Body or Envelope, a name that is cut off behind "Res", and one in the singular.
    """
    wanted = operation + "Response"
    body = body_of(root)
    found = child(body, wanted)
    if found is None:
        found = next(descendants(root, wanted), None)
    if found is None and body is not None:
        starts = tuple(f"{name}Res".lower() for name in (operation, operation.removesuffix("s")))
        found = next((part for part in body if local_name(part).lower().startswith(starts)), None)
    if found is None:
        raise CameraBadAnswer(f"The device's answer to {operation} contains no {wanted}.")
    return found
