"""Commands to devices: who sends them, what each parameter moves, what becomes of them where a device moves, and what
is refused."""

from __future__ import annotations

from typing import Any

import pytest

from networks import link
from planes import PlaneWorld
from scenarios import run
from simulator.errors import UserError
from simulator.simulation.run import Run
from simulator.spec import Scenario
from simulator.spec.check_commands import check_commands
from simulator.spec.commands import Commands
from simulator.spec.look import Look
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.traffic.flows import TelemetryFlow
from simulator.units import SECOND
from simulator.world.link import LinkRow

# Three valves, told something every ten seconds, whose lines are down from 200 to 320 s.
PLANT: dict[str, Any] = {
    "duration": "10min",
    "start": "placed",
    "orchestrator": "k3s",
    "topology": {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "role": "control-plane", "zone": "cloud"},
            {"name": "gate", "model": "raspberry-pi-4b", "zone": "site"},
            {"name": "valve", "model": "till", "role": "device", "zone": "site", "count": 3},
        ],
        "links": [
            {"name": "up", "between": ["gate", "cloud"], "latency": "10ms", "rate": "10Mbps"},
            {"name": "v", "between": ["valve-*", "gate"], "latency": "5ms", "rate": "1Mbps"},
        ],
    },
    "images": {
        "c:1": {"compressed": "1MB", "unpacked": "2MB", "layers": 1, "platforms": ["linux/amd64", "linux/arm64"]},
    },
    "faults": [{"kind": "cut", "name": "line", "link": "v-*", "at": "200s", "duration": "120s"}],
}  # fmt: skip
CONTROL = {"kind": "service", "name": "control", "image": "c:1", "replicas": 1,
           "node_selector": {"kubernetes.io/hostname": "cloud"}}  # fmt: skip
WAITS: dict[str, Any] = {"qos": 1, "spool": {"size": "100kB"}}
DISK: dict[str, Any] = {"spool": {"size": "100kB", "store": "disk"}}


def plant(settings: dict[str, Any] | None = None, **more: Any) -> Run:
    item = {"kind": "commands", "name": "set", "source": "control", "target": "valve-*", "every": "10s", "size": "100B"}
    return run(PLANT | {"workloads": [CONTROL, item | more]}, settings or {})


def counts(s: Run) -> tuple[float, float, float]:
    return s.summary["commands_given"], s.summary["commands_delivered"], s.summary["commands_lost"]


def test_who_commands_goes_on_while_the_gateway_has_no_power() -> None:
    """With quality of service 1 what does not get there is kept, and comes when the gateway is back."""
    faults = [{"kind": "power-cut", "node": "gate", "at": "200s", "duration": "60s"}]
    item = {"kind": "commands", "name": "set", "source": "control", "target": "valve-*", "every": "10s", "size": "100B"}
    kept, gone = (run(PLANT | {"workloads": [CONTROL, item | how], "faults": faults}) for how in (WAITS | DISK, {}))
    assert counts(kept) == (180, 180, 0)
    given, _, lost = counts(gone)
    assert given == 180
    assert 3 * 9 <= lost <= 3 * 11  # without power, and booting for 35 s


class TestParameters:
    def test_at_most_once_loses_what_meets_a_cut(self) -> None:
        s = plant()
        assert counts(s) == (180, 144, 36)
        assert s.summary["mean_command_delay_s"] == pytest.approx(0.015 + 8 * 164 * (1e-7 + 1e-6), rel=1e-6)

    def test_at_least_once_waits(self) -> None:
        s = plant(**WAITS)
        assert counts(s) == (180, 180, 0)
        assert 110 < s.summary["max_command_delay_s"] < 120.1
        assert s.summary["commands_late"] == pytest.approx(33, abs=3)  # all but those of the last ten seconds

    def test_exactly_once_takes_three_ways(self) -> None:
        calm = {"faults.line.at": "599s", "faults.line.duration": "1ms"}
        delays = [plant(calm, **WAITS | {"qos": qos}).summary["mean_command_delay_s"] for qos in (1, 2)]
        assert delays[1] - delays[0] == pytest.approx(2 * 0.005 + 2 * 8 * 44e-6, rel=1e-3)

    def test_ttl_size_drop_and_store(self) -> None:
        def lost(fault: dict[str, Any] | None = None, **spool: Any) -> tuple[float, float]:
            s = plant(fault, **WAITS | {"spool": WAITS["spool"] | spool})
            return s.summary["commands_lost"], s.summary["max_command_delay_s"]

        assert lost(ttl="60s")[0] == 3 * 6
        assert lost(size="820B")[0] == 3 * 7
        oldest, newest = (lost(size="820B", drop=drop)[1] for drop in ("oldest", "newest"))
        assert (oldest < 51, newest > 109) == (True, True)
        crash = {"faults": [*PLANT["faults"], {"kind": "crash", "node": "gate", "at": "310s", "reboot_after": "1s"}]}
        wiped = {}
        for store in ("memory", "disk"):
            spool = {"size": "100kB", "store": store}
            item = ITEM | {"source": "cloud", "target": "valve-*", "every": "10s", "size": "100B", "qos": 1}
            item |= {"kind": "commands", "spool": spool}
            wiped[store] = run(PLANT | crash | {"workloads": [item]}).table("commands")["wiped"].sum()
        assert wiped == {"memory": 3 * 11, "disk": 0}

    def test_every_and_protocol(self) -> None:
        assert counts(plant(every="5s"))[0] == 360
        assert plant(protocol="coap").summary["mean_command_delay_s"] < plant().summary["mean_command_delay_s"]

    def test_their_tables_are_their_own(self) -> None:
        s = plant(**WAITS)
        assert len(s.table("messages")) == len(s.table("spools")) == len(s.table("ages")) == 0
        assert s.summary["lost_messages"] == s.summary["messages_in_flight"] == 0
        assert set(s.table("commands")["zone"]) == {"site"}


