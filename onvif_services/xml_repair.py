"""Repair of XML that is not well-formed, in answers to SOAP requests and to discovery alike.

Strict parsing comes first; a well-formed answer never reaches the repairs. They work on the bytes, in linear time, and
leave the check of document types to `answers.parse_xml`, which parses their result.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Callable
from dataclasses import dataclass

from onvif_services import answers
from onvif_services.answers import Element, MalformedXml

_DECLARATION = re.compile(r"<\?xml[^>]{0,200}\?>")
_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']?([A-Za-z0-9._-]{1,40})""")
# Encodings in quick code. Python has others, such as punycode, that take minutes for a megabyte.
_ENCODINGS = frozenset(
    (
        *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "ascii", "iso8859-1", "iso8859-2", "iso8859-15"),
        *("cp1250", "cp1251", "cp1252", "koi8-r", "gb2312", "gbk", "gb18030", "big5", "euc_kr", "cp949", "euc_jp"),
        *("shift_jis", "cp932"),
    )
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_FORBIDDEN_REFERENCE = re.compile(r"&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01])|x0*(?:[0-8bcBCeEfF]|1[0-9a-fA-F]));")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")
_CHARACTERS = {"amp": "&#38;", "lt": "&#60;", "gt": "&#62;", "quot": "&#34;", "apos": "&#39;"}
_ENTITY = re.compile("&(amp|lt|gt|quot|apos);")
_TAG = re.compile(r"<[A-Za-z_][^<>]*>")
_SPACED_TAG = re.compile(r"<[ \t]+(?=/?[ \t]*(?:[A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*[ \t]*/?>)")
_ATTRIBUTE = re.compile(r"""([A-Za-z_][\w:.-]*\s*=\s*)("[^"]*"|'[^']*'|[^\s"'<>]+)""")
_PREFIX = re.compile(r"(?:</?|\s)([A-Za-z_][\w.-]*):[\w.-]+(?=[\s=/>])")
_DECLARED_PREFIX = re.compile(r"\sxmlns:([A-Za-z_][\w.-]*)\s*=")
_ROOT_NAME = re.compile(r"<[A-Za-z_][\w:.-]*")
_ENVELOPE = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?Envelope\b", re.IGNORECASE)
_END_OF_PAYLOAD = re.compile(r"</(?:[A-Za-z_][\w.-]*:)?(?:Body|\w+Response|ProbeMatches)\s*>\s*\Z", re.IGNORECASE)
_PAIRS_OF_HIGH_BYTES = re.compile(rb"(?:[\x81-\xfe][\x40-\xfe])+")
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")


_AS_TEXT = "XML as text"
_ESCAPED = (b"&lt;", b"&#60;", b"&#x3c;", b"&#x3C;")
_SEARCHED = 200
_MOST_DEPTH = 4
_HAS_TAG_END = re.compile(r"</|/>")


@dataclass(frozen=True, slots=True)
class Parsed:
    """The root element of an answer, and the names of the repairs that it needed."""

    root: Element
    repairs: tuple[str, ...] = ()


def read_xml(body: bytes) -> Parsed:
    """Parse an answer strictly; repair it if that fails. Raise CameraBadAnswer or MalformedXml.

    XML that stands as text in the place of elements (escaped, or in CDATA) becomes elements.
    """
    is_escaped = body[:_SEARCHED].lstrip().startswith(_ESCAPED)
    parsed = _read_elements(html.unescape(body.decode("utf-8", "replace")).encode() if is_escaped else body)
    root, is_unwrapped = _unwrapped(parsed.root)
    return Parsed(root, (*parsed.repairs, _AS_TEXT) if is_escaped or is_unwrapped else parsed.repairs)


def _unwrapped(root: Element) -> tuple[Element, bool]:
    """Give an element that holds nothing but XML as text its elements. Return the envelope, and if there was any."""
    body = answers.body_of(root) if answers.is_envelope(root) else None
    holder = root if body is None else body
    for _ in range(_MOST_DEPTH):
        if len(holder) != 1 or (holder.text or "").strip():
            break
        holder = holder[0]
    text = (holder.text or "").strip()
    if len(holder) or not _ROOT_NAME.match(_without_declaration(text)) or not _HAS_TAG_END.search(text):
        return root, False
    try:
        found = _read_elements(f"<text>{_without_declaration(text)}</text>".encode())
    except MalformedXml:
        return root, False
    if len(found.root) == 1 and answers.is_envelope(found.root[0]):
        return found.root[0], True
    holder.extend(found.root)
    return root, True


def _read_elements(body: bytes) -> Parsed:
    try:
        return Parsed(answers.parse_xml(body))
    except MalformedXml:
        if body.startswith(_UTF_16):
            raise
    answers.refuse_document_type(body)
    text, repairs = _repaired(body)
    try:
        return Parsed(answers.parse_xml(text.encode("utf-8")), repairs)
    except MalformedXml:
        if not _has_end(text):
            raise
    # After the first error, libxml2 drops references to entities, but not those to characters.
    text = _ENTITY.sub(lambda entity: _CHARACTERS[entity[1]], text)
    return Parsed(answers.parse_xml(text.encode("utf-8"), recover=True), (*repairs, "broken tags"))


def _has_end(text: str) -> bool:
    """True if the root element or the payload has its end tag. An answer that was cut off could pass for a short list.

    Some firmware has a buffer for its answers that is a few bytes too short for the last tags.
    """
    start = _ROOT_NAME.search(text)
    if start is None:
        return False
    return _end_tag(start[0]).search(text, start.end()) is not None or _END_OF_PAYLOAD.search(text) is not None


