"""A backbone and a head trained together, from videos."""
