"""Reads a form while it comes: its files go straight into a folder of ours, called by numbers."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from aqa.serve.guard import RefusedError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_LONGEST_TEXT = 1024
_LONGEST_HEADER = 8192
_MOST_TEXTS = 8

# What is wrong with a form is said in the answer; the parser's own lines would fill the log.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


@dataclass
class FormPart:
    """One part of a form.

    part: what the form calls it. name: of a file, as its sender calls it; None for a text.
    """

    part: str
    name: str | None = None
    path: Path | None = None
    text: bytearray = field(default_factory=bytearray)


async def read_form(request: Request, folder: Path, most: int) -> list[FormPart]:
    """The parts of a form in their order; `RefusedError` for a broken one, or too many files."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    reader = _FormReader(folder, most)
    try:
        parser = MultipartParser(options.get(b"boundary", b""), reader.callbacks())
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except (FormParserError, ValueError):
        raise RefusedError(400, "the form cannot be read: it is broken") from None
    finally:
        reader.close()
    if not reader.is_whole:
        raise RefusedError(400, "the form cannot be read: it is cut off")
    return reader.parts


class _FormReader:
    """Takes what the parser finds. is_whole: whether the end of the form was seen."""

    def __init__(self, folder: Path, most: int):
        self.parts: list[FormPart] = []
        self.is_whole = False
        self._folder, self._most = folder, most
        self._header, self._value, self._disposition = b"", b"", b""
        self._file: BinaryIO | None = None
        self._n_files = 0

    def callbacks(self) -> MultipartCallbacks:
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self.close,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._header, self._value, self._disposition = b"", b"", b""

    def _header_field(self, data: bytes, start: int, stop: int) -> None:
        self._header = _joined(self._header, data[start:stop])

    def _header_value(self, data: bytes, start: int, stop: int) -> None:
        self._value = _joined(self._value, data[start:stop])

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        part = FormPart(_text(options.get(b"name", b"")))
        self.parts.append(part)
        if b"filename" in options:
            if self._n_files == self._most:
                raise RefusedError(400, f"the form holds more than {_files(self._most)}")
            part.name = _text(options[b"filename"])
            part.path = self._folder / str(self._n_files)
            self._file = part.path.open("wb")
            self._n_files += 1
        elif len(self.parts) - self._n_files > _MOST_TEXTS:
            raise RefusedError(400, "the form cannot be read: it has too many fields")

    def _data(self, data: bytes, start: int, stop: int) -> None:
        if self._file is not None:
            self._file.write(data[start:stop])
            return
        text = self.parts[-1].text
        text += data[start:stop]
        if len(text) > _LONGEST_TEXT:
            raise RefusedError(400, "the form cannot be read: a text in it is too long")

    def _end(self) -> None:
        self.is_whole = True

    def close(self) -> None:
        """Close the file that is written."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _joined(before: bytes, more: bytes) -> bytes:
    if len(before) + len(more) > _LONGEST_HEADER:
        raise RefusedError(400, "the form cannot be read: a header in it is too long")
    return before + more


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _files(most: int) -> str:
    return "one file" if most == 1 else f"{most} files"
