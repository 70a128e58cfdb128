"""The documents stay true: routes, settings, make targets and links in them exist."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from app import create_app
from core.settings import Settings
from tests.project_files import ROOT, project_files

TOP = ("README.md", "CONTRIBUTING.md", "STREAMING_GUIDE.md")
DOCUMENTS = sorted([*(ROOT / name for name in TOP), *(ROOT / "docs").rglob("*.md")])
_ROUTE = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/<>:\-]*(?:\.[\w]+)*)")
_WALK_ROW = re.compile(r"^\| `([\w./-]+\.(?:py|js))` \| ((?:`[^`]+`(?:, )?)+) \|", re.MULTILINE)
_CURL = re.compile(r"curl\s[^\n`]*?localhost:5001(/[\w/.\-]*)")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _prose(path: Path) -> str:
    return path.read_text("utf-8")


def test_relative_links_in_documents_exist() -> None:
    broken = [
        f"{_name(path)} links to {target}"
        for path in DOCUMENTS
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", _prose(path))
        if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)


def test_make_targets_in_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        (target, _name(path))
        for path in DOCUMENTS
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", _prose(path), re.MULTILINE)
    }
    assert not [found for found in sorted(named) if found[0] not in targets]


def test_routes_in_documents_exist(url_rules: UrlRules) -> None:
    unknown = [
        f"{_name(path)} names {method} {route}"
        for path in DOCUMENTS
        for method, route in _ROUTE.findall(_prose(path))
        if not url_rules.has(method, route)
    ]
    unknown += [
        f"{_name(path)} calls {route}"
        for path in DOCUMENTS
        for route in _CURL.findall(_prose(path))
        if not (url_rules.has("GET", route) or url_rules.has("POST", route))
    ]
    assert not unknown, "\n".join(unknown)


def test_every_api_route_is_in_the_streaming_guide_or_the_api_page(url_rules: UrlRules) -> None:
    named = {route for path in DOCUMENTS for _, route in _ROUTE.findall(_prose(path))}
    missing = [rule for rule in url_rules.streams() if not any(_same(rule, route) for route in named)]
    assert not missing


def test_the_settings_page_lists_exactly_the_existing_settings() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "SETTINGS.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(item.name.upper() for item in fields(Settings))


def test_files_named_on_the_security_page_exist() -> None:
    text = (ROOT / "docs" / "SECURITY.md").read_text("utf-8")
    named = set(re.findall(r"`((?:[\w.]+/)*[\w.]+\.(?:py|js))`|`((?:[\w]+/)+)`", text))
    places = {first or second for first, second in named}
    assert len(places) > 30
    assert not [place for place in places if not (ROOT / place).exists()]


def test_every_name_in_the_walks_of_the_architecture_exists() -> None:
    rows = _WALK_ROW.findall(_prose(ROOT / "docs" / "ARCHITECTURE.md"))
    assert len(rows) > 60
    missing = [
        f"{file}: {name}"
        for file, names in rows
        for name in re.findall(r"`([^`]+)`", names)
        if not _defines(file, name)
    ]
    assert not missing


def _defines(file: str, name: str) -> bool:
    """True if the file defines the name: `function`, `Class`, `Class.method`, or `#method` of a JavaScript class.

    A method must be in the body of its class.
    """
    text = (ROOT / file).read_text("utf-8")
    holder, _, member = name.rpartition(".")
    if holder:
        body = re.search(rf"^(?:export )?class {holder}\b.*\n((?:[ )].*\n|\n)*)", text, re.MULTILINE)
        text = body[1] if body else ""
    patterns = (
        rf"^ *(?:async )?(?:def|class|function) {re.escape(member)}\b",
        rf"^(?:export )?(?:async )?(?:class|function|const) {re.escape(member)}\b",
        rf"^  (?:async )?{re.escape(member)}\(",
    )
    return any(re.search(pattern, text, re.MULTILINE) for pattern in patterns)


def test_names_in_prose_are_in_the_file_that_the_sentence_names() -> None:
    """Checks "`name` in `file`", and "`name` in the same file" by the file before it in the paragraph.

    The case is ignored, because documents write settings as in the environment.
    """
    pairs: list[tuple[str, str]] = []
    for path in DOCUMENTS:
        for paragraph in re.split(r"\n\n|\n[|-] ", _prose(path)):
            flat = " ".join(paragraph.split())
            pairs += re.findall(r"`([\w.]+)` in `([\w/-]+\.(?:py|js))`", flat)
            for found in re.finditer(r"`([\w.]+)` in the same file", flat):
                pairs.append((found[1], re.findall(r"`([\w/-]+\.(?:py|js))`", flat[: found.start()])[-1]))
    assert len(pairs) > 8
    assert not [
        f"{name} is not in {file}"
        for name, file in pairs
        if not re.search(rf"\b{name.rpartition('.')[2]}\b", (ROOT / file).read_text("utf-8"), re.IGNORECASE)
    ]


def test_every_name_of_the_glossary_is_in_the_code() -> None:
    files = [path for path in project_files("*.py", "*.js") if path.parts[0] != "tests"]
    words = {word for name in files for word in re.findall(r"\w+", (ROOT / name).read_text("utf-8"))}
    rows = re.findall(r"^\| \*\*.*?\| .*? \| (.*?) \|", _prose(ROOT / "docs" / "GLOSSARY.md"), re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert len(names) > 100
    missing = names - words
    assert not missing


def test_no_word_of_the_glossary_has_two_rows() -> None:
    """A word in brackets does not make two words of one: "search" and "search (in the picture)"."""
    entries = re.findall(r"^\| (\*\*.*?) \| .*? \|", _prose(ROOT / "docs" / "GLOSSARY.md"), re.MULTILINE)
    words = [word.strip() for entry in entries for word in re.sub(r"\*\*|\(.*?\)", "", entry).split(",")]
    assert len(words) > 150
    assert [word for word, rows in Counter(words).items() if rows > 1] == []


def test_names_with_two_places_are_in_the_files_that_the_glossary_names() -> None:
    section = _prose(ROOT / "docs" / "GLOSSARY.md").split("## Names with two places\n")[1].split("\n## ")[0]
    pairs: list[tuple[str, str]] = []
    for entry in section.split("\n- "):
        name = ""
        for word in re.findall(r"`([^`]+)`", entry):
            if word.endswith((".py", ".js")):
                pairs.append((name, word))
            elif word.isidentifier():
                name = word
    assert len(pairs) > 10
    assert not [
        pair for pair in pairs if pair[0] and not re.search(rf"\b{pair[0]}\b", (ROOT / pair[1]).read_text("utf-8"))
    ]


def test_no_lock_file_holds_a_download_address() -> None:
    assert "http" not in re.sub(r'"(funding|url|homepage)": "[^"]*"', "", (ROOT / "package-lock.json").read_text())
    for path in (*ROOT.glob("requirements*.txt"), ROOT / "constraints.txt"):
        assert "://" not in path.read_text("utf-8"), path.name


def test_no_document_contains_a_path_of_a_private_machine() -> None:
    for path in project_files("*.md"):
        assert not re.search(r"(?<![\w.])/(home|root|Users|tmp)/\w", (ROOT / path).read_text("utf-8")), path


def _same(rule: str, route: str) -> bool:
    return re.sub(r"<[^>]+>", "<>", rule) == re.sub(r"<[^>]+>", "<>", route)


class UrlRules:
    """Answers whether the app has a route, examples with real ids included."""

    def __init__(self) -> None:
        self._map = create_app(Settings()).url_map

    def has(self, method: str, route: str) -> bool:
        if any(_same(str(rule.rule), route) and method in (rule.methods or ()) for rule in self._map.iter_rules()):
            return True
        try:
            self._map.bind("localhost").match(re.sub(r"<[^>]+>", "1", route), method=method)
        except (NotFound, MethodNotAllowed):
            return False
        except RequestRedirect:
            return True
        return True

    def streams(self) -> list[str]:
        return [str(rule.rule) for rule in self._map.iter_rules() if str(rule.rule).startswith("/api/streams")]


@pytest.fixture(scope="module")
def url_rules() -> UrlRules:
    return UrlRules()
