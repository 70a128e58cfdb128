"""Compiles each route of the app once for each test process.

Werkzeug compiles two Python functions for each rule of each app: a third of the processor time of building an app, and
hundreds of tests build one. The functions belong to no rule in particular, so apps can share them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.routing import Rule


def share_compiled_rules(patch: pytest.MonkeyPatch) -> None:
    """Let rules with the same text and defaults share their functions, until the patch is undone."""
    compile_anew = Rule._compile_builder
    compiled: dict[tuple[object, ...], Callable[..., Any]] = {}

    def compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in compiled:
            compiled[key] = compile_anew(rule, append_unknown)
        return compiled[key]

    patch.setattr(Rule, "_compile_builder", compile_once)
