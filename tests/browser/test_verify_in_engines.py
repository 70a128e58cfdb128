"""verify.html of an evidence package from the disk, in Chromium, Firefox and WebKit."""

from __future__ import annotations

import base64
import json

import pytest

from tests.browser.engines import EnginePage
from tests.evidence.packaging import MadePackage, Packaging
from tests.exports.exporting import recorder_of
from tests.patience import until

pytestmark = pytest.mark.slow

CHOOSE = """((files) => {
  const chosen = files.map(([path, content]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const file = new File([bytes], path.split('/').pop());
    return Object.defineProperty(file, 'webkitRelativePath', { value: path });
  });
  const input = document.getElementById('folder');
  Object.defineProperty(input, 'files', { value: chosen, configurable: true });
  input.dispatchEvent(new Event('change'));
})(%s)"""
VERDICT = "document.querySelector('#result').hidden ? '' : document.querySelector('#verdict h2').textContent"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> MadePackage:
    """A small package, because its files go to the browser in a script."""
    folder = tmp_path_factory.mktemp("evidence")
    packaging = Packaging(folder / "data", recorder_of([(0, 20)]))
    try:
        case = packaging.made(packaging.case(packaging.export(2.5, 12)).id)
        return MadePackage(packaging.unpacked(case.id, folder / "package"), folder)
    finally:
        packaging.close()


def checked(page: EnginePage, package: MadePackage, changed: str = "") -> tuple[str, str]:
    """Choose the files, with a flipped bit in that with the suffix `changed`. Return the verdict and the findings."""
    files = []
    for path in sorted(package.folder.rglob("*")):
        if path.is_file():
            content = bytearray(path.read_bytes())
            content[-1] ^= bool(changed) and path.suffix == changed
            name = f"package/{path.relative_to(package.folder)}"
            files.append([name, base64.b64encode(content).decode()])
    page.open((package.folder / "verify.html").as_uri())
    page.evaluate(CHOOSE % json.dumps(files))
    verdict = until(lambda: page.evaluate(VERDICT), what="the verdict")
    return verdict, page.evaluate("document.querySelector('#findings').textContent")


def test_an_unchanged_package_passes_from_the_disk(page: EnginePage, package: MadePackage) -> None:
    verdict, findings = checked(page, package)
    assert verdict.startswith("Unchanged since export by ")
    assert findings == ""


def test_a_flipped_bit_is_named_by_its_piece(page: EnginePage, package: MadePackage) -> None:
    verdict, findings = checked(page, package, ".mp4")
    assert verdict == "Changed since export"
    assert "This file was changed in piece 1 of 1, which shows " in findings


def test_a_changed_manifest_has_a_wrong_signature(page: EnginePage, package: MadePackage) -> None:
    verdict, findings = checked(page, package, ".sig")
    assert verdict == "Changed since export"
    assert "The signature is wrong" in findings
