"""What the child process does: it opens the model once, then answers job after job.

A job and its answer are JSON; a page follows its answer as bytes. So nothing that decoding a
hostile file could make of this process is unpickled by the server.
"""

from __future__ import annotations

import json
import logging
import math
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.extract.video.decode import DECODE_ERRORS
from aqa.extract.video.limits import check_limits
from aqa.models.feedback import AspectFeedback, PoseFeedback
from aqa.models.run_source import runs_of_one_target
from aqa.models.runs import load_run
from aqa.models.trust.model_facts import model_facts
from aqa.report.aspects_table import aspects_json
from aqa.report.feedback_table import feedback_json, moves_json
from aqa.report.page.videos_page import videos_page
from aqa.report.score_table import score_json
from aqa.serve.features_file import read_features
from aqa.serve.limited_process import is_out_of_memory, limit_memory
from aqa.serve.settings import MEGABYTE, Limits, ServedModel
from aqa.workflows.best_head import EXPLAINING, FIT_ONE, explaining_runs
from aqa.workflows.feedback import WrittenFeedback
from aqa.workflows.new_videos import reads_joints
from aqa.workflows.scorer import Scorer
from aqa.workflows.video_reports import ReportedVideo
from aqa.workspace import Workspace

Tell = Callable[[str, int], None]
_log = logging.getLogger("aqa.serve")


def work(pipe: Connection, model: ServedModel, limits: Limits) -> None:
    """Open the model, say what it is, and answer jobs until the server closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the server, which ends this
    try:
        with opened(model) as scorer:
            named = named_model(scorer, model.workspace)
            _send(pipe, {"ready": facts(scorer, named)})
            answers = Answers(scorer, named, limits)
            limit_memory(limits.memory)
            while _answer(pipe, answers):
                pass
    except AqaError as error:
        _send(pipe, {"unready": str(error)})
    except OSError as error:
        _send(pipe, {"unready": f"{error.filename or 'the model'}: {error.strerror}"})


@contextmanager
def opened(model: ServedModel) -> Iterator[Scorer]:
    """The scorer of what is served, its networks built."""
    place = Workspace(model.workspace)
    folders = explaining_runs(
        model.runs or place.runs, model.head, model.splits, target=model.target
    )
    runs = [load_run(folder, (model.head,) if model.head else ()) for folder in folders]
    if any(reads_joints(run.spec) for run in runs):
        raise AqaError(
            f"{runs[0].folder}: {runs[0].name} reads joints, and this app takes videos; find their "
            f"joints with `aqa poses` and use `aqa report ID --head {runs[0].label}`, or serve a "
            f"head on clip features: `{FIT_ONE}`, then `aqa serve --head {EXPLAINING}`"
        )
    written = (
        runs_of_one_target(model.runs or place.runs, model.writer, model.splits)
        if model.writer
        else []
    )
    scorer = Scorer(
        runs,
        Manifest.read(model.manifest or place.manifest),
        model.store,
        align=model.align,
        writers=[load_run(folder, (str(model.writer),)) for folder in written],
        weights=model.weights,
        backbone=model.backbone,
        device=model.device,
    )
    scorer.load()
    _ = scorer.reporter
    yield scorer


def facts(scorer: Scorer, model: Mapping[str, Any]) -> dict[str, Any]:
    """What the server says of its model, and which questions its page asks."""
    runs, manifest = scorer.runs, scorer.manifest
    learned = {video for run in runs for video in run.record["split"]["train"]}
    known = [manifest.by_id[i] for i in learned if i in manifest.by_id] if manifest else []
    told = {column for run in runs for column in run.head.answer_columns}
    needs = [name for name in ("action",) if name in told]
    needs += ["difficulty"] if any(run.known_difficulty for run in runs) else []
    return {
        **model,
        "target": runs[0].target,
        "writer": scorer.writers[0].label if scorer.writers else None,
        "training_videos": len(learned),
        "explains": "clips" in runs[0].head.gives,
        "needs": needs,
        "types": sorted({video.type for video in known if video.type}),
        "actions": sorted({video.action for video in known if video.action}),
        "features": list(runs[0].spec["shape"]),
    }


def named_model(scorer: Scorer, workspace: Path) -> dict[str, Any]:
    """The facts that every answer names; runs by their place in the workspace, and not above it."""
    said = model_facts(scorer.runs).as_dict()
    runs = [{**run, "run": _place(Path(run["run"]), workspace)} for run in said["runs"]]
    return {**said, "runs": runs}


def _place(folder: Path, workspace: Path) -> str:
    try:
        return folder.absolute().relative_to(workspace).as_posix()
    except ValueError:
        return f"{folder.parent.name}/{folder.name}"


class Answers:
    """Answers jobs: `{"kind": ..., "files": [{"name", "path"}], "told": {...}}`.

    model: the facts that answers name.
    """

    def __init__(self, scorer: Scorer, model: Mapping[str, Any], limits: Limits):
        self._scorer, self._model, self.limits = scorer, model, limits

    def answer(self, job: Mapping[str, Any], tell: Tell) -> tuple[dict[str, Any], bytes]:
        """The answer, and a page's bytes; `AqaError` where there is none."""
        return getattr(self, f"_{job['kind']}")(job, tell)

    def _score(self, job: Mapping[str, Any], tell: Tell) -> tuple[dict[str, Any], bytes]:
        path, name = self._checked(job["files"][0])
        scored = self._scorer.score(path, name=name, **job["told"])
        return {**score_json(scored, self._scorer.runs[0].label), "model": self._model}, b""

    def _features(self, job: Mapping[str, Any], tell: Tell) -> tuple[dict[str, Any], bytes]:
        file = job["files"][0]
        features, told = read_features(Path(file["path"]), file["name"])
        try:
            told = {**job["told"], **told}
            scored = self._scorer.score_features(features, name=file["name"], **told)
        except (ValueError, OverflowError) as error:  # numbers so large that a head breaks
            raise AqaError(f"{file['name']}: no score of these features ({error})") from None
        if not math.isfinite(scored.score):
            raise AqaError(f"{file['name']}: no score of these features: it is not finite")
        return {**score_json(scored, self._scorer.runs[0].label), "model": self._model}, b""

    def _feedback(self, job: Mapping[str, Any], tell: Tell) -> tuple[dict[str, Any], bytes]:
        path, name = self._checked(job["files"][0])
        said = self._scorer.explain(path, name=name, **job["told"])
        run = self._model["runs"][0]["run"]
        answer: dict[str, Any]
        if isinstance(said, WrittenFeedback):
            answer = {"run": run, "video": said.video, "commentary": said.commentary}
        elif isinstance(said, PoseFeedback):
            answer = moves_json(said, run)
        elif isinstance(said, AspectFeedback):
            answer = aspects_json(said, run)
        else:
            answer = feedback_json(said, run)
        return {**answer, "model": self._model}, b""

    def _report(self, job: Mapping[str, Any], tell: Tell) -> tuple[dict[str, Any], bytes]:
        reports: list[ReportedVideo] = []
        failed: dict[str, str] = {}
        for number, file in enumerate(job["files"]):
            tell(file["name"], number)
            try:
                path, name = self._checked(file)
                made = self._scorer.report({name: path}, **job["told"])
            except DECODE_ERRORS as error:
                failed[file["name"]] = str(error).removeprefix(f"{file['name']}: ")
                continue
            reports += made.videos
            failed |= made.failed
        if not reports:
            name, reason = next(iter(failed.items()))
            raise AqaError(f"{name}: {reason}")
        tell("the page", len(job["files"]))
        report = self._scorer.reporter.together(reports, failed)
        page = videos_page(report, self._command(report.head))
        videos = [{"name": one.title, "score": one.score} for one in report.videos]
        return {"videos": videos, "failed": failed}, page.encode()

    def _command(self, head: str) -> str:
        writer = next((f" --writer {run.label}" for run in self._scorer.writers), "")
        return f"aqa serve --head {head}{writer}"

    def _checked(self, file: Mapping[str, str]) -> tuple[Path, str]:
        path, name = Path(file["path"]), file["name"]
        try:
            check_limits(path, self.limits.video)
        except DECODE_ERRORS as error:
            said = str(error) if isinstance(error, AqaError) else f"{path}: {error}"
            raise AqaError(f"{name}: {said.removeprefix(f'{path}: ')}") from None
        return path, name


