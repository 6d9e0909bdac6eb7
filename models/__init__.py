"""Stage 2: heads on cached features. Knows no video and no cv2."""
