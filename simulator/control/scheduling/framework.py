"""The filters and scores of one scheduler, composed from its settings."""

from __future__ import annotations

from difflib import get_close_matches

from simulator import policy
from simulator.control.scheduling.filters import FILTERS, Filter, PluginFilter
from simulator.control.scheduling.filters.nominated import NominatedPods
from simulator.control.scheduling.filters.true_nodes import TrueNodes
from simulator.control.scheduling.scores import SCORES, PluginScore, Score
from simulator.control.scheduling.scores.images import ImageLocality
from simulator.control.scheduling.scores.neighbours import InterPodAffinity
from simulator.control.scheduling.scores.spread import PodTopologySpread
from simulator.control.scheduling.settings import SchedulerSettings
from simulator.errors import Problem, UserError
from simulator.policy.api import ScoreFunction


class Framework:
    """What composes into the orchestrator's own verdict. Raises UserError for names that are none."""

    def __init__(self, settings: SchedulerSettings) -> None:
        self.sampling = settings.sampling
        _known(settings)
        self.filters: tuple[Filter, ...] = tuple(
            FILTERS[each]() if isinstance(each, str) else PluginFilter(each) for each in settings.filters
        )
        if settings.preemption is not None:
            self.filters += (NominatedPods(),)
        if settings.perfect_knowledge:
            self.filters += (TrueNodes(),)
        self.scores: tuple[tuple[Score, float], ...] = tuple(
            (_score(each, settings), weight) for each, weight in settings.scores
        )
        self.of_template = all(each.of_template for each in self.filters)

    def without_plugins(self) -> Framework:
        """The orchestrator's own filters and scores only: what the fallback decides by."""
        own = object.__new__(Framework)
        own.sampling = self.sampling
        own.filters = tuple(each for each in self.filters if not isinstance(each, PluginFilter))
        own.of_template = all(each.of_template for each in own.filters)
        own.scores = tuple(pair for pair in self.scores if not isinstance(pair[0], PluginScore))
        return own


def _score(each: str | policy.Score | ScoreFunction, settings: SchedulerSettings) -> Score:
    if not isinstance(each, str):
        return PluginScore(each)
    kind = SCORES[each]
    if kind is PodTopologySpread:
        return PodTopologySpread(settings.default_spread)
    if kind is InterPodAffinity:
        return InterPodAffinity(settings.hard_affinity_weight)
    if kind is ImageLocality:
        return ImageLocality(settings.image_least_bytes, settings.image_most_bytes)
    return kind()


def _known(settings: SchedulerSettings) -> None:
    """Every name is that of a filter or score; all that are not are reported at once."""
    problems = []
    for what, names, known in (
        ("filter", settings.filters, sorted(FILTERS)),
        ("score", [each for each, _ in settings.scores], sorted(SCORES)),
    ):
        for name in names:
            if isinstance(name, str) and name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
                problems.append(Problem(f"the scheduler has no {what} named {name!r}", hint=hint))
    if problems:
        raise UserError(problems)
