"""From specs to objects, the running simulation, and the run that it leaves behind."""
