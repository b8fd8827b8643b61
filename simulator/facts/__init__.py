"""The catalogue: models whose every number has a source, and the ledger of what a run read."""

from simulator.facts.catalogue import Catalogue
from simulator.facts.fact import Fact
from simulator.facts.ledger import Ledger
from simulator.facts.model import Model

__all__ = ["Catalogue", "Fact", "Ledger", "Model"]
