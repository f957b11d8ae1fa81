"""Reads .blend files without Blender, checks scenes, and finds and uploads their assets."""
