"""Links whose rates change with time: everything follows bit by bit, waits while the rate is 0, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from networks import World, link
from planes import PlaneWorld
from scenarios import HERE, SMALL, run, scenario
from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.physics.distributions import Exponential
from simulator.simulation.links import link_row, within
from simulator.spec.check import check_scenario
from simulator.spec.look import Look
from simulator.spec.rate_trace import read_rates
from simulator.spec.topology import LinkSpec, NodeSpec
from simulator.traffic.flows import Poisson
from simulator.units import MS, SECOND
from simulator.world.link import LinkRow, Rates

FALLING: Rates = ((0, 8e6), (SECOND, 2e6))


def traced(a: int, b: int, up: Rates = (), down: Rates = (), **more: Any) -> LinkRow:
    return replace(link(a, b, **more), traces=(up, down))


class TestNetwork:
    def test_a_transfer_gets_what_the_link_has_at_every_instant(self) -> None:
        world = World(2, [traced(0, 1, FALLING, rate_bps=1e9)])
        ended: dict[str, int] = {}
        for name, a, b in (("up", 0, 1), ("down", 1, 0)):
            done = world.network.transfer(a, b, 2_000_000).done
            done.callbacks.append(lambda _, name=name: ended.setdefault(name, world.clock.now))
        world.clock.run(10 * SECOND)
        # 16 Mbit: 8 in the first second, 8 at 2 Mbit/s; the direction without a trace has its own 1 Gbit/s.
        assert ended == {"up": 5 * SECOND, "down": 16 * MS}

    def test_the_last_rate_stays_and_before_the_first_the_link_has_its_own(self) -> None:
        world = World(2, [traced(0, 1, ((SECOND, 1e6),), rate_bps=8e6)])
        seen = []
        for time in (0, SECOND - 1, SECOND, 3600 * SECOND):
            world.clock.run(time)
            seen.append(world.network.rate_bps[0])
        assert seen == [8e6, 8e6, 1e6, 1e6]

    def test_a_message_is_sent_at_the_rates_that_hold_while_it_is_sent(self) -> None:
        world = World(2, [traced(0, 1, FALLING)])
        world.send(0, 1, 100_000, "early")  # 100 ms at 8 Mbit/s
        world.clock.run(SECOND - 50 * MS)
        world.send(0, 1, 100_000, "across")  # half of it on the wire when the rate falls
        world.clock.run(2 * SECOND)
        world.send(0, 1, 100_000, "late")
        world.clock.run(10 * SECOND)
        assert world.arrived == [
            ("early", 110 * MS),
            ("across", SECOND + 210 * MS),
            ("late", 2 * SECOND + 410 * MS),
        ]

    def test_who_dies_after_the_last_bit_was_out_lost_nothing_though_the_rate_fell_meanwhile(self) -> None:
        world = World(2, [traced(0, 1, ((0, 8e6), (50 * MS, 1e3)), latency_ns=500 * MS)])
        world.send(0, 1, 10_000, "out")  # on the wire after 10 ms; at the later rate it would take 80 s
        world.clock.run(100 * MS)
        world.network.set_node(0, False)
        world.clock.run(SECOND)
        assert world.arrived == [("out", 510 * MS)]

    def test_a_lossy_cut_takes_its_share_of_what_the_trace_gives(self) -> None:
        world = World(2, [traced(0, 1, ((SECOND, 4e6),), rate_bps=8e6)])
        world.network.cut(0, "lossy", 0.5)
        transfer = world.network.transfer(0, 1, 1_000_000)
        ended: list[int] = []
        transfer.done.callbacks.append(lambda _: ended.append(world.clock.now))
        world.clock.run(10 * SECOND)
        assert ended == [3 * SECOND]  # 4 Mbit in the first second, 2 in each of the next two

    def test_one_timer_for_each_time_however_many_links_change(self) -> None:
        steps: Rates = tuple((i * SECOND, 1e6 * (1 + i % 2)) for i in range(50))
        world = World(21, [traced(i, 20, steps, steps) for i in range(20)])
        seen: list[float] = []
        world.network.before_rates.append(lambda: seen.append(world.network.rate_bps[0]))
        world.clock.run(100 * SECOND)
        assert seen == [1e6 * (1 + i % 2) for i in range(49)]
        assert world.clock.fired == 49
        assert world.network.changes == 0

    @pytest.mark.parametrize("trace", [((0, 0.0),), ((0, -1.0),), ((5, 1.0), (5, 2.0)), ((5, 1.0), (4, 2.0))])
    def test_what_is_no_trace_is_refused(self, trace: Rates) -> None:
        with pytest.raises(ValueError, match="must"):
            traced(0, 1, trace)

    def test_with_a_period_it_comes_again_and_again(self) -> None:
        row = replace(traced(0, 1, ((SECOND, 1e6), (3 * SECOND, 2e6))), period_ns=5 * SECOND)
        world, seen = World(2, [row]), []
        for second in range(14):
            world.clock.run(second * SECOND)
            seen.append(world.network.rate_bps[0] / 1e6)
        assert seen == [8, 1, 1, 2, 2, 2, 1, 1, 2, 2, 2, 1, 1, 2]


def test_a_slow_card_caps_a_trace() -> None:
    row = traced(0, 1, ((0, 5e9), (1, 1e6)), rate_bps=2e6)
    ends = [NodeSpec(name="a", model="cloud-vm", nic="1Gbps"), NodeSpec(name="b", model="till")]
    capped = within(row, ends, Catalogue())
    assert capped.traces == (((0, 1e9), (1, 1e6)), ())
    assert capped.up_bps == 2e6


class TestFile:
    def test_both_directions_or_each_from_its_column_with_or_without_units(self, tmp_path: Path) -> None:
        (tmp_path / "five-g.csv").write_text("time_s,up,down\n0,1000000,20Mbps\n0.5,2e6,10Mbps\n", "utf-8")
        more = {"name": "l", "between": ("a", "b"), "latency": "1ms", "rate": "1Mbps"}

        def traces(**keys: str) -> tuple[Rates, Rates]:
            spec = LinkSpec(**more, **{key: f"five-g.csv#{column}" for key, column in keys.items()})
            return link_row("l", 0, 1, spec, Catalogue(), folder=tmp_path).traces

        up, down = ((0, 1e6), (SECOND // 2, 2e6)), ((0, 20e6), (SECOND // 2, 10e6))
        assert traces(up_trace="up", down_trace="down") == (up, down)
        assert traces(down_trace="down") == ((), down)
        assert traces(rate_trace="up") == (up, up)
        assert traces() == ((), ())

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("time_s,bps\n1,5\n0,5\n", ":3: the time is not after that of the row above"),
            ("time_s,bps\n0,0\n1,0\n", "the file has no rate above zero"),
            ("time_s,bps\n0,-1\n", ":2: bps: -1 is no rate"),
            ("time_s,bps\n0,nan\n", ":2: bps: nan is no rate"),
            ("time_s,bps\n0,5MB/s\n", ":2: bps: "),
            ("time,bps\n0,5\n", "there is no column time_s"),
            ("time_s,rate\n0,5\n", "there is no column bps"),
            ("time_s,bps\n", "the file has no rate"),
        ],
    )
    def test_a_file_that_is_none_says_where(self, text: str, said: str, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text(text, "utf-8")
        with pytest.raises(UserError) as caught:
            read_rates(tmp_path / "t.csv", "bps")
        assert said in str(caught.value)

    def test_a_rate_of_zero_is_one(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("time_s,bps\n0,0\n1,5kbps\n2,0Mbps\n", "utf-8")
        assert read_rates(tmp_path / "t.csv", "bps") == ((0, 0.0), (SECOND, 5e3), (2 * SECOND, 0.0))

    def test_a_period_follows_a_trace_and_ends_after_it(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("time_s,bps\n5,1\n10,2\n", "utf-8")
        pair = {"name": "l", "between": ("a", "b"), "model": "lte", "trace_period": "5s"}
        with pytest.raises(UserError, match="no trace to come again"):
            LinkSpec(**pair)
        for period, good in (("5s", False), ("5001ms", True)):
            spec = LinkSpec(**{**pair, "rate_trace": "t.csv#bps", "trace_period": period})
            if good:
                assert link_row("l", 0, 1, spec, Catalogue(), folder=tmp_path).period_ns == 5001 * MS
            else:
                with pytest.raises(UserError, match="takes as long as its trace_period"):
                    link_row("l", 0, 1, spec, Catalogue(), folder=tmp_path)

    def test_a_link_with_a_duty_cycle_follows_none(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("time_s,bps\n5,1\n", "utf-8")
        spec = LinkSpec(name="l", between=("a", "b"), model="lorawan", rate_trace="t.csv#bps")
        with pytest.raises(UserError, match="duty cycle"):
            link_row("l", 0, 1, spec, Catalogue(), folder=tmp_path)

    def test_two_words_for_one_rate_and_a_file_that_is_not_there_are_refused(self) -> None:
        pair = {"name": "l", "between": ("a", "b"), "model": "lte"}
        with pytest.raises(UserError, match="rate_trace stands for up_trace and down_trace"):
            LinkSpec(**pair, rate_trace="t.csv#a", up_trace="t.csv#b")
        with pytest.raises(UserError, match="names no column"):
            LinkSpec(**pair, rate_trace="t.csv")
        problems = check_scenario(Look(scenario(wan("no.csv#x"))))
        assert any("there is no file" in str(problem) for problem in problems)


def wan(trace: str | None, **more: str) -> dict[str, Any]:
    """SMALL with rates over time on the lines of both sites."""
    topology = SMALL["topology"]
    links = [
        {**each, "rate_trace": trace, **more} if each["name"].startswith("wan") and trace else each
        for each in topology["links"]
    ]
    return {**SMALL, "duration": "3min", "topology": {**topology, "links": links}}


class TestRequests:
    def outcomes(self) -> list[tuple[str, int, int]]:
        steps: Rates = ((700 * MS, 10e6), (1400 * MS, 80e6))
        links = [traced(0, 1, steps, latency_ns=MS, rate_bps=80e6), traced(1, 2, latency_ns=MS, rate_bps=1e9)]
        world = PlaneWorld(3, links)
        world.service("s", [2], Exponential(100_000.0), workers=4)
        world.flow(0, "s", Poisson(3000.0), request_bytes=400)
        world.finish(2100 * MS)
        return world.outcomes()

    def test_a_request_takes_longer_while_the_rate_is_low(self) -> None:
        took = np.array([latency for _, latency, _ in self.outcomes()]) / MS
        early, slow, again = (float(np.median(took[i : i + 1000])) for i in (500, 2600, 4800))
        # 400 B take 40 us at 80 Mbit/s, and 320 us at 10 Mbit/s, where 3000/s of them nearly fill the link.
        assert early == pytest.approx(again, rel=0.1)
        assert slow > early + 0.28


def pull_s(text: str, folder: Path, **more: str) -> float:
    """The median of the starts, most of which is a pull over the line with this trace, in seconds."""
    (folder / "t.csv").write_text("time_s,bps\n" + text, "utf-8")
    (folder / "site.yaml").write_text((HERE / "site.yaml").read_text("utf-8"), "utf-8")
    return float(run(wan("t.csv#bps", **more), folder=folder).summary["start_p50_s"])


def test_a_pull_over_a_slow_trace_takes_longer(tmp_path: Path) -> None:
    slow = pull_s("".join(f"{i},{20 - 10 * (i % 2)}Mbps\n" for i in range(60)), tmp_path)
    fast = float(run(wan(None)).summary["start_p50_s"])
    assert slow > fast + 5


def test_a_trace_that_comes_again_is_slow_again(tmp_path: Path) -> None:
    text = "0,5Mbps\n4,100Mbps\n"
    once, again = pull_s(text, tmp_path), pull_s(text, tmp_path, trace_period="5s")
    assert again > once + 3


def test_a_pull_stands_still_while_the_rate_is_zero(tmp_path: Path) -> None:
    whole = pull_s("0,20Mbps\n", tmp_path)
    held = pull_s("0,20Mbps\n2,0\n12,20Mbps\n", tmp_path)
    assert held == pytest.approx(whole + 10, abs=1e-6)


@pytest.mark.parametrize("written", ["day.csv", "day.csv#", "#rate", "day.csv#a#b"])
def test_a_trace_names_a_column_of_a_file(written: str) -> None:
    with pytest.raises(UserError, match="names no column of a file"):
        LinkSpec.parse({"name": "l", "between": ["a", "b"], "model": "lte", "rate_trace": written})
