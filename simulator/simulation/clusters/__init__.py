"""Orchestrators joined to the machines that they run on: one file for each way of being a control plane."""
