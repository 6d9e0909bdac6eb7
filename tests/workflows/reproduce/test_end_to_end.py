"""End-to-end recipes: they hold together, run with a small network, and say what they lack."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aqa.extract.backbones import get_architecture
from aqa.extract.checkpoints.catalogue import find_checkpoint
from aqa.features.clips import ClipRule
from aqa.models.target_transforms import parse_head_params, transformed
from aqa.workflows.finetune.heads import trainable_head
from aqa.workflows.finetune.settings import FinetuneSettings
from aqa.workflows.reproduce.cells import printed_figures
from aqa.workflows.reproduce.end_to_end.recipe import EndToEndRecipe
from aqa.workflows.reproduce.end_to_end.recipes import RECIPES
from aqa.workflows.reproduce.tables import TABLES

ALL = [
    pytest.param(table, system, recipe, id=f"{table} {system} {number}")
    for table, systems in RECIPES.items()
    for system, recipes in systems.items()
    for number, recipe in enumerate(recipes)
]


@pytest.mark.parametrize(("table", "system", "recipe"), ALL)
def test_a_recipe_holds_together(table: str, system: str, recipe: EndToEndRecipe) -> None:
    printed = [figure for figure in printed_figures(TABLES[table]) if figure.system == system]
    assert printed
    if recipe.case:
        assert any(recipe.case in figure.case for figure in printed)
    source = trainable_head(recipe.head)
    transformed(source.head_class, parse_head_params(source.name, source.head_class, recipe.params))
    architecture = get_architecture(recipe.backbone)
    layer = recipe.layer or architecture.default_layer
    maps = len(architecture.layers[layer]) > 1
    assert source.head_class.takes == ("maps" if maps else "vectors")
    length = architecture.clip_length
    if recipe.weights != "random":
        checkpoint = find_checkpoint(recipe.weights)
        assert checkpoint.backbone == recipe.backbone
        length = checkpoint.clip_length
        frames = recipe.case and recipe.case.removesuffix(" frames")
        assert not frames or not frames.isdigit() or length == int(frames)
    rule = ClipRule(**{"length": length, "stride": length, **recipe.clips})
    settings = FinetuneSettings(**recipe.settings)
    if rule.video_length and not rule.spread and rule.stride == length:
        clips = rule.clips(rule.video_length)
        rest = rule.video_length - clips[-1].stop
        assert settings.start_shift <= rest  # a later start loses no clip


def test_the_schedules_are_the_papers() -> None:
    (wd,) = RECIPES["farabi2021-1a"]["ResNet34-3D-WD"]
    assert (wd.settings["epochs"], wd.settings["batch_size"]) == (50, 2)
    assert (wd.settings["lr_backbone"], wd.settings["lr_head"]) == (1e-5, 1e-4)
    assert (wd.settings["flip"], wd.settings["end_shift"]) == (True, 5)
    assert wd.clips["video_length"] == 96
    (ranked,) = RECIPES["li2018scoringnet-5"]["ScoringNet KFS+SP (MSE+ranking)"]
    assert (ranked.settings["lr_decay"], ranked.settings["lr_decay_every"]) == (0.45, 600)
    assert ranked.settings["start_shift"] == 5
    assert "alpha=5" in ranked.params
    (last,) = RECIPES["li2018end-1-vault"]["Li2018 (MSE)"]
    assert last.settings["start_shift"] == 4  # 6 clips of 16 in 100 frames


@pytest.fixture
def workspace(drawn_dives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(drawn_dives, tmp_path / "dives")
    monkeypatch.setenv("AQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path / "dives")
    return tmp_path / "dives"


@pytest.mark.parametrize(
    ("table", "system"),
    [
        ("farabi2021-3", "MSCADC-MTL"),
        ("farabi2021-3", "C3D-WD"),
        ("li2018end-1-diving", "Li2018 (MSE+Ranking loss)"),
    ],
)
def test_a_recipe_runs_with_a_small_network(
    table: str, system: str, workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    rehearsal = ["--end-to-end", "--backbone", "tiny3d", "--epochs", "1", "--device", "cpu"]
    command = ["reproduce", table, "--system", system, *rehearsal]
    printed = run_aqa(*command).output
    assert "STAND-IN" in printed
    written = json.loads(Path(f"runs/reproduce/{table}-end-to-end.json").read_text())
    (measured,) = [cell for cell in written["cells"] if cell["metric"] == "spearman"]
    assert measured["system"] == system
    assert "measured" in measured
    assert written["stand_in"] == "tiny3d for 1 epoch"
    (record,) = Path("runs/reproduce").glob("*-end-to-end-*/*-finetuned/split-1/run.json")
    recipe = json.loads(record.read_text())["finetuned"]
    (declared,) = RECIPES[table][system]
    for name in ("batch_size", "lr_head", "lr_backbone"):
        assert recipe["recipe"][name] == declared.settings[name]
    assert recipe["recipe"]["epochs"] == 1
    assert "epoch 1:" not in run_aqa(*command).output  # it is not trained again


def test_what_is_lacking_is_told_with_the_command_that_gets_it(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    printed = run_aqa("reproduce", "farabi2021-1a", "--end-to-end", code=1).output
    assert "no split published; aqa split mtl-aqa" in printed
    text = Path("manifest.csv").read_text()
    Path("manifest.csv").write_text(text.replace("split_1", "split_published"))
    one = ["reproduce", "farabi2021-1a", "--system", "ResNet34-3D-WD", "--end-to-end"]
    printed = run_aqa(*one, code=1).output
    assert "no weights; aqa weights fetch r3d-34-k" in printed
    assert "aqa weights fetch r3d-34-k" in run_aqa(*one, "--list").output
    Path("videos/dive_0002.mp4").unlink()
    printed = run_aqa(*one, code=1).output
    assert "1 of 8 videos have no file, such as dive_0002" in printed
    assert "aqa import mtl-aqa SOURCE --videos FOLDER" in printed


def test_options_and_tables_that_have_no_such_recipe(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    printed = run_aqa("reproduce", "jain2020-2", "--end-to-end", code=1).output
    assert "prints no system that was trained end to end" in printed
    unknown = ["reproduce", "farabi2021-3", "--system", "C3D-SVR", "--end-to-end"]
    assert "unknown system of farabi2021-3" in run_aqa(*unknown, code=2).output
    printed = run_aqa("reproduce", "farabi2021-3", "--epochs", "2", code=2).output
    assert "are for --end-to-end" in printed
