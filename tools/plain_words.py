"""Find sentences that hide their subject or their actor, as far as patterns can tell.

`python tools/plain_words.py` prints for each package the number of sentences that break a rule; `-v` lists them, and
paths limit the search. The tool reads docstrings, comments, messages (sentences in string literals, outside of
tests), the text of templates, comments of JavaScript and CSS, and Markdown. The patterns find only the worst part:
a sentence that matches none of them can still be a riddle.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_VERB = (
    r"(?:is|are|was|were|has|have|had|do|does|did|can|may|must|will|would|should|could|comes?|came|goes|went|gets?|got"
    r"|asks?|asked|needs?|wants?|wanted|makes?|made|says?|said|tells?|told|knows?|knew|sees?|saw|sends?|sent|shows?"
    r"|takes?|took|gives?|gave|holds?|held|keeps?|kept|lies|lay|stands?|stood|begins?|began|ends?|ended|waits?|watch"
    r"|watches|belongs?|matters|happens?|happened|follows?|works?|reads?|writes?|plays?|lets?|left|leaves?|runs?|ran"
    r"|fails?|failed)"
)
# "A user who is logged in" is plain, "gives who is logged in" is not: the word before tells the two apart.
_BEFORE = (
    r"(?:of|for|to|by|with|from|on|in|at|than|and|or|but|as|if|that|because|until|while|gives|tells|asks|lets|is|are)"
)

# The first pattern needs the capital letter of a beginning.
RULES: dict[str, re.Pattern[str]] = {
    "a clause as the subject": re.compile(
        rf"^(?:What|Who|Whoever|Whatever|Whether|Where|How)\s+(?:\w+\s+){{0,3}}?{_VERB}\b"
    ),
    "a clause as a noun": re.compile(
        rf"\b{_BEFORE}\s+(?:who|whom)\s+{_VERB}\b|\b(?:whoever|whatever|what)\s+{_VERB}\b", re.IGNORECASE
    ),
    "an actor without a name": re.compile(r"\b(?:nobody|somebody|whoever|whosoever|whomever)\b", re.IGNORECASE),
    "a hidden actor": re.compile(r"\b(?:is|are|was|were|be|been)\s+(?:told|said|asked for|never said)\b"),
    "a double negation": re.compile(
        r"\b(?:nobody|nothing|never|no one)\b(?:(?!\b(?:if|when|where|unless)\b)[^.;:,])*"
        r"\b(?:not|no|never|nothing|nobody|without)\b|\bnot\s+(?:\w+\s+){0,2}(?:without|unless)\b",
        re.IGNORECASE,
    ),
    "a foreign idiom": re.compile(
        r"\bat once\b|\bfor good\b|\bof (?:its|their|his|her|your|our) own\b(?!\s+\w)|\badds? up\b|\bbears? out\b"
        r"|\bneeds? (?:it|them|that) not\b|\bfor ever\b|\bmakes? good\b|\bmade good\b",
        re.IGNORECASE,
    ),
    "an 'else' at the end": re.compile(r"\belse[.;:]?$"),
}

Text = tuple[int, str]  # the line and the text


@dataclass(frozen=True)
class Sentence:
    path: str
    line: int
    text: str

    def riddle(self) -> str | None:
        """Return the name of the first rule that the sentence breaks. Questions break none."""
        if self.text.endswith("?"):
            return None
        return next((name for name, pattern in RULES.items() if pattern.search(self.text)), None)


def python_texts(source: str, *, with_messages: bool = True) -> Iterator[Text]:
    nodes = list(ast.walk(ast.parse(source)))
    other_use: set[int] = set()  # constants that are docstrings or parts of f-strings
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                other_use.add(id(node.body[0].value))  # type: ignore[attr-defined]  # a docstring is an ast.Expr
                yield node.body[0].lineno, text
        elif isinstance(node, ast.JoinedStr):
            other_use.update(map(id, node.values))
    if with_messages:
        yield from _messages(nodes, other_use)
    yield from _python_comments(source)


def _messages(nodes: list[ast.AST], other_use: set[int]) -> Iterator[Text]:
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in other_use:
            text = node.value
        else:
            continue
        if is_message(text):
            yield node.lineno, text


def is_message(text: str) -> bool:
    """True for a string that reads as a sentence: three words, a capital at the front, a full stop at the end."""
    return bool(re.match(r"[A-Z][^<>{}\\]*\s\S+\s[^<>{}\\]*[.?!]$", text.strip())) and "\n\n" not in text


# A string or a comment of Python 3.11. Python's own tokenizer takes ten times as long.
_STRING_OR_COMMENT = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'(?:[^\\]|\\.)*?\'\'\'|"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|(#[^\n]*)', re.DOTALL
)


def comments_of(source: str) -> Iterator[tuple[int, str, bool]]:
    """Yield (line, comment, True if no code precedes it) for each comment of a Python file."""
    line, counted = 1, 0
    for found in _STRING_OR_COMMENT.finditer(source):
        if found[1]:
            start = found.start()
            line += source.count("\n", counted, start)
            counted = start
            yield line, found[1], not source[source.rfind("\n", 0, start) + 1 : start].strip()


def _python_comments(source: str) -> Iterator[Text]:
    lines: list[Text] = []
    for line, comment, is_alone in comments_of(source):
        text = re.sub(r"^#\s*(?:noqa|type: ignore)\S*(?:\[[^\]]*\]|: \w+)?\s*[-#]*", "", comment).lstrip("# ")
        lines.append((line if is_alone else -line, text))
    yield from _joined(lines)


def _joined(lines: Iterable[Text]) -> Iterator[Text]:
    """Join comments on consecutive lines. A comment behind code, with a negative line number, stays alone."""
    began, last, parts = 0, 0, list[str]()
    for line, text in lines:
        if parts and line == last + 1:
            parts.append(text)
        else:
            if parts:
                yield began, " ".join(parts)
            began, parts = abs(line), [text]
        last = line if line > 0 else -1
    if parts:
        yield began, " ".join(parts)


_SCRIPT = re.compile(r"/\*(.*?)\*/|(?<![:\w'\"`])//([^\n]*)|(['\"`])((?:(?!\3)[^\\\n]|\\.)*)\3", re.DOTALL)


def script_texts(source: str) -> Iterator[Text]:
    """Return the comments of JavaScript or CSS, and the sentences in quotes."""
    singles: list[Text] = []
    for match in _SCRIPT.finditer(source):
        line = source.count("\n", 0, match.start()) + 1
        block, single, _, quoted = match.groups()
        if single is not None:
            singles.append((line, single.strip()))
        elif block is not None:
            yield (
                line,
                re.sub(r"(?m)^\s*\*+ ?", "", re.sub(r"@(?:param|return|type|prop|temp|import)[^\n]*", "", block)),
            )
        elif is_message(quoted):
            yield line, quoted
    yield from _joined(singles)


class _Shown(HTMLParser):
    """Collects the text between tags, and the attributes that a browser shows or reads out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Text] = []

    def handle_data(self, data: str) -> None:
        self.found.append((self.getpos()[0], data))

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = ("title", "aria-label", "placeholder", "alt", "aria-description")
        self.found += [(self.getpos()[0], value) for name, value in attrs if name in names and value]


