"""Joints estimated from the frames of a video by BlazePose (bazarevsky2020)."""
