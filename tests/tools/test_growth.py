"""The criteria of the soak test distinguish a leak from noise."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path
from subprocess import PIPE

from tools.growth import Held, growth, growths, held_by, table

TIMES_S = [10.0 * number for number in range(150)]


def test_noise_and_outliers_are_no_growth() -> None:
    rng = random.Random(3)
    values = [100 + rng.gauss(0, 2) + (40 if rng.random() < 0.1 else 0) for _ in TIMES_S]
    found = growth("memory_mb", TIMES_S, values)
    assert abs(found.an_hour) < 3
    assert abs(found.rise) < 1.5


def test_a_slow_leak_in_noise_is_growth() -> None:
    rng = random.Random(3)
    values = [100 + 30 * at_s / 3600 + rng.gauss(0, 2) for at_s in TIMES_S]
    found = growth("memory_mb", TIMES_S, values)
    assert 26 < found.an_hour < 34
    assert found.rise > 7


def test_resources_of_a_process_are_counted_and_reported(tmp_path: Path) -> None:
    """The resources of a shell: threads of other tests may still change those of this process."""
    (tmp_path / "camera1_x").mkdir()
    with subprocess.Popen(["sh"], cwd=tmp_path, stdin=PIPE, stdout=PIPE, text=True) as shell:
        before = _held_after(shell, "echo begun", tmp_path)
        (tmp_path / "camera1_x" / "segment.ts").write_bytes(b"x")
        after = _held_after(shell, "exec 9>other; echo opened", tmp_path)
        shell.communicate()
    assert (after.descriptors - before.descriptors, after.files - before.files) == (1, 1)
    assert held_by(os.getpid(), tmp_path).memory_mb > 5
    found = growths([0, 1, 2], [Held(50, 9, 4, 0, 0), Held(51, 9, 4, 1, 0), Held(52, 9, 4, 0, 0)])
    assert found["memory_mb"].rise == 2
    assert "| memory, MB | 50.0 | 52.0 | +3600.0 | 52.0 |" in table(found)
    assert "| children | 0.0 | 0.0 | +0.0 | 1.0 |" in table(found)


def _held_after(shell: subprocess.Popen[str], command: str, folder: Path) -> Held:
    assert shell.stdin
    assert shell.stdout
    shell.stdin.write(f"{command}\n")
    shell.stdin.flush()
    assert shell.stdout.readline()
    return held_by(shell.pid, folder)
