"""Functions: instances that come with the requests and go when nobody asks. One law, for arrays and for pods.

**Instances.** An instance is started, boots, is up, and is stopped. It has room for `concurrency` requests at once and
begins a request at the very instant at which it takes it. The first request that it ever serves may take another time
than later ones (code that is loaded, caches that are cold): it is drawn by itself.

**Choice.** A request takes the running instance with room that was used last (a request began or ended there last), as
function platforms do, so that instances that are not needed fall idle and go. Then one of the pre-warmed that nobody
has used yet, the oldest first; then room in one that still boots, the oldest first, whose end it waits for; then a new
one is started for it. A request that has to wait for a boot is a *cold start*, however short the boot; one that finds a
pre-warmed instance is not.

**Limits.** Where `most` instances exist and none has room, a request is refused, or (`full: queue`) waits, first come,
first served, for the first room there is. A request that waits for a boot stays with that instance.

**Keep-alive.** An instance that was used and has had nothing to do for `keep` goes: at the end of that instant, so that
a request that comes then still finds it. Pre-warmed ones do not go: `prewarmed` unused instances are kept, and when one
is taken the next is started at once, or as soon as `most` allows.

**Pause.** With `paused`, an instance that is up and has nothing to do is frozen: it keeps its memory and its place.
From the instant at which it falls idle (or has come up and nobody uses it) freezing takes `pause`; the request that
takes it then waits for what is left of that, and for `resume`, before its work begins. Others that come meanwhile wait
with it.

**Failure.** When an instance fails, the requests in it have died; those that waited for it look again.

**Ties.** At one instant requests end first, in the order of their number, then instances come up whose boot was known,
in theirs; then requests arrive, then instances go; last comes what is told from outside, pods that are up or have
failed. All times are int64 ns; every request takes at least 1.

`pool.Pool` is the law. `evaluate.evaluate` drives it over arrays, where boots are known; `live` joins it to pods, where
they are what the orchestrator makes of them; `reference_model` says it again with SimPy, an event per request.
"""
