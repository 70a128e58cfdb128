"""Fixtures and settings of all tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from itertools import accumulate, chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from core.allowed_addresses import allowed_addresses
from media.process import Spawner
from tests.memory_folder import use_memory
from tests.missing import skip_outside_ci
from tests.prepared_database import Engine
from tests.quick_statements import shared_compiled_statements
from tests.simulator.process import Makes

if TYPE_CHECKING:
    from tests.postgres import Databases, PostgresServer

# Property tests judge behaviour; a busy machine may take long to make an example.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("any machine"), max_examples=25)  # for `make check`
settings.load_profile("any machine")

allowed_addresses.allow_loopback(True)  # session fixtures connect before the fixture below runs


# `make test` hands whole files to several processes, in the order of the collection. Browsers keep a core busy, most
# other tests wait. The run mixes the two, so that neither the cores nor the processes are idle for long. The rest keeps
# the order below, and browsers end first: a long file that began last would end alone.
ORDER = (
    *("tests/whole_app", "tests/web/test_any_request.py", "tests/vision", "tests/web/test_every_field.py"),
    *("tests/placement/test_moves.py", "tests/backfill/test_backfill_simulator.py"),
    *("tests/sessions", "tests/simulator", "tests/media/rtsp"),
    *("tests/cameras", "tests/pictures", "tests/exports", "tests/searches", "tests/tools"),
)
BROWSERS = "tests/browser"
BROWSERS_END = 0.9  # share of the run
# Seconds that one test of a file or folder takes in a full run, roughly. The first name counts that fits.
SECONDS = {
    "tests/browser/test_replay_quality.py": 35.0,
    "tests/browser/test_quality.py": 28.0,
    "tests/browser/test_replay_player.py": 9.5,
    "tests/browser/test_replay_over_the_socket.py": 8.0,
    "tests/browser/test_access_pages.py": 8.0,
    "tests/browser/test_firefox_canvas.py": 8.0,
    "tests/browser/test_verify_page.py": 1.0,
    BROWSERS: 5.5,
    "tests/whole_app/test_logins_that_end.py": 15.0,
    "tests/whole_app/test_motion.py": 12.0,
    "tests/whole_app/test_commands.py": 12.0,
    "tests/whole_app/test_slow_connections.py": 11.0,
    "tests/whole_app/test_exports.py": 9.5,
    "tests/whole_app/test_recordings_of_every_make.py": 2.5,
    "tests/whole_app/test_start_refused.py": 0.1,
    "tests/whole_app/test_raw_requests.py": 0.1,
    "tests/whole_app": 4.5,
    "tests/web/test_any_request.py": 60.0,
    "tests/web/test_every_field.py": 16.0,
    "tests/vision/test_scenes.py": 13.0,
    "tests/vision/test_resting.py": 7.0,
    "tests/vision/test_hostile.py": 4.0,
    "tests/vision/test_background.py": 3.5,
    "tests/vision": 0.2,
    "tests/placement/test_moves.py": 30.0,
    "tests/backfill/test_backfill_simulator.py": 4.0,
    "tests/test_plain_words.py": 0.8,
    "tests/simulator/test_makes.py": 6.0,
    "tests/simulator/test_replay_plays.py": 4.0,
    "tests/simulator/test_players.py": 3.5,
    "tests/simulator": 1.0,
    "tests/pictures/test_storyboard.py": 3.0,
    "tests/sessions/live/test_audio_formats.py": 4.0,
    "tests/sessions": 1.0,
    "tests/cameras/test_simulator.py": 2.0,
    "tests/searches/test_search_manager.py": 2.0,
    "tests/tools": 1.2,
    "tests/exports": 0.6,
    "tests/media/rtsp/live/test_timeline.py": 0.1,
    "tests/media/rtsp/live": 1.5,
    "tests/media/rtsp/test_gateway.py": 2.0,
    "tests/media/rtsp/replay": 0.6,
}
SECONDS_ELSEWHERE = 0.1
TESTS = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder of temporary files, and let each of several processes begin to collect at another folder.

    The first process that collects a file compiles it, and the others read the result. In a fresh clone, processes that
    went the same way would compile every file several times: it took each process 8 s.
    """
    process: dict[str, Any] | None = getattr(config, "workerinput", None)
    if process is None:
        use_memory()
        return
    if config.args != config.getini("testpaths") or config.getoption("ignore"):
        return
    paths = sorted(str(path) for path in TESTS.iterdir() if path.match("test_*.py") or any(path.rglob("test_*.py")))
    first = int(process["workerid"].removeprefix("gw")) * len(paths) // process["workercount"]
    config.args = paths[first:] + paths[:first]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files in an order in which several processes end soon."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    took_s = {file: len(tests) * _seconds(file) for file, tests in files.items()}
    ordered = sorted(files, key=lambda file: (_place(file), -took_s[file], file))
    in_browsers = [file for file in ordered if file.startswith(BROWSERS)]
    others = [file for file in ordered if not file.startswith(BROWSERS)]
    starts = _starts(in_browsers, took_s, BROWSERS_END) | _starts(others, took_s, 1.0)
    items[:] = chain.from_iterable(files[file] for file in sorted(files, key=lambda file: (starts[file], file)))


