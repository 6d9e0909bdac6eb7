"""Pages that open in any browser without a network: one file, which can be mailed."""
