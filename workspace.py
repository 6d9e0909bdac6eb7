"""Where things lie: the folder that a command works in, and the default paths inside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aqa.errors import AqaError, UnknownNameError
from aqa.files import recover_folders
from aqa.split_names import chosen_names
from aqa.target_names import SIGN


@dataclass(frozen=True)
class Workspace:
    """manifest.csv, stores/<backbone>.h5 and runs/<head>/split-<name>/ below one folder."""

    root: Path = Path()

    @property
    def manifest(self) -> Path:
        """The annotation table."""
        return self.root / "manifest.csv"

    @property
    def runs(self) -> Path:
        """The folder of fitted heads."""
        return self.root / "runs"

    def store(self, backbone: str) -> Path:
        """The feature store of a backbone."""
        return self.root / "stores" / f"{backbone}.h5"

    def only_store(self) -> Path:
        """The workspace's one store; an error where there are none or several."""
        stores = sorted((self.root / "stores").glob("*.h5"))
        if not stores:
            raise AqaError(
                f"{self.root / 'stores'}: no feature store; make one with `aqa extract` "
                "or `aqa store import`"
            )
        if len(stores) > 1:
            names = ", ".join(str(store) for store in stores)
            raise AqaError(f"several feature stores: name one of {names} with --store")
        return stores[0]


# What the folders of predictions without pixels begin with, see `aqa.evaluation.baselines`.
BASELINE = "baseline-"


def check_label(label: str) -> None:
    """Raise `AqaError` where runs of this name would lie among others.

    Those are the predictions of a baseline, and runs that predict another target.
    """
    if SIGN in label:
        raise AqaError(
            f"{label!r}: what follows {SIGN} is a target, such as svr{SIGN}tes; "
            "rename the file, or call the runs something else with --name"
        )
    if label.startswith(BASELINE):
        raise AqaError(
            f"{label!r}: names with {BASELINE} are of predictions without pixels, whose folders "
            "`aqa eval` writes; choose another name with --name"
        )


def run_folder(runs: Path, head: str, split: str) -> Path:
    """Where the run of a head on a split lies."""
    return runs / head / f"split-{split}"


def every_run_folder(runs: Path, holding: str = "run.json") -> list[Path]:
    """The folders of all runs in natural order; what a killed process left is put back first."""
    for parent in runs.glob("*"):
        recover_folders(parent)
    return sorted(
        (path.parent for path in runs.glob(f"*/split-*/{holding}")),
        key=lambda folder: (folder.parent.name, _natural(folder.name)),
    )


def run_folders(
    runs: Path,
    heads: tuple[str, ...] = (),
    splits: tuple[str, ...] = (),
    *,
    holding: str = "run.json",
) -> list[Path]:
    """The runs there are, of these heads and splits (or families) if given, in natural order.

    holding: the file that makes a folder one; kept baselines have predictions.csv only.
    """
    folders = every_run_folder(runs, holding)
    known_heads = list(dict.fromkeys(folder.parent.name for folder in folders))
    known_splits = list(dict.fromkeys(folder.name.removeprefix("split-") for folder in folders))
    if not folders:
        raise nothing_fitted(runs)
    remedy = f"fit it first (looked in {runs})"
    for name in heads:
        if name not in known_heads:
            raise UnknownNameError("fitted head", name, known_heads, remedy)
    chosen_splits = chosen_names(splits, known_splits, "fitted split", remedy)
    chosen = [
        folder
        for folder in folders
        if (not heads or folder.parent.name in heads)
        and folder.name.removeprefix("split-") in chosen_splits
    ]
    absent = set(heads) - {folder.parent.name for folder in chosen}
    if absent:
        raise AqaError(
            f"{runs}: {', '.join(sorted(absent))} is not fitted on split {', '.join(splits)}; fit "
            "it there, or leave it out"
        )
    return chosen


def nothing_fitted(runs: Path, head: str = "svr") -> AqaError:
    """The error of a folder without runs. head: which one to fit."""
    return AqaError(f"{runs}: no fitted heads; {_first_step(runs, head)}")


def _first_step(runs: Path, head: str) -> str:
    """What to do in a folder where no head was fitted."""
    place = Workspace(runs.parent)
    if runs != place.runs or place.manifest.exists():
        return f"fit one with `aqa fit --head {head}`"
    return (
        f"there is no {place.manifest} either: begin with it, a CSV with the columns video_id, "
        "path, score (`aqa import` and `aqa demo` write one), or name the folder to work in with -C"
    )


def _natural(name: str) -> tuple[int, str]:
    """Sorts split-10 behind split-9."""
    return len(name), name
