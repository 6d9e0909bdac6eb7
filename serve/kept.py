"""Reports that the page lists: in the workspace, the newest ones; or for a while in memory."""

from __future__ import annotations

import json
import logging
import math
import re
import secrets
from collections import OrderedDict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from aqa.files import write_bytes, write_json

# When it was made, and a random part that cannot be guessed.
_NAME = re.compile(r"\d{8}-\d{6}-[0-9a-f]{16}")
_IN_MEMORY = 3
_log = logging.getLogger("aqa.serve")


class Reports(Protocol):
    """Keeps pages by names of its own. lasts: whether they stay when the server ends."""

    lasts: bool

    def add(self, page: bytes, about: dict[str, Any]) -> str:
        """Keep a page, and what the list says of it; its name."""
        ...

    def page(self, name: str) -> bytes | None:
        """A page; None where there is none of this name."""
        ...

    def remove(self, name: str) -> bool:
        """Delete a page; whether there was one."""
        ...

    def listed(self) -> list[dict[str, Any]]:
        """What is said of each, and its `name`; the newest first."""
        ...


class KeptReports:
    """In a folder: NAME.html, and NAME.json for the list. Other files in it are left alone."""

    lasts = True

    def __init__(self, folder: Path, keep: int):
        self._folder, self._keep = folder, keep
        self._told: set[str] = set()

    def add(self, page: bytes, about: dict[str, Any]) -> str:
        """See `Reports.add`; the oldest goes where there are too many."""
        name = _new_name()
        write_bytes(self._folder / f"{name}.html", page)
        write_json(self._folder / f"{name}.json", {**about, "made": _now()})
        for old in self._names()[self._keep :]:
            self.remove(old)
        return name

    def page(self, name: str) -> bytes | None:
        """See `Reports.page`."""
        if not _NAME.fullmatch(name):
            return None
        try:
            return (self._folder / f"{name}.html").read_bytes()
        except OSError:
            return None

    def remove(self, name: str) -> bool:
        """See `Reports.remove`."""
        if not _NAME.fullmatch(name) or not (self._folder / f"{name}.html").exists():
            return False
        for ending in ("json", "html"):
            (self._folder / f"{name}.{ending}").unlink(missing_ok=True)
        return True

    def listed(self) -> list[dict[str, Any]]:
        """See `Reports.listed`; what cannot be read is left out, and the log says so once."""
        found = []
        for name in self._names():
            path = self._folder / f"{name}.json"
            try:
                found.append({**_about(path), "name": name})
            except (OSError, ValueError, RecursionError) as error:
                if name not in self._told:
                    self._told.add(name)
                    _log.warning("%s: left out of the list of reports: %s", path, error)
        return found

    def _names(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        stems = (path.stem for path in self._folder.glob("*.html"))
        return sorted((stem for stem in stems if _NAME.fullmatch(stem)), reverse=True)


class PassingReports:
    """The last few, in memory: nothing is left when the server ends."""

    lasts = False

    def __init__(self) -> None:
        self._pages: OrderedDict[str, bytes] = OrderedDict()

    def add(self, page: bytes, about: dict[str, Any]) -> str:
        """See `Reports.add`."""
        name = _new_name()
        self._pages[name] = page
        while len(self._pages) > _IN_MEMORY:
            self._pages.popitem(last=False)
        return name

    def page(self, name: str) -> bytes | None:
        """See `Reports.page`."""
        return self._pages.get(name)

    def remove(self, name: str) -> bool:
        """See `Reports.remove`."""
        return self._pages.pop(name, None) is not None

    def listed(self) -> list[dict[str, Any]]:
        """Nothing: they are shown once, when they are made."""
        return []


def _about(path: Path) -> dict[str, Any]:
    """What the list needs of a report; `ValueError` for a file that does not say it."""
    said = json.loads(path.read_text(encoding="utf-8"))
    videos = said.get("videos") if isinstance(said, dict) else None
    if not isinstance(videos, list) or not videos or not all(map(_is_video, videos)):
        raise ValueError("it names no videos with their scores")
    if not isinstance(said.get("made"), str):
        raise ValueError("it does not say when the report was made")
    shown = [{"name": one["name"], "score": one["score"]} for one in videos]
    about = {"videos": shown, "made": said["made"]}
    json.dumps(about, ensure_ascii=False).encode()  # half a character is no text
    return about


def _is_video(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("score"), (int, float))
        and math.isfinite(value["score"])
    )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _new_name() -> str:
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(8)}"
