"""Options that several commands take, with one meaning."""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from aqa.errors import HeadUsageError
from aqa.files import check_picture
from aqa.models.heads import head_names, unknown_head
from aqa.plugins import is_file
from aqa.workspace import Workspace

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


class HeadName(click.ParamType):
    """A head of this package or of an installed one, or a class in a Python file.

    The file is not run here.
    """

    name = "head"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """What stands for a value in the help."""
        return "NAME|FILE.py[:CLASS]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name as typed; `UnknownNameError` for one that is none."""
        if value not in head_names() and not is_file(value):
            raise unknown_head(value)
        return value


HEAD = HeadName()


def set_workspace(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    """Keep the command's `Workspace`; -C goes there, as git's and make's does, until the end.

    AQA_WORKSPACE, which is set for good, moves nothing: other paths are the current folder's.
    """
    if value is None:
        ctx.obj = ctx.obj or Workspace()
    elif ctx.get_parameter_source(str(param.name)) is ParameterSource.ENVIRONMENT:
        ctx.obj = Workspace(value)
    else:
        ctx.find_root().call_on_close(functools.partial(os.chdir, os.getcwd()))
        os.chdir(value)
        ctx.obj = Workspace()


# Taken before and after the command's name; as git's, a later one starts where an earlier leads.
workspace_option = click.option(
    "-C",
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    callback=set_workspace,
    expose_value=False,
    is_eager=True,
    help="Folder to work in [default: AQA_WORKSPACE, or the current one].",
)
manifest_option = click.option(
    "--manifest", type=FILE, help="Annotation table [default: manifest.csv]."
)
runs_option = click.option("--runs", type=FOLDER, help="Folder of fitted heads [default: runs].")
store_option = click.option(
    "--store", type=FILE, help="Feature store [default: the only one in stores/]."
)
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="cpu, cuda, cuda:1, ...; auto: a GPU if there is one.",
)
explaining_head_option = click.option(
    "--head",
    help="Fitted head: the name of its runs, or its Python file [default: of those that explain "
    "their scores, the one that is least off on held-out training videos].",
)
writer_option = click.option(
    "--writer",
    help="Fitted head that writes a line on each video too, such as mtl, fitted on the same "
    "features [default: none].",
)
skip_option = click.option(
    "--skip-missing", is_flag=True, help="Leave out videos that the store does not hold."
)
targets_option = click.option(
    "--target",
    "targets",
    multiple=True,
    help="Predict column score_NAME, or any of numbers; all: every score_NAME; pairs: who is "
    "better [default: score].",
)
pairs_option = click.option(
    "--pairs",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Table of pairs for --target pairs [default: pairs.csv beside the manifest].",
)
fitted_targets_option = click.option(
    "--target",
    "targets",
    multiple=True,
    help="What the runs were fitted to, as with `aqa fit --target` [default: all there are].",
)
one_target_option = click.option(
    "--target",
    help="What the run was fitted to, as with `aqa fit --target` [default: the score, or the only "
    "target].",
)
good_option = click.option(
    "--good",
    metavar="VALUE",
    help="Which of the two values of a label is good; none: learn two numbers as scores [default: "
    "the higher number, or the word that says so].",
)
groupings_option = click.option(
    "--by",
    "groupings",
    multiple=True,
    type=click.Choice(["split", "type", "action"]),
    help="Show every split; or evaluate each type or action by itself too, with averages over "
    "them. Can be given twice: --by split --by type.",
)
incomplete_option = click.option(
    "--skip-incomplete",
    is_flag=True,
    help="Leave out training videos that lack a label that the head learns from.",
)
param_option = click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="Hyper-parameter of the head, see `aqa heads HEAD`; may be repeated.",
)
type_option = click.option(
    "--type", "type_", help="Type of new videos, such as 107B, for heads that compare within types."
)
difficulty_option = click.option(
    "--difficulty",
    type=click.FloatRange(0, min_open=True),
    help="Difficulty of new videos, in points, for heads fitted with -p difficulty=...",
)
action_option = click.option(
    "--action",
    help="Action of new videos, for heads fitted on several actions with -p scale=action.",
)
align_option = click.option(
    "--align",
    type=click.Choice(["index", "dtw"]),
    default="index",
    show_default=True,
    help="Compare clips of the same number, or those that dynamic time warping finds.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
head_seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    help="Seed of all random numbers; the same as -p seed=NUMBER [default: 0].",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of all random numbers.",
)


def check_picture_option(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """Refuse the name of a picture that has another ending, before anything is computed."""
    if path is not None:
        check_picture(path)
    return path


def picture_option(shows: str) -> Callable[..., Any]:
    """--picture: a file to draw in; one of another kind is refused before anything is computed.

    shows: what the picture shows.
    """
    return click.option(
        "--picture",
        type=FILE,
        callback=check_picture_option,
        help=f"File to draw in (.png, .svg or .pdf): {shows}.",
    )


def type_or_action(groupings: Sequence[str]) -> str | None:
    """Which of `type` and `action` to evaluate by, of what --by names; a usage error for both."""
    by = [name for name in groupings if name != "split"]
    if len(by) > 1:
        raise click.UsageError("--by type and --by action: choose one")
    return by[0] if by else None


def typed_command() -> str:
    """The command as it was typed, for pages that say how they were made."""
    return shlex.join(["aqa", *sys.argv[1:]])


@contextmanager
def open_store(path: Path | None) -> Iterator[Any]:
    """The store at `path`, closed at the end; None for None."""
    if path is None:
        yield None
        return
    from aqa.features.store import FeatureStore

    with FeatureStore.open(path) as opened:
        yield opened


def check_one_seed(params: Sequence[str]) -> None:
    """Raise `HeadUsageError` where --seed and -p seed=... are both given."""
    typed = click.get_current_context().get_parameter_source("seed") is ParameterSource.COMMANDLINE
    twice = [text for text in params if text.partition("=")[0] == "seed"]
    if typed and twice:
        raise HeadUsageError(f"--seed and -p {twice[0]} say the same thing; leave one out")
