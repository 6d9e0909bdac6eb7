"""What was learned from several actions, tried on a new one (parmar2019action §5.2, 5.3)."""
