"""Results to tables; computes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aqa.evaluation.compare import Comparison
    from aqa.models.feedback import Feedback, PoseFeedback
    from aqa.workflows.embed import Embeddings
    from aqa.workflows.transfer import Transfer

# For each kind of results: the columns that tell them apart or count, and the metrics.
_COUNTS = {
    "scores": ["n"],
    "pairs": ["part", "similar", "dissimilar"],
    "feedback": ["n", "clips", "faulty", "said_faulty"],
    "stages": ["part", "n", "frames"],
    "parts": ["part", "n"],
    "coverage": ["n"],
    "attributes": ["n"],
}
_METRICS = {
    "scores": ["spearman", "mse", "med", "relative_l2"],
    "pairs": ["accuracy", "balanced_accuracy", "roc_auc"],
    "feedback": ["precision", "recall", "f1"],
    "stages": ["accuracy", "start_error"],
    "parts": ["spearman", "mse", "med", "relative_l2"],
    "coverage": ["coverage_50", "coverage_80", "coverage_95", "width_80"],
    "attributes": ["position", "armstand", "rotation", "somersaults", "twists"],
}
_DIGITS = {"mse": 1, "med": 2, "relative_l2": 2, "start_error": 1, "width_80": 1}
# Parts of a score have few points: 1.9 to 3.8 of difficulty.
_DIGITS_OF_PARTS = {"mse": 3, "med": 4}
_TITLES = {
    "spearman": "Spearman",
    "mse": "MSE",
    "med": "MED",
    "relative_l2": "R-l2 x100",
    "said_faulty": "said",
    "balanced_accuracy": "balanced",
    "roc_auc": "ROC-AUC",
    "f1": "F1",
    "start_error": "frames off",
    "coverage_50": "in 50 %",
    "coverage_80": "in 80 %",
    "coverage_95": "in 95 %",
    "width_80": "width of 80 %",
}


def table(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Align columns: the first `left` to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def results_table(
    results: Sequence[Mapping[str, Any]], means: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Results, one row each, values with their 95 % intervals; then means over splits.

    Each kind of results is a table of its own.
    """
    kinds = dict.fromkeys(result["kind"] for result in results)
    tables = [
        _kind_table(
            kind, *([row for row in rows if row["kind"] == kind] for rows in (results, means))
        )
        for kind in kinds
    ]
    lines = ["\n\n".join(tables)]
    lines += [
        f"{r['head']}: ridge regression on {', '.join(r['baseline'])}, without pixels"
        for r in results
        if len(r.get("baseline", ())) > 1
    ]
    lines += _told_lines(results)
    leaks = [r for r in (*results, *means) if "leak" in r]
    lines += [
        f"LEAK {r['head']} {'split ' + r['split'] if 'split' in r else 'mean'}: "
        f"{'; '.join(r['leak'])}"
        for r in leaks
    ]
    return "\n".join(dict.fromkeys(lines))


def _kind_table(
    kind: str, results: Sequence[Mapping[str, Any]], means: Sequence[Mapping[str, Any]]
) -> str:
    counts, metrics = _COUNTS[kind], _METRICS[kind]
    titles = {name: _TITLES.get(name, name) for name in (*counts, *metrics)}
    groups = list(dict.fromkeys(r["by"] for r in results if "by" in r))
    rows = [
        [
            *("head", "split", *groups, *(titles[c] for c in counts)),
            *(f"{titles[m]} [95 %]" for m in metrics),
        ]
    ]
    rows += [
        [
            *(_head(r), r["split"], *(r["group"] for _ in groups), *(str(r[c]) for c in counts)),
            *(_with_interval(r, m) for m in metrics),
        ]
        for r in results
    ]
    rows += [
        [
            *(_head(m), f"mean of {m['splits']}", *(m["group"] for _ in groups)),
            *(str(m.get(c, "")) for c in counts),
            *(_with_std(m, metric) for metric in metrics),
        ]
        for m in means
    ]
    return table(rows, left=(3 if "part" in counts else 2) + len(groups))


