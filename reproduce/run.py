"""Run what can be run of a table, and put what was measured beside what is printed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from aqa.errors import AqaError
from aqa.features.manifest import Manifest, Video
from aqa.features.store import FeatureStore
from aqa.models.experiment import Evaluation, evaluate_runs, fit_splits, over_splits
from aqa.models.heads import head_names
from aqa.models.heads.base import HeadError
from aqa.models.metrics import fisher_z
from aqa.models.runs import RunError, load_run
from aqa.reproduce.figures import Figure, published_figures
from aqa.reproduce.tables import Recipe, Table
from aqa.workspace import Workspace, run_folder

Result = Mapping[str, Any]


class Measured(NamedTuple):
    """What came out: a value, its 95 % interval over the test videos or, of the mean over several
    splits, their standard deviation.
    """

    value: float | None
    interval: list[float] | None = None
    std: float | None = None
    splits: int = 1


@dataclass(frozen=True)
class Cell:
    """A printed figure, and what was measured; None where it was not."""

    figure: Figure
    measured: Measured | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON and CSV have it."""
        row: dict[str, Any] = self.figure._asdict()
        row["printed"] = row.pop("value")
        if self.measured is None or self.measured.value is None:
            return row
        value, interval, std, splits = self.measured
        low, high = interval or (None, None)
        row |= {"measured": value, "difference": value - row["printed"]}
        return row | {"low": low, "high": high, "std": std, "splits": splits}


@dataclass(frozen=True)
class Reproduction:
    """A table as it came out: its cells, why parts of it did not run, and its recipes' notes."""

    table: Table
    cells: list[Cell]
    failed: list[str]
    notes: list[str]
    stand_in: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "table": self.table.name,
            "title": self.table.title,
            "stand_in": self.stand_in,
            "selected": self.table.selected,
            "notes": self.notes,
            "not_run": self.failed,
            "cells": [cell.to_dict() for cell in self.cells],
        }


def needs(table: Table, workspace: Workspace) -> list[str]:
    """What the workspace lacks to run the whole table: a line each, with the command."""
    lines = []
    if not workspace.manifest.exists():
        lines.append(
            f"{workspace.manifest}: no annotations; aqa import {table.importer} SOURCE "
            f"--videos FOLDER, then aqa split {table.protocol}"
        )
    else:
        known = Manifest.read(workspace.manifest).split_names
        missing = [name for name in table.splits if name not in known]
        if missing:
            lines.append(
                f"{workspace.manifest}: no split {missing[0]}"
                + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
                + f"; aqa split {table.protocol}"
            )
    lines += [
        f"{path}: no features; aqa extract {options} --store {path}"
        for name, options in table.stores.items()
        if not (path := workspace.store(name)).exists() and name in _stores(table)
    ]
    return lines + [f"{system}: {reason}" for system, reason in table.missing.items()]


def _stores(table: Table) -> set[str]:
    return {recipe.store for recipes in table.recipes.values() for recipe in recipes}


