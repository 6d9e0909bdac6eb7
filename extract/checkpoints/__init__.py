"""Checkpoint files: which are public, what a file is, and its weights."""
