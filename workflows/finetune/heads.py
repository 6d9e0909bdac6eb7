"""The heads that can be trained together with a backbone: those that declare an adapter."""

from __future__ import annotations

from typing import Any, NamedTuple

from aqa.models.heads import get_head, head_names
from aqa.models.heads.base import HeadError
from aqa.models.heads.base.end_to_end import EndToEndAdapter


class HeadSource(NamedTuple):
    """Stands in until models/heads has it."""

    name: str
    cls: Any


def trainable_heads() -> list[str]:
    """Our heads that can be trained end to end; imports them all, so only errors ask for it."""
    return [name for name in head_names() if _adapter(get_head(name)) is not None]


def trainable_head(text: str) -> HeadSource:
    """The head of this name or file; `HeadError` where it cannot be trained end to end."""
    head = HeadSource(text, get_head(text))
    if _adapter(head.cls) is None:
        raise HeadError(
            f"{text} cannot be trained end to end; those that can: {', '.join(trainable_heads())}"
        )
    return head


def adapter_of(head: Any) -> EndToEndAdapter:
    """The head as fine-tuning sees it."""
    adapter = _adapter(type(head))
    assert adapter is not None
    return adapter(head)


def _adapter(cls: Any) -> type[EndToEndAdapter] | None:
    adapter: type[EndToEndAdapter] | None = getattr(cls, "end_to_end", None)
    return adapter
