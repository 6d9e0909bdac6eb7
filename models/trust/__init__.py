"""How far a score may be trusted: what training videos look like, and how far scores are off."""
