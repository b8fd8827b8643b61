"""A rescheduling policy for tests, as the text of a file of one's own."""

from __future__ import annotations


def once(how: str, pod: str) -> str:
    """The class `Once`, whose parameters default to these."""
    return f'''
class Once(Rescheduling):
    """One move, in its first round."""
    every_s = 60.0
    def __init__(self, how="{how}", pod="{pod}", node="edge-1"):
        self.how, self.pod, self.node = how, pod, node
    def moves(self, cluster, placed):
        if cluster.now_s > 60:
            return []
        row = next(i for i, name in enumerate(placed.names) if name.startswith(self.pod))
        return [Migrate(placed.names[row], cluster.names.index(self.node), self.how)]
'''
