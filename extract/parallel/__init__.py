"""Extraction by several workers at once: processes of this machine, or of a cluster."""
