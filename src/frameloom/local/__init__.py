"""The farm on one machine: an emulated AWS, the stack of template.yaml in it, and workers."""
