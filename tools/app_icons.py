"""Render the icons of the installed app from their SVG files: `python tools/app_icons.py`.

The PNG files in static/img are checked in. Each names the SHA-256 of its SVG in a text chunk, and a test fails if that
has changed since.
"""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.running import CHROMIUM, CHROMIUM_OPTIONS

FOLDER = Path(__file__).resolve().parent.parent / "static/img"
SOURCE = "Source-SHA256"
ICONS = {
    "icon-180.png": ("icon-maskable.svg", 180),  # iPhones round the corners themselves
    "icon-192.png": ("icon.svg", 192),
    "icon-512.png": ("icon.svg", 512),
    "icon-maskable-512.png": ("icon-maskable.svg", 512),
    "badge-96.png": ("badge.svg", 96),
}
"""The SVG file and the side in pixels of each PNG file."""


def hash_of(svg: Path) -> str:
    return hashlib.sha256(svg.read_bytes()).hexdigest()


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_OPTIONS))
        page = browser.new_page()
        for name, (source, side) in ICONS.items():
            svg = FOLDER / source
            page.set_viewport_size({"width": side, "height": side})
            page.set_content(f"<style>*{{margin:0}}svg{{display:block;width:100vw}}</style>{svg.read_text('utf-8')}")
            picture = Image.open(io.BytesIO(page.screenshot(omit_background=True)))
            text = PngInfo()
            text.add_text(SOURCE, hash_of(svg))
            picture.quantize(64).save(FOLDER / name, pnginfo=text, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
