"""How videos are cut into clips, and the store that holds the features of the clips."""
