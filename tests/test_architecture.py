"""Rules of the architecture: allowed imports between packages, length of files, processes, inline scripts."""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from collections.abc import Container, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.project_files import ROOT, project_files
from tools.structure_counts import lonely_protocols

# package -> the packages that it may import. A top-level file is a package of its own unless PACKAGE_OF maps it to one.
ARROWS: dict[str, frozenset[str]] = {
    "app": frozenset({"wiring", "web", "database", "core"}),
    "wiring": frozenset(
        {
            "web",
            "workers",
            "accounts",
            "walls",
            "ptz",
            "onvif",
            "stream",
            "pictures",
            "evidence",
            "exports",
            "backfill",
            "searches",
            "recordings",
            "archive",
            "notifications",
            "events",
            "motion",
            "objects",
            "placement",
            "object_storage",
            "onvif_services",
            "media",
            "database",
            "core",
        }
    ),
    "web": frozenset(
        {
            "accounts",
            "walls",
            "ptz",
            "onvif",
            "stream",
            "pictures",
            "evidence",
            "exports",
            "backfill",
            "searches",
            "recordings",
            "archive",
            "notifications",
            "events",
            "motion",
            "objects",
            "object_storage",
            "core",
        }
    ),
    "accounts": frozenset({"database", "core"}),
    "walls": frozenset({"database", "core"}),
    "ptz": frozenset({"onvif", "database", "core"}),
    "pictures": frozenset({"recordings", "onvif", "media", "core"}),
    "evidence": frozenset({"exports", "media", "database", "core"}),
    "exports": frozenset({"stream", "recordings", "onvif", "media", "database", "core"}),
    "searches": frozenset({"pictures", "recordings", "events", "onvif", "media", "vision", "database", "core"}),
    "backfill": frozenset({"recordings", "archive", "onvif", "media", "database", "core"}),
    "recordings": frozenset({"archive", "onvif", "onvif_services", "media", "database", "core"}),
    "archive": frozenset({"events", "onvif", "media", "database", "core"}),
    "notifications": frozenset({"accounts", "events", "onvif", "database", "core"}),
    "events": frozenset({"onvif", "onvif_services", "database", "core"}),
    "workers": frozenset(
        {"onvif", "stream", "ptz", "notifications", "events", "motion", "recordings", "media", "core"}
    ),
    "motion": frozenset({"vision", "events", "onvif", "media", "database", "core"}),
    "onvif": frozenset({"onvif_services", "media", "database", "core"}),  # of media only the part below
    "stream": frozenset({"recordings", "onvif", "media", "core"}),
    "onvif_services": frozenset({"core"}),
    "media": frozenset({"core"}),
    "database": frozenset({"core"}),
    "core": frozenset(),
    "objects": frozenset({"events", "media", "vision", "database", "core"}),
    "object_storage": frozenset({"archive", "media", "database", "core"}),
    "placement": frozenset({"database", "core"}),
    "vision": frozenset({"core"}),
    "simulator": frozenset(),
}

# A manager is the thin interface of a package, and counts as part of it.
PACKAGE_OF = {
    "account_manager": "accounts",
    "onvif_manager": "onvif",
    "cameras": "onvif",
    "stream_manager": "stream",
    "sessions": "stream",
    "recording_manager": "recordings",
    "archive_manager": "archive",
    "backfill_manager": "backfill",
    "event_manager": "events",
    "object_manager": "objects",
    "object_storage_manager": "object_storage",
    "notification_manager": "notifications",
    "motion_manager": "motion",
    "picture_manager": "pictures",
    "evidence_manager": "evidence",
    "export_manager": "exports",
    "search_manager": "searches",
    "ptz_manager": "ptz",
    "database_copy": "database",
    "database_dialects": "database",
    "migrations": "database",
    "tables": "database",
}

# Packages from PyPI with the name of a key in ARROWS. Such a name in an import statement is the PyPI package.
PYPI_PACKAGES = {"onvif"}

OUTSIDE = {"tests", "bench", "tools", "docs"}


def _tracked(*patterns: str) -> list[Path]:
    return [ROOT / path for path in project_files(*patterns)]


def _package(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0].removesuffix(".py")
    return PACKAGE_OF.get(first, first)


