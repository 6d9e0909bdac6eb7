"""What is lost, and what goes wrong in silence, when writing is disturbed.

    python benchmarks/faults.py [--quick] [--seconds 60] [--seed 0]

kill           `kill -9` at a random instant or step (fsync, rename, unlink) of extract,
               fit, split, import, store import and finetune; then the same command again
torn write     killed in the middle of a write: a file may grow to a random size only
file limit     as above, but with an error (EFBIG) instead of a kill; then the same command again
full disk      a small tmpfs with a random rest of room, so that the system says ENOSPC; then, with
               room, the same command again. Skipped, with the reason, where it cannot be mounted
two writers    the same command twice at once, or two that write the same file
bit flip       one bit of a store, a model file, or of what a run has learned from a manifest; then
               `aqa eval`

Of each: tried; survived: what was there before is there, and the same command ends as if nothing
had been; lost: something is gone, or the command crashes, prints a traceback or cannot be given
again; silent: exit code 0, but another result. All is done in a temporary folder of this script's
own, by processes that it forked itself.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # the same sums in every process

import json
import mmap
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

# Everything that a command imports is imported here, once, before processes are forked.
import aqa.extract.backbones.tiny3d
import aqa.models.heads.lstm
import aqa.models.heads.svr
import aqa.workflows.finetune.run
import aqa.workflows.fit  # noqa: F401
from aqa import files
from aqa.annotations.manifest import Manifest, write_manifest
from aqa.benchmarks.extract import machine
from aqa.cli import main as aqa_main
from aqa.errors import AqaError
from aqa.features.store import FeatureStore
from aqa.models.runs import load_run
from aqa.workflows.demo.dataset import draw_dives

Prepare = Callable[[], None]


# Processes --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (negative: the signal) and what it said on stderr."""

    code: int
    said: str

    @property
    def crashed(self) -> bool:
        """Whether it did not end in one line."""
        return "Traceback" in self.said or self.code not in (0, 1, 2, 130, -signal.SIGKILL)


@dataclass
class Started:
    """A command that runs in a process of its own, forked from this one."""

    pid: int
    said: Path

    def wait(self) -> Ended:
        _, status = os.waitpid(self.pid, 0)
        text = self.said.read_text(errors="replace")
        self.said.unlink()
        return Ended(os.waitstatus_to_exitcode(status), text)


