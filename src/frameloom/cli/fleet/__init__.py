"""`frameloom fleet`: the workers of a stack, in Kubernetes."""
