"""Image files as bytes: whether a file is whole, and whether a frame is flat."""
