"""The API server: the objects that a control plane believes in, who may change them how fast, who is told."""
