"""Video files and folders of images to clips of frames."""
