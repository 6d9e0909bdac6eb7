"""Breaks one line at a time and counts how often the tests of its room notice.

A mutant is a copy of the package with one small change: a comparison turned, a number one higher, a
call left out, ... It is killed when a test of its room (`tests/<room>`) that runs the changed line
fails, or takes eight times as long as it should. The sample is drawn by the seed from all fair
mutants; what is not fair is counted by its class:

    python benchmarks/mutants.py features --sample 300 --seed 0

Tests run in processes forked off one that has imported and collected everything; a changed function
is exchanged there, a changed module is imported anew in a process of its own.
"""

from __future__ import annotations

import argparse
import functools
import gc
import importlib
import importlib.machinery
import json
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
import types
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from mutations import ROOT, Mutant, mutants_of, mutated


class Room:
    """The tests of a room, collected once: which lines each runs, and what they say of mutants."""

    def __init__(self, room: str, done: Callable[[Mutant, str], None]):
        self.room, self.done = room, done
        self.files = sorted((ROOT / room).rglob("*.py"))

    def __call__(self, mutants: list[Mutant], workers: int) -> None:
        """Try the mutants; the module-level ones come after the others."""
        self.mutants, self.workers = mutants, workers
        with tempfile.TemporaryDirectory() as scratch:
            self.scratch = Path(scratch)
            if os.fork() == 0:
                _silent()
                pytest.main(_arguments(self.scratch / "base", [f"tests/{self.room}"]), [self])
                os._exit(0)
            os.wait()
            covered = json.loads((self.scratch / "lines.json").read_text())
            self.known = json.loads((self.scratch / "known.json").read_text())
            self._each([m for m in mutants if m.module_level], covered, self._anew)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running the tests once: for each mutant those that run its line."""
        for file in self.files:
            name = ".".join(["aqa", *file.relative_to(ROOT).with_suffix("").parts])
            importlib.import_module(name.removesuffix(".__init__"))
        self.items = {item.nodeid: item for item in session.items}
        _forget()  # finds the caches, once for all forks
        if os.fork() == 0:
            self._trace(session.items)
            os._exit(0)
        os.wait()
        covered = json.loads((self.scratch / "lines.json").read_text())
        self.functions = defaultdict(list)
        names = {str(file) for file in self.files}
        for function in gc.get_objects():
            if type(function) is types.FunctionType and function.__code__.co_filename in names:
                self.functions[function.__code__.co_filename].append(function)
        self._each([m for m in self.mutants if not m.module_level], covered, self._exchanged)
        return True

    def _trace(self, items: list[pytest.Item]) -> None:
        names = {str(file): str(file.relative_to(ROOT)) for file in self.files}
        lines: dict[str, set[int]] = {}

        def local(frame, event, _):  # type: ignore[no-untyped-def]
            lines[names[frame.f_code.co_filename]].add(frame.f_lineno)
            return local

        def trace(frame, event, _):  # type: ignore[no-untyped-def]
            name = names.get(frame.f_code.co_filename)
            if name is None:
                return None
            lines.setdefault(name, set()).add(frame.f_lineno)
            return local

        covered = {}
        (self.scratch / "known.json").write_text(json.dumps([item.nodeid for item in items]))
        for item in items:
            lines = {}
            _forget()
            start = time.perf_counter()
            threading.settrace(trace)
            sys.settrace(trace)
            reports = runtestprotocol(item, log=False, nextitem=None)
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            if any(r.failed for r in reports):
                print(f"does not count, it fails as it is: {item.nodeid}", file=sys.__stderr__)
            elif all(r.passed for r in reports):
                seconds = time.perf_counter() - start
                covered[item.nodeid] = [seconds, {k: sorted(v) for k, v in lines.items()}]
        (self.scratch / "lines.json").write_text(json.dumps(covered))

    def _each(self, mutants, covered, child) -> None:  # type: ignore[no-untyped-def]
        running: dict[int, tuple[Mutant, float]] = {}
        todo = list(mutants)
        while todo or running:
            while todo and len(running) < self.workers:
                mutant = todo.pop(0)
                tests = self._tests_of(mutant, covered)
                if not tests:
                    self.done(mutant, "no test runs it")
                    continue
                seconds = sum(covered[test][0] for test in tests)
                limit = time.monotonic() + 30 + 8 * seconds
                pid = os.fork()
                if pid == 0:
                    os.setsid()
                    os._exit(child(mutant, tests))
                running[pid] = mutant, limit
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid in running:
                mutant, _ = running.pop(pid)
                self.done(mutant, "survived" if status == 0 else "killed")
                continue
            for late, (mutant, limit) in list(running.items()):
                if time.monotonic() > limit:
                    os.killpg(late, signal.SIGKILL)
                    os.waitpid(late, 0)
                    del running[late]
                    self.done(mutant, "killed: too long")
            time.sleep(0.01)

    def _tests_of(self, mutant: Mutant, covered: dict) -> list[str]:
        def runs(lines: dict[str, list[int]]) -> bool:
            if not mutant.module_level:
                at = lines.get(mutant.file, ())
                return any(mutant.first <= line <= mutant.last for line in at)
            return bool(lines.keys() & users)

        users = self._users(mutant.file) if mutant.module_level else set()
        named = self._naming(mutant.file) if mutant.module_level else ()
        found = [
            (seconds, test)
            for test, (seconds, lines) in covered.items()
            if runs(lines) or test.partition("::")[0] in named
        ]
        return [test for _, test in sorted(found)]

    def _users(self, file: str) -> set[str]:
        """A file, and those of the room that name its module."""
        name = Path(file).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        using = {
            str(f.relative_to(ROOT)) for f in self.files if f"aqa.{name} " in f.read_text("utf-8")
        }
        return {file} | using

    def _naming(self, file: str) -> set[str]:
        """The files of tests that import from a module: they may look at its constants alone."""
        package, _, stem = Path(file).with_suffix("").as_posix().replace("/", ".").rpartition(".")
        pattern = re.compile(
            rf"from aqa\.{re.escape(package)}(\.{stem} import| import [\w\s,()]*\b{stem}\b)"
        )
        tests = (ROOT / "tests" / self.room).rglob("test_*.py")
        return {str(t.relative_to(ROOT)) for t in tests if pattern.search(t.read_text("utf-8"))}

    def _exchanged(self, mutant: Mutant, tests: list[str]) -> int:
        """In a fork: put the changed function in place of the right one, run, 0: all passed."""
        path = ROOT / mutant.file
        new = {}
        stack = [mutated(path, mutant.number)]
        while stack:
            code = stack.pop()
            new[code.co_qualname, code.co_firstlineno] = code
            stack += [c for c in code.co_consts if isinstance(c, types.CodeType)]
        _forget()
        for function in self.functions[str(path)]:
            code = function.__code__
            changed = new.get((code.co_qualname, code.co_firstlineno))
            if changed is not None and changed.co_freevars == code.co_freevars:
                function.__code__ = changed
        for test in tests:
            if any(r.failed for r in runtestprotocol(self.items[test], log=False, nextitem=None)):
                return 1
        return 0

    def _anew(self, mutant: Mutant, tests: list[str]) -> int:
        """In a fork that has not imported the package: import it with the change, run."""
        _silent()
        path = str(ROOT / mutant.file)
        plain = importlib.machinery.SourceFileLoader.get_code

        def get_code(loader, name):  # type: ignore[no-untyped-def]
            if loader.path == path:
                return mutated(Path(path), mutant.number)
            return plain(loader, name)

        importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
        order = {test: i for i, test in enumerate(tests)}
        known = set(self.known)  # a change can make tests of other names

        class Chosen:
            @pytest.hookimpl(trylast=True)
            def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
                items[:] = sorted(
                    (i for i in items if i.nodeid in order or i.nodeid not in known),
                    key=lambda i: order.get(i.nodeid, -1),
                )

        files = sorted({test.partition("::")[0] for test in tests})
        base = self.scratch / f"base{os.getpid()}"
        return int(pytest.main(_arguments(base, ["-x", *files]), [Chosen()]) != 0)


@functools.cache
def _caches() -> list:
    kept = (o for o in gc.get_objects() if type(o) is functools._lru_cache_wrapper)
    return [cached for cached in kept if cached.__module__.startswith("aqa.")]


def _forget() -> None:
    """Clear what the package keeps of earlier calls: it came from the right function."""
    for cached in _caches():
        cached.cache_clear()


def _silent() -> None:
    """Nothing of what pytest prints is of use."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _arguments(base: Path, more: list[str]) -> list[str]:
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    return [*quiet, f"--basetemp={base}", f"--rootdir={ROOT}", *more]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room", help="extract, features, annotations, ...")
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="a JSON file of all results")
    parser.add_argument("--again", type=Path, help="such a file: try what it has not killed alone")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT.parent))
    for heavy in ("torch", "cv2", "h5py", "scipy.stats", "sklearn.base", "av", "click", "rich"):
        importlib.import_module(heavy)
    every = [m for file in sorted((ROOT / arguments.room).rglob("*.py")) for m in mutants_of(file)]
    fair = [m for m in every if m.unfair is None]
    print(f"{len(every)} mutants, not fair: {dict(Counter(m.unfair for m in every if m.unfair))}")
    print(f"{len(fair)} fair, {sum(m.module_level for m in fair)} of them outside of functions")
    random.Random(arguments.seed).shuffle(fair)
    sample = fair[: arguments.sample]
    if arguments.again:
        before = json.loads(arguments.again.read_text())
        left = {(r["file"], r["number"]) for r in before if not r["result"].startswith("killed")}
        sample = [mutant for mutant in sample if (mutant.file, mutant.number) in left]
    results: list[dict] = []
    read, write = os.pipe()  # results come from forks

    def done(mutant: Mutant, result: str) -> None:
        source = (ROOT / mutant.file).read_text("utf-8").splitlines()[mutant.line - 1].strip()
        record = {**mutant._asdict(), "result": result, "source": source}
        os.write(write, json.dumps(record).encode() + b"\n")

    start = time.time()
    thread = threading.Thread(
        target=_collect, args=(read, len(sample), results, start), daemon=True
    )
    thread.start()
    Room(arguments.room, done)(sample, arguments.workers)
    os.close(write)
    thread.join()
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=0))
    counts = Counter(r["result"].partition(":")[0] for r in results)
    print(f"{arguments.room}: {counts['killed']} of {len(results)} killed; {dict(counts)}")


def _collect(read: int, n: int, results: list[dict], start: float) -> None:
    with os.fdopen(read) as lines:
        for line in lines:
            r = json.loads(line)
            results.append(r)
            if not r["result"].startswith("killed"):
                print(
                    f"{r['file']}:{r['line']}: {r['what']}: {r['result']}: {r['source']}",
                    flush=True,
                )
            if len(results) % 10 == 0:
                print(f"  {len(results)} of {n}, {time.time() - start:.0f} s", flush=True)
            if len(results) == n:
                return


if __name__ == "__main__":
    main()