def _seconds(file: str) -> float:
    return next((seconds for folder, seconds in SECONDS.items() if file.startswith(folder)), SECONDS_ELSEWHERE)


def _place(file: str) -> int:
    return next((place for place, folder in enumerate(ORDER) if file.startswith(folder)), len(ORDER))


def _starts(files: list[str], took_s: dict[str, float], end: float) -> dict[str, float]:
    """Return the share of the run after which each file starts, if the files follow each other up to `end`."""
    sums_s = list(accumulate((took_s[file] for file in files), initial=0.0))
    return {file: end * before_s / sums_s[-1] for file, before_s in zip(files, sums_s, strict=False)}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage meanwhile: modules and tests stay. It took each process a sixth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Let the garbage collector run seldom, and never look at modules and tests: it took a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Spell out what UTF-8 cannot hold: captured text travels between processes."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server, one for all processes that run the tests."""
    from tests.postgres import PostgresMissing, shared_server  # noqa: PLC0415 - an optional package

    base = tmp_path_factory.getbasetemp()
    try:
        with shared_server(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) as server:
            yield server
    except PostgresMissing as missing:
        skip_outside_ci(missing)


@pytest.fixture(scope="session")
def postgres_databases(postgres: PostgresServer) -> Databases:
    from tests.postgres import Databases  # noqa: PLC0415 - an optional package

    return Databases(postgres)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that use `database_engine` on both engines, and those of the mark `sqlite` on SQLite only."""
    if "database_engine" in metafunc.fixturenames:
        is_for_sqlite = metafunc.definition.get_closest_marker("sqlite") is not None
        metafunc.parametrize(
            "database_engine", ["sqlite"] if is_for_sqlite else ["sqlite", "postgresql"], indirect=True
        )


@pytest.fixture
def database_engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine of all databases that `prepared_database` returns in this test."""
    if request.param == "postgresql":
        Engine.databases = request.getfixturevalue("postgres_databases")
    try:
        yield request.param
    finally:
        used, Engine.databases = Engine.databases, None
        if used is not None:
            used.empty()


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips of pretend recorders: one folder for all processes that run the tests, so that each is encoded once."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "pictures"
    shared.mkdir(exist_ok=True)
    return shared


@pytest.fixture(scope="session", autouse=True)
def _shared_statements() -> Iterator[None]:
    with shared_compiled_statements():
        yield


@pytest.fixture(autouse=True)
def _devices_on_loopback() -> Iterator[None]:
    """Allow devices on loopback, where the devices of the tests run. Tests of the rule change it themselves."""
    allowed_addresses.allow_loopback(True)
    yield
    allowed_addresses.allow_loopback(True)


@pytest.fixture
def spawner() -> Iterator[Spawner]:
    spawner = Spawner()
    spawner.start()
    yield spawner
    spawner.stop()


@pytest.fixture(scope="session")
def recorders(cache_dir: Path) -> Iterator[Makes]:
    """Return the recorders of all makes, with four channels. Each starts when a test first asks for it."""
    started = Makes(cache_dir, channels=4)
    yield started
    started.stop()
