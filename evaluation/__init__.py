"""How good fitted heads are: metrics with intervals, baselines, comparisons."""
