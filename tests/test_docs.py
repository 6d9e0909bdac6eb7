"""docs/papers.md: its pictures, the tests and heads that its table names; and exit codes."""

from __future__ import annotations

import re
import runpy
from itertools import pairwise
from pathlib import Path

from torch import nn

from aqa.models.heads import find_head, head_names
from aqa.workflows.reproduce.end_to_end.recipes import RECIPES


def rows(root: Path) -> list[list[str]]:
    lines = (root / "docs" / "papers.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return [row for row in cells if row[0].isdecimal()]


def test_all_33_systems_name_a_test_that_exists(root: Path) -> None:
    table = rows(root)
    assert [int(row[0]) for row in table] == list(range(1, 34))
    for row in table:
        named = re.findall(r"`(test_\w+\.py)::(\w+)`", row[-1])
        assert named, row
        for file, name in named:
            found = [path.read_text() for path in (root / "tests").rglob(file)]
            assert any(f"def {name}(" in text for text in found), row[-1]


def test_every_end_to_end_recipe_is_named_and_no_other(root: Path) -> None:
    named: dict[str, set[str]] = {}
    for row in rows(root):
        tables, _, systems = row[4].partition(": ")
        assert tables == "-" or re.fullmatch(r"`[\w-]+`(, `[\w-]+`)*", tables), row
        for table in re.findall(r"`([\w-]+)`", tables):
            named.setdefault(table, set())
        if systems:  # of the last table alone
            named[table] |= {*systems.split(", ")}
    assert named.keys() == RECIPES.keys()
    for table, systems_of in named.items():
        assert not systems_of or systems_of == RECIPES[table].keys(), table


def test_the_heads_that_are_named_exist(root: Path) -> None:
    named = {name for row in rows(root) for name in re.findall(r"--head ([\w-]+)", row[2])}
    assert len(named) > 15
    assert named <= set(head_names())


def test_exit_codes_stand_on_one_page(root: Path) -> None:
    """As a table, and those of signals at all."""
    pages = {path.name: path.read_text(encoding="utf-8") for path in (root / "docs").glob("*.md")}
    stand = re.compile(r"\| *exit code|\| code \| meaning|\b(?:129|130|143)\b.*\b(?:130|143)\b")
    assert [name for name, text in pages.items() if stand.search(text)] == ["exit-codes.md"]
    for code in ("0", "1", "2", "129", "130", "143"):
        assert pages["exit-codes.md"].count(f"\n| {code} |") == 1


def test_the_pictures_of_systems_are_those_of_the_script(root: Path) -> None:
    """Where this fails: run benchmarks/systems.py again, and look at them."""
    drawn = runpy.run_path(str(root / "benchmarks/systems.py"))
    page = (root / "docs/papers.md").read_text(encoding="utf-8")
    assert len(drawn["SYSTEMS"]) == 5
    for name in drawn["SYSTEMS"]:
        file = f"pictures/system-{name}.svg"
        assert drawn["draw"](name) == (root / "docs" / file).read_text(encoding="utf-8")
        (alternative,) = re.findall(rf"!\[([^\]]+)\]\({re.escape(file)}\)", page)
        assert len(alternative) > 100


def test_the_pictures_say_what_the_heads_are(root: Path) -> None:
    """Sizes and constants that the code states too."""
    systems = runpy.run_path(str(root / "benchmarks/systems.py"))["SYSTEMS"]
    boxes = {name: [box for row in system.rows for box in row] for name, system in systems.items()}
    said = {name: " ".join(" ".join((b.name, *b.lines)) for b in boxes[name]) for name in boxes}
    lstm, siamese, fragments = (
        find_head(name).head_class() for name in ("lstm", "siamese", "fragments")
    )
    assert f"LSTM of {lstm.hidden}" in said["parmar2019action"]
    assert f"less than {siamese.threshold:g} points" in said["jain2020"]
    assert f"ahead by {fragments.margin:g} points" in said["li2018end"]
    decider = nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise((128, 64, 32, 64, 128))))
    assert "128-64-32-64-128" in said["farabi2021"]
    assert sum(p.numel() for p in decider.parameters()) == 20_768
