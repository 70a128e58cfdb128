"""Pages name the files of the build while it is current, otherwise the source files."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from core.settings import ROOT
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S
from web import front_end as front_end_module
from web import static_files
from web.front_end import Addresses, BuiltFile, FrontEnd, hash_of_sources
from web.guard import CONTENT_SECURITY_POLICY

_NAMES = ["css/pages/viewer.css", "js/lib/zoom.js", "js/pages/viewer.js"]
_FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A small front end with a current build."""
    for name in _NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"/* {name} */")
    (tmp_path / "built").mkdir()
    write_manifest(tmp_path, sources=hash_of_sources(tmp_path, _NAMES))
    return tmp_path


def write_manifest(static: Path, **changes: object) -> None:
    files = {
        "js/pages/viewer.js": {"file": "viewer-AAAA.js", "imports": ["chunk-BBBB.js"]},
        "css/pages/viewer.css": {"file": "viewer-CCCC.css", "imports": []},
    }
    (static / "built" / "manifest.json").write_text(json.dumps({"sources": "", "files": files} | changes))


def test_a_current_build_is_served(static: Path) -> None:
    found = FrontEnd(static).addresses()
    assert found["js/pages/viewer.js"] == "/static/built/viewer-AAAA.js"
    assert found["css/pages/viewer.css"] == "/static/built/viewer-CCCC.css"
    assert found.imports("js/pages/viewer.js") == ["/static/built/chunk-BBBB.js"]
    assert found["img/other.svg"] == "/static/img/other.svg"


def test_source_files_are_served_without_a_build(static: Path) -> None:
    (static / "built" / "manifest.json").unlink()
    found = FrontEnd(static).addresses()
    assert found["js/pages/viewer.js"] == "/static/js/pages/viewer.js"
    assert found.imports("js/pages/viewer.js") == []


def test_the_setting_serves_source_files_despite_a_build(static: Path) -> None:
    assert FrontEnd(static, serves_sources=True).addresses() == Addresses()


def test_a_live_page_runs_the_script_that_it_contains_and_no_other(client: FlaskClient) -> None:
    answer = client.get("/wall")
    script = re.search(r"<script data-live[^>]*>(.+?)</script>", answer.get_data(as_text=True), re.DOTALL)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert policy.replace(f" 'sha256-{digest}'", "") == CONTENT_SECURITY_POLICY
    assert client.get("/cameras").headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


def test_a_live_page_contains_the_boot_script_as_built_or_as_written(static: Path) -> None:
    (static / "js/boot.js").write_text("source()")
    names = [*_NAMES, "js/boot.js"]
    files = {"js/boot.js": {"file": "boot-DDDD.js", "imports": []}}
    (static / "built/boot-DDDD.js").write_text("built()\n//# sourceMappingURL=boot-DDDD.js.map\n")
    write_manifest(static, sources=hash_of_sources(static, names), files=files)
    assert FrontEnd(static).addresses().boot == "built()"
    assert FrontEnd(static, serves_sources=True).addresses().boot == "source()"


@pytest.mark.parametrize("change", ["edited", "added", "removed"])
def test_a_build_of_other_sources_is_never_served(static: Path, change: str) -> None:
    clock = HandClock()
    front_end = FrontEnd(static, clock=clock)
    assert front_end.addresses().built
    zoom = static / "js/lib/zoom.js"
    if change == "edited":
        zoom.write_text("/* an edit */")
    elif change == "added":
        (static / "js/lib/new.js").write_text("")
    else:
        zoom.unlink()
    clock.move(seconds=1)
    assert front_end.addresses() == Addresses()
    assert FrontEnd(static).addresses() == Addresses()


def test_a_new_build_is_served_without_a_restart(static: Path) -> None:
    clock = HandClock()
    front_end = FrontEnd(static, clock=clock)
    (static / "js/lib/zoom.js").write_text("/* an edit */")
    assert front_end.addresses() == Addresses()
    write_manifest(static, sources=hash_of_sources(static, _NAMES))
    clock.move(seconds=1)
    assert front_end.addresses().built


def test_a_touched_source_file_with_the_same_content_keeps_the_build(static: Path) -> None:
    clock = HandClock()
    front_end = FrontEnd(static, clock=clock)
    assert front_end.addresses().built
    (static / "js/lib/zoom.js").touch()
    (static / "js/lib/.zoom.js.swp").write_text("an editor's own file")
    clock.move(seconds=1)
    assert front_end.addresses().built


