"""Measured aspects: from the manifest's joints to a table, a store and percentiles."""
