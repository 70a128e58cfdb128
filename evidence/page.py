"""The page verify.html, which `tools/build_front_end.mjs` makes."""

from __future__ import annotations

from core.errors import Unavailable
from core.settings import ROOT

PAGE_FILE = ROOT / "static" / "built" / "verify.html"
_PLACE = "FINGERPRINT-OF-THE-KEY"


def verify_page(fingerprint: str) -> bytes:
    """Return the page, with the fingerprint of the key that signs the package. Raise Unavailable if it is not built."""
    try:
        text = PAGE_FILE.read_text("utf-8")
    except FileNotFoundError:
        raise Unavailable(
            "The page verify.html is not built: run make install.", code="verify_page_missing", retry_after_s=60
        ) from None
    return text.replace(_PLACE, fingerprint).encode()
