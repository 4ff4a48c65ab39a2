"""Examines an installation from end to end: each file holds the checks of one subject."""
