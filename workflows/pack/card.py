"""The model card of a pack: what is recorded of its runs, in Markdown; nothing is made up."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from aqa.annotations.manifest import Manifest, Video
from aqa.evaluation.metric import Metric, metrics_of, point_digits
from aqa.features.store import made_up
from aqa.models.runs import METRICS_FILE, Run
from aqa.models.trust.score_range import SHOWN
from aqa.number_text import fixed
from aqa.target_names import PAIRS, SCORE
from aqa.workflows.pack.contents import PackedNetwork
from aqa.workflows.training_files import training_files

# More types or actions than this are counted, not listed.
_MOST_LISTED = 30
_WIDTH = 80
_GIVES = {
    "clips": "which moments of a video are below others",
    "joints": "where joints should be for a higher score",
    "commentary": "one line of words on a video",
}


@dataclass(frozen=True)
class CardFacts:
    """What a card is made of.

    videos: those that any of the runs learned from. words: of the model's maker, Markdown, may be
    empty, as may the licence's text. exemplars: how many of the videos are inside.
    """

    runs: tuple[Run, ...]
    videos: tuple[Video, ...]
    manifest: Manifest
    network: PackedNetwork
    words: str
    licence: str
    exemplars: int


def model_card(facts: CardFacts) -> str:
    """The card as Markdown."""
    labels = " and ".join(_labels(facts.runs))
    parts = [f"# Model card: {labels} on {facts.network.spec['backbone']}"]
    if facts.words.strip():
        parts += ["## In its maker's words", facts.words.strip()]
    parts += ["## What it is for", *_purpose(facts)]
    parts += ["## What it learned from", _bullets(_training(facts))]
    parts += ["## How well it does", *_results(facts)]
    parts += ["## Its limits", _bullets(_limits(facts))]
    parts += ["## Licence", *_licences(facts)]
    return "\n\n".join(parts) + "\n"


def _bullets(lines: Iterator[str]) -> str:
    return "\n".join(_wrapped(f"- {line}", "  ") for line in lines)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _labels(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(run.label for run in runs))


def _of_label(runs: Sequence[Run], label: str) -> list[Run]:
    return [run for run in runs if run.label == label]


# What it is for -----------------------------------------------------------------------------------


def _purpose(facts: CardFacts) -> Iterator[str]:
    actions = sorted({video.action for video in facts.videos if video.action})
    of = f"{' and '.join(actions)} " if 0 < len(actions) <= 3 else ""
    made_of = "joints of the athlete" if "joints" in facts.network.spec else "pixels"
    yield f"It predicts {_targets(facts.runs)} of {of}videos from their {made_of}:"
    lines = []
    for label in _labels(facts.runs):
        runs = _of_label(facts.runs, label)
        splits = ", ".join(dict.fromkeys(run.split for run in runs))
        mean = "the mean of its " if len(runs) > 1 else ""
        said = [_GIVES[one] for one in _GIVES if one in runs[0].head.gives]
        also = f"; says {' and '.join(said)}" if said else ""
        lines.append(
            f"`{label}` (head `{runs[0].name}`), {mean}{_count(runs, 'fit')} on "
            f"{_plural(runs, 'split')} {splits}{also}"
        )
    yield _bullets(iter(lines))
    choose = " --head HEAD" if len(_labels(facts.runs)) > 1 else ""
    yield _wrapped(
        f"`aqa score VIDEO --model FILE{choose}` scores a video, `aqa report VIDEO --model FILE` "
        "writes a page on it. What it says is an estimate, and no ruling."
    )


def _targets(runs: Sequence[Run]) -> str:
    names = dict.fromkeys(run.target for run in runs)
    words = {SCORE: "the score", PAIRS: "who is better"}
    return " and ".join(words.get(name, f"`{name}`") for name in names)


def _count(items: Sequence[object], name: str) -> str:
    return f"{len(items)} {_plural(items, name)}"


def _plural(items: Sequence[object], name: str) -> str:
    return name if len(items) == 1 else f"{name}s"


# What it learned from -----------------------------------------------------------------------------


def _training(facts: CardFacts) -> Iterator[str]:
    each = [len(run.record["split"]["train"]) for run in facts.runs]
    fits = f"{min(each)}" if min(each) == max(each) else f"{min(each)} to {max(each)}"
    yield f"{_count(facts.videos, 'video')} in all, {fits} of them in each fit"
    for name, run in {run.target: run for run in facts.runs}.items():
        known = [one.score for i in facts.videos if _has_score(one := _seen(run, facts, i))]
        if known and run.kind == "scores" and name != PAIRS:
            digits = point_digits(known, 1)
            low, high = (fixed(value, digits) for value in (min(known), max(known)))
            middle = fixed(float(np.median(known)), digits)
            what = "scores" if name == SCORE else f"`{name}`"
            yield f"their {what}: {low} to {high} points, the median {middle}"
    for name, labels in (
        ("types", [video.type for video in facts.videos]),
        ("actions", [video.action for video in facts.videos]),
    ):
        counts = Counter(label for label in labels if label)
        if len(counts) > _MOST_LISTED:
            yield f"their {name}: {len(counts)} different ones"
        elif counts:
            listed = ", ".join(f"{label} ({n})" for label, n in sorted(counts.items()))
            yield f"their {name}: {listed}"
    yield _network_line(facts.network)
    yield from _versions(facts.runs)


def _seen(run: Run, facts: CardFacts, video: Video) -> Video:
    return run.seen(facts.manifest).by_id[video.id]


def _has_score(video: Video) -> bool:
    return bool(np.isfinite(video.score))


def _network_line(network: PackedNetwork) -> str:
    spec, made = network.spec, network.spec["weights"]
    if "joints" in spec:
        return f"joints: {', '.join(spec['joints'])}"
    known = network.published
    if made.get("name") == "random":
        origin = f"untrained, drawn with seed {made.get('seed')}"
    elif known is not None:
        origin = f"weights {known.name}, pretrained on {known.pretraining}, from {known.url}"
    elif network.is_shipped:
        origin = "the small network that comes with aqa, which has only seen drawn dives"
    else:
        origin = f"weights {made.get('name')}"
    inside = "inside this file" if network.inside is not None else "not inside this file"
    if made.get("name") == "random":
        inside = "made anew from the seed"
    seen = made.get("fitted_on")
    learned = f", learned from {len(seen)} videos of the data set" if seen else ""
    return (
        f"features: `{spec['backbone']}`, layer {spec['layer']}, {spec['clip_length']} frames per "
        f"clip; {origin}{learned}; SHA-256 {made['sha256']}; {inside}"
    )


def _versions(runs: Sequence[Run]) -> Iterator[str]:
    days = sorted({str(run.record["created"])[:10] for run in runs if "created" in run.record})
    versions = {
        ", ".join(f"{name} {number}" for name, number in run.record["versions"].items())
        for run in runs
        if isinstance(run.record.get("versions"), Mapping)
    }
    seeds = ", ".join(str(one) for one in sorted({run.record.get("seed", 0) for run in runs}))
    if days:
        span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        yield f"fitted {span}, seed {seeds}; {'; '.join(sorted(versions))}"


# How well it does ---------------------------------------------------------------------------------


def _results(facts: CardFacts) -> Iterator[str]:
    errors: dict[str, None] = {}
    tested = 0
    for label in dict.fromkeys((run.label, run.target) for run in facts.runs):
        runs = [run for run in facts.runs if (run.label, run.target) == label]
        found = [(run, test) for run in runs if (test := _test_metrics(run))]
        tested += len(found)
        if found:
            yield _table(found)
            errors |= dict.fromkeys(_errors(found))
        if lacking := [run.split for run in runs if not _test_metrics(run)]:
            yield _wrapped(
                f"`{label[0]}` was not evaluated on test videos of split "
                f"{', '.join(lacking)}, so how well it does there is not known."
            )
    if tested:
        lower = f" {', '.join(errors)}: errors, so lower is better." if errors else ""
        yield _wrapped(
            f"On test videos that the fit had not seen, with 95 % intervals over them.{lower}"
        )


def _test_metrics(run: Run) -> Mapping[str, Any]:
    try:
        found = json.loads((run.folder / METRICS_FILE).read_text(encoding="utf-8"))["test"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _table(found: Sequence[tuple[Run, Mapping[str, Any]]]) -> str:
    """A row per split, and the mean over them; correlations and errors, and how ranges hold."""
    run, shown = found[0][0], _shown(found)
    held = [one for one in metrics_of("coverage") if one.name == f"coverage_{SHOWN}"]
    coverage = [one for one in held if all("coverage" in test for _, test in found)]
    titles = [metric.title or metric.name for metric in (*shown, *coverage)]
    header = [f"`{run.label}`, split", "test videos", *titles]
    rows = [
        [
            one.split,
            str(test.get("n", "")),
            *(_value(metric, test) for metric in shown),
            *(_value(metric, test["coverage"]) for metric in coverage),
        ]
        for one, test in found
    ]
    if len(found) > 1:
        tests = [test for _, test in found]
        means = [_mean(metric, tests) for metric in shown]
        means += [_mean(metric, [test["coverage"] for test in tests]) for metric in coverage]
        rows.append(["mean", "", *means])
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(found: Sequence[tuple[Run, Mapping[str, Any]]]) -> list[Metric]:
    run, test = found[0]
    return [one for one in metrics_of(run.kind) if one.shown and one.name in test]


def _errors(found: Sequence[tuple[Run, Mapping[str, Any]]]) -> list[str]:
    return [one.title for one in _shown(found) if one.lower_better]


def _value(metric: Metric, test: Mapping[str, Any]) -> str:
    value, interval = test.get(metric.name), test.get(f"{metric.name}_interval")
    if not isinstance(value, int | float):
        return "not known"
    digits = metric.digits_for([value])
    text = fixed(value, digits)
    if isinstance(interval, list) and len(interval) == 2:
        text += f" ({fixed(interval[0], digits)} to {fixed(interval[1], digits)})"
    return text


def _mean(metric: Metric, tests: Sequence[Mapping[str, Any]]) -> str:
    values = [test.get(metric.name) for test in tests]
    known = [value for value in values if isinstance(value, int | float)]
    return f"{fmean(known):.{metric.digits_for(known)}f}" if len(known) == len(tests) else ""


# Its limits ---------------------------------------------------------------------------------------


def _limits(facts: CardFacts) -> Iterator[str]:
    runs = facts.runs
    if what := made_up(facts.network.spec):
        yield f"its features are made up ({what}): what it says means nothing"
    if facts.network.is_shipped:
        yield "its network has only seen drawn dives: of real videos its scores mean nothing"
    yield "it knows videos like those above; of other actions, types or views it knows nothing"
    if all("likeness" in run.record.get("hashes", {}) for run in runs):
        yield "where a video looks unlike the training videos, aqa says so: do not trust that score"
    else:
        yield "it cannot tell whether a video is unlike those that it learned from"
    widths: dict[str, list[float]] = {}
    for run in runs:
        if run.score_range is not None:
            widths.setdefault(run.label, []).append(run.score_range.half_widths[SHOWN])
    for label, half in widths.items():
        yield f"`{label}`: in {SHOWN} % of cases the true score is within {fmean(half):.1f} points"
    yield from _told(runs)
    yield from _faults(runs)
    known = len({i for run in runs for i in training_files(run)})
    yield (
        f"{known} of the {len(facts.videos)} training videos are known by a hash of their files: "
        "where one of these is scored, aqa says so"
    )
    if facts.exemplars:
        yield f"{_count(range(facts.exemplars), 'training video')} inside, to show beside others"
    if any(run.record.get("source") for run in runs):
        code = sorted({str(r.record["source"]["name"]) for r in runs if r.record.get("source")})
        yield f"its head is someone's own code, which is not inside: {', '.join(map(_base, code))}"


def _base(name: str) -> str:
    return Path(name).name


def _told(runs: Sequence[Run]) -> Iterator[str]:
    told = {run.label: [run.told, run.known_difficulty and "difficulty"] for run in runs}
    for label, names in told.items():
        if needed := [name for name in names if name]:
            yield f"`{label}` must be told of each video: {', '.join(needed)}"


def _faults(runs: Sequence[Run]) -> Iterator[str]:
    """Whether faults that it names are true ones, as far as it was measured."""
    seen = set()
    for run in runs:
        reference = run.clip_reference
        if reference is None or run.label in seen:
            continue
        seen.add(run.label)
        told = [
            one.told
            for other in runs
            if other.label == run.label
            and (one := other.clip_reference) is not None
            and one.told is not None
        ]
        if told:
            f1, chance = fmean(t.f1 for t in told), fmean(t.f1_of_all for t in told)
            yield (
                f"`{run.label}`: faulty clips of held-out training videos were told with an F1 of "
                f"{f1:.2f}, against {chance:.2f} where every clip is called faulty"
            )
        else:
            yield f"`{run.label}` compares clips, but calls none faulty: {reference.untold}"


# Licence ------------------------------------------------------------------------------------------


def _licences(facts: CardFacts) -> Iterator[str]:
    if facts.licence.strip():
        yield "The heads: see licence.txt in this file."
    else:
        yield _wrapped(
            "Its maker has stated no licence for the heads: ask before you hand this file on."
        )
    known = facts.network.published
    if known is not None:
        yield f"The network's weights: {known.licence or 'no licence is known'}."
    elif facts.network.is_shipped:
        yield "The network's weights: that of aqa, MIT."
