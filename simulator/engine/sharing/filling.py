"""Max–min fair rates by progressive filling.

All rates rise together; where a class reaches its cap it stays there, where a link is full all its classes stay that
still rise (D. Bertsekas and R. Gallager, Data Networks, 2nd edition, 1992, section 6.5.2). The rates are the only
ones at which every flow is at its cap or crosses a full link where no flow has a larger rate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heapreplace
from operator import attrgetter

from simulator.engine.sharing.flow_class import FlowClass, Link

_by_cap = attrgetter("cap_bps")


def fill(
    classes: Collection[FlowClass], crossing: Mapping[Link, Sequence[FlowClass]], room: Mapping[Link, float]
) -> tuple[dict[FlowClass, Link | None], dict[Link, float]]:
    """For each class the link that holds it down, None where it is at its cap; for each link that does, the rate of the
    flows that it holds, in bit/s.

    `crossing` are those of the classes that cross a link, `room` is what the link has for them, in bit/s.
    """
    flows = {link: sum([each.count for each in those]) for link, those in crossing.items()}
    left = dict(room)
    shares = [(left[link] / n, i, link) for i, (link, n) in enumerate(flows.items()) if n]
    heapify(shares)  # they only rise as classes stop: one that is out of date is too low
    holder: dict[FlowClass, Link | None] = {}
    level: dict[Link, float] = {}
    now = 0.0

    def stop(each: FlowClass, by: Link | None) -> None:
        holder[each] = by
        for link in each.links:
            left[link] -= now * each.count
            flows[link] -= each.count

    for each in sorted(classes, key=_by_cap):
        while each not in holder:
            if not shares or each.cap_bps <= shares[0][0]:
                now = each.cap_bps
                stop(each, None)
                break
            share, i, link = shares[0]
            if not flows[link]:
                heappop(shares)
            elif (risen := left[link] / flows[link]) > share:
                heapreplace(shares, (risen, i, link))
            else:
                heappop(shares)
                now = level[link] = max(now, share)
                for held in crossing[link]:
                    if held not in holder:
                        stop(held, link)
    return holder, level


def fill_link(link: Link) -> tuple[list[FlowClass], list[FlowClass], float]:
    """`fill` for one link whose classes cross no other: the classes at their caps, those that it holds down, their
    flows' rate in bit/s."""
    by_cap = sorted(link.classes, key=_by_cap)
    left, flows, now = link.capacity_bps, sum([each.count for each in by_cap]), 0.0
    for i, each in enumerate(by_cap):
        share = left / flows
        if each.cap_bps > share:
            return by_cap[:i], by_cap[i:], max(now, share)
        now = each.cap_bps
        left -= now * each.count
        flows -= each.count
    return by_cap, [], now


def resolve(
    changed: Iterable[FlowClass], touched: Iterable[Link]
) -> tuple[dict[FlowClass, Link | None], dict[Link, float], dict[Link, list[FlowClass]]]:
    """New rates after a change of these classes and of these links, which have another capacity or lost a class.

    Only what full links join to the change is looked at: whatever is held down elsewhere, or by its cap, keeps its
    rate. Where a link gets full that was not, all that crosses it is looked at too. Returns what `fill` does, and the
    links that were looked at with the classes that were.
    """
    inside = dict.fromkeys(changed)
    whole: dict[Link, None] = {}  # links with all their classes inside
    _close(inside, whole, [link for each in inside for link in each.links if link.full])
    _close(inside, whole, touched)
    while True:
        crossing: dict[Link, list[FlowClass]] = {link: [] for link in whole}
        for each in inside:
            for link in each.links:
                crossing.setdefault(link, []).append(each)
        room = {}
        for link, those in crossing.items():
            room[link] = link.capacity_bps
            if len(those) < len(link.classes):
                room[link] -= link.load_bps - sum([each.loaded_bps for each in those])
        holder, level = fill(inside, crossing, room)
        news = [link for link in level if len(crossing[link]) < len(link.classes)]
        if not news:
            return holder, level, crossing
        _close(inside, whole, news)


def _close(inside: dict[FlowClass, None], whole: dict[Link, None], links: Iterable[Link]) -> None:
    """Take in these links with all their classes, and what full links join to them."""
    waiting = list(links)
    while waiting:
        link = waiting.pop()
        if link not in whole:
            whole[link] = None
            for each in link.classes:
                if each not in inside:
                    inside[each] = None
                    waiting += [other for other in each.links if other.full]
