"""Writes a pack: runs of one network in one file, with what their answers need and a card."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aqa import __version__
from aqa.annotations.manifest import Manifest, csv_text
from aqa.errors import listed
from aqa.features.store import FeatureStore
from aqa.features.store.network_file import network_of
from aqa.files import replacing, sha256_of
from aqa.models.runs import LIKENESS, METRICS_FILE, MODEL, Run, load_run, read_saved
from aqa.models.saved.hashes import check_beside
from aqa.models.saved.record import RECORD
from aqa.target_names import target_label
from aqa.workflows.new_videos import check_same_features
from aqa.workflows.pack.card import CardFacts, model_card
from aqa.workflows.pack.contents import (
    exemplars,
    manifest_rows,
    metrics_of_test,
    packed_network,
    packed_record,
    training_videos,
    write_exemplar_store,
)
from aqa.workflows.pack.layout import (
    CARD,
    FORMAT,
    LICENCE,
    MANIFEST,
    MOST_TEXT,
    PACK,
    STORE,
    TIME,
    PackError,
    is_member,
)

_BLOCK = 1 << 20
# A member is bytes, or a file whose bytes it has.
Member = bytes | Path


@dataclass(frozen=True)
class PackedModel:
    """What was packed. files: how many members. warnings: what could not be, one line each."""

    path: Path
    card: str
    files: int
    warnings: tuple[str, ...] = ()


def pack_runs(
    folders: Sequence[Path],
    out: Path,
    *,
    manifest: Path | None = None,
    backbone: bool | None = None,
    n_exemplars: int = 0,
    words: str = "",
    licence: str = "",
    heads: Sequence[str] = (),
) -> PackedModel:
    """Write runs into one file that scores videos anywhere; the same runs give the same bytes.

    folders: of runs that were fitted on the same kind of features. manifest: None takes the one
    that they were fitted with. backbone: whether the network's weights go inside; None: where
    nobody can download them. n_exemplars: so many of the best training videos of each type go in
    as copies. words: what the maker says of the model, for the card. licence: the text under which
    it is handed on. heads: what the user named with --head, see `load_run`.
    """
    runs = [load_run(folder, heads) for folder in folders]
    for run in runs:
        run.scoring_head()
    check_same_features(runs)
    check_beside([(run.folder, run.record) for run in runs])
    table = Manifest.read(manifest or _manifest_of(runs[0]))
    videos = training_videos(runs, table)
    network = packed_network(runs[0], backbone)
    shown, lost = exemplars(runs, videos, n_exemplars)
    members = {i: f"videos/{_member_name(n, path)}" for n, (i, path) in enumerate(shown.items())}
    facts = CardFacts(tuple(runs), tuple(videos), table, network, words, licence, len(shown))
    files: dict[str, Member] = {
        CARD: model_card(facts).encode(),
        MANIFEST: csv_text(manifest_rows(videos, runs, table, members)).encode(),
        **({LICENCE: licence.encode()} if licence else {}),
    }
    for run in runs:
        if not files.keys().isdisjoint(of_run := _run_files(run)):
            raise PackError(f"{run.folder}: another of the runs is of {_name(run)} too; pack one")
        files |= of_run
    files |= network.members
    if (int8 := network_of(runs[0].spec, runs[0].store)) is not None:
        files[f"stores/{int8.path.name}"] = int8.read()
    files |= {members[i]: path for i, path in shown.items()}
    with tempfile.TemporaryDirectory(prefix="aqa-pack-") as folder:
        if shown:
            files[STORE] = Path(folder) / "features.h5"
            with FeatureStore.open(runs[0].store, runs[0].spec) as store:
                write_exemplar_store(Path(folder) / "features.h5", store, list(shown))
        _write(out, files, {"backbone": network.to_dict(), "runs": [_name(run) for run in runs]})
    return PackedModel(out, model_card(facts), len(files) + 1, tuple(lost))


def _manifest_of(run: Run) -> Path:
    recorded = run.record.get("manifest")
    if recorded is None:
        raise PackError(f"{run.folder}: it tells no manifest; name it with --manifest")
    return run.folder / recorded


def _name(run: Run) -> str:
    """Where a run lies in a pack, below runs/."""
    return f"{target_label(run.label, run.target)}/split-{run.split}"


def _member_name(number: int, path: Path) -> str:
    """A name for the copy of an exemplar: its own, where every system takes it."""
    name = f"{number + 1:03}_{path.name}"
    return name if is_member(f"videos/{name}") else f"{number + 1:03}{path.suffix.lower()}"


def _run_files(run: Run) -> dict[str, Member]:
    """The members of one run, whose bytes are those that were saved."""
    folder, hashes = f"runs/{_name(run)}", run.record.get("hashes", {})
    record = json.dumps(packed_record(run), indent=1) + "\n"
    files: dict[str, Member] = {
        f"{folder}/{RECORD}": record.encode(),
        f"{folder}/{MODEL}": read_saved(run.folder / MODEL, hashes.get("model")),
    }
    if "likeness" in hashes:
        files[f"{folder}/{LIKENESS}"] = read_saved(run.folder / LIKENESS, hashes["likeness"])
    metrics = metrics_of_test(run, METRICS_FILE)
    if metrics is not None:
        files[f"{folder}/{METRICS_FILE}"] = metrics
    return files


def _write(out: Path, files: Mapping[str, Member], record: Mapping[str, Any]) -> None:
    odd = [name for name in files if not is_member(name)]
    if odd:
        raise PackError(f"{listed(odd)}: not every system takes such names; rename the runs")
    told = {
        "format": FORMAT,
        "aqa": __version__,
        **record,
        "files": {name: _listed(name, files[name]) for name in sorted(files)},
    }
    with (
        replacing(out) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        _add(archive, PACK, (json.dumps(told, indent=1) + "\n").encode())
        for name in sorted(files):
            _add(archive, name, files[name])


def _listed(name: str, member: Member) -> dict[str, Any]:
    if isinstance(member, Path):
        return {"size": member.stat().st_size, "sha256": sha256_of(member)}
    if len(member) > MOST_TEXT and not name.endswith(".safetensors"):
        raise PackError(f"{name}: {len(member)} bytes of text, more than a pack holds")
    return {"size": len(member), "sha256": hashlib.sha256(member).hexdigest()}


def _add(archive: zipfile.ZipFile, name: str, member: Member) -> None:
    info = zipfile.ZipInfo(name, TIME)
    info.create_system, info.external_attr = 3, 0o100644 << 16  # as on Unix, a plain file
    if isinstance(member, bytes):
        archive.writestr(info, member)
        return
    info.file_size = member.stat().st_size
    with member.open("rb") as source, archive.open(info, "w") as target:
        shutil.copyfileobj(source, target, _BLOCK)
