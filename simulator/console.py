"""Messages to the user, on standard error."""

from __future__ import annotations

import sys


def log(text: str) -> None:
    """Print one line."""
    print(f"simulator: {text}", file=sys.stderr, flush=True)
