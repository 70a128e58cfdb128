"""Changes of a package, and what both verifiers must say about them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from evidence.signing import fingerprint_of

VIDEO = "video/Gate_Hof-Tur_20260921T141322Z.mp4"
OTHER_VIDEO = "video/Gate_Hof-Tur_20260921T141430Z.mp4"
PIECE = 16 * 1024 * 1024
HOSTILE = "<img src=x onerror=alert(1)>.mp4"


@dataclass(frozen=True)
class Tampering:
    """`finding`: kind, path and a part of the text of the finding that tells the change. `title`: of the page."""

    name: str
    change: Callable[[Path], object]
    finding: tuple[str, str, str]
    title: str = "Changed since export"


def replace_file(path: Path, content: bytes) -> None:
    """Replace a hard link."""
    path.unlink()
    path.write_bytes(content)


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    replace_file(path, bytes(content))


def sign_with_another_key(folder: Path) -> str:
    """Do what a forger can do: change the manifest and sign it again, with all files fitting each other.

    Return the fingerprint of the forger's key.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["exported_by"] = "Mallory"
    installation = manifest["installation"]
    public = key.public_key()
    installation["public_key"] = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
    installation["key_fingerprint"] = fingerprint_of(public)
    content = json.dumps(manifest).encode()
    signature = key.sign(content, ec.ECDSA(hashes.SHA256()))
    sums = (folder / "SHA256SUMS").read_text()
    for name, made in (("manifest.json", content), ("manifest.sig", signature)):
        old = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        sums = sums.replace(f"{old}  {name}", f"{hashlib.sha256(made).hexdigest()}  {name}")
        replace_file(folder / name, made)
    replace_file(folder / "SHA256SUMS", sums.encode())
    return fingerprint_of(public)


def _swap(folder: Path) -> None:
    first, second = folder / VIDEO, folder / OTHER_VIDEO
    spare = folder / "spare"
    first.rename(spare)
    second.rename(first)
    spare.rename(second)


def _edit_manifest(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    replace_file(folder / "manifest.json", text.replace("Anna <b>", "Otto <b>").encode())


def bury(folder: Path, name: str = "original") -> Path:
    """Move the package into a folder of its own. Return this folder."""
    inner = folder / name
    items = list(folder.iterdir())
    inner.mkdir()
    for item in items:
        item.rename(inner / item.name)
    return inner


def _add_beside(folder: Path) -> None:
    bury(folder)
    (folder / "video").mkdir()
    (folder / "video" / "fake.mp4").write_bytes(b"x")


def _add_manifest(folder: Path) -> None:
    (folder / "video" / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())


TAMPERINGS = [
    Tampering(
        "flipped bit",
        lambda folder: flip(folder / VIDEO, PIECE + 77),
        ("changed", VIDEO, "in piece 2 of 3, which shows 2026-09-21 14:13:"),
    ),
    Tampering("flipped last bit", lambda folder: flip(folder / VIDEO, -1), ("changed", VIDEO, "in piece 3 of 3")),
    Tampering(
        "cut file",
        lambda folder: replace_file(folder / VIDEO, (folder / VIDEO).read_bytes()[:-1]),
        ("changed", VIDEO, "bytes instead of"),
    ),
    Tampering(
        "longer file",
        lambda folder: replace_file(folder / VIDEO, (folder / VIDEO).read_bytes() + b"x"),
        ("changed", VIDEO, "bytes instead of"),
    ),
    Tampering("swapped files", _swap, ("changed", OTHER_VIDEO, "bytes instead of")),
    Tampering("missing file", lambda folder: (folder / VIDEO).unlink(), ("missing", VIDEO, "missing")),
    Tampering(
        "renamed file",
        lambda folder: (folder / VIDEO).rename(folder / "video" / "other.mp4"),
        ("renamed", VIDEO, "renamed to video/other.mp4"),
    ),
    Tampering("added file", lambda folder: (folder / HOSTILE).write_bytes(b"x"), ("added", HOSTILE, "was added")),
    Tampering(
        "hidden file",
        lambda folder: (folder / "video" / ".fake.mp4").write_bytes(b"x"),
        ("added", "video/.fake.mp4", "was added"),
    ),
    Tampering("second manifest", _add_manifest, ("added", "video/manifest.json", "was added")),
    Tampering(
        "file beside the package",
        _add_beside,
        ("outside", "video/fake.mp4", "not part of the package"),
        "Other files lie beside the package",
    ),
    Tampering("changed page", lambda folder: flip(folder / "verify.html", -5), ("changed", "verify.html", "piece 1")),
    Tampering("changed manifest", _edit_manifest, ("signature", "manifest.sig", "signature is wrong")),
    Tampering(
        "changed signature",
        lambda folder: flip(folder / "manifest.sig", -1),
        ("signature", "manifest.sig", "signature is wrong"),
    ),
    Tampering(
        "cut signature",
        lambda folder: replace_file(folder / "manifest.sig", b"0\x44"),
        ("signature", "manifest.sig", "signature is wrong"),
    ),
    Tampering(
        "missing signature", lambda folder: (folder / "manifest.sig").unlink(), ("missing", "manifest.sig", "missing")
    ),
    Tampering("changed sums", lambda folder: flip(folder / "SHA256SUMS", 5), ("changed", "SHA256SUMS", "does not fit")),
    Tampering("missing sums", lambda folder: (folder / "SHA256SUMS").unlink(), ("missing", "SHA256SUMS", "missing")),
]
