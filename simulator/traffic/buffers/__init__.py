"""Store and forward: what waits on an edge node for the cloud.

`channel` is the law of one node's bounded channel, `twins` keeps a last value instead of a queue, and `relay` leads
the readings of the sources behind the node through both, in closed form as long as nothing waits.
"""
