"""`aqa split`: draw training and test videos, and write the splits into the manifest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aqa.commands.options import (
    FILE,
    manifest_option,
    seed_option,
    workspace_option,
)
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.annotations.manifest import Manifest
    from aqa.annotations.splits import Split

# Of what may be 200 splits, the table shows only so many.
_SHOWN = 10
# Labels that a fair split does not share between training and test videos.
_KEPT_APART = ("event", "athlete", "venue")


class _Size(click.ParamType):
    """A count or a share of videos, or a file with a list of them."""

    name = "N|SHARE|FILE"
    may_be = "no count, such as 70, no share, such as 0.2, and no file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        try:
            return int(value) if str(value).isdecimal() else float(value)
        except ValueError:
            if Path(value).is_file():
                return str(value)
            self.fail(f"{value!r} is {self.may_be} that is there")


class _Folds(_Size):
    """How many folds, or a file that holds them."""

    name = "K|FILE"
    may_be = "no count, such as 5, and no file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        """See `_Size`; one fold would be all videos."""
        folds = super().convert(value, param, ctx)
        if not isinstance(folds, str) and folds < 2:
            self.fail(f"{value}: it takes 2 folds or more")
        return folds


@click.command(short_help="Draw splits, and write them into the manifest.")
@workspace_option
@click.argument("name", required=False)
@click.option("-n", "--n", type=click.IntRange(1), help="How many splits to draw.")
@click.option(
    "--test", type=_Size(), help="Test videos, a number or a share (balanced: per type), or a list."
)
@click.option(
    "--val",
    type=_Size(),
    help="Training videos to hold out for validation, or a list of them [default: none].",
)
@click.option("--train", type=FILE, help="lists: file with the ids of the training videos.")
@click.option(
    "--folds", type=_Folds(), help="kfold: how many folds; lists: a .json or .pkl file of folds."
)
@click.option(
    "--skip-unknown", is_flag=True, help="lists: leave out ids of no video of the manifest."
)
@click.option(
    "--by", metavar="COLUMN,...", help="Manifest columns to stratify by, or to keep apart."
)
@click.option(
    "--kinds", metavar="K|TYPE,...", help="balanced: how many types to test, or which ones."
)
@seed_option
@click.option("--name", "base", help="Name of the splits [default: the NAME above].")
@manifest_option
@click.option("--force", is_flag=True, help="Replace splits of the same name.")
@click.pass_obj
def split(
    workspace: Workspace,
    name: str | None,
    n: int | None,
    test: float | str | None,
    val: float | str | None,
    train: Path | None,
    folds: float | str | None,
    skip_unknown: bool,
    by: str | None,
    kinds: str | None,
    seed: int,
    base: str | None,
    manifest: Path | None,
    force: bool,
) -> None:
    """Draw splits and write them into the manifest, as columns split_<name>.

    NAME is a way to draw splits, or the protocol of a paper; without NAME, lists them all. Nothing
    else in the manifest changes. How the splits were drawn is recorded beside it, in
    manifest.splits.json.
    """
    from aqa.annotations.manifest import Manifest
    from aqa.annotations.split_protocols import make_splits
    from aqa.annotations.split_record import write_splits

    if name is None and (train or isinstance(folds, str)):
        name = "lists"
    if name is None:
        _list()
        return
    given = {
        **{"n": n, "test": test, "by": _names(by), "kinds": _kinds(kinds), "folds": folds},
        **{"train": str(train) if train else None, "skip_unknown": skip_unknown or None},
    }
    if name == "lists":
        given["val"], val = val, None
    _check_files(name, {"--test": test, "--val": val, "--folds": folds})
    table = Manifest.read(manifest or workspace.manifest)
    drawn = make_splits(
        table,
        name,
        {option: value for option, value in given.items() if value is not None},
        val=val,  # type: ignore[arg-type]  # a file is refused above
        seed=seed,
        base=base,
    )
    write_splits(table.path, drawn, force)
    _print(table, drawn.splits)
    if drawn.base is None:
        click.echo(f"{table.path} has this split already; nothing was written")


def _check_files(name: str, options: Mapping[str, float | str | None]) -> None:
    """Refuse a number where a file is meant, and the other way round; usage errors."""
    for option, value in options.items():
        if isinstance(value, str) and name != "lists":
            text = f"{value} is a file; `aqa split lists` takes files of ids"
        elif isinstance(value, int | float) and name == "lists":
            text = f"{value} is no file of ids"
        else:
            continue
        raise click.BadParameter(text, param_hint=option)


def _names(text: str | None) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in text.split(",")) if text else None


def _kinds(text: str | None) -> int | tuple[str, ...] | None:
    """A count has one or two digits; 626 is a type."""
    return int(text) if text and text.isdecimal() and len(text) < 3 else _names(text)


def _list() -> None:
    """Print the ways to draw splits, with the defaults of their options, and the protocols."""
    from aqa.annotations.split_makers import MAKERS
    from aqa.annotations.split_protocols import PROTOCOLS
    from aqa.report.tables import table

    header = ("way to draw", "what it does", "defaults")
    rows = [[name, maker.help, _defaults(maker.options)] for name, maker in MAKERS.items()]
    click.echo(table(rows, header, left=3))
    protocols = [[name, each.help] for name, each in PROTOCOLS.items()]
    click.echo("\n" + table(protocols, ("protocol", "paper, and what it fixes"), left=2))


def _defaults(options: Mapping[str, Any]) -> str:
    shown = {
        name: ",".join(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if name != "sizes" and value not in ("", (), False)
    }
    return "\n".join(
        f"{'-n' if name == 'n' else f'--{name}'} {value}" for name, value in shown.items()
    )


def _print(manifest: Manifest, splits: list[Split]) -> None:
    """Print the splits' sizes and test scores, and the labels that two parts share."""
    from aqa.annotations.overlaps import overlap_warnings
    from aqa.annotations.splits import PARTS, shared_labels
    from aqa.report.tables import table, wrapped

    groups = {
        column: {video.id: getattr(video, column) for video in manifest}
        for column in _KEPT_APART
        if any(getattr(video, column) for video in manifest)
    }
    header = ["split", *PARTS, "unused", "test scores", *(f"seen {g}s" for g in groups)]
    rows = []
    for one in splits[:_SHOWN]:
        sizes = [len(one.part(part)) for part in PARTS]
        told = [manifest.by_id[i].score for i in one.test]
        scores = [score for score in told if math.isfinite(score)]
        shared = [shared_labels(one, labels) for labels in groups.values()]
        rows.append(
            [
                *(one.name, *map(str, sizes), str(len(manifest) - sum(sizes))),
                f"{min(scores):g} to {max(scores):g}" if scores else "",
                *(f"{len(labels)} ({len(videos)})" for labels, videos in shared),
            ]
        )
    click.echo(table(rows, header))
    if len(splits) > _SHOWN:
        click.echo(f"and {len(splits) - _SHOWN} more")
    if groups:
        click.echo(
            wrapped(
                f"seen {next(iter(groups))}s: how many of them test videos share with train or "
                "val, and in brackets how many test videos those are"
            )
        )
    for line in overlap_warnings(splits, manifest):
        click.echo(wrapped(f"warning: {line}"))


COMMAND = split
