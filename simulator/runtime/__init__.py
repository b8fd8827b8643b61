"""A pod's life on a node: pull, create, boot, ready, run, kill; and the memory that bounds it."""
