"""Drawn labels and features in place of a dataset: a published table rehearsed, not measured."""
