"""What the farm costs beside plain Blender: `make bench` prints the table."""
