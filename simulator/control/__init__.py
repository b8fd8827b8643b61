"""The control plane: what it believes, what it wants, and how that reaches the nodes."""