def start(folder: Path, command: Sequence[str], prepare: Prepare | None = None) -> Started:
    """Run a command as typed in a folder. prepare: is called in its process first."""
    handle, name = tempfile.mkstemp(dir=folder.parent.parent, prefix="said-")
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(handle)
        return Started(pid, Path(name))
    code = 70
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        os.chdir(folder)
        os.dup2(handle, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if prepare is not None:
            prepare()
        aqa_main(list(command), prog_name="aqa")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def run(folder: Path, command: Sequence[str], prepare: Prepare | None = None) -> Ended:
    """Run a command to its end."""
    return start(folder, command, prepare).wait()


_STEPS = mmap.mmap(-1, 8)


def counting(last: int = -1) -> Prepare:
    """Count a command's steps on the disk; kill it before step number `last`."""

    def prepare() -> None:
        done = 0

        def counted(function: Callable[..., Any]) -> Callable[..., Any]:
            def step(*arguments: Any, **options: Any) -> Any:
                nonlocal done
                if done == last:
                    os.kill(os.getpid(), signal.SIGKILL)
                done += 1
                _STEPS[:] = struct.pack("q", done)
                return function(*arguments, **options)

            return step

        for name in ("replace", "rename", "unlink", "rmdir", "fsync", "mkdir", "pwrite"):
            setattr(os, name, counted(getattr(os, name)))
        files._rename_with = counted(files._rename_with)

    return prepare


def growing_to(size: int, kill: bool) -> Prepare:
    """Let files grow to so many bytes; what writes more is killed, or told that they are full."""

    def prepare() -> None:
        if kill:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return prepare


# What is tried -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A command in a folder that holds something already.

    template: the folder. command: as typed. state: what a reader finds there, None for nothing;
    raises where it cannot be read. parts: whether the state may grow part by part. other: a command
    to run at the same time. done: what it says, with exit code 1, where all is done already.
    """

    name: str
    template: Path
    command: Sequence[str]
    state: Callable[[Path], Any]
    parts: bool = False
    other: Sequence[str] = ()
    done: str = ""


def store_state(path: str) -> Callable[[Path], Any]:
    def state(folder: Path) -> Any:
        if not (folder / path).exists():
            return None
        with FeatureStore.open(folder / path) as store:
            if problems := store.verify():
                raise AqaError(problems[0])
            return {i: store[i].tobytes() for i in store.ids}

    return state


def run_state(label: str) -> Callable[[Path], Any]:
    def state(folder: Path) -> Any:
        place = folder / "runs" / label / "split-1"
        if not place.exists():
            return None
        found = load_run(place)
        params = {k: v for k, v in found.record["params"].items() if k != "device"}
        kept = ("model.safetensors", "predictions.csv", "metrics.json")
        return params, *((place / name).read_bytes() for name in kept)

    return state


def tuned_state(folder: Path) -> Any:
    place = folder / "runs/lstm-finetuned/split-1"
    if not (place / "run.json").exists():
        return None
    load_run(place)
    kept = ("model.safetensors", "predictions.csv", "metrics.json", "backbone.safetensors")
    return tuple((place / name).read_bytes() for name in kept)


def split_state(folder: Path) -> Any:
    table = Manifest.read(folder / "manifest.csv")
    return {name: table.split(name) for name in table.split_names}


def splits_recorded(folder: Path) -> Any:
    text = (folder / "manifest.splits.json").read_text()
    return split_state(folder), {name: one["splits"] for name, one in json.loads(text).items()}


def manifest_state(folder: Path) -> Any:
    path = folder / "new.csv"
    return path.read_bytes() if path.exists() else None


def make_cases(root: Path) -> dict[str, Case]:
    """The folders that commands are disturbed in, and the commands."""
    vectors, videos = root / "vectors", root / "videos"
    rng = np.random.default_rng(0)
    ids = [f"v{i}" for i in range(300)]
    vectors.mkdir()
    for name in ("f", "g"):
        np.save(vectors / f"{name}.npy", rng.normal(size=(300, 4, 500)).astype(np.float32))
    (vectors / "ids.txt").write_text("\n".join(ids))
    part = ["test" if i % 4 == 0 else "train" for i in range(300)]
    score = rng.normal(60, 15, 300).round(2)
    rows = [
        {"video_id": v, "path": "", "score": s, "split_1": p}
        for v, s, p in zip(ids, score, part, strict=True)
    ]
    write_manifest(vectors / "manifest.csv", rows)
    (vectors / "table.csv").write_text(
        "name,points\n" + "".join(f"w{i},{i}\n" for i in range(2000))
    )
    _must(vectors, "store", "import", "f.npy", "--ids", "ids.txt")
    _must(vectors, "fit", "--head", "svr")
    _must(vectors, "eval")
    _must(vectors, "split", "random", "-n", "2", "--name", "mine")
    draw_dives(videos, 8, n_splits=1)
    few = root / "few"
    shutil.copytree(videos, few)
    _keep_rows(few / "manifest.csv", 5)
    network = ("--backbone", "tiny3d", "--device", "cpu", "--workers", "0")
    _must(few, "extract", *network)
    (videos / "stores").mkdir()
    shutil.copy(few / "stores/tiny3d.h5", videos / "stores")
    tune = (
        "finetune",
        *network,
        "--head",
        "lstm",
        "--epochs",
        "2",
        "--batch-size",
        "2",
        "--frames",
        "32",
    )
    imported = ("--ids", "ids.txt", "--store", "stores/new.h5")
    table = ("--column", "video_id=name", "--column", "score=points", "--manifest", "new.csv")
    cases = [
        Case("extract", videos, ("extract", *network), store_state("stores/tiny3d.h5"), parts=True),
        Case(
            "fit",
            vectors,
            ("fit", "--head", "svr", "--split", "1", "-p", "C=3"),
            run_state("svr"),
            other=("fit", "--head", "svr", "--split", "1", "-p", "C=5"),
        ),
        Case(
            "split",
            vectors,
            ("split", "random", "-n", "1", "--name", "mine", "--force"),
            split_state,
            other=("split", "random", "--name", "yours"),
        ),
        Case(
            "store import",
            vectors,
            ("store", "import", "f.npy", *imported),
            store_state("stores/new.h5"),
            other=("store", "import", "g.npy", *imported),
            done="exists",
        ),
        Case(
            "import", vectors, ("import", "csv", "table.csv", *table), manifest_state, done="exists"
        ),
        Case("finetune", few, tune, tuned_state),
    ]
    return {case.name: case for case in cases}


def _must(folder: Path, *command: str) -> None:
    ended = run(folder, command)
    if ended.code:
        raise click.ClickException(f"aqa {' '.join(command)}: {ended.said}")


def _keep_rows(manifest: Path, n: int) -> None:
    lines = manifest.read_text().splitlines(keepends=True)
    kept = [line.replace(",test\n", ",train\n") for line in lines[1 : n + 1]]
    manifest.write_text(lines[0] + "".join(kept[:-1]) + kept[-1].replace(",train\n", ",test\n"))


# Trials -----------------------------------------------------------------------------------------


@dataclass
class Reference:
    """A case undisturbed: the state before and after, its seconds, steps and largest file."""

    case: Case
    before: Any
    after: Any
    seconds: float
    steps: int
    largest: int
    grown: int


class Trials:
    """Disturbs commands in copies of their folders, and tells what came of it."""

    def __init__(self, root: Path, rng: np.random.Generator):
        self.root, self.rng = root, rng
        self.counts: dict[tuple[str, str], Counter[str]] = {}
        self._number = 0
        self.disk = root / "disk"

    @contextmanager
    def copy(self, template: Path, where: Path | None = None) -> Iterator[Path]:
        """A folder to spoil."""
        self._number += 1
        folder = (where or self.root / "trials") / f"trial-{self._number}"
        shutil.copytree(template, folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def reference(self, case: Case) -> Reference:
        """Run a case undisturbed."""
        with self.copy(case.template) as folder:
            before, there = case.state(folder), _sizes(folder)
            started = time.perf_counter()
            ended = run(folder, case.command, counting())
            seconds = time.perf_counter() - started
            if ended.code:
                raise click.ClickException(f"{case.name}: {ended.said}")
            steps = struct.unpack("q", _STEPS[:])[0]
            sizes = _sizes(folder)
            written = [size for path, size in sizes.items() if there.get(path) != size]
            grown = sum(sizes.values()) - sum(there.values())
            state = case.state(folder)
            return Reference(case, before, state, seconds, steps, max(written, default=1), grown)

    def count(self, kind: str, case: str, outcome: str, why: str = "") -> None:
        """Note the outcome of a trial."""
        self.counts.setdefault((kind, case), Counter())[outcome] += 1
        if outcome != "survived":
            click.echo(f"{kind}, {case}: {outcome}: {why}", err=True)

    def disturb(self, kind: str, known: Reference) -> None:
        """One trial: the command is disturbed, then given again."""
        case, rng = known.case, self.rng
        limit = int(rng.integers(0, max(known.largest, 2)))
        with self.copy(case.template) as folder:
            if kind == "kill":
                if rng.random() < 0.5:
                    ended = run(folder, case.command, counting(int(rng.integers(0, known.steps))))
                else:
                    started = start(folder, case.command)
                    time.sleep(rng.uniform(0, known.seconds))
                    os.kill(started.pid, signal.SIGKILL)
                    ended = started.wait()
            elif kind == "torn write":
                ended = run(folder, case.command, growing_to(limit, kill=True))
                if ended.code == -signal.SIGXFSZ:
                    ended = Ended(-signal.SIGKILL, ended.said)
            else:
                ended = run(folder, case.command, growing_to(limit, kill=False))
            self._conclude(kind, known, folder, ended)

    def fill_disk(self, known: Reference) -> None:
        """One trial on a disk of its own with little room, then with room."""
        case = known.case
        with self.copy(case.template, self.disk) as folder:
            free = shutil.disk_usage(self.disk).free
            room = int(self.rng.uniform(0, max(known.grown, 1 << 14) * 1.5))
            ballast = self.disk / "ballast"
            with suppress(OSError), ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, max(free - room, 0))
            ended = run(folder, case.command)
            ballast.unlink()
            self._conclude("full disk", known, folder, ended)

    def _conclude(self, kind: str, known: Reference, folder: Path, ended: Ended) -> None:
        """What is there after a disturbance, and after the same command again."""
        case = known.case
        if ended.crashed:
            return self.count(kind, case.name, "lost", f"exit {ended.code}: {ended.said[-600:]}")
        try:
            found = case.state(folder)
        except (AqaError, OSError, ValueError) as error:
            return self.count(kind, case.name, "lost", f"cannot be read after it: {error}")
        if ended.code == 0 and found != known.after:
            return self.count(kind, case.name, "silent", "exit 0, another result")
        if not _between(known, found):
            return self.count(kind, case.name, "lost", "neither what was there nor the new")
        again = run(folder, case.command)
        over = case.done and case.done in again.said and found == known.after
        if again.code and not over:
            return self.count(kind, case.name, "lost", f"given again: {again.said[-600:]}")
        if case.state(folder) != known.after:
            return self.count(kind, case.name, "silent", "given again: another result")
        if case.name == "split" and not _recorded(folder):
            return self.count(kind, case.name, "lost", "splits without their record")
        if left := [p.name for p in folder.rglob(".*.tmp*")]:
            return self.count(kind, case.name, "lost", f"temporary files are left: {left}")
        return self.count(kind, case.name, "survived")

    def two_writers(self, known: Reference) -> None:
        """One trial: a command, and at almost the same time another, or itself."""
        case, kind = known.case, "two writers"
        other = case.other or case.command
        with self.copy(case.template) as folder, self.copy(case.template) as alone:
            run(alone, other)
            theirs = case.state(alone)
            first = start(folder, case.command)
            time.sleep(self.rng.uniform(0, known.seconds / 2))
            second = start(folder, other)
            ended = [first.wait(), second.wait()]
            if any(one.crashed for one in ended):
                said = " / ".join(one.said[-300:] for one in ended)
                return self.count(kind, case.name, "lost", said)
            try:
                found = case.state(folder)
            except (AqaError, OSError, ValueError) as error:
                return self.count(kind, case.name, "lost", f"cannot be read after it: {error}")
            codes = [one.code for one in ended]
            if case.name == "split":
                mine = {name: found[name] for name in known.after if name in found}
                good = codes == [0, 0] and mine == known.after and _recorded(folder)
                good = good and found.get("yours") == theirs["yours"]
            else:
                wanted = [s for s, c in zip((known.after, theirs), codes, strict=True) if c == 0]
                good = found in wanted
            outcome = "survived" if good else "lost"
            return self.count(kind, case.name, outcome, f"exit codes {codes}")

    def flip(self, name: str, template: Path) -> None:
        """One trial: one bit is flipped, then the run is evaluated."""
        with self.copy(template) as folder:
            predictions = folder / "runs/svr/split-1/predictions.csv"
            before = predictions.read_bytes()
            path = folder / {"store": "stores/f.h5", "manifest": "manifest.csv"}.get(
                name, "runs/svr/split-1/model.safetensors"
            )
            data = bytearray(path.read_bytes())
            place = self._place(name, data)
            data[place] ^= 1 << int(self.rng.integers(0, 8))
            path.write_bytes(data)
            ended = run(folder, ("eval",))
            if ended.crashed:
                said = f"byte {place}: exit {ended.code}: {ended.said[-600:]}"
                return self.count("bit flip", name, "lost", said)
            same = predictions.read_bytes() == before
            if ended.code == 0 and not same:
                return self.count("bit flip", name, "silent", f"byte {place}: other predictions")
            return self.count("bit flip", name, "survived")

    def _place(self, name: str, data: bytearray) -> int:
        """A byte; of a manifest one of an id or a score that the run has learned from."""
        if name != "manifest":
            return int(self.rng.integers(0, len(data)))
        lines = bytes(data).split(b"\n")
        rows = [i for i, line in enumerate(lines) if line.split(b",")[3:4] == [b"train"]]
        row = int(self.rng.choice(rows))
        offset = sum(len(line) + 1 for line in lines[:row])
        cells = lines[row].split(b",")
        places = [*range(len(cells[0]))]
        score = len(cells[0]) + len(cells[1]) + 2
        places += range(score, score + len(cells[2]))
        return offset + int(self.rng.choice(places))


def _sizes(folder: Path) -> dict[Path, int]:
    return {p: p.stat().st_size for p in folder.rglob("*") if p.is_file()}


def _between(known: Reference, found: Any) -> bool:
    """Whether a state is that before, that after, or of a growing one some of both."""
    if found == known.before or found == known.after:
        return True
    if not known.case.parts or found is None:
        return False
    return known.before.items() <= found.items() <= known.after.items()


def _recorded(folder: Path) -> bool:
    """Whether the record of splits names the drawn columns of the manifest, and no others."""
    columns, records = splits_recorded(folder)
    return set(columns) - {"1"} == {name for names in records.values() for name in names}


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[str]:
    """Mount a small disk in memory; why that could not be done, or nothing."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", os.fspath(place)]
    problem = ""
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        problem = done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else ""
    except OSError as error:
        problem = str(error)
    try:
        yield problem
    finally:
        if not problem:
            subprocess.run(["umount", os.fspath(place)], check=False)


