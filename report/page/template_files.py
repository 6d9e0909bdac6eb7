"""The templates of pages: filled with escaped text, with the look that all pages share."""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files

import jinja2

from aqa.number_text import fixed, signed
from aqa.report.page.sentences import points


@cache
def page_templates() -> jinja2.Environment:
    """Templates by name, such as `videos.html.j2`; text that is put into them is escaped."""
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["script"] = _template("player.js")
    made.globals["styles"] = _template("page.css")
    made.globals["run_styles"] = _template("runs.css")
    made.filters |= {"points": points, "fixed": fixed, "signed": signed}
    return made


def data_address(kind: str, data: bytes) -> str:
    """Bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _template(name: str) -> str:
    return (files("aqa.report.page") / "templates" / name).read_text(encoding="utf-8")
