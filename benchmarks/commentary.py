"""What written commentary is worth: `mtl` beside what says nothing of the video, or copies.

    python benchmarks/commentary.py WORKSPACE [--split 1 ...] [-p beam=1 ...] [--examples 5]
    python benchmarks/commentary.py --stand-in MTL-AQA [-p epochs=20 ...]

WORKSPACE: drawn dives, as `aqa demo` leaves them. --stand-in: the folder of MTL-AQA's annotations;
the official split, with features that are made from position, rotation and score, since the real
videos are not there: they show what the whole way costs, and say nothing of real dives.

The rows: `head`, what `mtl` writes; `typical`, the training commentary that is most like the
others, for every video; `nearest`, the commentary of the training video with the nearest mean
feature; `chance`, that of a training video drawn by lot; and of drawn dives `reworded`, the truth
in other words: no head can be expected to be nearer than that. Of drawn dives the facts are
counted too: whether what was performed is named rightly, and precision and recall of the faults.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from aqa.annotations.datasets import find_importer
from aqa.annotations.importing import Request
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaWarning
from aqa.evaluation.commentary_metrics import measure_commentary
from aqa.features.store import FeatureStore
from aqa.models.examples import Examples, Features, examples_of
from aqa.models.heads.mtl import MTLHead
from aqa.models.target_transforms import parse_head_params
from aqa.workflows.demo.commentary import commentary, named_faults, named_type
from aqa.workflows.demo.sampling import sample_dive

Texts = Sequence[str]
SHOWN = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider", "words")
FACTS = ("type", "precision", "recall")


def main() -> None:
    args = parse()
    warnings.simplefilter("ignore", AqaWarning)
    params = parse_head_params("mtl", MTLHead, args.p)
    if args.stand_in:
        table(f"MTL-AQA, stand-in features, {args.p}", [stand_in(args.stand_in, params)], False)
        return
    manifest = Manifest.read(args.workspace / "manifest.csv")
    splits = args.split or manifest.split_names
    found = []
    with FeatureStore.open(args.workspace / "stores" / "tiny3d.h5") as store:
        features = Features.of(store)
        for name in splits:
            split = manifest.split(name)
            train, test = (
                examples_of(ids, manifest, features, MTLHead.columns)
                for ids in (split.train, split.test)
            )
            rows = rivals(train, test, params)
            rows["reworded"] = [reworded(i) for i in test.ids]
            found.append(measured(rows, test.columns["commentary"], facts=True))
            if name == splits[0]:
                for i, text in list(zip(test.ids, rows["head"], strict=True))[: args.examples]:
                    print(f"{i}\n  true:    {manifest.by_id[i].commentary}\n  written: {text}")
    table(f"drawn dives, splits {', '.join(splits)}, {args.p}", found, True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("workspace", nargs="?", type=Path)
    parser.add_argument("--stand-in", type=Path)
    parser.add_argument("--split", action="append")
    parser.add_argument("-p", action="append", default=[])
    parser.add_argument("--examples", type=int, default=0)
    args = parser.parse_args()
    if (args.workspace is None) == (args.stand_in is None):
        parser.error("give a workspace, or --stand-in")
    return args


def rivals(train: Examples, test: Examples, params: Mapping[str, Any]) -> dict[str, list[str]]:
    """What each of them writes of the test videos."""
    started, cpu = time.perf_counter(), time.process_time()
    head = MTLHead(**params).fit_examples(train)
    fitted = time.process_time()
    said = head.commentary(test)
    epochs = max(row["epoch"] for row in head.history_ if "caption_loss" in row)
    print(
        f"fit {fitted - cpu:.1f} s of processor time, {epochs} epochs of words, "
        f"{len(head.vocabulary.words)} words; writing {time.process_time() - fitted:.1f} s; "
        f"{time.perf_counter() - started:.0f} s in all",
        flush=True,
    )
    texts = list(train.columns["commentary"])
    rng = np.random.default_rng(0)
    return {
        "head": said,
        "typical": [typical(texts)] * len(test),
        "nearest": [texts[k] for k in nearest(train, test)],
        "chance": [texts[int(k)] for k in rng.integers(len(texts), size=len(test))],
    }


def typical(texts: Texts) -> str:
    """The text that is most like all of them; where one stands more often than others, that."""
    vectors = TfidfVectorizer(token_pattern=r"\S+").fit_transform(texts)
    return texts[int(np.asarray(vectors @ vectors.sum(axis=0).T).argmax())]


def nearest(train: Examples, test: Examples) -> list[int]:
    a, b = (np.array([f.mean(axis=0) for f in one.features]) for one in (train, test))
    a, b = ((x - a.mean(axis=0)) / (a.std(axis=0) + 1e-6) for x in (a, b))
    return [int(((a - x) ** 2).sum(axis=1).argmin()) for x in b]


def reworded(video_id: str) -> str:
    """Other words of a dive of the seed 0: they are drawn by the seed, and the facts stay."""
    dive = sample_dive(0, int(video_id.removeprefix("dive_")) - 1)
    return commentary(dataclasses.replace(dive, seed=1))


def measured(
    rows: Mapping[str, Texts], true: Texts, facts: bool
) -> dict[str, dict[str, float | None]]:
    found = {}
    for name, said in rows.items():
        values = measure_commentary(true, said, resamples=0)
        assert values is not None
        found[name] = {**values.values, **values.counts}
        if facts:
            found[name] |= facts_of(true, said)
    return found


def facts_of(true: Texts, said: Texts) -> dict[str, float]:
    """The share of videos whose type is named rightly; precision and recall of their faults."""
    pairs = [(named_faults(t), named_faults(s)) for t, s in zip(true, said, strict=True)]
    hits, n_said, n_true = (
        sum(map(len, sets)) for sets in ((t & s for t, s in pairs), *_columns(pairs))
    )
    right = [named_type(t) == named_type(s) for t, s in zip(true, said, strict=True)]
    return {
        "type": float(np.mean(right)),
        "precision": hits / max(n_said, 1),
        "recall": hits / max(n_true, 1),
    }


def _columns(pairs: Iterable[tuple[set[str], set[str]]]) -> tuple[list[set[str]], list[set[str]]]:
    true, said = zip(*pairs, strict=True)
    return [*said], [*true]


def stand_in(folder: Path, params: Mapping[str, object]) -> dict[str, dict[str, float | None]]:
    """MTL-AQA's official split, with features made of its labels."""
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "manifest.csv"
        import_dataset("mtl-aqa", find_importer("mtl-aqa").importer, Request((folder,)), path)
        manifest = Manifest.read(path)
    split, rng = manifest.split("published"), np.random.default_rng(0)
    mixing = rng.normal(size=(4, 64))
    known = {
        name: sorted({v.attributes[name] for v in manifest}) for name in ("position", "rotation")
    }

    def examples(ids: Texts) -> Examples:
        videos = [manifest.by_id[i] for i in ids]
        facts = [
            [v.score / 20, v.difficulty, *(known[n].index(v.attributes[n]) for n in known)]
            for v in videos
        ]
        clips = [
            (np.array(row, float) @ mixing + rng.normal(size=(6, 64))).astype(np.float32)
            for row in facts
        ]
        columns = {name: [getattr(v, name) for v in videos] for name in MTLHead.columns}
        return Examples(tuple(ids), clips, np.array([v.score for v in videos]), columns)

    train, test = examples(split.train), examples(split.test)
    return measured(rivals(train, test, params), test.columns["commentary"], facts=False)


def table(
    title: str, splits: Sequence[Mapping[str, Mapping[str, float | None]]], facts: bool
) -> None:
    names = (*SHOWN, *(FACTS if facts else ()))
    print(f"\n{title}: mean over {len(splits)} splits")
    print("| | " + " | ".join(names) + " |\n| --- |" + " --- |" * len(names))
    for row in splits[0]:
        cells = [np.array([one[row][name] for one in splits], float).mean() for name in names]
        print(f"| {row} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
