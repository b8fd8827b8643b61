"""What physically is: nodes, links, routes, images, and the pods that a node may run."""