BOSS, GATE, DEVICE, OTHER = range(4)
LINKS = [link(BOSS, GATE), link(BOSS, OTHER), *(LinkRow(f"r{g}", DEVICE, g, 10, 8e6, 8e6) for g in (GATE, OTHER))]


def flow(**more: Any) -> TelemetryFlow:
    given: dict[str, Any] = {"sources": (BOSS,), "proxies": (GATE,), "target": BOSS, "targets": (DEVICE,)}
    return TelemetryFlow("f", every_ns=SECOND, size_bytes=100, **(given | more))


def total(w: PlaneWorld, *columns: str) -> tuple[int, ...]:
    return tuple(int(w.recorder.commands.frame()[column].sum()) for column in columns)


class TestPlaces:
    def world(self) -> PlaneWorld:
        """The device has a link to one of two gateways: the second is apart."""
        w = PlaneWorld(4, LINKS)
        w.network.cut(3, "apart")
        return w

    def test_a_pod_that_does_not_run_says_nothing_and_the_next_is_asked(self) -> None:
        w = self.world()
        w.service("control", [BOSS, OTHER])
        w.program("control", (10,))
        w.plane.add_telemetry(flow(target="control", sender="control", sources=(DEVICE,)))
        w.clock.at(20 * SECOND + 3, w.plane.pod_down, 10, "killed")
        w.clock.at(50 * SECOND + 3, w.program, "control", (11,))
        w.finish(100 * SECOND)
        assert total(w, "given", "delivered", "lost") == (70, 70, 0)
        assert w.plane.telemetry._places.sources[0].node == OTHER

    def test_a_device_that_goes_elsewhere_is_told_by_way_of_its_new_gateway(self) -> None:
        """What waits at the old one goes to it from there, as soon as it can be reached again."""
        w = PlaneWorld(4, LINKS)
        apart = [w.network.cut(3, "apart")]
        w.plane.add_telemetry(flow(spool=SpoolLaw("s", 10_000), qos=1, resent=True))

        def go() -> None:
            w.network.mend(3, apart[0])
            w.plane.enter(DEVICE, OTHER)

        w.clock.at(20 * SECOND + 3, w.network.cut, 2, "apart")
        w.clock.at(30 * SECOND + 3, go)
        w.finish(100 * SECOND)
        assert total(w, "given", "delivered", "lost", "came") == (100, 100, 0, 100)
        gateways = {gateway.node: gateway for gateway in w.plane.telemetry._places.gateways.values()}
        assert set(gateways) == {GATE, OTHER}
        late = dict(w.recorder.commands.frame().select("start_s", "delivered").rows())
        assert [late.get(second, 0) for second in (22, 30, 31)] == [0, 11, 1]


ITEM: dict[str, Any] = {"source": "d", "target": "t", "every": "1s", "size": "1B"}


class TestRefused:
    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"protocol": "lorawan"}, "class A hear only after they have sent"),
            ({"qos": 1}, "with qos 0 nowhere"),
            ({"spool": {"size": "1MB"}}, "with qos 0 nowhere"),
            ({"qos": 2, "protocol": "coap", "spool": {"size": "1MB"}}, "no exactly-once"),
            ({"qos": 1, "spool": {"size": "1MB", "at": "device"}}, "a spool of their own, on the way"),
            ({"qos": 1, "spool": {"size": "1MB", "name": "box"}}, "a spool of their own, on the way"),
            ({"qos": 1, "spool": {"size": "1MB", "drop": "least-important"}}, "all as important"),
        ],
    )
    def test_what_makes_no_sense(self, more: dict[str, Any], said: str) -> None:
        with pytest.raises(UserError, match=said):
            Commands(**ITEM, **more)

    def test_who_is_nobody(self) -> None:
        def said(source: str) -> list[str]:
            item = {"kind": "commands", "source": source, "target": "valve-*", "every": "1s", "size": "1B"}
            scenario = Scenario.parse(PLANT | {"workloads": [CONTROL, item]})
            return [f"{problem.message} ({problem.hint})" for problem in check_commands(Look(scenario))]

        assert said("control") == said("cloud") == []
        assert said("valve-0") == ["valve-0 sends commands to itself (match other machines)"]
        assert "no service and no machine is named contrl" in said("contrl")[0]
        assert "control" in said("contrl")[0]

    def test_a_service_that_is_named_as_a_machine(self) -> None:
        item = {"kind": "commands", "source": "cloud", "target": "valve-*", "every": "1s", "size": "1B"}
        scenario = Scenario.parse(PLANT | {"workloads": [{**CONTROL, "name": "cloud"}, item]})
        (problem,) = check_commands(Look(scenario))
        assert "cloud is a service and a machine" in problem.message

    def test_a_spool_has_room_for_a_message(self) -> None:
        """100 B, and 64 B of MQTT."""
        plant(qos=1, spool={"size": "164B"})
        with pytest.raises(UserError, match="no room for one of its messages, which take 164 B") as caught:
            plant(qos=1, spool={"size": "163B"})
        assert caught.value.problems[0].path.endswith("workloads.1.spool.size")

    def test_targets_that_are_nobody(self) -> None:
        with pytest.raises(UserError, match="valv-\\* matches no node"):
            plant(target="valv-*")

    def test_links_with_a_duty_cycle(self) -> None:
        w = PlaneWorld(2, [link(0, 1, duty_cycle=0.01)])
        with pytest.raises(UserError, match="commands of f lead over link 0-1, which has a duty cycle"):
            w.plane.add_telemetry(flow(sources=(0,), proxies=(0,), targets=(1,), target=0))
