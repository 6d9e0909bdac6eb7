from __future__ import annotations

import re
from pathlib import Path

import pytest

from aqa.report.reproduction import needs_of, overview, reproduction_table, table_row
from aqa.report.reproduction_page import reproduction_markdown, reproduction_page
from aqa.workflows.reproduce.cells import (
    Measurement,
    ReproducedCell,
    Reproduction,
    printed_figures,
    sources,
)
from aqa.workflows.reproduce.needs import needs
from aqa.workflows.reproduce.tables import TABLES, UNDECLARED
from aqa.workspace import Workspace


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


def test_the_overview_has_every_table_and_says_what_keys_mean() -> None:
    text = overview(Workspace())
    assert widest(text) <= 80
    named = {line.split(" ")[0] for line in text.splitlines()}
    assert set(TABLES) <= named
    assert text.count("cannot be run:") == len(UNDECLARED)
    for key in ("jain2020", "li2018end", "li2018scoringnet", "farabi2021", "parmar2019action"):
        assert f"\n{key}: " in text


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_what_it_lacks_in_80_columns(name: str) -> None:
    text = needs_of(TABLES[name], Workspace())
    assert widest(text) <= 80
    assert f"aqa import {TABLES[name].importer}" in " ".join(text.split())


def test_printed_and_measured_stand_in_one_block() -> None:
    table = TABLES["jain2020-5"]
    measured = [
        Measurement(1.5, (1.25, 2.0)),
        Measurement(97.0, None, 3.0, 10),
        *(None for _ in printed_figures(table)[2:]),
    ]
    cells = [
        ReproducedCell(figure, one)
        for figure, one in zip(printed_figures(table), measured, strict=True)
    ]
    text = reproduction_table(Reproduction(table, cells, [], ["a note"], "stores/x.h5"))
    assert widest(text) <= 80
    assert text.count("printed") == 1
    first, second = (line for line in text.splitlines() if line.startswith("C3D+LSTM (F)"))
    assert first.split()[2:] == ["mean", "spearman", "0.64", "1.500", "+0.860", "[1.250,", "2.000]"]
    assert "± 3.00" in second
    assert "STAND-IN: run on stores/x.h5" in text
    assert "a note" in text
    assert "jain2020: Hiteshi Jain" in text


def test_the_page_and_the_markdown_say_what_the_terminal_does_and_what_was_missing() -> None:
    table = TABLES["jain2020-5"]
    figures = printed_figures(table)
    measured = [Measurement(1.5, (1.25, 2.0)), *(None for _ in figures[1:])]
    cells = [ReproducedCell(one, m) for one, m in zip(figures, measured, strict=True)]
    failed = ["C3D+SVR: no store of <b>fc6</b> | here"]
    made = Reproduction(table, cells, failed, ["a note"], "stores/<x>.h5")
    page = reproduction_page(made, "aqa reproduce jain2020-5")
    markdown = reproduction_markdown(made, "aqa reproduce jain2020-5")
    for text in (page, markdown):
        assert f"1 of the {len(figures)} figures of this table were measured" in text
        assert "+0.860" in text
        assert "STAND" in text
        assert "What was missing" in text
        assert "a note" in text
        assert "Hiteshi Jain" in text
        assert "aqa reproduce jain2020-5" in text
        assert "<b>" not in text.replace("\\<b\\>", "")
    assert "&lt;b&gt;fc6" in page
    assert "<x>" not in page
    table_lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    assert len(table_lines) == len(figures) + 2
    assert "default-src 'none'" in page


def test_what_was_measured_stands_alone_where_the_printed_figure_was_not_read() -> None:
    table = TABLES["others-fis-v"]
    figures = printed_figures(table)
    assert not any(figure.value for figure in figures)
    cells = [ReproducedCell(one, Measurement(0.5, (0.25, 0.75))) for one in figures]
    made = Reproduction(table, cells, [], [])
    assert all(row[3:] == ["-", "0.500", "", "[0.250, 0.750]"] for row in map(table_row, cells))
    for cell in made.to_dict()["cells"]:
        assert cell["printed"] is None
        assert cell["measured"] == 0.5
        assert "difference" not in cell
    assert "not read: MS-LSTM (xu2019); GDLT" in reproduction_markdown(made, "aqa reproduce")
    count = next(r for r in overview(Workspace()).splitlines() if r.startswith(table.name)).split()
    assert count[-2:] == ["0", str(len(needs(table, Workspace())))]


@pytest.mark.parametrize("name", TABLES)
def test_the_page_says_where_splits_and_figures_come_from(name: str) -> None:
    table = TABLES[name]
    cells = [ReproducedCell(one, None) for one in printed_figures(table)]
    text = reproduction_markdown(Reproduction(table, cells, [], []), "aqa reproduce")
    assert re.search(r"splits by \w", text)
    assert len(re.findall(r"(?:read in|not read):", text)) == len(sources(table))
