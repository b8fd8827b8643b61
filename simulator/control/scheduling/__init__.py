"""The scheduler: queue, filter, score, reserve, bind, and the one decision point."""
