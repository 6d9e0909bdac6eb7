"""The published tables as declared experiments: what they need, run, printed beside measured."""
