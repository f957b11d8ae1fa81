"""The use cases of the farm, one per module. They use AWS through the ports that `frameloom.aws` implements."""
