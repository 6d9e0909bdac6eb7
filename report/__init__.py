"""Results as tables and pictures; computes nothing."""
