"""How runs were made, from their records: commands that make them again, settings, versions."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aqa.evaluation.head_results import HeadResults
from aqa.models.heads import make_head, own_names
from aqa.models.saved.old_names import present_head
from aqa.target_names import PAIRS, SCORE, label_and_target


@dataclass(frozen=True)
class SplitFacts:
    """One run: its split, how many videos it learned from, held out and is tested on, and more."""

    split: str
    train: int
    held_out: int
    test: str
    seconds: str
    created: str
    chosen: str


@dataclass(frozen=True)
class FittingFacts:
    """The runs of one head.

    commands: that fit them again. settings: name -> value, as all splits have it or, where they
    differ, the first. features: what they were fitted on, in words. versions: of this project and
    others, each in words.
    """

    name: str
    commands: tuple[str, ...]
    settings: Mapping[str, str]
    features: tuple[str, ...]
    versions: tuple[str, ...]
    splits: tuple[SplitFacts, ...]


def run_facts(head: HeadResults) -> FittingFacts:
    """What the records of a head's runs say; `head` is none of a baseline."""
    records = list(head.records.values())
    commands = dict.fromkeys(_command(head.name, record, "") for record in records)
    named = {
        command: [s for s, r in head.records.items() if _command(head.name, r, "") == command]
        for command in commands
    }
    first = {command: head.records[splits[0]] for command, splits in named.items()}
    return FittingFacts(
        head.name,
        tuple(
            _command(
                head.name, first[command], "".join(f" --split {shlex.quote(s)}" for s in splits)
            )
            for command, splits in named.items()
        ),
        {name: str(value) for name, value in records[0]["params"].items()},
        tuple(dict.fromkeys(_features(record) for record in records)),
        tuple(dict.fromkeys(_versions(record) for record in records)),
        tuple(_split_facts(head, split, record) for split, record in head.records.items()),
    )


def _command(folder: str, record: Mapping[str, Any], splits: str) -> str:
    """The command that fits a run again, with the settings that are not the defaults."""
    source = record.get("source")
    name = present_head(str(record["head"]))
    if source is not None and source.get("source") == "file":
        name = str(source["name"])
    parts = ["aqa", "finetune" if "finetuned" in record else "fit", "--head", name]
    label, target = label_and_target(Path(folder).name)
    if target != SCORE:
        parts += ["--target", PAIRS if target == PAIRS else target]
    if label != Path(name.partition(":")[0]).stem and "finetuned" not in record:
        parts += ["--name", label]
    start = record.get("from")
    if isinstance(start, Mapping):
        parts += ["--from", str(start["run"])]
    defaults = _defaults(record)
    for setting, value in record["params"].items():
        if setting not in defaults or defaults[setting] != value:
            parts += ["-p", f"{setting}={value}"]
    return shlex.join(parts) + splits


def _defaults(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The default settings of one of this package's heads; of others all settings are told."""
    name = present_head(str(record["head"]))
    if record.get("source") is not None or name not in own_names():
        return {}
    return make_head(name, {}).params


def _features(record: Mapping[str, Any]) -> str:
    spec = record["store"]["spec"]
    weights = spec.get("weights") or {}
    named = weights.get("name") or "unnamed"
    sha256 = weights.get("sha256")
    told = f"{spec.get('backbone')}, weights {named}"
    if sha256:
        told += f" (SHA-256 {str(sha256)[:12]}...)"
    return f"{told}, layer {spec.get('layer')}, in {Path(record['store']['path']).name}"


def _versions(record: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in record.get("versions", {}).items())


def _split_facts(head: HeadResults, split: str, record: Mapping[str, Any]) -> SplitFacts:
    tested = head.measured.get(split, {}).get("n")
    return SplitFacts(
        split,
        len(record["split"]["train"]),
        len(record["split"]["val"]),
        "not evaluated" if tested is None else str(tested),
        f"{float(record.get('seconds', 0.0)):.1f}",
        str(record.get("created", "")).replace("T", " ").partition("+")[0],
        ", ".join(_chosen(record.get("chosen") or {})),
    )


def _chosen(values: Mapping[str, Any]) -> Iterator[str]:
    """What was chosen on training videos; lists are left to run.json."""
    for name, value in values.items():
        inner = value.items() if isinstance(value, Mapping) else [("", value)]
        for key, one in inner:
            if not isinstance(one, (Mapping, list)):
                yield " ".join(filter(None, (name, key, _short(one))))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
