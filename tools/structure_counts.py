"""Print figures of the product's structure: `python tools/structure_counts.py [CHECKOUT]`.

Callable parameters per 1000 lines, protocols and their implementations in the product, and parameters of
constructors. Tests, measurements, tools and the simulator do not count.
"""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OUTSIDE = ("tests/", "bench/", "tools/", "simulator/", "migrations/", "docs/")


def _trees(root: Path) -> Iterator[tuple[str, ast.Module]]:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=root, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if not name.startswith(OUTSIDE) and (root / name).is_file():
            source = (root / name).read_text("utf-8")
            yield source, ast.parse(source)


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    given = function.args
    return [arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs) if arg.arg not in ("self", "cls")]


def _aliases(tree: ast.Module) -> set[str]:
    """Return the names that the module gives to Callable types."""
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and "Callable[" in ast.unparse(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _methods(node: ast.ClassDef) -> set[str]:
    return {item.name for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)}


def _bases(node: ast.ClassDef) -> set[str]:
    return {base.id for base in node.bases if isinstance(base, ast.Name)}


def lonely_protocols(root: Path) -> tuple[list[str], int]:
    """Return the protocols of the product with one implementation or none, and the number of all protocols.

    A class implements a protocol if it inherits from it, or has all of its methods. Callback protocols are left out.
    """
    classes = [node for _, tree in _trees(root) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    protocols = [node for node in classes if "Protocol" in _bases(node) and _methods(node) != {"__call__"}]
    names = {node.name for node in protocols}
    others = [node for node in classes if node.name not in names]
    lonely = [
        protocol.name
        for protocol in protocols
        if sum(
            protocol.name in _bases(node) or (bool(_methods(protocol)) and _methods(protocol) <= _methods(node))
            for node in others
        )
        <= 1
    ]
    return lonely, len(protocols)


def main(arguments: list[str]) -> int:
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    sources = list(_trees(root))
    lines = sum(source.count("\n") for source, _ in sources)
    aliases = {"Callable"}.union(*(_aliases(tree) for _, tree in sources))
    callables = 0
    sizes: list[int] = []
    for _, tree in sources:
        for function in _functions(tree):
            parameters = _parameters(function)
            for arg in parameters:
                names = (
                    {node.id for node in ast.walk(arg.annotation) if isinstance(node, ast.Name)}
                    if arg.annotation
                    else set()
                )
                callables += bool(names & aliases)
            if function.name == "__init__":
                sizes.append(len(parameters))
    lonely, protocols = lonely_protocols(root)
    sizes.sort()
    print(f"{lines} lines")
    print(f"{callables} Callable parameters, {1000 * callables / lines:.1f} per 1000 lines")
    print(f"{protocols} protocols, {len(lonely)} with one implementation or none: {', '.join(lonely)}")
    p95 = sizes[int(0.95 * (len(sizes) - 1))]
    print(f"constructors: median {statistics.median(sizes):g}, p95 {p95}, max {sizes[-1]} parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
