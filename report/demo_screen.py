"""The last screen of `aqa demo`: how good the heads are, and what they say of a new dive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aqa.number_text import fixed
from aqa.report.result_tables import results_table
from aqa.report.tables import table, wrapped
from aqa.workflows.demo.commentary import commentary
from aqa.workflows.demo.run import WRITER

if TYPE_CHECKING:
    from aqa.workflows.demo.dive import Dive
    from aqa.workflows.demo.run import DemoOutcome, NewDive


def demo_screen(outcome: DemoOutcome, page: Path) -> str:
    """The results of the heads, the new dive, and where to look next. page: on the new dive."""
    folder, new = outcome.workspace.root, outcome.new
    return "\n".join(
        [
            results_table(outcome.evaluation),
            "",
            new_dive_text(new),
            "",
            wrapped(f"Everything lies in {folder}; it took {outcome.seconds:.0f} seconds."),
            wrapped("Next, open the page on the new dive in a browser:"),
            f"  {page}",
            wrapped(f"The head {new.explained_by} is packed, too, to score such videos anywhere:"),
            f"  aqa -C {folder} score {new.path.name} --model {outcome.pack.name}",
        ]
    )


def new_dive_text(new: NewDive) -> str:
    """The true score, what was predicted and the typical error, and what cost points."""
    faults = " and ".join(fault.name.replace("_", " ") for fault in new.dive.faults)
    title = (
        f"A new dive, {new.path}: {new.dive.type.name}, drawn with "
        f"{faults or 'no fault'}. Its score, in points:"
    )
    rows = [["true score", fixed(new.dive.score, 1), ""]]
    for head, score in new.predicted.items():
        error = new.typical_errors[head]
        rows.append(
            [f"predicted by {head}", fixed(score, 1), "" if error is None else fixed(error, 1)]
        )
    scores = table(rows, ["", "points", "typical error on test videos"])
    return "\n".join([wrapped(title), scores, wrapped(cost_text(new)), *written_lines(new)])


def written_lines(new: NewDive) -> list[str]:
    """What a head writes of the dive, below what is true of it in the same kind of words."""
    if new.written is None:
        return []
    title = f"In words, the truth and what {WRITER} writes, briefly trained on all the dives:"
    rows = [["truth", commentary(new.dive)], [WRITER, new.written or "nothing"]]
    return ["", wrapped(title), table(rows, left=2)]


def cost_text(new: NewDive) -> str:
    """Which second cost the points by the head, and what was drawn there."""
    clip = new.costliest
    if clip is None:
        return f"By {new.explained_by}, no part of the dive cost points."
    when = f"frames {clip.start} to {clip.stop}"
    if clip.start_seconds is not None and clip.stop_seconds is not None:
        when = f"seconds {clip.start_seconds:.1f} to {clip.stop_seconds:.1f}"
    return (
        f"By {new.explained_by}, {when} cost most: {fixed(-clip.value, 1)} points. "
        f"Drawn there: {_drawn(new.dive, clip.start, clip.stop)}."
    )


def _drawn(dive: Dive, start: int, stop: int) -> str:
    """The stages and the faults that these frames show."""
    starts = {name: first for name, first in dive.stages._asdict().items() if name != "n_frames"}
    ends = [*list(starts.values())[1:], dive.n_frames]
    stages = [
        name
        for (name, first), end in zip(starts.items(), ends, strict=True)
        if first < stop and start < end
    ]
    faults = [
        fault.name.replace("_", " ")
        for fault in dive.faults
        if fault.start < stop and start < fault.stop
    ]
    return f"{' and '.join(stages)}, with {' and '.join(faults) or 'no fault'}"