def _answer(pipe: Connection, answers: Answers) -> bool:
    """Answer the next job; whether to go on."""
    try:
        job = json.loads(pipe.recv_bytes())
    except EOFError:
        return False

    def tell(name: str, number: int) -> None:
        _send(pipe, {"progress": name, "number": number})

    try:
        answer, page = answers.answer(job, tell)
        text = json.dumps(answer, allow_nan=False, default=_plain)
    except Exception as error:
        return _refuse(pipe, answers, error)
    pipe.send_bytes(b'{"answer": %s, "page": %d}' % (text.encode(), len(page)))
    if page:
        pipe.send_bytes(page)
    return True


def _refuse(pipe: Connection, answers: Answers, error: Exception) -> bool:
    """Say why a job has no answer; a child that ran out of memory ends, to begin anew."""
    if is_out_of_memory(error):
        allowed = answers.limits.memory // MEGABYTE
        _send(pipe, {"refused": f"it takes more than the {allowed} MB of memory that are allowed"})
        return False
    if isinstance(error, DECODE_ERRORS):
        _send(pipe, {"refused": " ".join(str(error).split())})
        return True
    _log.error("a request could not be answered", exc_info=error)
    _send(pipe, {"fault": type(error).__name__})
    return True


def _plain(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"no JSON of a {type(value).__name__}")


def _send(pipe: Connection, message: Mapping[str, Any]) -> None:
    pipe.send_bytes(json.dumps(message).encode())
