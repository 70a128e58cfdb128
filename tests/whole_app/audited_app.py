"""Apps that write down each address that their Python code contacts, from the start on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.warm_apps import WarmProgram, copies, serve
from tools.running import Starter

CONTACTS = "contacts.jsonl"
"""In the folder of the log: a line for each call, its name and its values."""
_CALLS = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname")


class AuditedStarter(Starter):
    """Starts copies, as WarmStarter does."""

    def start(self, environment: Mapping[str, str], log: Path, arguments: Sequence[str] = ()) -> WarmProgram:
        return WarmProgram(copies.Process(target=_serve, args=(dict(environment), log, tuple(arguments)), daemon=True))


def contacted(log: Path) -> set[tuple[Any, ...]]:
    """Return host and port of each call."""
    lines = [json.loads(line) for line in log.with_name(CONTACTS).read_text().splitlines()]
    return {tuple(values[:2] if name.startswith("socket.get") else values[0][:2]) for name, *values in lines}


def _serve(environment: dict[str, str], log: Path, arguments: tuple[str, ...]) -> None:
    file = os.open(log.with_name(CONTACTS), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(name: str, values: tuple[object, ...]) -> None:
        if name in _CALLS:
            told = values if name.startswith("socket.get") else values[1:]
            os.write(file, json.dumps([name, *told], default=str).encode() + b"\n")

    sys.addaudithook(write)
    serve(environment, log, arguments)
