"""The process that holds Blender; the only package that imports bpy."""
