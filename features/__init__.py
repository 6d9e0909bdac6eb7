"""What both stages share: manifest, splits, clips, feature store. Knows no torch and no video."""
