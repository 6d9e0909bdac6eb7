"""How a published table is declared: its data, splits, features, and a recipe per system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from aqa.target_names import SCORE
from aqa.workflows.transfer.results import Start

# What the cells in one row of a table stand for. one: a single number. splits: each split, and
# their mean. types: each type. actions: each action, and their mean through Fisher's z. new
# actions: each action, and the plain mean over those that the model has not learned. stages: each
# stage. parts: difficulty, execution and final score. feedback: faulty clips. samples: an action
# and a number of training samples.
Axis = Literal[
    "one", "splits", "types", "actions", "new actions", "stages", "parts", "feedback", "samples"
]
# Which videos a recipe learns from and is tested on. splits: those of the splits. each action:
# learns one action and is tested on it, each in turn. one action: learns the recipe's action, is
# tested on all. other actions: is tested on one action and learns the others, each in turn.
# untrained: as other actions, with the weights before training. fine-tuned: as `aqa transfer` draws
# them.
Scope = Literal["splits", "each action", "one action", "other actions", "untrained", "fine-tuned"]


@dataclass(frozen=True)
class SystemRecipe:
    """How a printed system is run: a head with parameters, on a store of the workspace.

    store: the name of the store, stores/<store>.h5. params: as `aqa fit -p` takes them. case: the
    cell that the recipe is for, where each recipe has one cell. after: the system whose runs it
    starts from. action: what it learns, where the scope is `one action`. start: the weights that
    fine-tuning begins with, where the scope is `fine-tuned`. note: what differs from the paper.
    origin: how the model is made that it goes on from, on the data of the table's `origin`.
    reading: of several readings of one cell of the paper, which one this is, such as `, all pairs`;
    its figures stand under the case followed by that. "" for the one that stands for the cell.
    target: what it learns, as `aqa fit --target` takes it. marks: columns that it learns in place
    of the judges' marks, such as the rated elements of an operation.
    """

    head: str
    store: str
    params: tuple[str, ...] = ()
    case: str | None = None
    after: str | None = None
    scope: Scope = "splits"
    action: str | None = None
    start: Start | None = None
    note: str = ""
    origin: SystemRecipe | None = None
    reading: str = ""
    target: str = SCORE
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishedTable:
    """One published table on one dataset.

    figures: the table of `figures.csv` or `other_figures.csv`. dataset: as printed. importer,
    protocol: for `aqa import` and `aqa split`; "" where the importer reads the splits. splits: the
    names of the splits. stores: name -> the options of `aqa extract` that make it. recipes: printed
    system -> recipes. missing: system -> why there is none. cases: our name of a case -> the
    printed one. selected: how the paper chose what it prints, where it chose on the test videos or
    does not say. origin: the table on whose data the models are made that its recipes go on from;
    "" where there are none. notes: what differs from the paper in all of the table, such as its
    videos.
    """

    name: str
    title: str
    figures: str
    dataset: str
    importer: str
    protocol: str
    splits: tuple[str, ...]
    axis: Axis
    stores: Mapping[str, str]
    recipes: Mapping[str, tuple[SystemRecipe, ...]]
    missing: Mapping[str, str] = field(default_factory=dict)
    cases: Mapping[str, str] = field(default_factory=dict)
    selected: str = ""
    origin: str = ""
    notes: tuple[str, ...] = ()

    @property
    def splits_by(self) -> str:
        """Where its splits come from: a protocol, or the import of its annotations."""
        return self.protocol or f"aqa import {self.importer}"
