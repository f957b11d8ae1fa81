"""Benchmarks of the farm against plain Blender and against other farms; `make bench` runs them."""