@cache
def _import_statements(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    tree = ast.parse(path.read_text("utf-8"))
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def _imported_modules(path: Path) -> Iterator[str]:
    for node in _import_statements(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif node.level == 0 and node.module:
            yield node.module


def _imports(path: Path) -> Iterator[str]:
    return (name.split(".")[0] for name in _imported_modules(path))


SOURCES = [path for path in _tracked("*.py") if path.relative_to(ROOT).parts[0] not in OUTSIDE]


def test_files_import_only_allowed_packages() -> None:
    without_package = [str(path.relative_to(ROOT)) for path in SOURCES if _package(path) not in ARROWS]
    assert not without_package, f"add to ARROWS: {without_package}"
    wrong = []
    for path in SOURCES:
        package = _package(path)
        own = {PACKAGE_OF.get(name, name) for name in set(_imports(path)) - PYPI_PACKAGES} & set(ARROWS)
        if forbidden := own - ARROWS[package] - {package}:
            wrong.append(f"{path.relative_to(ROOT)}: {package} may not import {sorted(forbidden)}")
    assert not wrong, "\n".join(wrong)


def _documented_imports() -> Iterator[tuple[str, str]]:
    """Package and third column of each row in the table of docs/ARCHITECTURE.md."""
    table = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8").split("\n## Packages\n")[1].split("\n\n")[1]
    for row in table.splitlines()[2:]:
        files, _, imports = row.strip("| ").split(" | ")
        first = files.split(",")[0].strip("`").rstrip("/").removesuffix(".py")
        yield PACKAGE_OF.get(first, first), imports


def test_the_table_of_packages_names_the_allowed_imports() -> None:
    rows = dict(_documented_imports())
    assert set(rows) == set(ARROWS)
    for package, text in rows.items():
        if text == "all packages below except `vision` and `simulator`":
            named = set(rows) - {"app", package, "vision", "simulator"}
        else:
            words = {word.strip("`").split("/")[0] for word in text.split(", ")}
            named = {PACKAGE_OF.get(word, word) for word in words} & set(ARROWS)
        assert named == ARROWS[package], package


def _managers_of(path: Path) -> Iterator[tuple[str, set[str]]]:
    """The manager in a file, and the managers that its constructor takes."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name.endswith("Manager"):
            init = next(it for it in node.body if isinstance(it, ast.FunctionDef) and it.name == "__init__")
            arguments = [*init.args.args, *init.args.kwonlyargs]
            taken = {ast.unparse(it.annotation) for it in arguments if it.annotation is not None}
            yield node.name, {name for name in taken if name.endswith("Manager")}


def test_the_table_of_managers_names_those_that_each_has() -> None:
    table = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8").split("| Manager | Has |\n")[1].split("\n\n")[0]
    rows = [re.findall(r"`(\w+)`", cell) for row in table.splitlines()[1:] for cell in row.strip("| ").split(" | ")]
    documented = {
        manager: set(has) for managers, has in zip(rows[::2], rows[1::2], strict=True) for manager in managers
    }
    actual = dict(pair for path in _tracked("*_manager.py") for pair in _managers_of(path))
    assert {manager: has for manager, has in actual.items() if has} == documented


# Independent parts of one package: folder -> the parts that its files may not import.
APART = {
    "sessions": ("sessions.live", "sessions.replay"),
    "sessions/live": ("sessions.replay",),
    "sessions/replay": ("sessions.live",),
}


def test_live_and_replay_sessions_do_not_import_each_other() -> None:
    for path in SOURCES:
        forbidden = APART.get(path.relative_to(ROOT).parent.as_posix(), ())
        imported = [
            name for name in _imported_modules(path) if f"{name}.".startswith(tuple(f"{f}." for f in forbidden))
        ]
        assert not imported, f"{path.relative_to(ROOT)} imports {imported}"


def test_cameras_import_of_media_only_the_starter_of_processes() -> None:
    """The pretend recorder is a child process."""
    for path in SOURCES:
        if _package(path) == "onvif":
            imported = {name for name in _imported_modules(path) if name.split(".")[0] == "media"}
            assert imported <= {"media.process"}, path.relative_to(ROOT)


# Parts of media -> the other parts of media that they may import.
MEDIA_ARROWS: dict[str, frozenset[str]] = {
    "media.codecs": frozenset(),
    "media.fmp4": frozenset({"media.codecs"}),
    "media.mp4": frozenset({"media.codecs", "media.fmp4", "media.joined_files"}),
    "media.mkv": frozenset({"media.codecs", "media.fmp4", "media.mp4", "media.joined_files"}),
    "media.units": frozenset({"media.codecs"}),
    "media.archive": frozenset({"media.codecs", "media.fmp4", "media.mp4", "media.units"}),
    "media.joined_files": frozenset(),
    "media.hls": frozenset(),
    "media.commands": frozenset(),
    "media.child_shim": frozenset(),
    "media.process": frozenset({"media.child_shim"}),
    "media.still_decoder": frozenset({"media.child_shim", "media.commands", "media.ffmpeg", "media.process"}),
    "media.ffmpeg": frozenset({"media.process"}),
    "media.flv": frozenset({"media.codecs"}),
    "media.rtsp.client": frozenset({"media.codecs"}),
    "media.rtsp.live": frozenset({"media.codecs", "media.fmp4", "media.units", "media.rtsp.client"}),
    "media.rtsp.replay": frozenset({"media.codecs", "media.rtsp.client"}),
    "media.rtsp.gateway": frozenset(
        {"media.rtsp.client", "media.rtsp.live", "media.rtsp.replay", "media.rtsp.loop_thread"}
    ),
}


def _media_part(module: str) -> str:
    return next((part for part in MEDIA_ARROWS if f"{module}.".startswith(f"{part}.")), "")


def test_the_parts_of_media_import_each_other_in_one_direction() -> None:
    for path in SOURCES:
        module = _module(path)
        if module.split(".")[0] != "media" or module in {"media", "media.rtsp"}:
            continue
        part = _media_part(module)
        assert part, f"{path.relative_to(ROOT)} belongs to no part of media: add it to MEDIA_ARROWS"
        imported = {name for name in _imported_modules(path) if name.split(".")[0] == "media"}
        wrong = {name for name in imported if _media_part(name) not in MEDIA_ARROWS[part] | {part}}
        assert not wrong, f"{path.relative_to(ROOT)} may not import {sorted(wrong)}"


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _modules_imported_by(path: Path, modules: Container[str]) -> Iterator[str]:
    """The modules of `modules` that a file imports, also for TYPE_CHECKING and inside functions."""
    for node in _import_statements(path):
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            submodules = [f"{node.module}.{name}" for name in names]
            names = [name if name in modules else node.module for name in submodules]
        yield from (name for name in names if name in modules)


def test_no_modules_import_each_other_in_a_circle() -> None:
    paths = {_module(path): path for path in SOURCES}
    imports = {module: set(_modules_imported_by(path, paths)) for module, path in paths.items()}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


PLAIN_VISION = {"vision.messages", "vision.objects_messages", "vision.models", "vision.models_file"}


def test_the_app_imports_only_the_messages_of_vision() -> None:
    """The rest of vision needs packages that not every installation has."""
    for path in SOURCES:
        if _package(path) != "vision":
            imported = {name for name in _imported_modules(path) if name.split(".")[0] == "vision"}
            assert imported <= PLAIN_VISION, path.relative_to(ROOT)


def test_core_imports_only_the_standard_library() -> None:
    for path in SOURCES:
        if _package(path) == "core":
            outside = {name for name in _imports(path) if name not in sys.stdlib_module_names and name != "core"}
            assert not outside, f"{path.name} imports {sorted(outside)}"


GENERATED = {"static/js/lib/api-types.js"}  # by tools/api_types.py: nobody edits it


MOST_PARAMETERS = 7
MOST_LONELY_PROTOCOLS = 36


def test_no_constructor_has_more_than_seven_parameters() -> None:
    too_many = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
        for method in node.body
        if isinstance(method, ast.FunctionDef) and method.name == "__init__"
        if len(method.args.posonlyargs + method.args.args + method.args.kwonlyargs) > MOST_PARAMETERS + 1  # and self
    ]
    assert not too_many, f"divide these classes, or group parameters that belong together: {too_many}"


def test_protocols_with_one_implementation_become_no_more() -> None:
    """Go-to-definition ends at a protocol: docs/decisions/structure.md."""
    lonely, _ = lonely_protocols(ROOT)
    assert len(lonely) <= MOST_LONELY_PROTOCOLS, lonely


def test_each_file_of_tests_has_tests() -> None:
    """A merge once left two files of tests empty, and nothing failed."""
    files = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in _tracked("tests/**/test_*.py")}
    assert len(files) > 300
    assert [name for name, text in files.items() if "def test_" not in text] == []


def test_no_file_is_longer_than_500_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in _tracked("*.py", "*.js", "*.mjs", "*.css", "*.html")
        if str(path.relative_to(ROOT)) not in GENERATED and (lines := len(path.read_text("utf-8").splitlines())) > 500
    }
    assert not long


def test_only_one_file_starts_processes() -> None:
    starters = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if _package(path) != "simulator" and {"subprocess", "multiprocessing"} & set(_imports(path))
    }
    assert starters <= {"media/process.py"}


def test_no_inline_script_or_style_in_a_page() -> None:
    """Except boot.js, which the page's content security policy names by its hash."""
    for path in _tracked("templates/*.html", "templates/**/*.html"):
        text = path.read_text("utf-8")
        assert "<style" not in text, path.name
        assert " style=" not in text, path.name
        assert "javascript:" not in text, path.name
        for chunk in text.split("<script")[1:]:
            tag = chunk.split(">", 1)[0]
            is_boot = chunk.partition("</script>")[0].endswith(">{{ boot_script() }}")
            assert "src=" in tag or 'type="application/json"' in tag or is_boot, f"{path.name} has an inline script"
