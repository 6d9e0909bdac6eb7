"""How far apart two scores of an action may be and still be alike: the judges' own uncertainty.

jain2020 §III-C takes every judge's mark to be uncertain by 0.5 and propagates it to the score. Of a
dive three marks are added and multiplied by the difficulty, up to 3.3: 3 x 0.5 x 3.3 = 4.95, about
5 points, which is the default of heads that compare. For vaults jain2020 states no number; by the
same rule: the score is difficulty + execution, the difficulty is certain, and the execution is the
mean of the judges' marks, which is off by 0.5 where all of them are. Nothing is known of the panels
of other actions; they keep the default.
"""

from __future__ import annotations

MARK = 0.5
"""Points by which a judge's mark is uncertain (jain2020 §III-C)."""

SIMILAR_WITHIN = {"gym_vault": MARK}
"""Action -> points, the manifest's column similar_within; actions that are not here have none."""
