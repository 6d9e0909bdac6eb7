"""What people say of videos: the manifest, splits into training and test, published datasets."""
