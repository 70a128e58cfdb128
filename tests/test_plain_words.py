"""The share of sentences that break the rules of plain words stays low, in code, texts, documents and commits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.project_files import ROOT
from tools.plain_words import Sentence, read, sentences_of

MOST = 0.01
LONGEST_SUBJECT = 72


def riddles(text: str, path: Path) -> list[str]:
    path.write_text(text, "utf-8")
    return [sentence.text for sentence in sentences_of(path, path.name) if sentence.riddle()]


@pytest.mark.slow
def test_fewer_than_one_in_a_hundred_sentences_is_a_riddle() -> None:
    sentences = read()
    broken = [sentence for sentence in sentences if sentence.riddle()]
    listed = "\n".join(f"{one.path}:{one.line}: {one.riddle()}: {one.text}" for one in broken)
    assert len(broken) < MOST * len(sentences), f"{len(broken)} of {len(sentences)} sentences:\n{listed}"


def subjects(text: str) -> list[str]:
    """Return the subjects of commits that are too long, or riddles."""
    return [one for one in text.splitlines() if len(one) > LONGEST_SUBJECT or Sentence("", 1, one).riddle()]


def test_the_subjects_of_recent_commits_are_plain_and_short() -> None:
    """Two of a hundred may break a rule, because history stays as it is."""
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the project has no history")
    command = ("git", "log", "-100", "--no-merges", "--format=%s")
    recent = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    broken = subjects(recent)
    assert len(broken) <= 2, "\n".join(broken)


def test_a_subject_that_is_long_or_a_riddle_is_found() -> None:
    good = "Return the codec of a profile"
    assert subjects("\n".join([good, "Spend less on audio that nobody hears", f"Add {'x' * 70}"])) == [
        "Spend less on audio that nobody hears",
        f"Add {'x' * 70}",
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "What is known is told.",
        "Who asks late gets nothing here.",
        "The desk gives whoever waits a place.",
        "The places are given to who comes first.",
        "Nobody may ask for this list.",
        "The viewer is told that it has ended.",
        "The session never ends without a viewer.",
        "Sixteen channels are asked at once.",
        "The server is a program of its own.",
        "Return the stored password, or else.",
    ],
)
def test_a_riddle_is_found(sentence: str) -> None:
    assert Sentence("a.py", 1, sentence).riddle()


@pytest.mark.parametrize(
    "sentence",
    [
        "Return the codec of a profile, or None if it is not known.",
        "A user who is logged in may watch every channel.",
        "What does the device answer?",
        "Loopback is allowed for the ports of our own pretend recorder.",
        "The error of one duration is corrected in the next.",
        "Do nothing if the video has no frame.",
    ],
)
def test_a_plain_sentence_is_not_listed(sentence: str) -> None:
    assert Sentence("a.py", 1, sentence).riddle() is None


def test_every_kind_of_text_in_a_python_file_is_read(tmp_path: Path) -> None:
    source = '''"""What is known is told."""

# Nobody may ask
# for this list of cameras.
def read(name: str) -> None:
    """Sixteen channels are asked at once."""
    raise ValueError(f"Nobody is called {name} on this list.")
'''
    assert riddles(source, tmp_path / "a.py") == [
        "What is known is told.",
        "Sixteen channels are asked at once.",
        "Nobody is called X on this list.",
        "Nobody may ask for this list of cameras.",
    ]


def test_texts_of_scripts_templates_and_documents_are_read(tmp_path: Path) -> None:
    block, single = "/** What is known is told. @param {string} name */", "// Nobody may ask\n// for this list."
    script = f"{block}\n{single}\nsay('It is told at once to all.');\n"
    assert len(riddles(script, tmp_path / "a.js")) == 3
    hint, shown = '<p title="Nobody may ask this.">', "{% if x %}It is told at once to all.{% endif %}</p>"
    template = f"{{# What is known is told. #}}{hint}{shown}"
    assert len(riddles(template, tmp_path / "a.html")) == 3
    code, table = "```\nWhat is known is told.\n```", "| What is known is told. | b |"
    document = f"# A title\n\nNobody may ask\nfor this list.\n\n{code}\n\n{table}\n"
    assert len(riddles(document, tmp_path / "a.md")) == 2
