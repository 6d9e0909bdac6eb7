"""A fitted head on disk: no pickle, every setting, and enough to make it again.

model.safetensors   the fitted arrays
run.json            head and where it came from, parameters, seed, split, store's spec, versions
history.csv         a row for each step of the search or each epoch; empty where the head keeps none
predictions.csv     video_id, part, score, predicted; or first, second, part, similar, probability;
                    or better, worse, part, better_rank, worse_rank;
                    or video_id, part, stage, start, predicted
feedback.csv        a row per clip of the test videos, where `aqa eval --feedback` was run
held_out.csv        as predictions.csv, of the training videos that fitting held out to stop by,
                    answered before it learned from them too; of heads that score or compare pairs
likeness.safetensors  what the training videos look like, see `models.trust`; not of joints, nor of
                    maps, nor where the videos are few
metrics.json        part -> metrics, with intervals but of training and validation videos
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors.numpy

from aqa import __version__
from aqa.annotations.manifest import Manifest
from aqa.annotations.overlaps import performances_of
from aqa.annotations.splits import Split
from aqa.errors import AqaError, ChangedError
from aqa.features.store import FeatureStore, Spec
from aqa.files import (
    recover_folder,
    replacing_folder,
    write_bytes,
    write_json,
    write_rows,
)
from aqa.models.feedback.reference import ClipReference
from aqa.models.heads.base import Head
from aqa.models.heads.base.params import check_types
from aqa.models.heads.base.source import HeadSource
from aqa.models.run_source import RunError as RunError
from aqa.models.run_source import source_of
from aqa.models.saved.hashes import (
    check_beside,
    check_spec_hash,
    hash_of,
    learned_hashes,
    pairs_hash,
    score_hash,
)
from aqa.models.saved.old_names import (
    complete_params,
    present_head,
    present_params,
    present_state,
)
from aqa.models.saved.record import RECORD, check_place, read_record, target_of
from aqa.models.saved.seen import seen_by
from aqa.models.saved.training_scores import training_scores
from aqa.models.target_transforms import TransformedHead, transformed
from aqa.models.target_transforms.class_rule import ClassRule
from aqa.models.trust.likeness import Likeness
from aqa.models.trust.score_range import ScoreRange
from aqa.target_names import PAIRS, SCORE, label_and_target, target_label
from aqa.workspace import run_folder

MODEL, HISTORY = "model.safetensors", "history.csv"
PREDICTIONS, METRICS_FILE = "predictions.csv", "metrics.json"
FEEDBACK, HELD_OUT = "feedback.csv", "held_out.csv"
LIKENESS = "likeness.safetensors"
FILES = (MODEL, RECORD, HISTORY, PREDICTIONS, METRICS_FILE, FEEDBACK, HELD_OUT, LIKENESS)


_NOT_TOLD = ("id", "clips", "difficulty", "similar_within")
# What a head does that predicts no scores.
_DOES = {"pairs": "compares two videos", "stages": "tells the stages of videos"}


@dataclass(frozen=True)
class Run:
    """A fitted head, where it lies, and its record (`run.json`)."""

    folder: Path
    head: Head
    record: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The head's present name."""
        return present_head(str(self.record["head"]))

    @property
    def label(self) -> str:
        """What its results are called: the name of the folder that holds its splits.

        The target that stands behind it is in `target`.
        """
        return label_and_target(self.folder.absolute().parent.name)[0]

    @property
    def target(self) -> str:
        """What its head predicts: `score`, or another target, see `Manifest.of_target`."""
        return target_of(self.record)

    def seen(self, manifest: Manifest) -> Manifest:
        """A manifest as its head learns it, see `seen_by`; of stages there is no target."""
        return manifest if self.head.kind == "stages" else seen_by(self.record, manifest)

    @property
    def class_rule(self) -> ClassRule | None:
        """How its answers are read as one of two classes; None where it predicts scores."""
        return ClassRule.of(self.record) if self.head.kind == "scores" else None

    @property
    def kind(self) -> str:
        """The kind of its answers, see `Head.kind`.

        `classes` where it tells two of them, `ranking` where it tells who is better.
        """
        if self.target == PAIRS:
            return "ranking"
        return self.head.kind if self.class_rule is None else "classes"

    @property
    def split(self) -> str:
        """The name of the split it was fitted on."""
        return str(self.record["split"]["name"])

    @property
    def spec(self) -> Spec:
        """The spec of the store it was fitted on."""
        return dict(self.record["store"]["spec"])

    @property
    def store(self) -> Path:
        """The feature store it was fitted on; recorded relative to the run, so both can move."""
        return Path(os.path.normpath(self.folder / self.record["store"]["path"]))

    @property
    def learned_from(self) -> set[str]:
        """The ids of the videos it was fitted on, stopped by, or has learned from otherwise."""
        parts = (self.record["split"]["train"], self.record["split"]["val"])
        return {*parts[0], *parts[1], *self.record.get("also_learned_from", ())}

    @property
    def performances(self) -> set[str]:
        """Keys of the performances that it has learned from; see `annotations.overlaps`."""
        return set(self.record.get("performances", ()))

    @property
    def known_difficulty(self) -> str | None:
        """How its head is told each video's difficulty to answer: `multiply`, `input`, or not."""
        if isinstance(self.head, TransformedHead) and self.head.difficulty != "none":
            return self.head.difficulty
        return "input" if "difficulty" in self.head.answer_columns else None

    @property
    def told(self) -> str:
        """What else its head is told of each video to answer, beside pixels: `stages`, `type`."""
        # Clips are of pixels; an id says nothing, and what is alike is a rule for pairs.
        return ", ".join(n for n in self.head.answer_columns if n not in _NOT_TOLD)

    @property
    def clip_reference(self) -> ClipReference | None:
        """What feedback compares clips with; None where they add no points, or it is of before."""
        kept = self.record.get("clip_reference")
        return None if kept is None else ClipReference.of(kept, self.folder)

    @property
    def score_range(self) -> ScoreRange | None:
        """How far scores lie from its predictions; None where it is not known."""
        kept = self.record.get("range")
        return None if kept is None else ScoreRange.of(kept, self.folder)

    @cached_property
    def likeness(self) -> Likeness | None:
        """What its training videos look like; None where that is not known.

        `ChangedError` where its file is not the one that was saved.
        """
        saved = self.record.get("hashes", {}).get("likeness")
        if saved is None:
            return None
        path = self.folder / LIKENESS
        return Likeness.of(read_saved(path, saved), path)

    @property
    def as_start(self) -> dict[str, Any]:
        """What a run that starts from this one remembers of it."""
        kept = {key: self.record[key] for key in ("head", "params", "seconds")}
        return {"run": str(self.folder), "split": self.split, "store": str(self.store), **kept}

    def scoring_head(self) -> Head:
        """Its head, if it is of the kind that predicts scores."""
        if self.head.kind != "scores":
            raise RunError(
                f"{self.folder}: {self.name} {_DOES[self.head.kind]} and scores none; "
                "choose a head that scores, such as `svr`, with --head"
            )
        return self.head


