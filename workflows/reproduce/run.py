"""Run what can be run of a table, and put what was measured beside what is printed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aqa.annotations.manifest import Manifest, Video, as_name
from aqa.errors import AqaError, UnknownNameError
from aqa.evaluation.metrics import fisher_z, mean_and_std
from aqa.evaluation.results import over_splits
from aqa.features.store import FeatureStore
from aqa.models.difficulty import make_head
from aqa.models.heads import get_head, head_names
from aqa.models.heads.base import parse_params
from aqa.models.runs import RunError, load_run
from aqa.workflows.experiment import evaluate_runs, fit_splits
from aqa.workflows.reproduce.figures import Figure, published_figures
from aqa.workflows.reproduce.tables import Recipe, Table
from aqa.workflows.transfer import Transfer, control, network_of, performances, transfer
from aqa.workspace import Workspace, run_folder

Result = Mapping[str, Any]
LAST = ", last iteration"


class Measured(NamedTuple):
    """What came out: a value, its 95 % interval over the test videos or, of the mean over several
    splits (or networks, or draws: `over`), their standard deviation.
    """

    value: float | None
    interval: list[float] | None = None
    std: float | None = None
    splits: int = 1
    over: str = "splits"


# case, metric, and what was measured.
Found = Iterator[tuple[str, str, Measured]]


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
        value, interval, std, splits, over = self.measured
        low, high = interval or (None, None)
        row |= {"measured": value, "difference": value - row["printed"]}
        return row | {"low": low, "high": high, "std": std, over: splits}


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
    for name in systems:
        if name not in table.recipes:
            raise UnknownNameError(f"system of {table.name}", name, list(table.recipes))
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
                for case, metric, measured in runner.measured(system, recipe):
                    found[system, case, metric] = measured
            except AqaError as error:
                failed.append(f"{system}: {error}")
                continue
            failed += [f"{system}: {reason}" for reason in runner.not_evaluated]
            if recipe.note:
                notes.append(f"{system}: {recipe.note}")
    cells = [
        cell
        for figure in printed(table)
        if not systems or figure.system in systems
        for cell in _cells(figure, found)
    ]
    stand_in_name = str(stand_in.path) if stand_in else None
    return Reproduction(table, cells, failed, list(dict.fromkeys(notes)), stand_in_name)


def printed(table: Table) -> list[Figure]:
    """The figures that the paper prints in a table."""
    key = (table.figures, table.dataset)
    return [one for one in published_figures() if (one.table, one.dataset) == key]


def _cells(figure: Figure, found: Mapping[tuple[str, str, str], Measured]) -> Iterator[Cell]:
    """A figure with what was measured, and with the reading that chooses nothing on test videos."""
    for case in (figure.case, figure.case + LAST):
        measured = found.get((figure.system, case, figure.metric))
        if measured or case == figure.case:
            yield Cell(figure._replace(case=case), measured)


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
        self.not_evaluated: list[str] = []  # of the recipe that was measured last
        self._transfers: dict[str, Transfer] = {}

    def measured(self, system: str, recipe: Recipe) -> Found:
        """(case, metric, measured) of everything that a recipe says on the test videos."""
        self.not_evaluated = []
        if recipe.head not in head_names():
            raise RunError(f"there is no head {recipe.head} to run it with")
        if self.stand_in:
            yield from self._run(system, recipe, self.stand_in)
            return
        path = self.workspace.store(recipe.store)
        if not path.exists():
            options = self.table.stores[recipe.store]
            raise RunError(f"{path}: no features; aqa extract {options} --store {path}")
        with FeatureStore.open(path) as store:
            yield from self._run(system, recipe, store)

    def _run(self, system: str, recipe: Recipe, store: FeatureStore) -> Found:
        if recipe.scope == "fine-tuned":
            return self._fine_tuned(recipe, store)
        manifest = by_action(self.manifest, self.splits, recipe)
        if recipe.scope == "untrained":
            return self._untrained(recipe, manifest, store)
        folders = [
            self._fitted(system, recipe, manifest, store, name) for name in manifest.split_names
        ]
        found = evaluate_runs(
            folders,
            manifest,
            store,
            feedback=self.table.axis == "feedback",
            by={"types": "type", "actions": "action", "new actions": "action"}.get(self.table.axis),
        )
        self.not_evaluated = found.failed
        return _measured(self.table, recipe, found.results, manifest.split_names)

    def _untrained(self, recipe: Recipe, manifest: Manifest, store: FeatureStore) -> Found:
        """What the networks of the system's runs would say before they were trained."""
        assert recipe.after is not None
        (trained,) = self.table.recipes[recipe.after]
        found: dict[str, list[float | None]] = {}
        for split in manifest.split_names:
            head = load_run(self._fitted(recipe.after, trained, manifest, store, split)).head
            videos = [manifest.by_id[i] for i in manifest.split(split).test]
            case = self.table.cases.get(videos[0].action or "") if videos else None
            if case is not None:
                own = control(network_of(head), performances(videos, store))
                found[case] = [*found.get(case, []), *own]
        means: dict[str, float] = {}
        for case, values in found.items():
            value, std = mean_and_std("", values).values()
            yield case, "spearman", Measured(value, None, std, len(values), "networks")
            means |= {} if value is None else {case: value}
        yield from _mean_of_actions(self.table, recipe, means)

    def _fine_tuned(self, recipe: Recipe, store: FeatureStore) -> Found:
        """Every action whose cells the table prints, on as many samples."""
        for action, printed_name in self.table.cases.items():
            cases = dict.fromkeys(figure.case for figure in printed(self.table))
            counts = [int(c.split()[-1]) for c in cases if c.split()[0] == printed_name]
            if action not in self._transfers:
                self._transfers[action] = transfer(
                    *(recipe.head, recipe.params, self.manifest, store, action),
                    samples=counts,
                    seed=self.seed,
                    tell=self.tell,
                )
            for row in self._transfers[action].readings():
                if row["start"] == recipe.start:
                    case = f"{printed_name} {row['samples']}"
                    for reading, named in (("best", case), ("last", case + LAST)):
                        value, std = row[reading], row[f"{reading}_std"]
                        measured = Measured(value, None, std, row["draws"], "draws")
                        yield named, "spearman", measured

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
        params = {"seed": self.seed, **parse_params(get_head(recipe.head), recipe.params)}
        return bool(
            record["params"] == make_head(recipe.head, params).params
            and record["split"]["train"] == list(train)
            and record["split"]["val"] == list(val)
            and record["store"]["spec"] == store.spec
        )


