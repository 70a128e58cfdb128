"""What a device answered, read as if it were written by an attacker.

Answers are read from the raw XML by local name: the order of elements, the prefixes and the
schema's cardinalities are those of the device (real ones differ from the schema, and zeep then
gives None in silence). Requests are built by zeep from the WSDL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from core.errors import CameraBadAnswer

Element = etree._Element

MAX_TEXT = 128
MAX_TOKEN = 256  # the schema says 64 (tt:ReferenceToken); some recorders use more


class MalformedXml(CameraBadAnswer):
    """Not well-formed: one device may be read in recover mode from then on."""


def parse_xml(body: bytes, *, recover: bool = False) -> Element:
    """The root element of an answer.

    No DTD, so no entities; nothing is fetched; at most libxml2's own depth of 256. MalformedXml if
    it is not well-formed, CameraBadAnswer if it is hostile.
    """
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise CameraBadAnswer("The device's answer declares a document type, which SOAP forbids.")
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
        raise MalformedXml("The device's answer holds no XML.")
    # UTF-16 hides a DOCTYPE from the look at the bytes above.
    if root.getroottree().docinfo.internalDTD is not None:
        raise CameraBadAnswer("The device's answer declares a document type, which SOAP forbids.")
    return root


def local_name(element: Element) -> str:
    """The name without namespace and without an undeclared prefix; "" for what is no element."""
    if not isinstance(element.tag, str):
        return ""
    return element.tag.rpartition("}")[2].rpartition(":")[2]


def children(element: Element | None, name: str) -> Iterator[Element]:
    """The direct children of that local name, in the device's order."""
    if element is not None:
        yield from (child for child in element if local_name(child) == name)


def child(element: Element | None, *path: str) -> Element | None:
    """Follows the first child of each name; None where the way ends."""
    for name in path:
        element = next(children(element, name), None)
    return element


def descendants(element: Element | None, name: str) -> Iterator[Element]:
    if element is not None:
        yield from (item for item in element.iter() if local_name(item) == name)


def raw_text(element: Element | None, *path: str) -> str:
    """The text at the end of a path, surrounding space removed; "" if there is none."""
    found = child(element, *path) if path else element
    return (found.text or "").strip() if found is not None else ""


def text(element: Element | None, *path: str) -> str:
    """As raw_text, fit to be shown: printable, at most 128 characters."""
    return clean(raw_text(element, *path))


def clean(value: str) -> str:
    """Printable on one line, at most 128 characters: no control, bidi or zero-width characters."""
    shown = "".join(char if char.isprintable() else " " for char in value[: MAX_TEXT * 8])
    return " ".join(shown.split())[:MAX_TEXT].rstrip()


def token(element: Element | None, name: str = "token") -> str:
    """A reference token from an attribute, exactly as the device wrote it; "" if it cannot be used."""
    return checked_token(element.get(name) or "") if element is not None else ""


def checked_token(value: str) -> str:
    """The token itself, or "" when it is longer than any token or holds unprintable characters."""
    return value if len(value) <= MAX_TOKEN and value.isprintable() else ""


_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")


def number(value: str | None, *, low: float = 0, high: float = 1e9) -> float | None:
    """A number within its limits, or None: what a device writes is a hint, not a promise."""
    if not value or not _NUMBER.fullmatch(value.strip()):
        return None
    found = float(value)
    return found if low <= found <= high else None


def whole(value: str | None, *, low: int = 0, high: int = 1_000_000_000) -> int | None:
    found = number(value, low=low, high=high)
    return int(found) if found is not None else None


def is_true(value: str | None) -> bool:
    """xsd:boolean, and the TRUE that some recorders write."""
    return (value or "").strip().lower() in {"true", "1"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault: the codes' local names from the outside in, and the device's words, cleaned."""

    codes: tuple[str, ...]
    reason: str


def read_fault(root: Element) -> Fault | None:
    """The fault of an answer, SOAP 1.1 or 1.2, declared prefixes or not; None if there is none."""
    fault = child(root, "Body", "Fault")
    if fault is None:
        fault = child(root, "Fault")  # some firmware forgets the body
    if fault is None:
        return None
    values = [raw_text(fault, "faultcode")]
    values += [raw_text(code, "Value") for name in ("Code", "Subcode") for code in descendants(fault, name)]
    codes = tuple(clean(value.rpartition(":")[2]) for value in values[:8] if value)
    reason = next((found for item in descendants(fault, "Text") if (found := text(item))), "")
    return Fault(codes, reason or text(fault, "faultstring"))


def read_payload(root: Element, operation: str) -> Element:
    """The operation's answer element; CameraBadAnswer if the body holds something else."""
    body = child(root, "Body")
    wanted = operation + "Response"
    found = child(body, wanted)
    if found is None:
        raise CameraBadAnswer(f"The device's answer to {operation} holds no {wanted}.")
    return found
