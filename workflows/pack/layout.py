"""What a pack is: a zip archive of a small workspace, and the rules that its members keep.

pack.json               format; the network; size and SHA-256 of every other member
card.md                 the model card, for people
licence.txt             under which licence the model is handed on, where its maker states one
manifest.csv            the training videos: id, type, action and what was learned; no videos
runs/<head>/split-<name>/
    run.json            as in a workspace, without paths, and with hashes of the training videos
    model.safetensors, likeness.safetensors, metrics.json
weights/<file>          the network's weights, where they are inside
weights/config.json     what the hub's weights do not tell of their network
stores/features.h5      the exemplars' features; with copies of exemplars alone
stores/*.safetensors    the int8 network, where features are of one
videos/<file>           the exemplars, where they were asked for

Members are stored, not compressed, so a pack holds no more than its own size, and the same runs
give the same bytes.
"""

from __future__ import annotations

import stat
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from aqa.errors import AqaError

FORMAT = 1
PACK, CARD, LICENCE, MANIFEST = "pack.json", "card.md", "licence.txt", "manifest.csv"
STORE = "stores/features.h5"
NETWORK_CONFIG = "weights/config.json"
# The files of a run that are handed on; a run has the first two.
RUN_FILES = ("run.json", "model.safetensors", "likeness.safetensors", "metrics.json")
# Every member has this time, as the same runs give the same bytes.
TIME = (1980, 1, 1, 0, 0, 0)
# The largest texts that are read; weights and videos may be of any size.
MOST_TEXT = 64 << 20
_MOST_MEMBERS = 10_000
_LONGEST = 200
# Names that Windows keeps for devices.
_DEVICES = {"con", "prn", "aux", "nul"}


class PackError(AqaError):
    """A pack that cannot be read, or runs that cannot be packed."""


def check_members(infos: Sequence[zipfile.ZipInfo], n_bytes: int) -> None:
    """Refuse an archive whose members are not what a pack holds, before one of them is read.

    n_bytes: the size of the archive. Raises `ValueError` that names the member.
    """
    if len(infos) > _MOST_MEMBERS:
        raise ValueError(f"it has {len(infos)} members; a pack has {_MOST_MEMBERS} at most")
    seen: dict[str, str] = {}
    for info in infos:
        _check_member(info)
        key = unicodedata.normalize("NFC", info.filename).casefold()
        if key in seen:
            raise ValueError(f"{seen[key]!r} is in it twice, once as {info.filename!r}")
        seen[key] = info.filename
    held = sum(info.file_size for info in infos)
    if held > n_bytes:
        raise ValueError(f"its members say that they take {held} bytes, the file has {n_bytes}")


def _check_member(info: zipfile.ZipInfo) -> None:
    name, mode = info.filename, info.external_attr >> 16
    # `ZipFile` ends a name at a zero byte.
    if info.orig_filename != name or not is_member(name):
        raise ValueError(f"{info.orig_filename!r} is no file of a pack")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise ValueError(f"{name} is a link or a special file, which no pack holds")
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise ValueError(f"{name} is compressed, which no file of a pack is")
    if info.flag_bits & 1:
        raise ValueError(f"{name} is encrypted")
    if name.endswith((".json", ".csv", ".md", ".txt")) and info.file_size > MOST_TEXT:
        raise ValueError(f"{name} says that it has {info.file_size} bytes, which no text has")


def is_member(name: str) -> bool:
    """Whether a pack may hold a file of this name."""
    parts = name.split("/")
    if not all(map(_is_plain, parts)):
        return False
    if len(parts) == 4 and parts[0] == "runs":
        return parts[2].startswith("split-") and parts[3] in RUN_FILES
    if len(parts) == 2 and parts[0] in ("weights", "videos"):
        return True
    if len(parts) == 2 and parts[0] == "stores" and parts[1].endswith(".safetensors"):
        return True
    return name in (PACK, CARD, LICENCE, MANIFEST, STORE)


def _is_plain(part: str) -> bool:
    """Whether a name is that of a file or folder on every system."""
    return (
        part != ""
        and not part.startswith(".")
        and len(part.encode("utf-8", "surrogatepass")) <= _LONGEST
        and part.isprintable()
        and not set(part) & set('\\/:*?"<>|')
        and not part.endswith((".", " "))
        and part.partition(".")[0].casefold() not in _DEVICES
    )


def check_whole(names: Sequence[str], listed: Mapping[str, object]) -> None:
    """Refuse a pack that lacks what its list names, or holds what it does not."""
    held = set(names) - {PACK}
    for name in sorted(held - set(listed)):
        raise ValueError(f"{name} is not listed in its {PACK}")
    for name in sorted(set(listed) - held):
        raise ValueError(f"{name}, which its {PACK} lists, is not there")
    for name in (CARD, MANIFEST):
        if name not in held:
            raise ValueError(f"it lacks {name}")
    folders = {PurePosixPath(name).parent for name in held if name.startswith("runs/")}
    if not folders:
        raise ValueError("it holds no run")
    for folder in sorted(folders):
        for needed in RUN_FILES[:2]:
            if f"{folder}/{needed}" not in held:
                raise ValueError(f"it lacks {folder}/{needed}")
    if len([n for n in held if n.startswith("weights/") and n != NETWORK_CONFIG]) > 1:
        raise ValueError("it holds several files of weights")