def make_record(
    source: HeadSource,
    head: Head,
    split: Split,
    store: FeatureStore,
    folder: Path,
    seconds: float,
    manifest: Manifest,
    start: Run | None = None,
) -> dict[str, Any]:
    """What `run.json` of a run in `folder` holds: every setting with its default filled in.

    manifest, store: what the head learned from, the manifest seen with its target; hashes of it
    are recorded, see `saved.hashes`.
    start: the run that fitting started from. What it has learned from, this run has too: an id is
    a video, whatever store its features are in, as it is of a network's own training videos.
    """
    others = head.learned_from_others
    also = set(others)
    if start is not None:
        also |= _same_videos(start, manifest, folder)
    shown = performances_of(manifest, {*split.train, *split.val, *also})
    if start is not None:
        shown |= start.performances
    return {
        "head": source.name,
        "source": None if source.origin is None else source.origin.to_dict(),
        "params": head.params,
        "chosen": head.chosen,
        "seed": head.seed,
        "split": {"name": split.name, "train": list(split.train), "val": list(split.val)},
        **({} if manifest.target == SCORE else {"target": manifest.target}),
        **_pairs_of(manifest),
        **({} if manifest.classes is None else {"classes": manifest.classes.to_dict()}),
        **training_scores(manifest, split),
        "also_learned_from": sorted(also - {*split.train, *split.val}),
        **({"performances": sorted(shown)} if shown else {}),
        "from": None if start is None else start.as_start,
        "store": {"path": os.path.relpath(store.path, folder), "spec": store.spec},
        "manifest": os.path.relpath(manifest.path, folder),
        "seconds": round(seconds, 3),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {
            "aqa": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "scikit-learn")},
        },
        "hashes": {
            **learned_hashes(head, (*split.train, *split.val, *others), manifest, store),
            **({} if manifest.pairs is None else {"pairs": pairs_hash(manifest.pairs, split)}),
        },
    }