def by_action(manifest: Manifest, splits: Sequence[str], recipe: Recipe) -> Manifest:
    """The manifest with the splits that a recipe's scope asks for, in place of its own.

    Where it takes actions in turn, one an action in place of each split; see `Scope`.
    """
    if recipe.scope == "splits":
        return replace_splits(manifest, lambda video: {name: video.splits[name] for name in splits})
    actions = sorted({video.action for video in manifest if video.action})
    if not actions:
        raise RunError(f"{manifest.path}: no video has a value in the column action")
    if recipe.action is not None and recipe.action not in actions:
        raise RunError(f"{manifest.path}: no video of the action {recipe.action}")

    def part(video: Video, name: str, action: str) -> str:
        own, given = video.action == action, video.splits[name]
        tested = own or recipe.scope == "one action"
        learned = own == (recipe.scope in ("each action", "one action"))
        return given if (tested if given == "test" else learned) and video.action else ""

    taken = [recipe.action] if recipe.action else actions
    return replace_splits(
        manifest,
        lambda video: {
            f"{name}-{as_name(action)}": part(video, name, action)
            for name in splits
            for action in taken
        },
    )


def replace_splits(manifest: Manifest, made: Callable[[Video], Mapping[str, str]]) -> Manifest:
    """The manifest with other splits: for each video, its part in each."""
    return Manifest([replace(video, splits=made(video)) for video in manifest], manifest.path)


def _slug(system: str, case: str | None) -> str:
    text = f"{system} {case or ''}".lower().replace("(2+1)d", "r2plus1d")
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")


def _measured(
    table: Table, recipe: Recipe, results: Sequence[Result], splits: Sequence[str]
) -> Found:
    """(case, metric, measured) of everything that a recipe's results on these splits say."""
    if table.axis == "splits":
        for result in results:
            yield from _metrics(str(splits.index(result["split"]) + 1), result)
        for over_all in over_splits(results):
            yield from _metrics("mean", over_all)
        return
    of_actions: dict[str, float] = {}
    for mean in _means(results):
        case = _case(table, recipe, mean)
        if case is None:
            continue
        yield from _metrics(case, mean)
        if len(table.splits) > 1:
            yield from _metrics(f"{case} mean", mean)
        if (value := mean.get("spearman")) is not None:
            of_actions[case] = float(value)
    yield from _mean_of_actions(table, recipe, of_actions)


def _means(results: Sequence[Result]) -> list[Result]:
    """Means over splits, and what only one split has, such as an action that it alone tests."""

    def what(result: Result) -> tuple[Any, ...]:
        return result.get("part"), result.get("group")

    means: list[Result] = list(over_splits(results))
    averaged = {what(mean) for mean in means}
    return means + [result for result in results if what(result) not in averaged]


def _mean_of_actions(table: Table, recipe: Recipe, values: Mapping[str, float]) -> Found:
    """parmar2019action's mean over its actions: Fisher's in Table 2, the plain one of new actions in Table 3."""
    if len(values) < len(table.cases):
        return
    if table.axis == "actions":
        yield "mean", "spearman", Measured(float(fisher_z(list(values.values()))))
    if table.axis == "new actions":
        learned = table.cases.get(recipe.action or "")
        new = [value for case, value in values.items() if case != learned]
        yield "mean", "spearman", Measured(float(np.mean(new)))


def _case(table: Table, recipe: Recipe, result: Result) -> str | None:
    """What the printed table calls the cell of a result; None where it has none."""
    part = result.get("part")
    if table.axis == "feedback":
        return "faulty clips"
    if table.axis in ("types", "actions", "new actions"):
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
