"""verify.html of an evidence package, opened from the disk in Chromium without a network."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.evidence.packaging import MadePackage, made_package, package_of_two_formats
from tests.evidence.tampering import TAMPERINGS, VIDEO, Tampering, flip, replace_file, sign_with_another_key

pytestmark = pytest.mark.slow

HELD_HASHES = """
const {digest} = SubtleCrypto.prototype;
globalThis.heldHashes = 0;
const released = new Promise((done) => { globalThis.releaseHashes = done; });
SubtleCrypto.prototype.digest = async function (...given) {
  globalThis.heldHashes += 1;
  await released;
  return digest.apply(this, given);
};
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> MadePackage:
    return made_package(tmp_path_factory.mktemp("evidence"))


@pytest.fixture
def copied(package: MadePackage, tmp_path: Path) -> Path:
    return package.copied(tmp_path / "copy")


@pytest.fixture(scope="module")
def page(chromium: Browser, package: MadePackage) -> Iterator[Page]:
    """The page of the package. Any request of it and any error fails the tests."""
    context = chromium.new_context(offline=True)
    complaints: list[str] = []
    page_url = (package.folder / "verify.html").as_uri()
    made = context.new_page()
    made.on("console", lambda message: complaints.append(message.text))
    made.on("pageerror", lambda error: complaints.append(f"{error}"))
    made.on("dialog", lambda dialog: complaints.append(dialog.message))
    made.on("request", lambda request: complaints.extend({request.url} - {page_url}))
    made.goto(page_url)
    yield made
    context.close()
    assert not complaints, complaints


def check(page: Page, folder: Path, fingerprint: str = "") -> None:
    page.get_by_label("Fingerprint of the key").fill(fingerprint)
    page.get_by_label("Choose the folder").set_input_files(folder)
    expect(page.locator("#result")).to_be_visible()


def verdict(page: Page) -> str:
    return page.locator("#verdict h2").inner_text()


def key_of(folder: Path) -> str:
    key: str = json.loads((folder / "manifest.json").read_bytes())["installation"]["key_fingerprint"]
    return key


def test_an_unchanged_package_passes(page: Page, package: MadePackage) -> None:
    check(page, package.folder)
    assert verdict(page).startswith("Unchanged since export by Anna <b>, 20")
    expect(page.locator("#verdict p")).to_contain_text("Compare the fingerprint")
    facts = page.locator("#facts")
    expect(facts).to_contain_text("Theft <img src=x>")
    key = key_of(package.folder)
    expect(facts).to_contain_text(key)
    assert page.locator("img").count() == 0
    check(page, package.folder, key.lower())
    expect(page.locator("#verdict p")).to_contain_text("whose fingerprint you entered")
    assert "authentic" not in page.locator("body").inner_text()


def test_a_package_of_a_range_in_two_formats_passes(chromium: Browser, tmp_path: Path) -> None:
    folder = package_of_two_formats(tmp_path).folder
    with chromium.new_page() as page:
        page.goto((folder / "verify.html").as_uri())
        check(page, folder)
        assert verdict(page).startswith("Unchanged since export by ")


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda one: one.name)
def test_a_change_is_told(page: Page, copied: Path, tampering: Tampering) -> None:
    tampering.change(copied)
    check(page, copied)
    assert verdict(page) == tampering.title
    kind, path, text = tampering.finding
    told = page.locator(f"#findings li[data-kind={kind}]").filter(has_text=path).filter(has_text=text)
    expect(told.first).to_be_visible()
    assert page.locator("#findings img").count() == 0


def test_a_flipped_bit_is_all_that_differs(page: Page, copied: Path) -> None:
    flip(copied / VIDEO, 20_000_000)
    check(page, copied)
    expect(page.locator("#findings li")).to_have_text(
        f"{VIDEO}This file was changed in piece 2 of 3, which shows 2026-09-21 14:13:49 to 14:14:18 UTC."
    )


