"""README.txt and SHA256SUMS of a package, and names of exports in messages."""

from __future__ import annotations

from collections.abc import Sequence

from evidence.records import Case, KeyView
from exports.records import ExportJob

_README = """\
Evidence package
================

Case:         {name}
Exported by:  {made_by}
Made at:      {made_at}
Installation: {installation}
Key:          {fingerprint}

Contents
--------
video/         the recordings, as the camera or its recorder sent them. The video was not encoded again. manifest.json
               names every conversion, for example of the sound. Files with subtitles (.srt) have the time of day as
               text. "source" in manifest.json says where a video was recorded: "recorder" (read from the recorder's
               disk for this export) or "server" (the installation itself has recorded the live stream, with times by
               its own clock; "fetched_from_recorder" names the parts that it had copied from the recorder's disk
               earlier).
working-copies/  videos that were made from the recordings, for example with blurred parts. Their frames are not the
               recorder's; manifest.json names every change.
snapshots/     pictures that were made from the videos, for convenience.
manifest.json  where each file comes from: camera, times, the recorder's clock, gaps with their reasons, lost frames,
               and hashes.
manifest.sig   the signature of manifest.json (ECDSA P-256, SHA-256).
SHA256SUMS     the SHA-256 of each file.
verify.html    a page that checks this package.

How to play
-----------
VLC plays all files. Browsers and most other players play .mp4 files with H.264; they play H.265 only if the computer
supports it, and .mkv files only in part. "codec" in manifest.json names the codec of each file; working copies have
H.264. A video begins at the key frame before the requested time; players that ignore edit lists show these frames, too:
"key_frame_lead_in_s" in manifest.json says how long they are.
All times are UTC unless another zone is named.

How to verify
-------------
1. Unpack the ZIP into an empty folder.
2. Open verify.html in a browser, and drop the folder on it. The page needs no network.
3. Compare the fingerprint of the key with the one that you got from the owner of the installation, separately from
   this package.

Without a browser:
    sha256sum -c SHA256SUMS                        (only the hashes, not the signature)
    python -m evidence.verify FOLDER               (in a copy of the program; everything)

Proof
-----
A good signature with the right fingerprint proves that the files are unchanged since export by this installation. It
does not prove that the clock of a recorder or of the installation was right, nor what happened to the recording before
the export.
"""


def readme(case: Case, key: KeyView, made_at: str) -> bytes:
    """Return README.txt. Lines end as Windows expects it."""
    text = _README.format(
        name=_one_line(case.name),
        made_by=_one_line(case.package.made_by),
        made_at=made_at,
        installation=key.installation_id,
        fingerprint=key.fingerprint,
    )
    return text.replace("\n", "\r\n").encode()


def sha256sums(sums: Sequence[tuple[str, str]]) -> bytes:
    """Return SHA256SUMS of (path, SHA-256) pairs, as sha256sum reads it."""
    return "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(sums)).encode()


def export_title(job: ExportJob) -> str:
    """Return the name of an export, otherwise its first camera, or its first time while no camera is known."""
    origin = job.origins.get(0)
    camera = ", ".join(text for text in (origin.camera, origin.channel_name) if text) if origin is not None else ""
    return job.draft.name or camera or f"the export from {job.draft.ranges[0].start:%Y-%m-%d %H:%M:%S} UTC"


def _one_line(text: str) -> str:
    return " ".join(text.split())
