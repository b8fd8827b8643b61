"""The controllers: loops that make the objects at the API server what they say they want to be."""