def test_another_key_is_told(page: Page, copied: Path) -> None:
    sign_with_another_key(copied)
    check(page, copied)
    assert verdict(page) == "Signed by another key"
    expect(page.locator("#findings li")).to_contain_text("another key than the expected one")


def test_a_fingerprint_entered_after_the_check_is_compared(page: Page, package: MadePackage) -> None:
    true_key = key_of(package.folder)
    check(page, package.folder)
    field, heading = page.get_by_label("Fingerprint of the key"), page.locator("#verdict h2")
    field.fill("AB" * 32)
    expect(heading).to_have_text("Signed by another key")
    field.fill(true_key[:-1])
    expect(heading).to_have_text("The key was not compared")
    expect(page.get_by_text("A fingerprint has 64 digits", exact=False).first).to_be_visible()
    field.fill(true_key)
    expect(page.locator("#verdict p")).to_contain_text("whose fingerprint you entered")
    expect(page.locator("#fingerprint-hint")).to_be_empty()
    field.fill("")
    expect(page.locator("#verdict p")).to_contain_text("Compare the fingerprint")


def test_a_fingerprint_entered_during_the_check_is_compared(
    chromium: Browser, copied: Path, package: MadePackage
) -> None:
    """The page of the forger is checked: it has the forger's key in it."""
    true_key = key_of(package.folder)
    forged_key = sign_with_another_key(copied)
    page_of_forger = (copied / "verify.html").read_text().replace(true_key, forged_key)
    replace_file(copied / "verify.html", page_of_forger.encode())
    with chromium.new_context(offline=True) as context:
        context.add_init_script(HELD_HASHES)
        page = context.new_page()
        page.goto((copied / "verify.html").as_uri())
        page.get_by_label("Choose the folder").set_input_files(copied)
        # As a function: the page forbids eval(), by which Playwright reads an expression again for each look.
        page.wait_for_function("() => globalThis.heldHashes > 0")
        page.get_by_label("Fingerprint of the key").fill(true_key)
        page.evaluate("globalThis.releaseHashes()")
        expect(page.locator("#result")).to_be_visible()
        expect(page.locator("#findings li[data-kind=key]")).to_be_visible()


def test_a_folder_without_a_manifest_is_told(page: Page, copied: Path) -> None:
    (copied / "manifest.json").unlink()
    check(page, copied)
    assert verdict(page) == "This package cannot be checked"
    expect(page.locator("#findings li")).to_contain_text("nothing can be checked")


def test_a_folder_chosen_again_is_checked_again(page: Page, copied: Path) -> None:
    def choose() -> None:
        """Chromium reports a choice only if it differs from that before, so the field must be empty."""
        field = page.get_by_label("Choose the folder")
        with page.expect_file_chooser() as chooser:
            field.click()
        expect(field).to_have_value("")
        chooser.value.set_files(copied)

    choose()
    expect(page.locator("#verdict h2")).to_contain_text("Unchanged since export")
    (copied / "SHA256SUMS").unlink()
    choose()
    expect(page.locator("#verdict h2")).to_have_text("Changed since export")


def test_a_dropped_folder_is_checked(page: Page, package: MadePackage) -> None:
    page.reload()
    client = page.context.new_cdp_session(page)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # Chromium gives pages no folder below /dev
        dropped = shutil.copytree(package.folder, Path(folder, "package"))
        data = {"items": [], "files": [str(dropped)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            client.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 200, "data": data})
        expect(page.locator("#verdict h2")).to_contain_text("Unchanged since export by Anna <b>")


def test_without_web_cryptography_the_hashes_are_checked(chromium: Browser, package: MadePackage, copied: Path) -> None:
    context = chromium.new_context(offline=True)
    context.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', {get: () => undefined});")
    page = context.new_page()
    page.goto((package.folder / "verify.html").as_uri())
    check(page, package.folder)
    assert verdict(page) == "The files fit the manifest; the signature was not checked here"
    flip(copied / VIDEO, 20_000_000)
    check(page, copied)
    expect(page.locator("#findings li")).to_contain_text("piece 2 of 3")
    context.close()
