"""Admission: what the API server adds to every pod that is created."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from simulator.world.pod import PodTemplate, Toleration

_KEYS: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class Admission:
    """DefaultTolerationSeconds: a pod that does not say how long it bears a lost node bears it `seconds` long.

    `seconds` None: the plug-in is off. A pod with the label `faithful` (key=value; empty: there is none) bears it for
    ever, whatever it says itself: KubeEdge's webhook for its autonomy label. A template is changed once, and its pods
    share the changed one.
    """

    __slots__ = ("_admitted", "_faithful", "_seconds")

    def __init__(self, seconds: int | None, faithful: str = "") -> None:
        self._seconds = seconds
        self._faithful = faithful
        self._admitted: dict[int, tuple[PodTemplate, PodTemplate]] = {}  # id -> (template, kept alive; as admitted)

    def admit(self, template: PodTemplate) -> PodTemplate:
        """The template as the server stores it."""
        found = self._admitted.get(id(template))
        if found is None:
            found = self._admitted[id(template)] = (template, self._with_tolerations(template))
        return found[1]

    def _with_tolerations(self, template: PodTemplate) -> PodTemplate:
        label, _, value = self._faithful.partition("=")
        if label and template.labels.get(label) == value:
            kept = tuple(t for t in template.tolerations if not (t.key in _KEYS and t.effect in ("", "NoExecute")))
            endless = tuple(Toleration(key, "Exists", effect="NoExecute") for key in _KEYS)
            return replace(template, tolerations=kept + endless)
        if self._seconds is None:
            return template
        added = tuple(
            Toleration(key, "Exists", effect="NoExecute", seconds=self._seconds)
            for key in _KEYS
            if not any(t.key in ("", key) and t.effect in ("", "NoExecute") for t in template.tolerations)
        )
        return replace(template, tolerations=template.tolerations + added) if added else template
