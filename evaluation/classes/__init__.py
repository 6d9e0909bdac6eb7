"""Answers of two classes, good and bad: metrics, intervals, comparisons, baselines."""
