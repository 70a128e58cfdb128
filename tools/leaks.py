"""Search files and processes for secrets: raw, quoted for URLs, JSON or HTML, and as base64."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote

import psutil


def spellings(secret: str) -> list[bytes]:
    """Return the encodings of a secret; base64 in all three alignments, without characters shared with neighbours."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), quote(secret).encode(), secret.encode("utf-16-le")}
    found |= {json.dumps(secret)[1:-1].encode(), html.escape(secret).encode(), repr(raw)[2:-1].encode()}
    for shift in range(3):
        encoded = base64.b64encode(b"\x00" * shift + raw)
        found.add(encoded[4 if shift else 0 : -4])
        found.add(base64.urlsafe_b64encode(b"\x00" * shift + raw)[4 if shift else 0 : -4])
    return [item for item in found if len(item) >= 8]


def holds(content: bytes, secrets: list[str]) -> list[str]:
    """Return the secrets that `content` holds."""
    return [secret for secret in secrets if any(item in content for item in spellings(secret))]


def leaks_in(folder: Path, secrets: list[str]) -> list[str]:
    """Return the files under a folder that hold a secret."""
    found = []
    for file in sorted(folder.rglob("*")):
        try:
            if file.is_file() and holds(file.read_bytes(), secrets):
                found.append(str(file))
        except OSError:  # a segment that was deleted meanwhile
            continue
    return found


def leaks_of(processes: list[psutil.Process], secrets: list[str]) -> list[str]:
    """Return the command lines and environments (as "PID NAME") that hold a secret."""
    found = []
    for process in processes:
        for name in ("cmdline", "environ"):
            try:
                content = Path(f"/proc/{process.pid}/{name}").read_bytes()
            except OSError:
                continue
            if holds(content, secrets):
                found.append(f"{process.pid} {name}")
    return found