def reproduce(
    table: Table,
    workspace: Workspace,
    *,
    seed: int = 0,
    systems: Sequence[str] = (),
    stand_in: FeatureStore | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Reproduction:
    """Fit what is not fitted yet, judge it, and match it with the printed cells.

    systems: those to run; all by default. stand_in: a store of other videos to run every recipe
    on, over the splits of its manifest: shows the way of it, and nothing about the figures. tell:
    is told what happens. A recipe that cannot be run stops none of the others.
    """
    manifest = Manifest.read(workspace.manifest)
    names = manifest.split_names if stand_in else table.splits
    unknown = [name for name in names if name not in manifest.split_names]
    if unknown or not names:
        raise AqaError(
            f"{manifest.path}: no split {unknown[0] if unknown else ''}; draw it with "
            f"`aqa split {table.protocol}`, or name another workspace with -C"
        )
    runner = _Runner(table, workspace, manifest, names, seed, stand_in, tell)
    chosen = {name: table.recipes[name] for name in systems} if systems else table.recipes
    found: dict[tuple[str, str, str], Measured] = {}
    failed = [f"{name}: {why}" for name, why in table.missing.items() if not systems]
    notes = []
    for system, recipes in chosen.items():
        for recipe in recipes:
            try:
                results = runner.results(system, recipe)
            except (AqaError, HeadError) as error:
                failed.append(f"{system}: {error}")
                continue
            for case, metric, measured in _measured(table, recipe, results):
                found[system, case, metric] = measured
            if recipe.note:
                notes.append(f"{system}: {recipe.note}")
    cells = [
        Cell(figure, found.get((figure.system, figure.case, figure.metric)))
        for figure in published_figures()
        if (figure.table, figure.dataset) == (table.figures, table.dataset)
        and (not systems or figure.system in systems)
    ]
    stand_in_name = str(stand_in.path) if stand_in else None
    return Reproduction(table, cells, failed, list(dict.fromkeys(notes)), stand_in_name)


class _Runner:
    """Fits and judges the recipes of a table; what is fitted already is not fitted again."""

    def __init__(
        self,
        table: Table,
        workspace: Workspace,
        manifest: Manifest,
        splits: Sequence[str],
        seed: int,
        stand_in: FeatureStore | None,
        tell: Callable[[str], None],
    ):
        self.table, self.workspace, self.manifest = table, workspace, manifest
        self.splits, self.seed, self.stand_in, self.tell = splits, seed, stand_in, tell

    def results(self, system: str, recipe: Recipe) -> Evaluation:
        """The results of a recipe on the splits' test videos."""
        if recipe.head not in head_names():
            raise RunError(f"there is no head {recipe.head} to run it with")
        if self.stand_in:
            return self._run(system, recipe, self.stand_in)
        path = self.workspace.store(recipe.store)
        if not path.exists():
            options = self.table.stores[recipe.store]
            raise RunError(f"{path}: no features; aqa extract {options} --store {path}")
        with FeatureStore.open(path) as store:
            return self._run(system, recipe, store)

    def _run(self, system: str, recipe: Recipe, store: FeatureStore) -> Evaluation:
        manifest = self.manifest
        if recipe.scope == "each action":
            manifest = each_action(manifest, self.splits)
        names = manifest.split_names if recipe.scope == "each action" else self.splits
        folders = [self._fitted(system, recipe, manifest, store, name) for name in names]
        return evaluate_runs(
            folders,
            manifest,
            store,
            feedback=self.table.axis == "feedback",
            by={"types": "type", "actions": "action"}.get(self.table.axis),
        )

    def _fitted(
        self, system: str, recipe: Recipe, manifest: Manifest, store: FeatureStore, split: str
    ) -> Path:
        """The folder of the recipe's run on a split, fitted now if it was not."""
        runs = self.workspace.runs / "reproduce" / _slug(system, recipe.case)
        folder = run_folder(runs, recipe.head, split)
        start = None
        if recipe.after is not None:
            (first,) = self.table.recipes[recipe.after]
            start = self._fitted(recipe.after, first, manifest, store, split)
        one = manifest.split(split)
        if self._is_there(folder, recipe, store, one.train, one.val):
            self.tell(f"{system}, split {split}: fitted already")
            return folder
        self.tell(f"{system}, split {split}: fitting {recipe.head} {' '.join(recipe.params)}")
        for _ in fit_splits(
            *(recipe.head, recipe.params, manifest, store, [one], runs),
            seed=self.seed,
            start=start,
        ):
            pass
        return folder

    def _is_there(
        self,
        folder: Path,
        recipe: Recipe,
        store: FeatureStore,
        train: Sequence[str],
        val: Sequence[str],
    ) -> bool:
        """Whether a run of the same head, settings, videos and features lies there."""
        try:
            record = load_run(folder).record
        except RunError:
            return False
        given = dict(text.partition("=")[::2] for text in recipe.params)
        same_params = all(str(record["params"].get(k)).lower() == v for k, v in given.items())
        return bool(
            same_params
            and record["seed"] == self.seed
            and record["split"]["train"] == list(train)
            and record["split"]["val"] == list(val)
            and record["store"]["spec"] == store.spec
        )


def each_action(manifest: Manifest, splits: Sequence[str]) -> Manifest:
    """The manifest with one split an action in place of each: its videos of that action only."""
    actions = sorted({video.action for video in manifest if video.action})
    if not actions:
        raise RunError(f"{manifest.path}: no video has a value in the column action")

    def narrowed(video: Video) -> Video:
        parts = {
            f"{name}-{action}": video.splits[name] if video.action == action else ""
            for name in splits
            for action in actions
        }
        return replace(video, splits=parts)

    return Manifest([narrowed(video) for video in manifest], manifest.path)


def _slug(system: str, case: str | None) -> str:
    text = f"{system} {case or ''}".lower().replace("(2+1)d", "r2plus1d")
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")


Found = Iterator[tuple[str, str, Measured]]


def _measured(table: Table, recipe: Recipe, evaluation: Evaluation) -> Found:
    """(case, metric, measured) of everything that a recipe's results say."""
    results = evaluation.results
    means = over_splits(results) or results
    if table.axis == "splits":
        for number, result in enumerate(results, start=1):
            yield from _metrics(str(number), result)
        for mean in means:
            yield from _metrics("mean", mean)
        return
    of_actions: list[float] = []
    for mean in means:
        case = _case(table, recipe, mean)
        if case is None:
            continue
        yield from _metrics(case, mean)
        if len(table.splits) > 1:
            yield from _metrics(f"{case} mean", mean)
        if (value := mean.get("spearman")) is not None:
            of_actions.append(float(value))
    if table.axis == "actions" and len(of_actions) == len(table.cases):
        yield "mean", "spearman", Measured(float(fisher_z(of_actions)))


def _case(table: Table, recipe: Recipe, result: Result) -> str | None:
    """What the printed table calls the cell of a result; None where it has none."""
    part = result.get("part")
    if table.axis == "feedback":
        return "faulty clips"
    if table.axis in ("types", "actions"):
        return table.cases.get(str(result.get("group")))
    if table.axis == "stages":
        return table.cases.get(str(part))
    if table.axis == "parts":
        letter = {"difficulty": "D", "execution": "E", None: "F"}.get(part)
        return f"{letter} / {recipe.case}" if recipe.case else letter
    return recipe.case or table.cases.get("")


def _metrics(case: str, result: Result) -> Found:
    for name in result:
        if f"{name}_interval" in result or f"{name}_std" in result:
            interval, std = result.get(f"{name}_interval"), result.get(f"{name}_std")
            yield case, name, Measured(result[name], interval, std, result.get("splits", 1))
