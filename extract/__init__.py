"""Stage 1: videos to clip features. Knows no scores, splits or heads."""
