"""Draws the files of several dives, on several processors where there are such.

A dive's files depend on the dive alone, so they are the same whoever draws them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from aqa.files import replacing
from aqa.workflows.demo.dive import Dive
from aqa.workflows.demo.filming import JOINTS, film, joints_of

# More processes than this gain little: starting one takes as long as drawing two dives.
MOST_PROCESSES = 8


def processors() -> int:
    """How many processes may draw at once: as many as there are processors for this one."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        count = os.cpu_count() or 1
    return min(count, MOST_PROCESSES)


def draw_files(folder: Path, dives: Sequence[Dive], processes: int = 1) -> Iterator[None]:
    """Draw the video and the joints of each dive; yields when one is done, in any order."""
    if processes < 2 or len(dives) < 2:
        for dive in dives:
            draw_dive(folder, dive)
            yield
        return
    # Forked processes would take over threads that hold locks.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(processes, len(dives)), context, _initialise)
    try:
        for done in as_completed([pool.submit(draw_dive, folder, dive) for dive in dives]):
            done.result()
            yield
    finally:
        pool.shutdown(cancel_futures=True)


def draw_dive(folder: Path, dive: Dive) -> None:
    """Write the video and the joints of one dive."""
    film(dive, folder / video_path(dive))
    names = np.array([name for name, _ in JOINTS])
    with replacing(folder / poses_path(dive)) as temporary, temporary.open("wb") as file:
        np.savez(file, joints=joints_of(dive), names=names)


def video_path(dive: Dive) -> str:
    """Where a dive's video lies, below the folder of the data set."""
    return f"videos/{dive.video_id}.mp4"


def poses_path(dive: Dive) -> str:
    """Where a dive's joints lie, below the folder of the data set."""
    return f"poses/{dive.video_id}.npz"


def _initialise() -> None:
    """Leave it to the process that asked to be interrupted, and end when it has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
