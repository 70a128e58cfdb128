"""Write the front end's types of the API's answers from the OpenAPI description: `python tools/api_types.py`.

The types are JSDoc comments in static/js/lib/api-types.js, which is checked in. Those that only the calls about heads
and imaging use are in ptz-types.js, those of exports, cases, walls, accounts, recording on the server, events,
notifications, motion and searches in export-types.js, case-types.js, wall-types.js, account-types.js,
archive-types.js, event-types.js, notification-types.js, motion-types.js and search-types.js; api-types.js has them,
too, by reference. A test fails if a file does not match the description.
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "static/js/lib"
TYPES_FILE = "api-types.js"
_TAGS_OF_FILES = {
    "ptz-types.js": frozenset({"ptz", "imaging"}),
    "export-types.js": frozenset({"exports"}),
    "case-types.js": frozenset({"cases"}),
    "wall-types.js": frozenset({"walls"}),
    "account-types.js": frozenset({"accounts"}),
    "archive-types.js": frozenset({"recording", "storage", "backfills"}),
    "event-types.js": frozenset({"events"}),
    "detector-types.js": frozenset({"detector"}),
    "notification-types.js": frozenset({"notifications"}),
    "motion-types.js": frozenset({"motion"}),
    "node-types.js": frozenset({"nodes"}),
    "search-types.js": frozenset({"searches"}),
}
_TAGS_ELSEWHERE = frozenset().union(*_TAGS_OF_FILES.values())
_WIDTH = 120
_HEAD = """\
// @ts-check
/** Types of the API's answers. Written by tools/api_types.py from /api/openapi.json: do not edit. */
export {};
"""
_JS_NAMES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def api_types(document: dict[str, Any]) -> dict[str, str]:
    """Return JavaScript modules by name, with a typedef for each schema in answers of an OpenAPI document."""
    usual = _names_in_answers(document, lambda tags: not tags & _TAGS_ELSEWHERE)
    schemas: dict[str, Any] = document["components"]["schemas"]
    elsewhere: dict[str, str] = {}  # the file of each name that is not in TYPES_FILE
    modules: dict[str, str] = {}
    for file, tags in _TAGS_OF_FILES.items():
        own = _names_in_answers(document, partial(_have_one_of, tags)) - usual
        borrowed = {name for one in own for name in _references(schemas[one])} - own
        if own:
            modules[file] = _module(document, own, dict.fromkeys(borrowed, TYPES_FILE))
            elsewhere |= dict.fromkeys(own, file)
    return {TYPES_FILE: _module(document, usual, elsewhere), **modules}


def _have_one_of(wanted: frozenset[str], tags: frozenset[str]) -> bool:
    return bool(wanted & tags)


def _module(document: dict[str, Any], names: set[str], others: dict[str, str]) -> str:
    """Return a module with the typedefs of `names`, and references to `others`, each in the file that it names."""
    schemas: dict[str, Any] = document["components"]["schemas"]
    lines = [f"/** @typedef {{import('./{others[name]}').{name}}} {name} */\n" for name in sorted(others)]
    references = f"\n{''.join(lines)}" if lines else ""
    return _HEAD + references + "".join(f"\n{_typedef(name, schemas[name])}" for name in sorted(names))


def _names_in_answers(document: dict[str, Any], is_wanted: Callable[[frozenset[str]], bool]) -> set[str]:
    """Return the names of the schemas in answers of the operations whose tags are wanted."""
    found: set[str] = set()
    waiting = [
        name
        for path in document["paths"].values()
        for operation in path.values()
        if is_wanted(frozenset(operation.get("tags", ())))
        for name in _references(operation["responses"])
    ]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(document["components"]["schemas"][name])
    return found


def _references(part: Any) -> Iterator[str]:
    """Yield the names of all schemas that a part of the document refers to."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].rpartition("/")[2]
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from _references(item)


def _typedef(name: str, schema: dict[str, Any]) -> str:
    """Return a comment of one line if it fits and needs no descriptions, otherwise one with a line for each field."""
    is_object = schema.get("type") == "object"
    fields = schema["properties"] if is_object else {}
    required = schema.get("required", [])
    if not any("description" in field for field in fields.values()):
        inline = ", ".join(f"{key}{'' if key in required else '?'}: {_type(field)}" for key, field in fields.items())
        tag = f"@typedef {{{f'{{{inline}}}' if is_object else _type(schema)}}} {name}"
        line = f"/** {_with_description(tag, schema)} */"
        if len(line) <= _WIDTH:
            return f"{line}\n"
    lines = _wrapped(f"@typedef {{{'object' if is_object else _type(schema)}}} {name}", schema)
    for key, field in fields.items():
        lines += _wrapped(f"@property {{{_type(field)}}} {key if key in required else f'[{key}]'}", field)
    return "/**\n" + "".join(f" * {line}\n" for line in lines) + " */\n"


def _wrapped(tag: str, schema: dict[str, Any]) -> list[str]:
    text = _with_description(tag, schema)
    width = _WIDTH - len(" * ")
    return textwrap.wrap(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _with_description(tag: str, schema: dict[str, Any]) -> str:
    return " ".join([tag, *str(schema.get("description", "")).split()])


def _type(schema: dict[str, Any]) -> str:
    """Return the TypeScript type of a schema. Raise KeyError for a kind of schema that the API does not use yet."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return "|".join(_type(part) for part in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return "|".join(_literals(schema))
    if schema["type"] == "array":
        item = _type(schema["items"])
        return f"({item})[]" if "|" in item else f"{item}[]"
    if schema["type"] == "object":
        values = schema["additionalProperties"]
        return f"Record<string, {'unknown' if values is True else _type(values)}>"
    return _JS_NAMES[schema["type"]]


def _literals(schema: dict[str, Any]) -> Iterator[str]:
    for value in schema.get("enum", [schema.get("const")]):
        yield f"'{value}'" if isinstance(value, str) else str(value)


def _description() -> dict[str, Any]:
    sys.path.insert(0, str(ROOT))
    from core.settings import Settings  # noqa: PLC0415 - after the path is set
    from web.api.system import description  # noqa: PLC0415 - as above
    from wiring import Application  # noqa: PLC0415 - as above

    with tempfile.TemporaryDirectory() as folder:
        app = Application(Settings(data_dir=Path(folder) / "data", streams_dir=Path(folder) / "streams")).web
        with app.app_context():
            return description()


if __name__ == "__main__":
    for file, text in api_types(_description()).items():
        (FOLDER / file).write_text(text, "utf-8")
