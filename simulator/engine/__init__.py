"""Time: the clock, activities that last, and the fair sharing of what they use."""
