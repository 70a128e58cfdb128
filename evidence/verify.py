"""The command `python -m evidence.verify PACKAGE`: checks an evidence package, a folder or a ZIP, without a network.

Exit codes: 0 unchanged; 1 something was changed, or other files lie beside the package; 2 it cannot be checked;
3 unchanged, but signed by another key than --fingerprint.
"""

from __future__ import annotations

import argparse
import lzma
import re
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm

from evidence.check import FolderFiles, Report, ZipFiles, check_package
from evidence.place import NoPackage

UNCHANGED, CHANGED, CANNOT_CHECK, OTHER_KEY = range(4)
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, MemoryError, RuntimeError, ValueError)
"""zipfile raises these for damaged content, odd places in the directory, encryption and unknown compression."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m evidence.verify", description="Check an evidence package.")
    parser.add_argument("package", type=Path, help="the unpacked folder, or the ZIP")
    parser.add_argument(
        "--fingerprint",
        type=_fingerprint,
        help="fingerprint of the installation's key, that you got separately from the package",
    )
    options = parser.parse_args(arguments)
    try:
        report = _check(options.package, options.fingerprint or "")
    except (NoPackage, OSError, UnsupportedAlgorithm, ValueError) as error:  # the last two: of odd values in a manifest
        print(f"This package cannot be checked: {_plain(str(error))}", file=sys.stderr)  # noqa: T201 - a command
        return CANNOT_CHECK
    print("\n".join(_lines(report, is_key_known=bool(options.fingerprint))))  # noqa: T201
    if not report.findings:
        return UNCHANGED
    return OTHER_KEY if _is_only_other_key(report) else CHANGED


def _fingerprint(text: str) -> str:
    """Return the digits of a whole fingerprint. An empty one would accept any key."""
    digits = re.sub(r"[\s:-]", "", text).upper()
    if not re.fullmatch(r"[0-9A-F]{64}", digits):
        raise argparse.ArgumentTypeError("A fingerprint has 64 digits: 0 to 9 and A to F.")
    return digits


def _check(package: Path, fingerprint: str) -> Report:
    if package.is_dir():
        return check_package(FolderFiles(package), fingerprint)
    try:
        with zipfile.ZipFile(package) as archive:
            return check_package(ZipFiles(archive), fingerprint)
    except _ZIP_ERRORS as error:
        raise NoPackage(f"The ZIP is damaged, or needs another program to unpack it ({error}).") from error


def _lines(report: Report, *, is_key_known: bool) -> list[str]:
    by = f"{_plain(report.exported_by) or 'an unnamed user'}, {_plain(report.made_at)}"
    ignored = [f"Not checked, because file managers add such files: {_plain(', '.join(report.ignored))}"]
    notes = ignored if report.ignored else []
    if report.findings:
        return [
            f"{_title(report)} (export by {by}):",
            *(f"  {_plain(finding.path)}: {_plain(finding.text)}" for finding in report.findings),
            *notes,
        ]
    lines = [f"Unchanged since export by {by}", f"Fingerprint of the key: {report.fingerprint}", *notes]
    if not is_key_known:
        lines.append("Compare this fingerprint with the one that you got separately from this package.")
    return lines


def _title(report: Report) -> str:
    kinds = {finding.kind for finding in report.findings}
    if kinds == {"outside"}:
        return "The package is unchanged, but other files lie beside it"
    return "Signed by another key" if kinds <= {"key", "outside"} else "Changed since export"


def _is_only_other_key(report: Report) -> bool:
    return all(finding.kind == "key" for finding in report.findings)


def _plain(text: str) -> str:
    """Return the text without characters that control a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


if __name__ == "__main__":
    sys.exit(main())