def test_many_pages_of_one_second_look_at_the_sources_once(static: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    stamps = front_end_module._stamps

    def counted(root: Path) -> object:
        looks.append(root)
        return stamps(root)

    monkeypatch.setattr(front_end_module, "_stamps", counted)
    front_end = FrontEnd(static, clock=HandClock())
    assert all(front_end.addresses().built for _ in range(50))
    assert looks == [static]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sources": 1, "files": {"a": {}}}', "\udcff"])
def test_a_damaged_manifest_counts_as_no_build(static: Path, text: str) -> None:
    (static / "built" / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert FrontEnd(static).addresses() == Addresses()


def test_a_built_file_is_immutable_and_an_old_name_is_not_found(
    client: FlaskClient, static: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static_files, "STATIC_ROOT", static)
    (static / "built" / "viewer-AAAA.js").write_text("export {}")
    with client.get("/static/built/viewer-AAAA.js") as answer:
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, _FOR_EVER)
        assert answer.content_type == "text/javascript; charset=utf-8"
    with client.get("/static/built/viewer-ZZZZ.js") as answer:
        assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")
    with client.get("/static/built/manifest.json") as answer:
        assert answer.status_code == 404


def test_every_file_that_a_page_names_exists(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    named = re.findall(r'(?:href|src|data-hls|data-hls-worker)="(/static/[^"]+)"', page)
    assert len(named) >= 6
    for address in named:
        if not address.startswith("/static/vendor/"):
            with client.get(address) as answer:
                assert answer.status_code == 200, address


def test_requests_of_the_pages_carry_the_token_of_the_page() -> None:
    """Without it, the server refuses each change by a user who is logged in."""
    made = [
        (path.name, call)
        for path in (ROOT / "static" / "js" / "pages").glob("*.js")
        if path.stem not in {"login", "welcome"}  # before a login there is no token
        for call in re.findall(r"new [\w.]*Api\([^;]*?\);", path.read_text("utf-8"), re.DOTALL)
    ]
    assert len(made) >= 6
    assert not [one for one in made if "httpOptions()" not in one[1]]


# ── The build itself ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the front end, built."""
    if not (ROOT / "node_modules" / "esbuild").is_dir():
        pytest.skip("esbuild is not installed")
    folder = tmp_path_factory.mktemp("front-end")
    for name in ("css", "img", "js", "vendor"):
        shutil.copytree(ROOT / "static" / name, folder / "static" / name)
    (folder / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "build_front_end.mjs", folder / "tools")
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    assert "Front end built" in build(folder)
    return folder / "static"


def build(folder: Path) -> str:
    command = ["node", "tools/build_front_end.mjs"]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=LIMIT_S).stdout


@pytest.mark.programs
def test_the_build_and_the_app_agree_on_the_hash_of_the_sources(built: Path) -> None:
    assert FrontEnd(built).addresses().built


@pytest.mark.programs
def test_each_page_has_one_script_and_one_style_sheet(built: Path) -> None:
    pages = [path.stem for path in (built / "css" / "pages").iterdir()]
    found = FrontEnd(built).addresses().built
    assert len(pages) >= 10
    for page in pages:
        script, style = found[f"js/pages/{page}.js"], found[f"css/pages/{page}.css"]
        assert len(script.imports) <= 1, "code that the page shares with its later parts"
        assert "import '" not in (built / "built" / style.file).read_text("utf-8")
        for name in (script.file, style.file, *script.imports):
            assert (built / "built" / name).is_file()


def test_a_link_or_button_keeps_its_name_where_a_phone_hides_its_text() -> None:
    """In narrow windows, `wide-only` texts and the text of the way back are hidden from screen readers, too."""
    hiding = re.compile(
        r'<(?:a|button)\b([^>]*)>\{\{ icon\([^)]*\) \}\}<span(?: class="wide-only")?>[^<]*</span></(?:a|button)>'
    )
    nameless = [
        f"{path.name}: {found[0]}"
        for path in (ROOT / "templates").rglob("*.html")
        for found in hiding.finditer(path.read_text("utf-8"))
        if ("wide-only" in found[0] or "crumb-back" in found[1]) and "aria-label=" not in found[1]
    ]
    assert not nameless, nameless


@pytest.mark.programs
def test_every_template_has_its_page(built: Path) -> None:
    templates = {path.stem for path in (ROOT / "templates").glob("*.html")} - {"base"}
    assert templates == {path.stem for path in (ROOT / "static" / "css" / "pages").iterdir()}


@pytest.mark.programs
def test_an_edit_gives_built_files_new_names(built: Path) -> None:
    folder = built.parent
    before = FrontEnd(built).addresses().built
    assert build(folder) == ""
    with (built / "js" / "lib" / "zoom.js").open("a") as zoom:
        zoom.write("\nglobalThis.edited = 1;\n")
    assert "Front end built" in build(folder)
    after = FrontEnd(built).addresses().built
    viewer, login = "js/pages/viewer.js", "js/pages/login.js"
    assert before[viewer] != after[viewer]
    assert before[login] == after[login]
    assert not (built / "built" / before[viewer].file).exists()


@pytest.mark.programs
def test_a_damaged_build_is_built_again(built: Path) -> None:
    (built / "built" / "manifest.json").write_text("{")
    assert "Front end built" in build(built.parent)
    assert isinstance(FrontEnd(built).addresses().built["js/pages/viewer.js"], BuiltFile)
