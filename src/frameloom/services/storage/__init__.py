"""Objects, documents and files: the ports, and the transfers that use them."""
