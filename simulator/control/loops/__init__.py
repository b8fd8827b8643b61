"""Loops that ask a policy now and then, for decisions that no controller of the orchestrators here takes yet."""
