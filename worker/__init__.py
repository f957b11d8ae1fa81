"""The worker: a supervisor that talks to AWS, and a child process that holds Blender."""