def try_all(trials: Trials, cases: dict[str, Case], seconds: float, mounted: bool) -> None:
    """As many trials of each kind and case as fit into so many seconds; one at least."""

    def repeat(one: Callable[[], None]) -> None:
        end, done = time.monotonic() + seconds, 0
        while not done or time.monotonic() < end:
            one()
            done += 1

    for case in cases.values():
        known = trials.reference(case)
        click.echo(f"{case.name}: {known.seconds:.2f} s, {known.steps} steps", err=True)
        repeat(lambda known=known: trials.disturb("kill", known))  # type: ignore[misc]
        repeat(lambda known=known: trials.disturb("torn write", known))  # type: ignore[misc]
        repeat(lambda known=known: trials.disturb("file limit", known))  # type: ignore[misc]
        if mounted:
            repeat(lambda known=known: trials.fill_disk(known))  # type: ignore[misc]
        if case.name != "import":
            repeat(lambda known=known: trials.two_writers(known))  # type: ignore[misc]
    for name in ("store", "model file", "manifest"):
        template = cases["fit"].template
        repeat(lambda name=name, template=template: trials.flip(name, template))  # type: ignore[misc]


@click.command()
@click.option("--quick", is_flag=True, help="Two seconds for each, rather than --seconds.")
@click.option("--seconds", default=60.0, show_default=True, help="For each kind of each command.")
@click.option("--seed", default=0, show_default=True)
@click.option("--only", help="Commands to try, with commas between.")
def main(quick: bool, seconds: float, seed: int, only: str | None) -> None:
    """Disturb commands that write, and print what came of it."""
    click.echo(machine())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the small disk is taken off
    with tempfile.TemporaryDirectory(prefix="aqa-faults-") as name:
        root = Path(name)
        (root / "trials").mkdir()
        cases = make_cases(root)
        if only:
            cases = {n: case for n, case in cases.items() if n in (*only.split(","), "fit")}
        trials = Trials(root, np.random.default_rng(seed))
        with small_disk(root / "disk", 64) as problem:
            try_all(trials, cases, 2.0 if quick else seconds, mounted=not problem)
        if problem:
            click.echo(f"full disk: skipped, no tmpfs could be mounted: {problem}")
    click.echo("| fault | command | tried | survived | lost | silent |\n| --- |" + " --- |" * 5)
    total: Counter[str] = Counter()
    for (kind, case), found in sorted(trials.counts.items()):
        total += found
        cells = [kind, case, found.total(), found["survived"], found["lost"], found["silent"]]
        click.echo(f"| {' | '.join(map(str, cells))} |")
    cells = ["all", "", total.total(), total["survived"], total["lost"], total["silent"]]
    click.echo(f"| {' | '.join(map(str, cells))} |")
    sys.exit(bool(total["lost"] or total["silent"]))


if __name__ == "__main__":
    main()
