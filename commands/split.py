"""`aqa split`: ways to divide a manifest into training and test videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aqa.commands.options import (
    manifest_option,
    seed_option,
    workspace_option,
)
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.annotations.manifest import Manifest
    from aqa.annotations.splits import Split

_SHOWN = 10  # rows of the table, of what may be 200 splits


class _Size(click.ParamType):
    name = "N|SHARE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return int(value) if str(value).isdecimal() else float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a count, such as 70, nor a share, such as 0.2")


@click.command(short_help="Draw splits, and write them into the manifest.")
@workspace_option
@click.argument("name", required=False)
@click.option("-n", "--n", type=click.IntRange(1), help="How many splits.")
@click.option("--test", type=_Size(), help="Videos to test (balanced: of each type).")
@click.option("--val", type=_Size(), help="Training videos to hold out as val [default: none].")
@click.option("--by", metavar="COLUMN,...", help="Columns to stratify by, or to keep apart.")
@click.option("--kinds", metavar="K|TYPE,...", help="balanced: how many types, or which.")
@seed_option
@click.option("--name", "base", help="What to call the splits [default: NAME].")
@manifest_option
@click.option("--force", is_flag=True, help="Replace splits of that name.")
@click.pass_obj
def split(
    workspace: Workspace,
    name: str | None,
    n: int | None,
    test: float | None,
    val: float | None,
    by: str | None,
    kinds: str | None,
    seed: int,
    base: str | None,
    manifest: Path | None,
    force: bool,
) -> None:
    """Draw splits and write them into the manifest, as columns split_<name>.

    NAME is a maker or a paper's protocol; without it, lists them all. Nothing else in the manifest
    changes; how the splits were made is kept beside it, in manifest.splits.json.
    """
    from aqa.annotations.manifest import Manifest
    from aqa.annotations.split_protocols import make_splits, write_splits

    if name is None:
        _list()
        return
    given = {"n": n, "test": test, "by": _names(by), "kinds": _kinds(kinds)}
    table = Manifest.read(manifest or workspace.manifest)
    made = make_splits(
        table,
        name,
        {option: value for option, value in given.items() if value is not None},
        val=val,
        seed=seed,
        base=base,
    )
    write_splits(table.path, made, force)
    _print(table, made.splits)
    if made.base is None:
        click.echo(f"{table.path} holds this split already; nothing was written")


def _names(text: str | None) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in text.split(",")) if text else None


def _kinds(text: str | None) -> int | tuple[str, ...] | None:
    """A count has one or two digits; 626 is a type."""
    return int(text) if text and text.isdecimal() and len(text) < 3 else _names(text)


def _list() -> None:
    from aqa.annotations.split_protocols import MAKERS, PROTOCOLS
    from aqa.report.tables import table

    rows = [[name, maker.help, _defaults(maker.options)] for name, maker in MAKERS.items()]
    rows += [[name, protocol.help, ""] for name, protocol in PROTOCOLS.items()]
    click.echo(table(rows, left=3))


def _defaults(options: Any) -> str:
    shown = {
        name: ",".join(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if name != "sizes"
    }
    return " ".join(f"--{name} {value}" for name, value in shown.items())


def _print(manifest: Manifest, splits: list[Split]) -> None:
    """Sizes, test scores, and labels of groups that are both learned from and tested."""
    from aqa.annotations.split_protocols import GROUPS
    from aqa.annotations.splits import PARTS, shared_labels
    from aqa.report.tables import table

    groups = {
        column: {video.id: getattr(video, column) for video in manifest}
        for column in GROUPS
        if any(getattr(video, column) for video in manifest)
    }
    header = ["split", *PARTS, "in no part", "test scores", *(f"{g}s in both" for g in groups)]
    rows = []
    for one in splits[:_SHOWN]:
        sizes = [len(one.part(part)) for part in PARTS]
        scores = [manifest.by_id[i].score for i in one.test]
        shared = [shared_labels(one, labels) for labels in groups.values()]
        rows.append(
            [
                *(one.name, *map(str, sizes), str(len(manifest) - sum(sizes))),
                f"{min(scores):g} to {max(scores):g}" if scores else "",
                *(f"{len(labels)} ({len(videos)} test videos)" for labels, videos in shared),
            ]
        )
    click.echo(table(rows, header))
    if len(splits) > _SHOWN:
        click.echo(f"and {len(splits) - _SHOWN} more")


COMMAND = split
