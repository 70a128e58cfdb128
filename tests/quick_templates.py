"""Compiles each template once for each test process: every app has a Jinja environment of the same making."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from jinja2 import Environment


def shared_compiled_templates() -> AbstractContextManager[object]:
    """Let all environments share the code of templates with the same text and name, until the returned patch ends."""
    compile_anew: Any = Environment.compile
    compiled: dict[tuple[object, ...], Any] = {}

    def compile_once(environment: Environment, source: Any, *args: Any, **options: Any) -> Any:
        key = (source, args, tuple(sorted(options.items())), environment.is_async)
        if not isinstance(source, str):
            return compile_anew(environment, source, *args, **options)
        if key not in compiled:
            compiled[key] = compile_anew(environment, source, *args, **options)
        return compiled[key]

    return patch.object(Environment, "compile", compile_once)
