"""Writes and opens exported files: `.onnx` with ONNX Runtime, `.pt2` with `torch.export`."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from aqa.errors import AqaError
from aqa.workflows.export.graph import INPUT, OUTPUT
from aqa.workflows.export.onnx_lstm import with_onnx_lstm

Clips = NDArray[np.uint8]
Answer = Callable[[Clips], float]
# The name of what a file tells: of a property of the ONNX model, and of an extra file of a .pt2.
FACTS = "aqa"
MOST_CLIPS = 10_000
# A Protocol Buffers file, which one file of ONNX is, holds no more bytes.
MOST_ONNX = 2_000_000_000


def write_onnx(graph: nn.Module, clips: Clips, path: Path, facts: Mapping[str, Any]) -> None:
    """Write an ONNX file for videos of any number of clips.

    `AqaError` for a network that cannot be exported.
    """
    size = sum(one.nbytes for one in graph.state_dict().values())
    if size > MOST_ONNX:
        raise AqaError(
            f"its weights are {size / 1e9:.1f} GB, and one ONNX file holds 2 GB; export it with "
            "-o model.pt2"
        )
    with _quiet(), _one_line("ONNX"):
        program = torch.onnx.export(
            with_onnx_lstm(graph),
            (torch.from_numpy(clips),),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=_any_number(),
            verbose=False,
        )
        assert program is not None
        program.model.metadata_props[FACTS] = json.dumps(facts)
        program.save(path, external_data=False)


def open_onnx(path: Path) -> Answer:
    """What an ONNX file answers, by ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda clips: float(session.run([OUTPUT], {INPUT: clips})[0])


def write_pt2(graph: nn.Module, clips: Clips, path: Path, facts: Mapping[str, Any]) -> bool:
    """Write a file of `torch.export`; whether it takes videos of any number of clips.

    It does not where PyTorch itself fixes the number, as it does for an LSTM: it is then that of
    `clips`. `AqaError` for a network that cannot be exported.
    """
    example = torch.from_numpy(clips)
    # A number of clips of 1 would be taken for a constant.
    several = example if len(clips) > 1 else torch.cat([example, example])
    with _quiet(), _one_line(".pt2"):
        dynamic = True
        try:
            program = torch.export.export(graph, (several,), dynamic_shapes=_any_number())
        except torch._dynamo.exc.UserError:
            dynamic = False
            program = torch.export.export(graph, (example,))
        told = {**facts, "fixed_clips": None if dynamic else len(clips)}
        torch.export.save(program, path, extra_files={f"{FACTS}.json": json.dumps(told)})
    return dynamic


def open_pt2(path: Path) -> Answer:
    """What a file of `torch.export` answers."""
    with _quiet():
        module = torch.export.load(path).module()
    return lambda clips: float(module(torch.from_numpy(clips)).detach())


def _any_number() -> tuple[dict[int, Any]]:
    """The dimension of the network's input that may have any size: that of clips."""
    return ({0: torch.export.Dim(INPUT, min=1, max=MOST_CLIPS)},)


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Say in one line why PyTorch cannot export a network, such as one of the user's own file."""
    try:
        yield
    except RuntimeError as error:
        reason, *_ = str(error.__cause__ or error).strip().splitlines() or [""]
        raise AqaError(
            f"PyTorch cannot export this backbone with its head to {what}: {reason}; change the "
            "backbone's file so that `torch.export` takes it, or hand the run on with `aqa pack`"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what PyTorch's exporters tell their own developers."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
