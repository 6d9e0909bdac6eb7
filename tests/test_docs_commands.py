"""Every `aqa` command that the documentation shows: the command and its options exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from aqa.cli import main

FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(aqa [^`]+)`")
# Words of a sentence about commands, not of a command.
PLACEHOLDERS = {"COMMAND", "X", "NAME"}


def shown(root: Path) -> Iterator[tuple[str, list[str]]]:
    """File and words of each command that begins with `aqa`."""
    folders = ("", "docs/", "examples/", "benchmarks/")
    for path in (path for folder in folders for path in (root / folder).glob("*.md")):
        text = path.read_text(encoding="utf-8")
        blocks = [block for _, block in FENCED.findall(text)]
        lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
        inline = [" ".join(code.split()) for code in INLINE.findall(FENCED.sub("", text))]
        for line in [*(line.strip() for line in lines), *inline]:
            for part in re.split(r"&&|;|\|", line.partition("  #")[0]):
                if part.strip().startswith("aqa "):
                    try:
                        words = shlex.split(part)
                    except ValueError:  # a quote that a sentence opens
                        words = part.split()
                    yield str(path.relative_to(root)), words[1:]


def wrong(words: list[str]) -> str | None:
    """What of a command does not exist."""
    command: click.Command = main
    rest = list(words)
    while rest and isinstance(command, click.Group):
        word = rest.pop(0)
        if word == "-C":
            rest.pop(0)
            continue
        if word.startswith("-") or word in PLACEHOLDERS:
            return None if word in PLACEHOLDERS or word in ("--help", "--version") else word
        found = command.get_command(click.Context(command), word.rstrip(".,:"))
        if found is None:
            return word
        command = found
    known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    known |= {"-h", "--help", "-C", "--workspace"}
    given = [word.partition("=")[0] for word in rest if re.match(r"--?[a-zA-Z]", word)]
    return next((option for option in given if option not in known), None)


def test_commands_and_options_that_are_shown_exist(root: Path) -> None:
    commands = list(shown(root))
    assert len(commands) > 200
    missing = {
        f"{file}: aqa {' '.join(words)}": problem
        for file, words in commands
        if file != "CHANGELOG.md" and (problem := wrong(words))
    }
    assert missing == {}
