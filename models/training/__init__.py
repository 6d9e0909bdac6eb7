"""What trains networks: the loop, losses, batches of pairs, several processes."""
