"""Tools that a machine may lack."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_outside_ci(missing: Exception) -> NoReturn:
    """Raise the error where CI is set; otherwise skip the test, with the error's text as the reason."""
    if os.environ.get("CI"):
        raise missing
    pytest.skip(str(missing))
