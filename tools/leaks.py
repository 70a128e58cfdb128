"""Looks for secrets where none may be: raw, quoted for an address, JSON or HTML, and as base64."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote

import psutil


def spellings(secret: str) -> list[bytes]:
    """How a secret may be written. Base64 in all three alignments, without what its neighbours change."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), quote(secret).encode(), secret.encode("utf-16-le")}
    found |= {json.dumps(secret)[1:-1].encode(), html.escape(secret).encode(), repr(raw)[2:-1].encode()}
    for shift in range(3):
        encoded = base64.b64encode(b"\x00" * shift + raw)
        found.add(encoded[4 if shift else 0 : -4])
        found.add(base64.urlsafe_b64encode(b"\x00" * shift + raw)[4 if shift else 0 : -4])
    return [item for item in found if len(item) >= 8]


def holds(content: bytes, secrets: list[str]) -> list[str]:
    """Which of the secrets are in there."""
    return [secret for secret in secrets if any(item in content for item in spellings(secret))]


def leaks_in(folder: Path, secrets: list[str]) -> list[str]:
    """Files under a folder that hold a secret."""
    found = []
    for file in sorted(folder.rglob("*")):
        try:
            if file.is_file() and holds(file.read_bytes(), secrets):
                found.append(str(file))
        except OSError:  # gone meanwhile: a segment
            continue
    return found


def leaks_of(processes: list[psutil.Process], secrets: list[str]) -> list[str]:
    """Command lines and environments that hold a secret."""
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
