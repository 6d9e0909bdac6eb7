"""The search for hyper-parameters, each setting evaluated on held-out training videos."""
