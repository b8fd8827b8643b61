"""Queues as pure functions over arrays of int64 nanoseconds: arrivals and services in, departures out."""
