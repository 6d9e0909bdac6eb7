from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

import pytest

from aqa.models.heads import find_head, head_names
from aqa.models.heads.base import param
from aqa.report.heads import allowed, head_page, heads_list, parameter_rows


@dataclass
class Shown:
    """Counts clips."""

    rate: float = param(0.5, "share of clips", above=0, below=1)
    kernel: Literal["rbf", "linear"] = param("rbf", "of the regression")
    often: int | None = param(None, "how often")
    standardise: bool = param(True, "whether to")


def test_the_list_has_every_head_and_imports_none() -> None:
    code = (
        "import sys\nfrom aqa.report.heads import heads_list\n"
        "from aqa.models.heads import head_names\n"
        "print(heads_list(head_names()))\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    named = {line.split(" ")[0] for line in done.stdout.splitlines()} - {""}
    assert named == set(head_names())


def test_what_another_package_brings_is_said() -> None:
    assert heads_list(["mine"], {"mine": "from their-package 1.0"}).split()[0] == "mine"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rate", "above 0, below 1"),
        ("kernel", "rbf or linear"),
        ("often", "1 or more, or none"),
        ("standardise", "true or false"),
    ],
)
def test_what_a_parameter_can_be(name: str, expected: str) -> None:
    hints = {
        "rate": float,
        "kernel": Literal["rbf", "linear"],
        "often": int | None,
        "standardise": bool,
    }
    assert allowed(hints[name], Shown.__dataclass_fields__[name].metadata) == expected


def test_a_page_has_every_parameter_in_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = head_page("shown", Shown)
    assert [line.split()[0] for line in page.splitlines() if line.startswith(("rate", "kernel"))]
    assert "true" in page
    assert max(map(len, page.splitlines())) <= 80


def test_choices_are_listed_once() -> None:
    """A meaning may explain choices, each with a colon behind it; the list of them comes after."""
    twice = []
    for name in head_names():
        for parameter, _, meaning, _ in parameter_rows(find_head(name).head_class):
            said, _, listed = meaning.rpartition("; ")
            if ", ".join(listed.split(", ")[:2]) in said and ", " in listed:
                twice.append((name, parameter))
    assert not twice


def test_a_page_ends_with_the_values_as_published() -> None:
    page = " ".join(head_page("t2cr", find_head("t2cr").head_class).split())
    assert "as published: -p hidden=64 -p attention_heads=8 -p layers=3 -p exemplars=10" in page
    assert "as published" not in head_page("svr", find_head("svr").head_class)
