"""What joins the rooms: each file or folder is one job from start to end."""
