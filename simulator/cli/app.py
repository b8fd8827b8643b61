"""The commands by name, loaded when called; and what becomes of their errors."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

import simulator
from simulator.cli.answer import Answer, emit, problems_document, say
from simulator.errors import Problem, RunFailed, UserError

# name -> where it is, and its line in the overview.
COMMANDS = {
    "run": ("run:run", "Run an experiment, write a study folder, print a summary."),
    "check": ("check:check", "Every problem of an experiment, before anything runs."),
    "show": ("show:show", "A model's facts, or an experiment's resolved nodes, links, pods and paths."),
    "list": ("list:list_", "What there is: orchestrators, nodes, links, policies, experiments, metrics, …"),
    "compare": (
        "compare:compare",
        "Paired differences of two studies, or of one study's scenarios, with confidence intervals.",
    ),
    "explain": ("explain:explain", "Why a pod went to its node, and why not to the others."),
    "report": ("report:report", "Write a study's HTML report."),
    "cite": ("cite:cite", "BibTeX of exactly the facts that a study read."),
    "replay": ("replay:replay", "Run a study again and compare its tables byte for byte."),
    "validate": ("validate:validate", "Predictions held against measurements."),
    "bench": ("bench:bench", "How fast it is, and against whom."),
    "check-policy": ("check_policy:check_policy", "The conformance suite for a policy."),
    "new": ("new:new", "A commented starting file: policy, experiment or orchestrator."),
    "schema": ("schema:schema", "JSON Schema of the experiment file, for editors."),
    "import": ("import_:import_", "Read topologies, traces, outage logs and clusters of others."),
    "serve-policy": ("serve_policy:serve_policy", "A policy as an extender of a real kube-scheduler."),
}

_EPILOGUE = (
    "Every command takes --json: one JSON document on stdout, messages on stderr. "
    "Exit status: 0 done, 1 the run or a check failed, 2 the input is wrong."
)


def build() -> App:
    """The command line. Importing a command costs something, so each is imported when it is called."""
    app = App(
        name="littoral",
        help="Littoral simulates the IoT-edge-cloud continuum: nodes, flaky links, runtimes and orchestrators.",
        help_epilogue=_EPILOGUE,
        help_format="plaintext",
        version=simulator.__version__,
        default_parameter=Parameter(negative=(), show_default=False),
        suppress_keyboard_interrupt=False,
        print_error=False,
        exit_on_error=False,
        help_on_error=False,
        result_action="return_value",
    )
    for name, (place, line) in COMMANDS.items():
        app.command(f"simulator.cli.{place}", name=name, help=line)
    return app


def call(arguments: Sequence[str]) -> int:
    """Run one command; gives its exit status. Nothing that a user can do wrong shows a traceback."""
    as_json = "--json" in arguments
    tokens = [token for token in arguments if token != "--json"]
    try:
        answer = build()(tokens)
        if isinstance(answer, Answer):
            emit(answer, as_json=as_json)
            return answer.status
        return 0
    except UserError as error:
        return _wrong(error.problems, as_json=as_json)
    except CycloptsError as error:
        return _wrong((Problem(str(error), hint="littoral -h shows the commands and their options"),), as_json=as_json)
    except RunFailed as error:
        return _failed(str(error), error, as_json=as_json)
    except KeyboardInterrupt:
        say("interrupted")
        return 1
    except BrokenPipeError:
        # Whoever read our output has gone: say no more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        return _failed(f"this is a mistake in Littoral, please report it: {said}", error, as_json=as_json)


def _wrong(problems: Sequence[Problem], *, as_json: bool) -> int:
    for problem in problems:
        say(str(problem))
    if as_json:
        emit(Answer(problems_document(problems)), as_json=True)
    return 2


def _failed(message: str, error: Exception, *, as_json: bool) -> int:
    debug = os.environ.get("LITTORAL_DEBUG") == "1"
    notes = getattr(error, "__notes__", ())
    say(
        message if debug or (isinstance(error, RunFailed) and not notes) else f"{message} (LITTORAL_DEBUG=1 shows more)"
    )
    if debug:
        say("\n".join(notes) if notes else "".join(traceback.format_exception(error)))
    if as_json:
        emit(Answer(problems_document([Problem(message)])), as_json=True)
    return 1
