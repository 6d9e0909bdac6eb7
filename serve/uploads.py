"""Takes what was sent: videos or features into a folder of ours, under names of ours."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request

from aqa.errors import AqaError
from aqa.serve.form import read_form
from aqa.serve.guard import RefusedError
from aqa.serve.settings import MEGABYTE, Limits
from aqa.serve.told import TOLD, checked_told

_LONGEST_NAME = 120
_VIDEO, _FEATURES = "video", "features"
_FEATURE_TYPES = ("application/json", "application/x-npy")
_WANTED = (
    "send a form with a file `video` or `features`, or the bytes of a video as "
    "application/octet-stream, or features as application/x-npy or application/json"
)


@dataclass(frozen=True)
class Upload:
    """Files that were sent.

    kind: `video` or `features`. files: the name that each is called by, and where it lies. told:
    what is said of them, as `Scorer.score` takes it.
    """

    kind: str
    files: tuple[Mapping[str, str], ...]
    told: dict[str, Any]


async def receive_upload(
    request: Request, folder: Path, limits: Limits, *, most: int = 1, features: bool = True
) -> Upload:
    """Read a request's files into `folder`; `RefusedError` for what is none.

    most: how many videos are taken. features: whether they are taken instead.
    """
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent == "multipart/form-data":
        upload = await _from_form(request, folder, most)
    elif sent.startswith("video/") or sent in ("application/octet-stream", *_FEATURE_TYPES):
        kind = _FEATURES if sent in _FEATURE_TYPES else _VIDEO
        with (folder / "0").open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
        name = clean_name(request.query_params.get("name", "")) or kind
        files = ({"name": name, "path": str(folder / "0")},)
        upload = Upload(kind, files, _told(dict(request.query_params)))
    else:
        raise RefusedError(415, f"not a kind of request that is understood; {_WANTED}")
    if upload.kind == _FEATURES:
        if not features:
            raise RefusedError(422, "this needs a video, not features")
        if any(Path(file["path"]).stat().st_size > limits.feature_bytes for file in upload.files):
            most_bytes = limits.feature_bytes // MEGABYTE
            raise RefusedError(413, f"features of more than {most_bytes} MB are not taken")
    return upload


async def _from_form(request: Request, folder: Path, most: int) -> Upload:
    files: list[Mapping[str, str]] = []
    texts, kinds = {}, set()
    for part in await read_form(request, folder, most):
        if part.path is not None and part.part in (_VIDEO, _FEATURES):
            name = _unused(clean_name(part.name or "") or part.part, files)
            files.append({"name": name, "path": str(part.path)})
            kinds.add(part.part)
        elif part.path is None and part.part in TOLD:
            texts[part.part] = part.text.decode("utf-8", "replace")
        else:
            raise RefusedError(422, f"a form with other fields than it may have; {_WANTED}")
    if len(kinds) != 1:
        raise RefusedError(422, f"no file in the form; {_WANTED}" if not kinds else _WANTED)
    return Upload(kinds.pop(), tuple(files), _told(texts))


def _told(sent: Mapping[str, str]) -> dict[str, Any]:
    try:
        return checked_told(sent)
    except AqaError as error:
        raise RefusedError(422, str(error)) from None


def clean_name(name: str) -> str:
    r"""A file's name to show: without folders, and without what is no letter to be seen.

    >>> clean_name("C:\\videos\\my dive.mp4")
    'my dive.mp4'
    >>> clean_name("../../etc/passwd\u202e")
    'passwd'
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(c for c in last if unicodedata.category(c)[0] != "C")
    return " ".join(shown.split())[:_LONGEST_NAME]


def _unused(name: str, files: Sequence[Mapping[str, str]]) -> str:
    """The name, or one like it, that no other file is called by."""
    number, free, taken = 2, name, {file["name"] for file in files}
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free
