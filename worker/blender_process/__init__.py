"""Blender's process: the only package that imports bpy, and that no other module of the worker imports."""
