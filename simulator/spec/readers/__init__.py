"""Files of others, read as they are published: topologies, traces, outage logs. Every repair is told, with its line."""
