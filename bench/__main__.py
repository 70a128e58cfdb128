"""`make bench`: compare this app with plain ffmpeg, on the pretend recorder and on GStreamer, as a table and a plot.

Figures depend on the machine and its load. Compare medians, and ratios of measurements that ran in turns.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError

from bench import (
    archive,
    beside,
    clicks,
    engines,
    events,
    exports,
    gstreamer,
    heads,
    live,
    load,
    machine,
    mains,
    motion,
    mse,
    nodes,
    peers,
    peers_beside,
    pictures,
    recordings,
    report,
    searches,
    sockets,
    storyboard,
    wall,
)
from bench.figures import TABLE_HEAD, Figure, Measurement, merged, row
from bench.setting import ROOT, App, Recorder, app, recorder
from web.front_end import FrontEnd

# In the order of the table.
PARTS = (
    *("live", "gstreamer", "clicks", "heads", "wall", "sockets", "pictures", "load", "list", "recordings"),
    *("storyboard", "exports", "archive", "mains", "events", "motion", "searches", "nodes"),
    *("mse", "engines"),
)
_ON_THEIR_OWN = (
    "list",
    "recordings",
    "storyboard",
    "exports",
    "archive",
    "mains",
    "events",
    "motion",
    "searches",
    "nodes",
    "mse",
    "engines",
)
_PEERS = "peers"


def options_of(argv: list[str]) -> argparse.Namespace:
    """Return `parts`, `peers`, `runs`, `window`, `writes` and `plot`. Raise SystemExit if the arguments are invalid."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each measurement (default: 3)")
    choices = (*PARTS, _PEERS)
    parser.add_argument("--only", nargs="+", choices=choices, metavar="PART", help=f"some of: {', '.join(choices)}")
    parser.add_argument("--window", type=float, default=20, help="seconds of load measured in each run (default: 20)")
    parser.add_argument(
        "--write",
        action="store_true",
        help="save these parts in docs/performance and write table and plot again; always done without --only",
    )
    parser.add_argument(
        "--plot", action="store_true", help="measure nothing; write table and plot again from the saved figures"
    )
    parser.add_argument(
        "--beside", type=Path, metavar="PATH", help="measure this checkout in turns with ours and print the ratios"
    )
    options = parser.parse_args(argv)
    if options.runs < 1 or options.window <= 0:
        parser.error("--runs and --window must be above 0")
    if options.plot and (options.only or options.write):
        parser.error("--plot measures nothing")
    if options.beside and (options.plot or options.write):
        parser.error("--beside saves nothing")
    if options.beside and not (options.beside / "app.py").is_file():
        parser.error(f"{options.beside} is not a checkout of this app")
    try:
        options.peers = {} if options.plot or options.beside else peers.named()
    except ValueError as error:
        parser.error(str(error))
    if options.only and _PEERS not in options.only:
        options.peers = {}
    elif options.only and not options.peers:
        parser.error(f"{_PEERS} needs a program: GO2RTC= or MEDIAMTX=")
    options.parts = tuple(part for part in PARTS if not options.only or part in options.only)
    if options.beside:
        options.parts = tuple(part for part in options.parts if part not in _ON_THEIR_OWN)
        if not options.parts:
            parser.error(f"--beside cannot measure {', '.join(_ON_THEIR_OWN)}")
    options.writes = options.write or not (options.only or options.beside)
    return options


def is_built(checkout: Path) -> bool:
    """True if the app of this checkout serves its build, or has none: pages of single source files open later."""
    has_build = (checkout / "tools" / "build_front_end.mjs").is_file()
    return not has_build or bool(FrontEnd(checkout / "static").addresses().built)


def main(argv: list[str]) -> int:
    """Return the exit status: 1 if a part could not be measured. The other parts are saved."""
    options = options_of(argv)
    for checkout in () if options.plot else (ROOT, options.beside or ROOT):
        if not is_built(checkout):
            print(
                f"{checkout}: the front end is not built from its present sources. Run: make front-end", file=sys.stderr
            )
            return 1
    if options.beside:
        return _measure_beside(options.beside.resolve(), options.parts, options.runs, options.window)
    kept, failed = report.read(report.FOLDER), False
    command = f"python -m bench {shlex.join(argv)}".rstrip()
    if options.parts and not options.plot:
        new = measured(options.parts, options.runs, options.window, command)
        kept, failed = merged(kept, new, PARTS), len(new) < len(options.parts)
    if options.peers:
        failed |= _measure_peers(options, command)
    if options.plot or (options.writes and options.parts):
        for path in report.write(report.FOLDER, kept):
            print(f"Written: {path.relative_to(ROOT)}")
    return int(failed)


def measured(parts: tuple[str, ...], runs: int, window_s: float, command: str) -> list[Measurement]:
    """Measure the parts and print each figure immediately. Report a part that fails, and leave it out."""
    load_at_start = machine.load_average()
    print(TABLE_HEAD, flush=True)
    found: list[tuple[str, list[Figure]]] = []
    for part, figures in _measuring(parts, runs, window_s):
        try:
            found.append((part, list(_said(figures))))
        except (RuntimeError, OSError, PlaywrightError) as error:
            print(f"{part} was not measured: {error}", file=sys.stderr)
    facts = machine.facts(load_at_start)
    print("\n" + "\n".join(f"{name}: {text}" for name, text in facts.items()))
    return [Measurement(part, command, facts, figures) for part, figures in found]


