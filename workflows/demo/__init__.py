"""A synthetic data set: drawn dives of which everything is known."""
