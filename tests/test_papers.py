from __future__ import annotations

import pytest
from click.testing import CliRunner

from aqa.cli import main
from aqa.papers import KEY, PAPERS, cited


@pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS)
def test_a_paper_is_told_whole(paper) -> None:
    assert KEY.fullmatch(paper.key)
    assert paper.key.rstrip("abcdefghijklmnopqrstuvwxyz").endswith(str(paper.year))
    family = paper.authors.split(",")[0].split(" and ")[0].split()[-1]
    assert paper.key.startswith(family.lower())
    assert all((paper.title, paper.venue, paper.note))


def test_cited_works_are_found_once_and_in_order() -> None:
    found = cited("as parmar2019action §5 and jain2020 §III-B", "jain2020 Table 2; never2020")
    assert [paper.key for paper in found] == ["jain2020", "parmar2019action"]


def test_the_command_prints_one_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    every = CliRunner().invoke(main, ["papers"]).output
    assert all(f"{key}: " in every for key in PAPERS)
    one = CliRunner().invoke(main, ["papers", "tang2020"]).output
    assert "Uncertainty-aware" in one
    assert "heads usdl and musdl" in one
    assert "Jain" not in one
    assert max(map(len, (every + one).splitlines())) <= 80
    wrong = CliRunner().invoke(main, ["papers", "tang202"])
    assert wrong.exit_code == 2
    assert "did you mean 'tang2020'?" in wrong.output
