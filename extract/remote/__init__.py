"""Videos that are at an address, such as `s3://dives/1.mp4`: fetched into a cache, then read."""
