"""Show that a change touches only docstrings, comments and layout: `python tools/same_code.py [REV]`.

Compares the files of the working tree with those of REV (default HEAD). Python files are compared by their
syntax trees without docstrings, JavaScript files by their tokens (espree, which ESLint brings). Moved files
are followed by git. Exits 1 and names the files whose code differs.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_TOKENS = """
import * as espree from "espree";
let text = "";
for await (const chunk of process.stdin) text += chunk;
const same = JSON.parse(text).map(([before, now]) => {
  const [a, b] = [before, now].map((source) => JSON.stringify(
    espree.tokenize(source, { ecmaVersion: "latest", sourceType: "module" }).map((t) => [t.type, t.value]),
  ));
  return a === b;
});
console.log(JSON.stringify(same));
"""


def python_code(source: str) -> str:
    """Return the syntax tree of `source` as text, without docstrings and positions."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def javascript_is_same(pairs: list[tuple[str, str]]) -> list[bool]:
    """Return for each pair (before, now) whether both have the same tokens; comments are no tokens."""
    if not pairs:
        return []
    done = subprocess.run(
        ["node", "--input-type=module", "-e", _TOKENS],
        cwd=ROOT,
        input=json.dumps(pairs),
        capture_output=True,
        text=True,
        check=True,
    )
    return [bool(same) for same in json.loads(done.stdout)]


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _changed(revision: str) -> Iterator[tuple[str, str]]:
    """Yield (path in `revision`, path now) of each changed Python and JavaScript file."""
    for line in _git("diff", "--name-status", "-M", revision, "--", "*.py", "*.js", "*.mjs").splitlines():
        status, *paths = line.split("\t")
        if status[0] in "AD":
            print(f"{paths[0]}: {'added' if status[0] == 'A' else 'removed'}")
            yield paths[0], ""
        else:
            yield paths[0], paths[-1]


def main(arguments: list[str]) -> int:
    revision = arguments[0] if arguments else "HEAD"
    different: list[str] = []
    scripts: list[tuple[str, str, str]] = []
    count = 0
    for before, now in _changed(revision):
        count += 1
        if not now:
            different.append(before)
            continue
        old, new = _git("show", f"{revision}:{before}"), (ROOT / now).read_text("utf-8")
        if not now.endswith(".py"):
            scripts.append((now, old, new))
        elif python_code(old) != python_code(new):
            different.append(now)
    same = javascript_is_same([(old, new) for _name, old, new in scripts])
    different += [name for (name, _old, _new), is_same in zip(scripts, same, strict=True) if not is_same]
    for name in different:
        print(f"{name}: the code differs")
    print(f"{count} changed files, {len(different)} with different code")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