def _pairs_of(manifest: Manifest) -> dict[str, str]:
    """Where the table of pairs lies that a manifest is seen with, from its folder."""
    if manifest.pairs is None:
        return {}
    return {"pairs": os.path.relpath(manifest.pairs.path, manifest.path.parent)}


def _same_videos(start: Run, manifest: Manifest, folder: Path) -> set[str]:
    """The ids that an earlier run has learned from, but those of other videos of the same names.

    Datasets number their videos alike: where it was fitted with another manifest, a video of the
    same id and another score is another one.
    """
    learned, recorded = start.learned_from, start.record.get("manifest")
    own = os.path.abspath(manifest.path)
    if recorded is None or os.path.abspath(start.folder / recorded) == own:
        return learned
    try:
        table = seen_by(start.record, manifest)
    except AqaError:  # without its column or its pairs there is nothing to tell them by
        return learned
    hashes = start.record.get("hashes", {}).get("columns", {}).get(table.score_column, {})
    return {
        i
        for i in learned
        if i not in table.by_id or hashes.get(i) in (None, score_hash(table.by_id[i]))
    }


def save_run(
    folder: Path,
    head: Head,
    record: Mapping[str, Any],
    write_more: Callable[[Path], None] | None = None,
    likeness: bytes | None = None,
) -> Run:
    """Write a run in one step, in place of an earlier one.

    likeness: see `write_run`. write_more: writes what belongs to it, such as its predictions, into
    the folder that it is given. Files of an earlier run's folder that are none of a run's are kept.
    """
    with replacing_folder(folder, FILES) as temporary:
        written = write_run(temporary, head, record, likeness)
        if write_more is not None:
            write_more(temporary)
    return Run(folder, head, written)


def write_run(
    folder: Path, head: Head, record: Mapping[str, Any], likeness: bytes | None = None
) -> dict[str, Any]:
    """Write a run's files into a folder, last the one that makes it a run; its record as written.

    likeness: what the training videos look like, see `Likeness.to_bytes`; None where that is not
    known. The hashes of the model file and of this are added to the record.
    """
    data = safetensors.numpy.save({name: array.copy() for name, array in head.state().items()})
    write_bytes(folder / MODEL, data)
    write_rows(folder / HISTORY, getattr(head, "history_", []))
    hashes = {
        **record.get("hashes", {}),
        "spec": hash_of(record["store"]["spec"]),
        "model": hashlib.sha256(data).hexdigest(),
    }
    if likeness is not None:
        write_bytes(folder / LIKENESS, likeness)
        hashes["likeness"] = hashlib.sha256(likeness).hexdigest()
    written = {**record, "hashes": hashes}
    write_json(folder / RECORD, written)
    return written


