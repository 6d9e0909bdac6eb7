"""Joints that pose estimators have written to files, as features."""