def _measure_beside(other: Path, parts: tuple[str, ...], runs: int, window_s: float) -> int:
    """Print the table of both checkouts; return the exit status."""
    load_at_start = machine.load_average()
    failed = False
    print(beside.TABLE_HEAD, flush=True)
    with ExitStack() as stack:
        device = _device(stack)
        sides = []
        for checkout in (ROOT, other):
            running = stack.enter_context(_app(checkout))
            sides.append((running, running.add_recorder(device)))
        for part in parts:
            ours, others = (partial(_turn, part, device, *side, window_s) for side in sides)
            try:
                for compared in beside.in_turns(ours, others, runs):
                    print(beside.row(compared), flush=True)
            except (RuntimeError, OSError, PlaywrightError) as error:
                failed = True
                print(f"{part} was not measured: {error}", file=sys.stderr)
    print("\n" + "\n".join(f"{name}: {text}" for name, text in machine.facts(load_at_start).items()))
    return int(failed)


def _measure_peers(options: argparse.Namespace, command: str) -> bool:
    """Print the table of the peers, and write it into docs/performance; return True if that failed."""
    load_at_start = machine.load_average()
    try:
        with ExitStack() as stack:
            device = _device(stack)
            running = stack.enter_context(_app(ROOT))
            camera_id = running.add_recorder(device)
            rows = list(peers_beside.measured(device, running, camera_id, options.peers, options.runs, options.window))
    except (RuntimeError, OSError, PlaywrightError) as error:
        print(f"{_PEERS} were not measured: {error}", file=sys.stderr)
        return True
    page = peers_beside.markdown(rows, machine.facts(load_at_start), command)
    print(page)
    if options.writes:
        (report.FOLDER / "peers.md").write_text(page, "utf-8")
    return False


def _turn(part: str, device: Recorder, running: App, camera_id: int, window_s: float) -> list[Figure]:
    """Measure one run of one side. End its sessions, so that the other side has the machine to itself."""
    try:
        return list(_shared(part, device, running, camera_id, 1, window_s, with_plain=False))
    finally:
        running.stop_streams()


def _said(figures: Iterable[Figure]) -> Iterator[Figure]:
    for figure in figures:
        print(row(figure), flush=True)
        yield figure


def _measuring(parts: tuple[str, ...], runs: int, window_s: float) -> Iterator[tuple[str, Iterable[Figure]]]:
    """Yield each part with an iterator that measures its figures. Most parts share one recorder and one app."""
    with ExitStack() as stack:
        if set(parts) - set(_ON_THEIR_OWN):
            device = _device(stack)
            running = stack.enter_context(_app(ROOT))
            camera_id = running.add_recorder(device)
        for part in parts:
            if part not in _ON_THEIR_OWN:
                yield part, _shared(part, device, running, camera_id, runs, window_s)
                running.stop_streams()
    alone: dict[str, Callable[[], Iterable[Figure]]] = {
        "list": load.list_figures,
        "recordings": lambda: recordings.figures(runs),
        "storyboard": lambda: storyboard.figures(runs),
        "exports": lambda: exports.figures(runs),
        "archive": lambda: archive.figures(runs, window_s),
        "mains": lambda: mains.figures(runs, window_s),
        "events": lambda: events.figures(runs),
        "motion": lambda: motion.figures(runs),
        "searches": lambda: searches.figures(runs),
        "nodes": lambda: nodes.figures(runs),
        "mse": lambda: _mse(runs, window_s),
        "engines": lambda: _engines(runs),
    }
    for part, measure in alone.items():
        if part in parts:
            yield part, measure()


def _mse(runs: int, window_s: float) -> Iterator[Figure]:
    with ExitStack() as stack:
        device = _device(stack)
        running = stack.enter_context(_app(ROOT, BROWSER_DECODER="mse"))
        yield from mse.figures(device, running, running.add_recorder(device), runs, window_s)


def _engines(runs: int) -> Iterator[Figure]:
    with ExitStack() as stack:
        device = _device(stack)
        running = stack.enter_context(_app(ROOT))
        plain = stack.enter_context(_app(ROOT, BROWSER_DECODER="mse"))
        cameras = (running.add_recorder(device), plain.add_recorder(device))
        yield from engines.figures(device, running, plain, runs, cameras=cameras)


def _app(checkout: Path, **settings: str) -> AbstractContextManager[App]:
    """Return the app of a checkout, without the import of a new recorder's events.

    The import takes the first minutes of an app, so its cost would be in some runs and not in others.
    """
    return app(checkout, MAX_SESSIONS="64", IMPORT_EVENTS="no", **settings)


def _device(stack: ExitStack) -> Recorder:
    """Return a recorder with sixteen working channels that has encoded all its loops."""
    device = stack.enter_context(recorder("--channels", "16", "--dead", "none"))
    for role in ("main", "sub"):
        device.prepare(role)
    return device


def _shared(
    part: str,
    device: Recorder,
    running: App,
    camera_id: int,
    runs: int,
    window_s: float,
    *,
    with_plain: bool = True,
) -> Iterator[Figure]:
    if part in ("sockets", "load"):
        under_load = {"sockets": sockets.figures, "load": load.figures}[part]
        return under_load(device, running, camera_id, runs, window_s)
    if part == "wall":
        return wall.figures(device, running, camera_id, runs, window_s, with_plain=with_plain)
    if part == "gstreamer":
        return gstreamer.figures(device, running, runs)
    alone = {"live": live.figures, "clicks": clicks.figures, "heads": heads.figures, "pictures": pictures.figures}[part]
    return alone(device, running, camera_id, runs, with_plain=with_plain)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