def _head(result: Mapping[str, Any]) -> str:
    """A head's name, and whether it was told the difficulty."""
    sign = {"multiply": " x difficulty", "input": " + difficulty"}
    return f"{result['head']}{sign.get(result.get('difficulty', ''), '')}"


def _told_lines(results: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{r['head']}: told each video's {r['told']} beside its features"
        for r in results
        if "told" in r
    ]


def _with_interval(result: Mapping[str, Any], metric: str) -> str:
    if metric not in result:
        return ""
    value, interval = result[metric], result[f"{metric}_interval"]
    if value is None:
        return "undefined"
    digits = _digits(result, metric)
    if interval is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"


def _with_std(mean: Mapping[str, Any], metric: str) -> str:
    if metric not in mean:
        return ""
    if mean[metric] is None:
        return "undefined"
    digits = _digits(mean, metric)
    std = mean.get(f"{metric}_std")
    return f"{mean[metric]:.{digits}f}" + ("" if std is None else f" +- {std:.{digits}f}")


def _digits(row: Mapping[str, Any], metric: str) -> int:
    digits = {**_DIGITS, **_DIGITS_OF_PARTS} if row.get("kind") == "parts" else _DIGITS
    return digits.get(metric, 3)


def fragment_line(row: Mapping[str, Any]) -> str:
    """What one fragment, or all together, tells of the score."""
    cells = [f"{_TITLES.get(m, m)} {_with_std(row, m)}" for m in _METRICS["scores"]]
    stage = f" ({row['stage']})" if row["stage"] else ""
    return f"fragment {row['fragment']}{stage}: {', '.join(cells)}"


def comparison_table(found: Comparison) -> str:
    """Heads by their mean over splits, and the differences between them, each with its p."""
    title = _TITLES.get(found.metric, found.metric)
    digits = _DIGITS.get(found.metric, 3)
    several = len(found.splits) > 1

    def shown(value: float, interval: Sequence[float] | None, sign: str = "") -> str:
        low_high = [f"{end:{sign}.{digits}f}" for end in interval or ()]
        return f"{value:{sign}.{digits}f}" + (f" [{', '.join(low_high)}]" if low_high else "")

    rows = [{"head": name, **own} for name, own in found.heads.items()]
    heads = [["head", f"{title} [95 %]"]]
    heads += [[_head(row), shown(row["value"], row["interval"])] for row in rows]
    tests = ["p videos", "p Holm", *(["p splits"] if several else [])]
    pairs = [["a", "b", "a less b [95 %]", *tests, ""]]
    for pair in found.pairs:
        p = [pair.p_videos, pair.p_holm, *([pair.p_splits] if several else [])]
        difference = shown(pair.difference, pair.interval, "+")
        verdict = f"{pair.better} is better" if pair.better else "no difference shown"
        if pair.better and not (pair.p_splits is not None and pair.p_splits < 0.05):
            verdict += " as fitted"
        pairs.append([pair.a, pair.b, difference, *(f"{value:.4f}" for value in p), verdict])
    mean = f"mean of {len(found.splits)} splits" if several else f"split {found.splits[0]}"
    lines = [f"{title}, {mean}, {found.videos} test videos", table(heads), "", table(pairs, left=2)]
    lines += [
        f"split {split} is left out: no results of {', '.join(names)}"
        for split, names in found.left_out.items()
    ]
    lines += _told_lines(rows)
    lines += [f"LEAK {row['head']}: {'; '.join(row['leak'])}" for row in rows if "leak" in row]
    return "\n".join(lines)


def feedback_table(feedback: Feedback, run: str) -> str:
    """A row a clip; frames are counted from 0, the last one of a clip is not in it."""
    compared = any(clip.exemplar_clips for clip in feedback.clips)
    cells = [["clip", "frames", "seconds", "value", "", "compared with" if compared else ""]]
    for clip in feedback.clips:
        seconds = "unknown"
        if clip.start_seconds is not None and clip.stop_seconds is not None:
            seconds = f"{clip.start_seconds:.2f} to {clip.stop_seconds:.2f}"
        against = ", ".join(f"{name} clip {k}" for name, k in clip.exemplar_clips.items())
        cells.append(
            [
                *(str(clip.clip), f"{clip.start} to {clip.stop}", seconds, f"{clip.value:.3f}"),
                *("faulty" if clip.faulty else "", against),
            ]
        )
    title = f"{feedback.video}: {feedback.meaning}, by {run}; faulty below {feedback.limit:g}"
    return f"{title}\n{table(cells, left=6)}"


