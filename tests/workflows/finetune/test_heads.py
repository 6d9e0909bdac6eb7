"""Which heads can be trained together with a backbone."""

from __future__ import annotations

import pytest

from aqa.models.heads.base import HeadError
from aqa.workflows.finetune.heads import trainable_head, trainable_heads


def test_heads_that_cannot_be_trained_end_to_end_are_refused() -> None:
    assert "lstm" in trainable_heads()
    for name in ("svr", "siamese", "score-estimation", "type-lstm", "lstm-svr", "core", "kfs"):
        with pytest.raises(HeadError, match=rf"{name} cannot .* those that can: .*lstm"):
            trainable_head(name)
