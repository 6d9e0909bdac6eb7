"""What is known of videos without a look at them: manifest, splits, published data sets."""
