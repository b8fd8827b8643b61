"""The grammar of references: each form, each way to be wrong, and that a file's classes reach a fresh process."""

import multiprocessing
import pickle
import subprocess
import sys
import textwrap
from functools import partial
from hashlib import sha256
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from simulator.errors import UserError
from simulator.policy import Placement, reference
from simulator.policy.reference import hash_of, instantiate, resolve, shipped_names

MINE = """
    from simulator.policy import Placement, Wait

    class Mine(Placement):
        def __init__(self, alpha=0.5):
            if alpha < 0:
                raise ValueError("alpha is negative")
            self.alpha = alpha

        def place(self, pod, cluster):
            return Wait()

    class Needs(Mine):
        def __init__(self, beta, *, gamma=1):
            self.beta, self.gamma = beta, gamma

    def place(pod, cluster, share=1.0):
        return share
"""


@pytest.fixture
def base(tmp_path):
    (tmp_path / "mine.py").write_text(textwrap.dedent(MINE))
    return tmp_path


def _problem(call, *args, **kwargs):
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    return caught.value.problems


# Each form.


def test_a_shipped_name_is_the_class_of_that_name(base):
    assert resolve("least-loaded", base).__name__ == "LeastLoaded"
    assert resolve("least-loaded", base).__module__ == "simulator.shipped.policies.least_loaded"
    assert "least-loaded" in shipped_names("policies")


def test_a_file_is_relative_to_the_base_and_loaded_once(base):
    mine = resolve("./mine.py:Mine", base)
    assert issubclass(mine, Placement)
    assert resolve("mine.py:Mine", base) is mine
    assert resolve(f"{base}/mine.py:Mine", base / "elsewhere") is mine


def test_an_installed_module(base):
    assert resolve("functools:partial", base) is partial


def test_an_entry_point(base, monkeypatch):
    point = EntryPoint("acme/carbon", "simulator.policy:Placement", "simulator.policies")
    monkeypatch.setattr(reference, "entry_points", lambda group: [point] if group == "simulator.policies" else [])
    assert resolve("acme/carbon", base) is Placement
    (problem,) = _problem(resolve, "acme/carbom", base)
    assert problem.hint == "did you mean acme/carbon?"


def test_parameters_reach_a_class_and_are_bound_to_a_function(base):
    assert instantiate("./mine.py:Mine", {"alpha": 3}, base).alpha == 3
    bound = instantiate("./mine.py:place", {"share": 0.25}, base, given=2)
    assert bound(None, None) == 0.25
    assert instantiate("./mine.py:place", {}, base, given=2)(None, None) == 1.0


# Each way to be wrong.


@pytest.mark.parametrize(
    ("ref", "message", "hint"),
    [
        ("least-loadad", "no policy named 'least-loadad'", "did you mean least-loaded?"),
        ("zzz", "no policy named 'zzz'", "known: annealing, best-fit, carbon-aware, contextual-bandit, "),
        ("./mime.py:Mine", "no file './mime.py'", "did you mean ./mine.py?"),
        ("./mine.py:Min", "no 'Min' in it", "did you mean Mine?"),
        ("./mine.py:__doc__", "no '__doc__' in it", "Mine"),
        ("./mine.py", "does not say which policy of that file", "write ./mine.py:Name"),
        ("./mine.txt:Mine", "names no policy", "a shipped name, ./file.py:Name"),
        ("my_pkg.sched:Mine", "no module named 'my_pkg'", "for a file write ./my_pkg/sched.py:Name"),
        ("acme/carbon", "no policy 'acme/carbon' is installed", "for a file write ./acme/carbon.py:Name"),
        ("", "names no policy", "a shipped name"),
    ],
)
def test_what_is_not_there_is_said_with_near_names(base, ref, message, hint):
    (problem,) = _problem(resolve, ref, base)
    assert message in problem.message
    assert hint in problem.hint


