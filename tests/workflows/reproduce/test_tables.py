from __future__ import annotations

import csv
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from aqa.commands.extract import COMMAND as EXTRACT
from aqa.errors import AqaError
from aqa.features.store import FeatureStore, import_arrays
from aqa.metrics import fisher_z
from aqa.models.heads import get_head, make_head
from aqa.models.target_transforms import parse_head_params
from aqa.papers import cited
from aqa.workflows.reproduce.cells import printed_figures, sources
from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.figures import other_figures, published_figures
from aqa.workflows.reproduce.run import reproduce
from aqa.workflows.reproduce.store_settings import store_differences
from aqa.workflows.reproduce.tables import TABLES, UNDECLARED
from aqa.workspace import Workspace

NO_PLACE = "second hand, where is not known"
PLACES = r"github\.com/\w|www\.wizwand\.com/paper/\w|Papers with Code|abstract"
RECIPES = [
    (table, system, recipe)
    for table in TABLES.values()
    for system, recipes in table.recipes.items()
    for recipe in recipes
]


def test_every_published_figure_is_there(shared: Path) -> None:
    with (shared / "paper_results.csv").open(newline="") as file:
        expected = Counter(float(row["value"]) for row in csv.DictReader(file))
    found = published_figures()
    assert Counter(figure.value for figure in found) == expected
    assert len({figure[:5] for figure in found}) == len(found) == 703


def test_every_figure_is_in_a_declared_table_or_said_not_to_be() -> None:
    declared = {(table.figures, table.dataset) for table in TABLES.values()} | set(UNDECLARED)
    every = (*published_figures(), *other_figures())
    assert {(figure.table, figure.dataset) for figure in every} == declared


def test_every_figure_of_another_paper_says_where_it_was_read_or_why_not() -> None:
    figures = other_figures()
    assert sum(figure.source.startswith(NO_PLACE) for figure in figures) == 3
    assert len({figure[:5] for figure in figures}) == len(figures)
    for figure in figures:
        assert cited(figure.system)  # whose paper it is
        assert figure.metric in ("spearman", "relative_l2")
        if figure.value is None:
            assert re.search("at hand|could not be opened", figure.source)
            continue
        assert re.search(rf"{PLACES}|{NO_PLACE}", figure.source)
        assert figure.metric != "spearman" or 0.5 < figure.value < 1


def test_the_documents_count_the_figures_that_were_read() -> None:
    page = Path(__file__).parents[3] / "docs" / "reproduce.md"
    counted = re.search(r"(\d+) figures were read", page.read_text(encoding="utf-8"))
    assert counted
    assert int(counted[1]) == sum(figure.value is not None for figure in other_figures())


@pytest.mark.parametrize("system", ["USDL (tang2020)", "TSA-Net (wang2021)"])
def test_figures_of_actions_read_without_a_name_have_the_printed_mean(system: str) -> None:
    """The rows of AQA-7 that were read second hand are those systems' by their means alone."""
    table = TABLES["others-aqa-7"]
    read = {f.case: f.value for f in printed_figures(table) if f.system == system}
    of_actions = [read[case] for case in table.cases.values()]
    assert round(float(fisher_z(of_actions)), 4) == read["mean"]


def test_an_epoch_chosen_on_test_videos_stands_beside_the_last() -> None:
    table = TABLES["others-rg-ball"]
    (system,) = table.recipes
    found = {
        figure.case: figure.value
        for figure in printed_figures(table)
        if (figure.system, figure.metric) == (system, "spearman")
    }
    assert found == {"log, best epoch on test": 0.809, "log, last epoch": 0.775}
    assert any("ZhouKanglei/CoFInAl_AQA" in place for place in sources(table))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_printed_system_has_a_recipe_or_a_reason(table: PublishedTable) -> None:
    printed = {figure.system for figure in printed_figures(table)}
    helpers = {recipe.after for recipes in table.recipes.values() for recipe in recipes}
    known = {*table.recipes, *table.missing}
    assert known - helpers <= printed
    assert printed <= known
    assert not set(table.recipes) & set(table.missing)


@pytest.mark.parametrize(("table", "system", "recipe"), RECIPES)
def test_a_recipe_can_be_made(table: PublishedTable, system: str, recipe: SystemRecipe) -> None:
    head = get_head(recipe.head)
    make_head(recipe.head, parse_head_params(recipe.head, head, recipe.params))
    assert recipe.store in table.stores
    assert recipe.after is None or recipe.after in table.recipes


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_commands_that_make_stores_parse(table: PublishedTable, tmp_path: Path) -> None:
    for options in table.stores.values():
        arguments = options.replace("FILE", str(tmp_path / "x.pth")).replace("FOLDER", ".").split()
        EXTRACT.make_context("extract", arguments)


def test_printed_means_are_those_of_the_printed_splits() -> None:
    """jain2020 prints every split of its Tables I and II; it truncates some means."""
    for name in ("jain2020-1", "jain2020-2"):
        cells = {(f.system, f.case): f.value for f in published_figures() if f.table == name}
        for system in {system for system, _ in cells}:
            mean = math.fsum(cells[system, str(k)] for k in range(1, 11)) / 10
            assert abs(mean - cells[system, "mean"]) <= 0.0101


def test_an_unknown_system_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(AqaError, match=r"unknown system of jain2020-5 'S3D'; known: C3D\+LSTM"):
        reproduce(TABLES["jain2020-5"], Workspace(tmp_path), systems=["S3D"])
    without = r"others-fis-v: MS-LSTM \(xu2019\): no head here is built after it"
    with pytest.raises(AqaError, match=without):
        reproduce(TABLES["others-fis-v"], Workspace(tmp_path), systems=["MS-LSTM (xu2019)"])


def test_a_store_that_the_options_of_a_table_would_not_make_is_told(tmp_path: Path) -> None:
    rule = {"clip_length": 16, "stride": 16, "frames": 144, "tail": "shift"}
    c3d = {"backbone": "c3d", "preprocess": {"crop": [112, 112]}, **rule}
    options = "--backbone c3d --weights FILE --frames 144"
    assert store_differences(c3d, options) == []
    assert store_differences({**c3d, "frames": None, "tail": "drop"}, options) == [
        "frames is null, not 144",
        'tail is "drop", not "shift"',
    ]
    told = store_differences(c3d, f"{options} --sampling 16x17 --augmentations original,shift1")
    assert told == ["window is null, not 272", "augmentations lack shift1"]
    import_arrays(tmp_path / "c3d.h5", {"a": np.zeros((1, 3))}, source="imported:c3d.npz")
    with FeatureStore.open(tmp_path / "c3d.h5") as store:
        assert store_differences(store.spec, options) == []
