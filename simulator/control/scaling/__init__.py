"""Scaling: who starts and stops instances because of what is asked of them."""
