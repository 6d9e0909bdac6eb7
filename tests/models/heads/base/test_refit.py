"""Training anew on all training videos, after training was stopped by some of them."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.models.examples import Examples
from aqa.models.heads import get_head
from aqa.models.runs import load_run
from aqa.models.saved.old_names import complete_params
from aqa.models.target_transforms import transformed

LEGACY = Path(__file__).parents[3] / "legacy"
QUICK = {"epochs": 40, "patience": 3, "lr": 0.01, "device": "cpu", "refit": True}
NAMES = ("average", "wd", "lstm", "gdlt", "usdl", "musdl", "mtl")


def columns_of(name, performances, learned_from) -> Examples:
    return Examples.of(
        performances.x, performances.y, id=performances.id, **learned_from(name, performances.y)
    )


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_fit_by_hand_on_all_videos(name, performances, learned_from) -> None:
    examples = columns_of(name, performances, learned_from)
    head = get_head(name)(**QUICK).fit_examples(examples)
    assert head.best_epoch_ < QUICK["epochs"], (
        "it is stopped early, so the refit has another number of epochs"
    )
    by_hand = get_head(name)(**QUICK | {"epochs": head.best_epoch_}, validation=0.0)
    by_hand.fit_examples(examples)
    np.testing.assert_array_equal(
        head.predict_examples(examples), by_hand.predict_examples(examples)
    )
    assert [row["fit"] for row in head.history_].count("refit") == head.best_epoch_
    again = [{k: v for k, v in row.items() if k != "fit"} for row in head.history_]
    assert again[-head.best_epoch_ :] == by_hand.history_


@pytest.mark.parametrize("name", NAMES)
def test_what_was_held_out_is_answered_by_the_fit_before(name, performances, learned_from) -> None:
    examples = columns_of(name, performances, learned_from)
    head = get_head(name)(**QUICK).fit_examples(examples)
    without = get_head(name)(**QUICK | {"refit": False}).fit_examples(examples)
    assert len(head.held_out) == round(head.validation * len(examples.ids))
    np.testing.assert_array_equal(head.held_out, without.held_out)
    held = examples.select(head.held_out)
    before = head.before_refit().predict_examples(held)
    np.testing.assert_array_equal(before, without.predict_examples(held))
    assert not np.array_equal(before, head.predict_examples(held))
    assert head.best_epoch_ == without.best_epoch_
    restored = get_head(name)(**QUICK).restore(head.state())
    assert not len(restored.held_out)
    np.testing.assert_array_equal(
        restored.before_refit().predict_examples(held), head.predict_examples(held)
    )


def test_given_validation_videos_are_never_learned_from(performances) -> None:
    x, y = performances.x, performances.y
    held = (x[45:], y[45:])
    head, without = (
        get_head("wd")(**QUICK | {"refit": refit}).fit(x[:45], y[:45], held)
        for refit in (True, False)
    )
    assert not len(head.held_out)
    np.testing.assert_array_equal(head.predict(x), without.predict(x))
    assert head.history_ == without.history_


def test_the_target_s_transform_tells_what_was_held_out(performances) -> None:
    n = len(performances.y)
    examples = Examples.of(performances.x, performances.y, difficulty=[1.5, 3.0] * (n // 2))
    params = {**QUICK, "difficulty": "multiply"}
    head = transformed(get_head("wd"), params).fit_examples(examples)
    without = transformed(get_head("wd"), {**params, "refit": False}).fit_examples(examples)
    held = examples.select(head.held_out)
    assert len(held) == 9
    np.testing.assert_array_equal(
        head.before_refit().predict_examples(held), without.predict_examples(held)
    )
    assert not np.array_equal(head.predict_examples(held), without.predict_examples(held))


def test_a_run_keeps_the_answers_of_the_fit_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> None:
    (tmp_path / "stores").mkdir()
    shutil.copy(LEGACY / "manifest.csv", tmp_path)
    shutil.copy(LEGACY / "stores" / "vectors.h5", tmp_path / "stores")
    text = (tmp_path / "manifest.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    split = next(name for name in rows[0] if name.startswith("split_"))
    for row in rows:  # no validation videos, so that some are held out
        row[split] = "train" if row[split] == "val" else row[split]
    with (tmp_path / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    monkeypatch.chdir(tmp_path)
    for name, text in (("with", "refit=true"), ("without", "refit=false")):
        params = ("-p", "epochs=5", "-p", text, "--name", name)
        run_aqa("fit", "--head", "average", *params, "--split", split.removeprefix("split_"))
    folders = [next((tmp_path / "runs" / name).iterdir()) for name in ("with", "without")]
    held = [(folder / "held_out.csv").read_text(encoding="utf-8") for folder in folders]
    assert held[0] == held[1]
    assert len(held[0].splitlines()) > 1
    run_aqa("eval")
    assert (folders[0] / "held_out.csv").read_text(encoding="utf-8") == held[0]
    predictions = [(folder / "predictions.csv").read_text(encoding="utf-8") for folder in folders]
    assert predictions[0] != predictions[1]
    record = json.loads((folders[0] / "run.json").read_text(encoding="utf-8"))
    assert record["params"]["refit"] is True


def test_runs_from_before_keep_the_weights_of_the_last_step() -> None:
    assert load_run(next((LEGACY / "runs" / "lstm").iterdir())).head.average_weights is None


def test_runs_from_before_there_was_a_refit_have_none() -> None:
    assert load_run(next((LEGACY / "runs" / "wd").iterdir())).head.refit is False
    assert complete_params({"epochs": 3}, ["epochs", "refit"]) == {"refit": False, "epochs": 3}
    assert complete_params({"refit": True}, ["refit"]) == {"refit": True}
    assert complete_params({"C": 3}, ["C"]) == {"C": 3}
