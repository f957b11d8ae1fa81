"""Checks of image files: complete structure, flat frames, and invalid values."""
