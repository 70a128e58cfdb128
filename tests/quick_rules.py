"""Compiles each route of the app once for each test process.

Werkzeug parses each rule of each app and compiles two Python functions for it: more than half of the processor time of
building an app, and hundreds of tests build one. The results belong to no rule in particular, so apps can share them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MethodType
from typing import Any, cast
from unittest.mock import patch

from werkzeug.routing import Rule


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What Rule.compile() makes of a rule's text."""

    parts: list[Any]
    trace: list[tuple[bool, str]]
    converters: dict[str, Any]
    build: Callable[..., Any]
    build_unknown: Callable[..., Any]


def shared_compiled_rules() -> AbstractContextManager[object]:
    """Let rules with the same text and defaults share the compiled result, until the returned patch ends."""
    compile_anew = Rule.compile
    compiled: dict[tuple[object, ...], _Compiled] = {}

    def compile_once(rule: Rule) -> None:
        key = (rule.rule, rule.subdomain, rule.host, repr(rule.defaults), rule.merge_slashes, rule.strict_slashes)
        known = compiled.get(key)
        if known is None:
            compile_anew(rule)
            build, build_unknown = cast(MethodType, rule._build), cast(MethodType, rule._build_unknown)
            parsed = rule._parts, rule._trace, rule._converters
            compiled[key] = _Compiled(*parsed, build.__func__, build_unknown.__func__)
            return
        rule._parts, rule._trace, rule._converters = known.parts, known.trace, known.converters
        rule.arguments.update(known.converters)
        rule._build, rule._build_unknown = MethodType(known.build, rule), MethodType(known.build_unknown, rule)

    return patch.object(Rule, "compile", compile_once)