def test_parameters_are_checked_all_at_once(base):
    problems = _problem(instantiate, "./mine.py:Needs", {"gama": 1, "zeta": 2}, base)
    assert [p.message.split(" takes ")[-1].split(" needs ")[-1] for p in problems] == [
        "no parameter 'gama'",
        "no parameter 'zeta'",
        "the parameter 'beta'",
    ]
    assert problems[0].hint == "did you mean gamma?"
    assert problems[1].hint == "did you mean beta?"


def test_what_the_mechanism_gives_is_no_parameter(base):
    (problem,) = _problem(instantiate, "./mine.py:place", {"pod": 1}, base, given=2)
    assert problem.hint == "it takes share"


def test_a_refused_value_is_the_users_error(base):
    (problem,) = _problem(instantiate, "./mine.py:Mine", {"alpha": -1}, base)
    assert "refuses its parameters: alpha is negative" in problem.message


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("x = 1\ndef f(:\n", 2, "not Python"),
        ("x = 1\ny = 1 / 0\n", 2, "ZeroDivisionError"),
        ("import no_such_package\n", None, "imports 'no_such_package', which is not installed"),
    ],
)
def test_a_file_that_cannot_be_imported_says_file_and_line(base, code, line, message):
    (base / "broken.py").write_text(code)
    (problem,) = _problem(resolve, "./broken.py:Mine", base)
    assert message in problem.message
    assert problem.line == line
    assert line is None or problem.file == str(base / "broken.py")


def test_nothing_is_written_beside_a_users_file(base):
    resolve("./mine.py:Mine", base)
    assert [path.name for path in base.iterdir()] == ["mine.py"]


# Records and workers.


def test_the_hash_is_of_the_file_that_defines_it(base):
    assert hash_of("./mine.py:Mine", base) == sha256((base / "mine.py").read_bytes()).hexdigest()
    before = hash_of("least-loaded", base)
    assert before != hash_of("random", base)
    assert len(before) == 64


def test_two_files_of_one_name_are_two_modules_and_a_changed_file_a_third(base):
    other = base / "other"
    other.mkdir()
    (other / "mine.py").write_text("class Mine:\n    pass\n")
    first, second = resolve("./mine.py:Mine", base), resolve("./mine.py:Mine", other)
    (other / "mine.py").write_text("class Mine:\n    changed = True\n")
    assert len({first, second, resolve("./mine.py:Mine", other)}) == 3


def test_a_files_class_is_pickled_by_reference(base):
    policy = instantiate("./mine.py:Mine", {"alpha": 3}, base)
    again = pickle.loads(pickle.dumps(policy))
    assert type(again) is type(policy)
    assert again.alpha == 3


def test_a_fresh_process_unpickles_a_files_class_and_refuses_a_changed_file(base):
    pickled = pickle.dumps(instantiate("./mine.py:Mine", {"alpha": 3}, base))
    code = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()).alpha)"
    fresh = [sys.executable, "-c", code]
    assert subprocess.run(fresh, input=pickled, capture_output=True, check=True).stdout.strip() == b"3"
    (base / "mine.py").write_text("class Mine:\n    pass\n")
    changed = subprocess.run(fresh, input=pickled, capture_output=True, check=False)
    assert b"has changed since it was first read" in changed.stderr


def test_a_spawned_worker_gets_an_instance(base):
    policy = instantiate("./mine.py:Mine", {"alpha": 3}, base)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(getattr, (policy, "alpha")) == 3


def test_a_parameter_that_is_a_path_is_a_file_beside_the_experiment(tmp_path: Path) -> None:
    lines = ["from pathlib import Path", "def place(pod, cluster, rows: Path, name: str = ''): return rows, name"]
    for ahead in ([], ["from __future__ import annotations"]):
        file = tmp_path / f"mine{len(ahead)}.py"
        file.write_text("\n".join([*ahead, *lines]), "utf-8")
        (tmp_path / "rows.csv").touch()
        params = {"rows": "rows.csv", "name": "rows.csv"}
        made = instantiate(f"./{file.name}:place", params, tmp_path, given=2)
        assert made(None, None) == (tmp_path / "rows.csv", "rows.csv")
        with pytest.raises(UserError, match=r"there is no file .*gone\.csv") as told:
            instantiate(f"./{file.name}:place", {"rows": "gone.csv"}, tmp_path, given=2)
        assert told.value.problems[0].path == "params.rows"
        with pytest.raises(UserError, match="rows is the name of a file, not 3"):
            instantiate(f"./{file.name}:place", {"rows": 3}, tmp_path, given=2)


