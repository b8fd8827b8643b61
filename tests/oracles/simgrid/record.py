"""When flows end by SimGrid's reckoning, recorded once for `tests/oracles/test_simgrid.py`.

Needs SimGrid with Python bindings, which Debian has as `python3-simgrid` (3.32 recorded what is here):

    apt-get install python3-simgrid && /usr/bin/python3 tests/oracles/simgrid/record.py

writes `flows.json` beside this file: a list of sets {"kind", "links": capacities in byte/s, "flows": [[start in ms,
[links], bytes, cap in byte/s or 0 for none, end in s], …]}. The network model is CM02 (max–min fair fluid flows)
without TCP's window (gamma 0), without latency, with factors of 1 and with acknowledgements that cost nothing; each
flow has two hosts and a route of its own.
"""

import json
import sys
from pathlib import Path
from random import Random
from subprocess import run

SETS = 240
OPTIONS = {
    "network/model": "CM02",
    "network/TCP-gamma": 0,
    "network/crosstraffic": 0,
    "network/bandwidth-factor": 1,
    "network/latency-factor": 1,
    "network/weight-S": 0,
}


def mesh(draw):
    """Few links, each crossed by many flows, in any order."""
    links = [draw.randint(20, 2000) * 1000 for _ in range(draw.randint(2, 8))]
    return links, lambda: draw.sample(range(len(links)), draw.randint(1, min(4, len(links))))


def line(draw):
    """A row of links; a flow crosses some in a row."""
    links = [draw.randint(20, 2000) * 1000 for _ in range(draw.randint(2, 7))]

    def path():
        first, last = sorted([draw.randrange(len(links)), draw.randrange(len(links))])
        return list(range(first, last + 1))

    return links, path


def tree(draw):
    """Access links of one or two capacities behind one core link."""
    kinds = [draw.randint(20, 500) * 1000 for _ in range(draw.randint(1, 2))]
    leaves = draw.randint(3, 8)
    links = [draw.randint(100, 1500) * 1000] + [draw.choice(kinds) for _ in range(leaves)]
    return links, lambda: [0, draw.randint(1, leaves)]


def sites(draw):
    """Access links behind the uplinks of sites behind one core link."""
    count, leaves = draw.randint(2, 4), draw.randint(2, 4)
    core, uplink, access = (draw.randint(50, 1500) * 1000 for _ in range(3))
    links = [core] + [uplink] * count + [access] * (count * leaves)

    def path():
        site = draw.randrange(count)
        return [0, 1 + site, 1 + count + site * leaves + draw.randrange(leaves)]

    return links, path


def flow_set(i):
    draw = Random(i)
    kind = (mesh, line, tree, sites)[i % 4]
    links, path = kind(draw)
    spread = draw.choice([0, 500, 5000])  # ms
    flows = []
    for _ in range(draw.randint(2, 20)):
        cap = draw.randint(5, 500) * 1000 if draw.random() < 0.25 else 0
        flows.append([draw.randint(0, spread), path(), draw.randint(10, 3000) * 1000, cap])
    return {"kind": kind.__name__, "links": links, "flows": flows}


def simulate(links, flows):
    """When each flow ends, in s. One engine is all that a process may have."""
    from simgrid import Actor, Engine, LinkInRoute, Mailbox, NetZone, this_actor

    options = [f"--cfg={name}:{value}" for name, value in OPTIONS.items()]
    engine = Engine(["record", "--log=root.thres:critical", *options])
    zone = NetZone.create_full_zone("zone")
    made = [zone.create_link(f"l{i}", float(rate)).set_latency(0).seal() for i, rate in enumerate(links)]
    ends = [0.0] * len(flows)

    def send(i):
        start, _path, size, cap = flows[i]
        this_actor.sleep_until(start / 1000)
        comm = Mailbox.by_name(str(i)).put_init(i, size)
        if cap:
            comm.set_rate(cap)
        comm.start().wait()
        ends[i] = Engine.clock

    pairs = [(zone.create_host(f"a{i}", 1e9).seal(), zone.create_host(f"b{i}", 1e9).seal()) for i in range(len(flows))]
    for i, (a, b) in enumerate(pairs):
        zone.add_route(a.netpoint, b.netpoint, None, None, [LinkInRoute(made[link]) for link in flows[i][1]], True)
    zone.seal()
    for i, (a, b) in enumerate(pairs):
        Actor.create(f"s{i}", a, send, i)
        Actor.create(f"r{i}", b, Mailbox.by_name(str(i)).get)
    engine.run()
    return ends


def main():
    if len(sys.argv) > 1:
        each = flow_set(int(sys.argv[1]))
        for flow, end in zip(each["flows"], simulate(each["links"], each["flows"]), strict=True):
            flow.append(float(f"{end:.7g}"))
        print(json.dumps(each, separators=(",", ":")))
        return
    command = [sys.executable, __file__]
    said = [run([*command, str(i)], capture_output=True, text=True, check=True).stdout for i in range(SETS)]
    text = ",\n".join(each.splitlines()[-1] for each in said)
    Path(__file__).with_name("flows.json").write_text(f"[\n{text}\n]\n", "utf-8")


if __name__ == "__main__":
    main()
