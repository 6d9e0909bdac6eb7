"""What the folder of a run holds: its record, hashes, and names that earlier versions wrote."""
