"""The only Kubernetes client: a cluster's objects as plain dicts, and what the fleet does with them."""