def load_run(folder: Path, heads: Sequence[str] = ()) -> Run:
    """Read a run back; its head predicts as it did when it was saved.

    heads: what the user named with --head. The file of an outsider's head is run only where it is
    among them, see `source_of`. Raises `ChangedError` where the model file is not the one that was
    saved, and `RunError` for a folder that is no run of this version's.
    """
    record, data = _read_both(folder)
    check_spec_hash(folder, record)
    check_place(folder, record)
    changed = ""
    try:
        source, changed = source_of(folder, record, heads)
        fields = [field.name for field in dataclasses.fields(source.head_class)]
        params = complete_params(present_params(source.name, record["params"]), fields)
        head = transformed(source.head_class, params)
        for one in (head, getattr(head, "head", None)):
            if one is not None:
                check_types(one)
        state = safetensors.numpy.load(data)
        if source.origin is None:
            _check_sizes(head, state)
        head.restore(present_state(source.name, state))
    except Exception as error:  # arrays of other shapes, or someone else's head, raise anything
        if isinstance(error, AqaError) and not isinstance(error, ValueError):
            raise
        raise RunError(
            f"{folder}: {changed or 'not a run that this version reads'} "
            f"({_first_line(error)}); fit the head again"
        ) from None
    return Run(folder, head, record)


# Counts of fitting, which no saved array is as large as.
_OF_FITTING = (
    *("seed", "epochs", "batch_size", "lr_halve_every", "patience", "folds", "steps"),
    *("exemplars", "least", "beam", "metric_types", "max_steps", "resamples"),
    *("drop_epoch", "warm_up"),
    *("caption_hidden", "caption_patience", "caption_least", "caption_words"),
)


def _check_sizes(head: Head, state: Mapping[str, Any]) -> None:
    """Refuse sizes of a network that its saved arrays cannot have, before it is made."""
    axes = [n for array in state.values() for n in array.shape]
    most = max(16, len(state), *axes, 0)
    for name, value in head.params.items():
        if isinstance(value, int) and name not in _OF_FITTING and value > most:
            raise ValueError(f"{name}={value} is more than any of its saved arrays holds")


def _read_both(folder: Path) -> tuple[dict[str, Any], bytes]:
    """The record and the model file of one run, also while another process replaces it."""
    recover_folder(folder)
    while True:
        record, failed, data = read_record(folder), None, b""
        before = (folder / RECORD).read_bytes()
        try:
            data = read_model(folder, record)
        except AqaError as error:
            failed = error
        if (folder / RECORD).read_bytes() == before:
            break
    if failed is not None:
        raise failed
    return record, data


def read_model(folder: Path, record: Mapping[str, Any]) -> bytes:
    """The bytes of the model file; `ChangedError` where they are not those that were saved."""
    return read_saved(folder / MODEL, record.get("hashes", {}).get("model"))


def read_saved(path: Path, saved: str | None) -> bytes:
    """The bytes of a run's file. saved: the SHA-256 that it was saved with, None where unknown."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}; fit the head again") from None
    found = hashlib.sha256(data).hexdigest()
    if saved not in (None, found):
        raise ChangedError(
            f"{path}: it is not the file that was saved: its SHA-256 is {found[:12]}..., not "
            f"{saved[:12]}...; bring the file back, or fit the head again"
        )
    return data


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text if "\n" not in text else " ".join(text.split())[:300]


def load_start(start: Path, split: str, heads: Sequence[str] = (), target: str = SCORE) -> Run:
    """The run that another starts from. start: its folder; or that of a head, for this split's.

    heads: see `load_run`. target: what the other predicts; a head's folder stands for that of its
    runs of the same target, where there are such.
    """
    named = (start / RECORD).exists()
    of_target = start.with_name(target_label(start.name, target))
    if not named and of_target.exists():
        start = of_target
    run = load_run(start if named else run_folder(start.parent, start.name, split), heads)
    check_beside([(run.folder, run.record)])
    return run
