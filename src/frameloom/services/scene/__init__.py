"""Reading a .blend file without Blender: its scenes, its references, and its checks."""
