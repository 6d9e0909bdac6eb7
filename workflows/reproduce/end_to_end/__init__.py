"""Published tables with networks that are trained end to end, as three of the papers do."""
