"""WWW-Authenticate headers of HTTP and RTSP (RFC 9110 section 11.2), as devices write them.

Headers are untrusted: their length and the number of challenges are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_MAX_HEADER = 4096
_MOST = 8
# A quote ends a value only before a separator or another parameter: some realms have quotes inside.
_ENDS_VALUE = r"""\s*(?:[,;]|$)|\s*[\w-]+\s*=\s*["'\w]|\s+(?:Basic|Digest)\s"""
_PARAMETER = re.compile(
    rf"""\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.|"(?!{_ENDS_VALUE}))*)"?|'([^']*)'(?={_ENDS_VALUE})"""
    r"""|([^\s,;"]*))\s*"""
)
_BARE_REALM = re.compile(r"""\s*(realm)\s*=\s*([^\s"',;=][^"',;=]*)(?=[,;]|$)""", re.IGNORECASE)
_SCHEME = re.compile(r"\s*([A-Za-z0-9_-]+)(?:[\s:]+|,\s*(?=realm)|$)", re.IGNORECASE)


def read_challenges(headers: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the scheme and the parameters of each challenge, both with names in lower case.

    One header may contain several. Values may have single quotes or none, and any separators.
    """
    for header in headers:
        yield from _of_header(header[:_MAX_HEADER])


def _of_header(rest: str) -> Iterator[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []
    while rest and len(found) <= _MOST:
        if match := _BARE_REALM.match(rest):
            name, value = "realm", match[2].rstrip()
        elif match := _PARAMETER.match(rest):
            name = match[1].lower()
            value = next((value for value in match.groups()[1:] if value is not None), "")
            value = _as_utf8(re.sub(r"\\(.)", r"\1", value))
        elif match := _SCHEME.match(rest):
            found.append((match[1].lower(), {}))
            name = value = ""
        else:
            break
        if name and found:
            found[-1][1].setdefault(name, value)
        rest = rest[match.end() :].lstrip(",; \t")
    yield from found[:_MOST]


def _as_utf8(value: str) -> str:
    """Return a text of a header, which was read as Latin-1, as UTF-8 if it is that: realms may have any name."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
