"""The papers' protocols for drawing splits, and drawing by the name of a maker or a protocol."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from aqa import __version__
from aqa.annotations.columns import SPLIT_NAME, as_name
from aqa.annotations.manifest import Manifest
from aqa.annotations.split_drawing import with_validation
from aqa.annotations.split_makers import MAKERS, Options, labels_of
from aqa.annotations.splits import PARTS, Split
from aqa.errors import AqaError, UnknownNameError
from aqa.split_names import split_family


@dataclass(frozen=True)
class Protocol:
    """A published way to draw splits: a maker, and the options that the paper fixes."""

    help: str
    maker: str
    fixed: Options


def _sizes(*pairs: tuple[int, int]) -> list[dict[str, int]]:
    return [{"train": train, "test": test} for train, test in pairs]


PROTOCOLS = {
    "jain2020-diving": Protocol(
        "jain2020: ten splits, 15 test dives for each of the six most frequent types",
        "balanced",
        {"n": 10, "test": 15, "by": ("type",)},
    ),
    "jain2020-vault": Protocol(
        "jain2020: five splits of the tuck vaults, 40 of them tested (type = tuck, which you fill "
        "in: UNLV-Vault's files do not tell)",
        "balanced",
        {"n": 5, "test": 40, "by": ("type",), "kinds": ("tuck",)},
    ),
    "li2018": Protocol(
        "li2018end: UNLV's published splits, diving 300/70 and vault 120/56",
        "published",
        {"sizes": _sizes((300, 70), (120, 56))},
    ),
    "scoringnet": Protocol(
        "li2018scoringnet: six random splits, 300/70 (diving), 120/56 (vault) or 100/59 (MIT)",
        "random",
        {"n": 6, "test": {370: 70, 176: 56, 159: 59}},
    ),
    "mtl-aqa": Protocol(
        "farabi2021: the official split, 1059/353", "published", {"sizes": _sizes((1059, 353))}
    ),
    "mtl-aqa-events": Protocol(
        "ours: five splits of MTL-AQA, a quarter of it tested, no event in both parts",
        "grouped",
        {"n": 5, "test": 0.25, "by": ("event",)},
    ),
    "aqa-7": Protocol(
        "parmar2019action: split 4, 803/303", "published", {"sizes": _sizes((803, 303))}
    ),
    "aqa-7-zero-shot": Protocol(
        "parmar2019action §5.2: trained on five actions, tested on the sixth (on all its "
        "videos, which is our choice)",
        "leave-one-out",
        {"by": ("action",)},
    ),
    "mit-diving": Protocol(
        "pirsiavash2014: 200 random splits of MIT-Diving, 100/59",
        "random",
        {"n": 200, "test": {159: 59}},
    ),
}


@dataclass(frozen=True)
class DrawnSplits:
    """Splits that were drawn and can be written into the manifest.

    base: what their names begin with; None where the manifest has them already. splits: named as
    their columns will be. record: maker, options, seed and sizes, to be kept beside the manifest.
    """

    base: str | None
    splits: list[Split]
    record: dict[str, Any]


def make_splits(
    manifest: Manifest,
    name: str,
    given: Options,
    *,
    val: float | None = None,
    seed: int = 0,
    base: str | None = None,
) -> DrawnSplits:
    """Draw the splits of a maker or a protocol.

    given: options to use instead of the maker's defaults; those that a protocol fixes cannot be
    changed. val: hold out this count or share of the training videos as `val`, by the maker's own
    rule (groups stay in one part). base: what to call the splits instead of `name`. `AqaError`
    where the manifest lacks the labels, or the options do not fit the maker or the manifest.
    """
    maker, options = _resolve(name, given)
    splits = MAKERS[maker].draw(manifest, options, seed)
    if val is not None:
        labels = labels_of(manifest, options.get("by", ()))
        splits = with_validation(
            splits, manifest.ids, labels, val=val, seed=seed, grouped=maker.startswith("grouped")
        )
    if maker == "published" and val is None:
        names = [base or splits[0].name]
    else:
        base = base or ("published-val" if maker == "published" else name)
        names = [f"{base}-{as_name(s.name)}" if len(splits) > 1 else base for s in splits]
        if maker == "lists" and len(set(map(split_family, names))) > 1:
            # They are one family, whatever their authors call them.
            names = [f"{base}-{number}" for number in range(1, len(splits) + 1)]
    for each in names:
        if not SPLIT_NAME.fullmatch(each) or names.count(each) > 1:
            raise AqaError(
                f"{each!r} names no split, or two splits; use letters, digits, '.', '_', "
                "'+' and '-'"
            )
    called = [split.name for split in splits] if maker == "lists" else []
    splits = [replace(split, name=each) for split, each in zip(splits, names, strict=True)]
    record = {
        "made_by": name,
        "maker": maker,
        "options": dict(options),
        "val": val,
        "seed": seed,
        "aqa": __version__,
        **({"called": dict(zip(names, called, strict=True))} if called else {}),
        "splits": {split.name: {part: len(split.part(part)) for part in PARTS} for split in splits},
    }
    return DrawnSplits(base, splits, record)


def _resolve(name: str, given: Options) -> tuple[str, dict[str, Any]]:
    """The maker behind a name; its options: defaults, replaced by the protocol's and the given."""
    protocol = PROTOCOLS.get(name)
    maker = protocol.maker if protocol else name
    if maker not in MAKERS:
        raise UnknownNameError("way to split", name, [*MAKERS, *PROTOCOLS])
    fixed = protocol.fixed if protocol else {}
    defaults = MAKERS[maker].options
    for option in given:
        if option in fixed:
            raise AqaError(f"--{option}: {name} fixes this option; `aqa split {maker}` takes it")
        if option not in defaults:
            raise AqaError(f"--{option} means nothing to `aqa split {name}`")
    return maker, {**defaults, **fixed, **given}
