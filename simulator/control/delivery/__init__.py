"""What is believed reaches the edge, and what happens there comes back, over links that fail."""
