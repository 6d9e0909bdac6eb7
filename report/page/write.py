"""Writes pages, and the videos beside them where they are not inside."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from aqa.errors import EndingError
from aqa.files import make_folder, write_bytes, write_text
from aqa.report.page.videos_page import copies_of, videos_page
from aqa.workflows.video_reports import VideosReport

_PAGES = (".html", ".htm")


def check_out(out: Path) -> None:
    """Raise `EndingError` where pages on videos can neither be this file nor lie in this folder."""
    if out.suffix.lower() in _PAGES or out.is_dir():
        return
    if out.exists():
        raise EndingError(f"{out}: a file; name a page that ends in .html, or a folder")
    if out.suffix:
        raise EndingError(
            f"{out}: a page's name ends in .html; a new folder for a page of each video has no "
            f"ending: {out.stem}.html, or {out.stem}"
        )


def write_pages(report: VideosReport, out: Path, command: str, *, link: bool = False) -> list[Path]:
    """Write one page, or a page of each video into a folder; the paths of the pages.

    out: a name that ends in .html is the page; any other is a folder, which gets an index.html too
    that ranks them; see `check_out`.
    link: the videos lie beside the page, in a folder of its name, instead of in it.
    """
    check_out(out)
    if out.suffix.lower() in _PAGES:
        return [_write(report, out, command, link)]
    make_folder(out)
    pages, taken = [], {"index"}
    for video in report.videos:
        name = _name(video.name, taken)
        one = replace(report, videos=(video,), failed={})
        pages.append(_write(one, out / f"{name}.html", command, link))
    if len(pages) > 1:
        index = out / "index.html"
        write_text(index, videos_page(report, command, links=[page.name for page in pages]))
        pages.insert(0, index)
    return pages


def _write(report: VideosReport, page: Path, command: str, link: bool) -> Path:
    addresses = None
    if link:
        folder = page.with_name(f"{page.stem}_videos")
        make_folder(folder)
        addresses = {}
        for number, copy in enumerate(copies_of(report)):
            write_bytes(folder / f"{number}.mp4", copy.data)
            addresses[number] = f"{folder.name}/{number}.mp4"
    write_text(page, videos_page(report, command, addresses))
    return page


def _name(video: str, taken: set[str]) -> str:
    """A name for a page: letters, digits and dashes of the video's own, unlike those taken."""
    plain = re.sub(r"[^\w-]+", "_", Path(video).stem).strip("_") or "video"
    name, number = plain, 2
    while name.lower() in taken:
        name, number = f"{plain}_{number}", number + 1
    taken.add(name.lower())
    return name
