"""How long a score takes: of `aqa score`, a new process for each video, and of a loaded `Scorer`.

    python benchmarks/scorer.py aqa-demo aqa-demo/new_dive.mp4 --head svr

Both score the same video in turn, so that both meet the same load. It prints medians of the clock,
and of processor time, which other jobs on the machine change less; and the shortest by the clock,
at the moment when these left the most of the machine. After each call of the scorer a loop does
nothing for as much processor time: what it takes by the clock is what other jobs cost, and a call
that takes longer waits for something else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

import click

from aqa.benchmarks.extract import machine
from aqa.workflows.scorer import Scorer

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
T = TypeVar("T")
Times = tuple[float, float]  # seconds of the clock, and of processors


@click.command()
@click.argument("workspace", type=FOLDER)
@click.argument("video", type=FILE)
@click.option("--head", default="svr", show_default=True)
@click.option("--calls", type=click.IntRange(1), default=5, show_default=True)
@click.option("--each", type=click.IntRange(1), default=10, show_default=True)
def main(workspace: Path, video: Path, head: str, calls: int, each: int) -> None:
    """Time CALLS runs of the command, and EACH calls of the scorer beside each of them."""
    print(machine())
    opened, scorer = timed(lambda: Scorer.open(workspace, head))
    loaded, _ = timed(scorer.load)
    print(f"opened in {opened[0]:.2f} s, networks built in {loaded[0]:.2f} s; {head}")
    wanted = scorer.score(video).score
    command: list[Times] = []
    scored: list[Times] = []
    idle: list[Times] = []
    for _ in range(calls):
        took, score = timed(lambda: by_command(workspace, video, head))
        assert abs(score - wanted) < 1e-3, (score, wanted)
        command.append(took)
        for _ in range(each):
            took, _ = timed(lambda: scorer.score(video))
            scored.append(took)
            idle.append(timed(partial(be_busy, took[1]))[0])
    told = (("aqa score", command), ("Scorer.score", scored), ("a busy loop", idle))
    for name, times in told:
        clock, processor = (median(column) for column in zip(*times, strict=True))
        shortest = min(seconds for seconds, _ in times)
        print(
            f"{name}: {clock:.3f} s, processor {processor:.3f} s; median of {len(times)}; shortest "
            f"{shortest:.3f} s"
        )


def be_busy(seconds: float) -> None:
    """Use so much processor time of one thread."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def by_command(workspace: Path, video: Path, head: str) -> float:
    """What `aqa score` answers."""
    command = [
        sys.executable,
        "-m",
        "aqa",
        "-C",
        str(workspace),
        "score",
        str(video),
        "--head",
        head,
    ]
    said = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    score: float = json.loads(said.stdout)["scores"][0]["score"]
    return score


def timed(run: Callable[[], T]) -> tuple[Times, T]:
    """How long a call took, with the processes that it started; and what it gave."""
    clock, before = time.perf_counter(), os.times()
    given = run()
    after = os.times()
    return (time.perf_counter() - clock, sum(after[:4]) - sum(before[:4])), given


if __name__ == "__main__":
    main()
