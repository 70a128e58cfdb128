"""Compiles each route of the app once for each test process.

Werkzeug compiles two Python functions for each rule of each app: a third of the processor time of building an app, and
hundreds of tests build one. The functions belong to no rule in particular, so apps can share them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from werkzeug.routing import Rule


def shared_compiled_rules() -> AbstractContextManager[object]:
    """Let rules with the same text and defaults share their functions, until the returned patch ends."""
    compile_anew = Rule._compile_builder
    compiled: dict[tuple[object, ...], Callable[..., Any]] = {}

    def compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in compiled:
            compiled[key] = compile_anew(rule, append_unknown)
        return compiled[key]

    return patch.object(Rule, "_compile_builder", compile_once)
