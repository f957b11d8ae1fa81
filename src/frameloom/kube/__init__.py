"""The only package with the Kubernetes client: a cluster's objects as plain dicts, and the operations of a fleet."""
