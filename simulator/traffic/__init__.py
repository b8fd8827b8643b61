"""The request plane and telemetry: one semantics, evaluated as streams in arrays or in a lean loop, to the same byte.

`plane.RequestPlane` is the door. What happens, in ns of simulated time:

**Links.** Each direction of a link is one server, first in first out. A message of s bytes is sent in ⌈8·10⁹·s/rate⌉
ns (at least 1) and then travels the link's latency, which holds nobody up: jitter is uniform around it; a packet that
is lost is repeated by TCP, which is delay, or is lost for good where there is no TCP. The way is the network's route
when the message is sent, and the message stays on it.

**Pods.** A pod is a station with c workers, first in first out. The work is drawn on the reference core, divided by
the speed that the pod has when the request arrives, and rounded once (at least 1 ns). Then the pod makes its calls,
one after the other, and answers. `blocking` threads keep their worker until the answer, `async` ones only while they
work. A call that fails ends the visit: the answer, as long as any other, carries the failure.

**Tries.** The endpoint is drawn uniformly by (flow, source, k, try) from what the asker's proxy has programmed when
the try is issued; a call uses the proxy of its pod's node. Without an endpoint the request fails at once. A try ends
with its answer, its time-out (an answer at that very instant is in time), or a notice; then the next one is issued
until none is left, and the outcome of the last is that of the request. Nobody cancels a try: after its time-out it
still takes its place on links and in pods, and what it brings back is ignored.

**Notices.** A pod that does not run refuses (`refused`), and so does the node before a refused cut; a pod that stops
tells all who are in it (`died`). A notice takes the latency of the way back, at least 1 ns, waits in no queue, and is
lost where there is no way. Who asks where a refused cut leaves no way knows after the round trip to it. Nobody is told
of what meets a silent cut or a dead node: only a time-out ends such a try. Without one its request is `lost` then and
there; its issuer, and whoever waits for that one without a time-out, waits for ever (a worker and a user too).

**Changes.** What is due at an instant happens before what changes at it. When a direction of a link is blocked (by a
cut, or by a dead node at either end), whatever is on it is gone: waiting, being sent, or travelling. A request meets a
refused cut with a notice; responses, and all in silent cuts, are lost. When a pod stops, everybody in it dies. A source
without power issues nothing; its tries are not repeated.

**Ties.** Events at one instant happen in the order of (source, k, how-manieth try within the request), time-outs after
all others. As every stage takes a nanosecond, this is an order of causes too.

**Readings** of telemetry go one way and are counted in closed form: see `telemetry`.

The heap of the loop (`agenda`, `loop`) is the state; for a long enough window the `stream` takes what `coupling`
allows out of it, and puts back what is still under way. `reference_model` says it all again in SimPy.
"""
