"""Pure formulas: no state, no clock, no draws of their own."""
