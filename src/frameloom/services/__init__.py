"""What the farm does, one use case a file, over ports that `frameloom.aws` fills in."""