def test_a_function_takes_what_it_is_asked_with(tmp_path: Path) -> None:
    lines = ["def one(pod): ...", "def any(*seen): ...", "def more(pod, cluster, alpha=1): ..."]
    (tmp_path / "mine.py").write_text("\n".join(lines), "utf-8")
    with pytest.raises(UserError, match=r"'./mine.py:one' takes 1 arguments in their order, and is asked with 2"):
        instantiate("./mine.py:one", {}, tmp_path, given=2)
    for name in ("any", "more"):
        instantiate(f"./mine.py:{name}", {}, tmp_path, given=2)


TYPED = """
    from __future__ import annotations
    from collections.abc import Mapping, Sequence
    from typing import Literal, Optional, TYPE_CHECKING
    if TYPE_CHECKING:
        from somewhere import Strange

    class Typed:
        def __init__(
            self, share: float = 1.0, most: int | None = None, idle: str | float = 0, names: tuple[str, ...] = (),
            pair: tuple[int, str] = (1, ""), weights: Mapping[str, float] | None = None, how: Literal["a", "b"] = "a",
            on: bool = False, plain: list = None, any=3, last: Optional[Sequence[int]] = None,
        ) -> None:
            self.given = (share, most, idle, names, pair, weights, how, on, plain, any, last)

    class Strange:
        def __init__(self, share: Strange | Unknown = 1.0) -> None:
            self.share = share

    def place(pod, cluster, share: float):
        return share
"""


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"share": "abc"}, "share of policy './typed.py:Typed' takes a number, not 'abc' (without it, it is 1.0)"),
        ({"share": True}, "takes a number, not True"),
        ({"share": None}, "takes a number, not None"),
        ({"most": 1.5}, "takes a whole number or nothing, not 1.5"),
        ({"names": "abc"}, "takes a list, each of it a text, not 'abc'"),
        ({"names": ["a", 3]}, "takes a list, each of it a text, not ['a', 3]"),
        ({"weights": {"a": "x"}}, "takes keys, each with a number or nothing, not {'a': 'x'}"),
        ({"how": "c"}, "takes a or b, not 'c'"),
        ({"on": 1}, "takes true or false, not 1"),
        ({"last": [1, 2.5]}, "takes a list, each of it a whole number or nothing, not [1, 2.5]"),
    ],
)
def test_a_value_of_another_type_than_the_annotation_is_refused(params, said, tmp_path):
    (tmp_path / "typed.py").write_text(textwrap.dedent(TYPED), "utf-8")
    with pytest.raises(UserError) as caught:
        instantiate("./typed.py:Typed", params, tmp_path)
    assert said in str(caught.value)
    (problem,) = caught.value.problems
    assert problem.path == f"params.{next(iter(params))}"


def test_what_an_annotation_allows_is_taken(tmp_path):
    (tmp_path / "typed.py").write_text(textwrap.dedent(TYPED), "utf-8")
    good = {"share": 3, "most": None, "idle": "10min", "names": ["a"], "pair": [1, "a"], "weights": {"a": 1},
            "how": "b", "on": True, "plain": [1, "a"], "any": {}, "last": [1]}  # fmt: skip
    assert instantiate("./typed.py:Typed", good, tmp_path).given == tuple(good.values())
    assert instantiate("./typed.py:Strange", {"share": "abc"}, tmp_path).share == "abc"  # nobody knows
    with pytest.raises(UserError, match=r"share of policy './typed\.py:place' takes a number"):
        instantiate("./typed.py:place", {"share": "abc"}, tmp_path, given=2)
