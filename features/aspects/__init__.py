"""What a person can see in a movement, measured from joints: angles, distances, durations."""