def _end_tag(start: str) -> re.Pattern[str]:
    """Return the pattern of the end tag for the beginning of a tag, with any prefix: some firmware leaves it out."""
    local_name = start[1:].rpartition(":")[2]
    return re.compile(rf"</(?:[A-Za-z_][\w.-]*:)?{re.escape(local_name)}\s*>", re.IGNORECASE)


def _repaired(body: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the repaired text, without an XML declaration, and the names of the repairs."""
    text, repairs = _decoded(body)
    for name, repair in _REPAIRS:
        before, text = text, repair(text)
        if name and text != before:
            repairs.append(name)
    return text, tuple(repairs)


def _decoded(body: bytes) -> tuple[str, list[str]]:
    """Decode by the declared encoding, otherwise by the best guess: many cameras write names in GBK and say UTF-8."""
    match = _ENCODING.search(body[:300])
    declared = match[1].decode("ascii") if match else "utf-8"
    try:
        name = codecs.lookup(declared).name
        if name not in _ENCODINGS:
            raise LookupError(declared)
        if name.startswith("utf-16"):  # as .NET writes; the declaration could not be read if it were true
            return _without_declaration(body.decode()), ["text in UTF-8"]
        return _without_declaration(body.decode(declared)), []
    except (LookupError, UnicodeError, ValueError):
        if (text := _as_utf8(body)) is not None:
            return _without_declaration(text), ["text in UTF-8"]
        guess = "gb18030" if _looks_like_gbk(body) else "cp1252"
    text = _without_declaration(body.decode(guess, "replace"))
    return text, [f"text in {'GBK' if guess == 'gb18030' else 'Latin-1'}"]


def _as_utf8(body: bytes) -> str | None:
    """Return the text if it is UTF-8, but for some characters: a name that is cut to a number of bytes ends in one."""
    text = body.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = sum(char > "\x7f" for char in text) - broken
    return text.replace("\ufffd", "") if whole >= 2 * broken else None


def _without_declaration(text: str) -> str:
    text = text.removeprefix("\ufeff")
    first = _DECLARATION.match(text)
    return text[first.end() :].strip() if first else _DECLARATION.sub("", text, count=1)


def _looks_like_gbk(body: bytes) -> bool:
    """True if bytes above 127 come in pairs, as in GBK. In Latin-1 most of them stand alone between ASCII letters."""
    paired = sum(len(found) for found in _PAIRS_OF_HIGH_BYTES.findall(body))
    alone = sum(1 for found in _HIGH_BYTES.findall(body) if len(found) == 1)
    return paired > 2 * alone


def _only_document(text: str) -> str:
    """Cut the text before the root element and behind its end tag: blank lines, NULs, MIME parts, log lines."""
    envelope = _ENVELOPE.search(text)
    start = envelope or _ROOT_NAME.search(text)
    if start is None:
        return text
    ends = [end.end() for end in _end_tag(start[0]).finditer(text, start.end())]
    return text[start.start() : (ends[0] if envelope else ends[-1]) if ends else None]


def _without_cdata(text: str) -> str:
    """Write CDATA sections as escaped text, so that the other repairs leave their contents alone."""
    first, *sections = text.split("<![CDATA[")
    pieces = [first]
    for section in sections:
        content, end, rest = section.partition("]]>")
        if not end:
            return text
        pieces += [html.escape(content, quote=False), rest]
    return "".join(pieces)


def _quote_attributes(text: str) -> str:
    def quoted(attribute: re.Match[str]) -> str:
        is_joined = attribute.string[attribute.start() - 1] in "\"'"  # to the one before it: a="1"b="2"
        name, value = " " * is_joined + attribute[1], attribute[2]
        if value[0] in "\"'":
            return f"{name}{value}"
        end = "/" if value.endswith("/") and attribute.end() == len(attribute.string) - 1 else ""
        return f'{name}"{value.removesuffix(end) if end else value}"{end}'

    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(quoted, tag[0]) if "=" in tag[0] else tag[0], text)


def _declare_prefixes(text: str) -> str:
    """Declare unknown prefixes at the root element. Elements are read by local name, so any namespace will do."""
    used = {prefix for tag in _TAG.findall(text) for prefix in _PREFIX.findall(tag)}
    missing = sorted(used - set(_DECLARED_PREFIX.findall(text)) - {"xml", "xmlns"})[:50]
    start = _ROOT_NAME.search(text)
    if not missing or start is None:
        return text
    declared = "".join(f' xmlns:{prefix}="urn:undeclared:{prefix}"' for prefix in missing)
    return text[: start.end()] + declared + text[start.end() :]


def _join_tags(text: str) -> str:
    """Remove the space behind the bracket of a tag; brackets in texts have no second one behind them."""
    return _SPACED_TAG.sub("<", text)


_REPAIRS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("forbidden characters", lambda text: _FORBIDDEN_REFERENCE.sub("", _FORBIDDEN.sub("", text))),
    ("text around the XML", _only_document),
    ("", _without_cdata),  # it is well-formed, so it has no name
    ("unescaped &", lambda text: _BARE_AMPERSAND.sub("&amp;", text)),
    ("space in tags", _join_tags),
    ("attributes without quotes", _quote_attributes),
    ("undeclared prefixes", _declare_prefixes),
)
