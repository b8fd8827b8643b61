"""The catalogue: models whose every number has a source, and the ledger of what a run read."""
