"""Options of `aqa extract` for the stores that several papers' tables need."""

from __future__ import annotations

C3D_DIVING = "--backbone c3d --weights FILE --frames 144"
C3D_VAULT = "--backbone c3d --weights FILE --frames 96"
POSE = "--backbone pose --poses FOLDER"
