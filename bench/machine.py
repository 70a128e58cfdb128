"""The machine, its load and the versions of a measurement, so that a reader can judge the figures."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench.setting import ROOT
from media.ffmpeg import find_ffmpeg


def facts(load_at_start: str) -> dict[str, str]:
    """Return texts by name, in reading order. `load_at_start` is the result of `load_average()` at the start."""
    return {
        "Date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Machine": f"{cpu_model()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB of memory",
        "Load average": f"{load_at_start} at the start, {load_average()} at the end (1, 5, 15 minutes)",
        "System": f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}",
        "Versions": ", ".join(versions()),
    }


def load_average() -> str:
    return " ".join(f"{load:.2f}" for load in os.getloadavg())


def cpu_model() -> str:
    """Return the kernel's name of the CPU, or the architecture if the kernel gives no name."""
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def versions() -> list[str]:
    """Return the versions of the measured programs that are installed."""
    package = json.loads((ROOT / "node_modules" / "hls.js" / "package.json").read_text("utf-8"))
    asked = {
        "ffmpeg": [str(find_ffmpeg()), "-version"],
        "Chromium": [shutil.which("chromium") or "", "--version"],
        "GStreamer": [shutil.which("gst-inspect-1.0") or "", "--version"],
    }
    found = {name: _version(command) for name, command in asked.items()}
    return [
        f"Python {platform.python_version()}",
        *(f"{name} {version}" for name, version in found.items() if version),
        f"hls.js {package['version']}",
    ]


def _version(command: list[str]) -> str:
    """Return the first number with a dot in the program's output; empty if the program is not installed."""
    if not command[0]:
        return ""
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    number = re.search(r"(?<![\d.-])\d+(?:\.\d+)+", said)  # not the 1.0 in "gst-inspect-1.0"
    return number[0] if number else ""