def feedback_json(feedback: Feedback, run: str) -> dict[str, Any]:
    """The same as plain values."""
    return {"run": run, **dataclasses.asdict(feedback)}


def moves_table(feedback: PoseFeedback, run: str) -> str:
    """A row a joint: the frame on which it would gain most, counted from 0, and which way."""
    cells = [["joint", "frame", "seconds", "points a pixel", "right", "down"]]
    for move in feedback.moves:
        seconds = "unknown" if move.seconds is None else f"{move.seconds:.2f}"
        numbers = (f"{value:.3f}" for value in (move.gain, move.right, move.down))
        cells.append([move.joint, str(move.frame), seconds, *numbers])
    return f"{feedback.video}: {feedback.meaning}, by {run}\n{table(cells)}"


def moves_json(feedback: PoseFeedback, run: str) -> dict[str, Any]:
    """The same as plain values."""
    moves = [dataclasses.asdict(move) for move in feedback.moves]
    return {"run": run, "video": feedback.video, "meaning": feedback.meaning, "moves": moves}


def embeddings_table(found: Embeddings, run: str) -> str:
    """Silhouettes by type, -1 to 1: higher keeps the types further apart."""
    cells = [["embedding", "size", "silhouette of train", "of test"]]
    for embedding in found.all:
        shown = ["-" if s is None else f"{s:.3f}" for s in embedding.silhouette.values()]
        cells.append([embedding.name, str(embedding.values.shape[1]), *shown])
    n_test = int(found.tested.sum())
    videos = f"{len(found.ids) - n_test} training and {n_test} test videos"
    return f"{run}: {videos}, {len(set(found.types))} types\n{table(cells)}"


def embeddings_json(found: Embeddings, run: str) -> dict[str, Any]:
    """Silhouettes, and every video's place in the plane of each embedding."""
    return {
        "run": run,
        "embeddings": [
            {
                "name": embedding.name,
                "size": embedding.values.shape[1],
                "silhouette": embedding.silhouette,
                "points": [
                    {"video": video, "type": kind, "tested": bool(tested), "x": x, "y": y}
                    for video, kind, tested, (x, y) in zip(
                        found.ids, found.types, found.tested, embedding.flat.tolist(), strict=True
                    )
                ],
            }
            for embedding in found.all
        ],
    }


def transfer_table(found: Transfer) -> str:
    """Spearman as the new action finds the network, and what fine-tuning makes of it."""
    blind = {"mean": found.zero_shot["random"], "mean_std": found.zero_shot["random_std"]}
    learned = {"mean": found.zero_shot["multi-action"]}
    cells = [["samples", "start", "zero-shot", "last iteration", "best iteration"]]
    for row in found.readings():
        shown = [_with_std(row, reading) for reading in ("zero_shot", "last", "best")]
        cells.append([str(row["samples"]), row["start"], *shown])
    return "\n".join(
        [
            f"{found.action}: new to a head of {found.n_others} videos of "
            f"{', '.join(found.others)}",
            f"zero-shot Spearman on all its {found.n} videos: {_with_std(learned, 'mean')}; "
            f"untrained: {_with_std(blind, 'mean')}",
            f"fine-tuned on samples, Spearman on {found.tested} others:",
            table(cells, left=2),
            "best iteration: chosen on the test videos, as parmar2019action Table 4 is",
        ]
    )


def scores_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Scored videos; where several runs were averaged, the lowest and highest of them."""
    cells = [["video", "score", "runs"]]
    for row in rows:
        values = list(row["by_split"].values())
        spread = f"{min(values):.2f} to {max(values):.2f}" if len(values) > 1 else ""
        cells.append([row["video"], f"{row['score']:.2f}", spread])
    warnings = [f"warning: {row['warning']}" for row in rows if row["warning"]]
    return "\n".join([table(cells), *warnings])
