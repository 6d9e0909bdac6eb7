"""Our heads beside their authors' own code, on the same stored features.

    python benchmarks/peers.py MANIFEST STORE REPOSITORIES [--head NAME ...] [--epochs N]

REPOSITORIES holds the authors' repositories as GitHub names them, REPOSITORIES/owner/name. Nothing
of theirs is part of this project, and nothing is downloaded: clone the ones you want there. THEIR
CODE IS RUN, with your rights: name a folder only if you trust what lies in it.

Both sides see the same features and splits, the same seed, and at most as many epochs: ours with
its defaults (it may stop earlier), theirs with the loss, the optimizer and the batches of their
training script, on all training videos, to the last epoch. Printed are means over the splits, the
difference with its paired 95 % interval (videos are drawn anew, in every split that tests them),
and seconds of the CPU.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import torch

from aqa.annotations.chosen_splits import chosen_splits
from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.benchmarks.extract import machine
from aqa.benchmarks.peer_heads import PEERS, Peer
from aqa.errors import AqaError, AqaWarning
from aqa.evaluation.compare import compare
from aqa.evaluation.predictions import Predictions
from aqa.evaluation.result import Marks
from aqa.features.store import FeatureStore
from aqa.models.examples import Examples, Features, examples_of
from aqa.models.heads import find_head
from aqa.models.heads.base import Head
from aqa.models.target_transforms import parse_head_params, transformed

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
METRICS = ("spearman", "mse")
Answers = dict[str, Predictions]


def rows(
    peer: Peer, manifest: Manifest, store: FeatureStore, epochs: int | None, seed: int
) -> list[str]:
    """A row of the table for each metric."""
    budget = epochs or int(our_head(peer, {}).params["epochs"])
    answers: dict[str, Answers] = {"ours": {}, "theirs": {}}
    seconds = dict.fromkeys(answers, 0.0)
    features = Features.of(store)
    for split in chosen_splits(manifest):
        head = our_head(peer, {"epochs": budget, "seed": seed, "device": "cpu"})
        columns = tuple(dict.fromkeys((*head.columns, *peer.columns)))
        train, test = (examples_of(ids, manifest, features, columns) for ids in ids_of(split))
        for side in answers:
            before = time.process_time()
            if side == "ours":
                said = head.fit_examples(train).predict_examples(test)
            else:
                said = peer.fit_predict(train, test, budget, seed)
            seconds[side] += time.process_time() - before
            answers[side][split.name] = predictions(test, said, len(train))
    return [row(peer, metric, answers, seconds, budget) for metric in METRICS]


def our_head(peer: Peer, more: Mapping[str, object]) -> Head:
    """Our head, with its defaults but for what the comparison asks of it."""
    name, *texts = peer.ours
    source = find_head(name)
    values = parse_head_params(source.name, source.head_class, texts)
    return transformed(source.head_class, {**values, **more})


def ids_of(split: Split) -> tuple[Sequence[str], Sequence[str]]:
    """Training and test videos; validation videos are learned from, as neither side needs them."""
    return (*split.train, *split.val), split.test


def predictions(test: Examples, said: np.ndarray, n_train: int) -> Predictions:
    """As `compare` takes them, in the order of the ids."""
    order = np.argsort(test.ids)
    ids = tuple(np.asarray(test.ids)[order].tolist())
    return Predictions(Path(), ids, test.scores[order], said[order], n_train, Marks())


def row(
    peer: Peer,
    metric: str,
    answers: Mapping[str, Answers],
    seconds: Mapping[str, float],
    budget: int,
) -> str:
    """Both sides' means, and by how much ours is more than theirs."""
    found = compare(answers, metric, permutations=99)
    (pair,) = found.pairs
    sign = 1 if pair.a == "ours" else -1
    low, high = sorted(sign * bound for bound in pair.interval or (float("nan"),) * 2)
    digits = 3 if metric == "spearman" else 1
    worse = high < 0 if metric == "spearman" else low > 0
    ours, theirs = (found.heads[side].value for side in ("ours", "theirs"))
    cells = [
        " ".join(peer.ours),
        *(metric, str(budget), f"{ours:.{digits}f}", f"{theirs:.{digits}f}"),
        f"{sign * pair.difference:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]",
        "THEIRS IS BETTER" if worse else "",
        f"{seconds['ours']:.0f}",
        f"{seconds['theirs']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


@click.command(help=__doc__)
@click.argument("manifest", type=FILE)
@click.argument("store", type=FILE)
@click.argument("repositories", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--head", "heads", multiple=True, type=click.Choice(list(PEERS)))
@click.option("--epochs", type=click.IntRange(1), help="Of both sides; else those of our head.")
@click.option("--seed", default=0, show_default=True)
def main(
    manifest: Path,
    store: Path,
    repositories: Path,
    heads: tuple[str, ...],
    epochs: int | None,
    seed: int,
) -> None:
    """Print the table, and what could not be compared."""
    torch.set_num_threads(1)
    click.echo(machine())
    click.echo(
        "| head | metric | epochs | ours | theirs | ours - theirs [95 %] | "
        "| CPU s, ours | CPU s, theirs |"
    )
    click.echo("| --- " * 9 + "|")
    table, left_out, compared = Manifest.read(manifest), [], 0
    with FeatureStore.open(store) as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore", AqaWarning)
        for name in heads or PEERS:
            peer = PEERS[name](repositories)
            if missing := peer.missing():
                left_out.append(
                    f"{name}: {missing[0]} is not there; clone "
                    f"https://github.com/{peer.repository} to {repositories / peer.repository}"
                )
                continue
            try:
                for line in rows(peer, table, opened, epochs, seed):
                    click.echo(line)
                compared += 1
            except AqaError as error:
                left_out.append(f"{name}: {error}")
    for line in left_out:
        click.echo(f"left out: {line}")
    if not compared:
        raise click.ClickException("no head could be compared")


if __name__ == "__main__":
    main()
