"""How desired state reaches a node's agent, and how its reports come back: watches, back-off, relists."""