def _lines_of(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def template_texts(source: str) -> Iterator[Text]:
    for match in re.finditer(r"\{#(.*?)#\}", source, re.DOTALL):
        yield source.count("\n", 0, match.start()) + 1, match[1].strip("- \n")
    shown = _Shown()
    shown.feed(re.sub(r"\{\{.*?\}\}", "X", re.sub(r"\{[#%].*?[#%]\}", _lines_of, source, flags=re.DOTALL)))
    yield from shown.found


def markdown_texts(source: str) -> Iterator[Text]:
    """Return paragraphs, list items and the cells of tables, without code."""
    source = re.sub(r"^```.*?^```", _lines_of, source, flags=re.DOTALL | re.MULTILINE)
    began, parts = 0, list[str]()
    for number, line in enumerate([*source.splitlines(), ""], 1):
        text = line.strip()
        if parts and (not text or re.match(r"[#|>*-]|\d+\. ", text)):
            yield began, " ".join(parts)
            parts = []
        if text.startswith("|"):
            yield from ((number, cell) for cell in text.strip("|").split("|"))
        elif text:
            began = began if parts else number
            parts.append(text.lstrip("#-*> "))


def sentences_of(path: Path, name: str) -> Iterator[Sentence]:
    source = path.read_text("utf-8")
    if path.suffix == ".py":
        texts = python_texts(source, with_messages=not name.startswith("tests/"))
    else:
        texts = {".html": template_texts, ".md": markdown_texts}.get(path.suffix, script_texts)(source)
    for line, text in texts:
        for part in re.split(r"\n\s*\n", text):
            plain = re.sub(r"`[^`]*`", "X", re.sub(r"\]\([^)]*\)", "]", " ".join(part.split())))
            for sentence in re.split(r"(?<=[.!?:;])\s+", plain):
                if len(re.findall(r"[A-Za-z]{2,}", sentence)) >= 3:
                    yield Sentence(name, line, sentence.strip())


def read(paths: Iterable[str] = ()) -> list[Sentence]:
    """Return the sentences of all files under version control, or of those below these paths."""
    listed = subprocess.run(["git", "ls-files", *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    kinds = (".py", ".js", ".mjs", ".css", ".html", ".md")
    names = [name for name in listed.stdout.splitlines() if name.endswith(kinds) and (ROOT / name).is_file()]
    return [sentence for name in names for sentence in sentences_of(ROOT / name, name)]


def package_of(name: str) -> str:
    return "/".join(name.split("/")[:-1][:2]) or "."


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Find sentences that break the rules of plain words.")
    parser.add_argument("-v", action="store_true", dest="is_verbose", help="list the sentences and the rules")
    parser.add_argument("paths", nargs="*")
    options = parser.parse_args(arguments)
    sentences = read(options.paths)
    broken = [sentence for sentence in sentences if sentence.riddle()]
    if options.is_verbose:
        for one in broken:
            print(f"{one.path}:{one.line}: {one.riddle()}: {one.text}")
    total = Counter(package_of(one.path) for one in sentences)
    for package, count in Counter(package_of(one.path) for one in broken).most_common():
        print(f"{count:5} of {total[package]:5} {package}")
    print(f"{len(broken)} of {len(sentences)} sentences: {100 * len(broken) / max(1, len(sentences)):.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
