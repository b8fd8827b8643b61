"""The strict YAML loader: YAML 1.2 values, lines, and every broken file as a problem with its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import UserError
from simulator.facts.yaml import load_all_yaml, load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("12:30:00", "12:30:00"),
        ("2026-06-01", "2026-06-01"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1_000", "1_000"),
        ("1.31", 1.31),
        ("'1.31'", "1.31"),
        ("~", None),
        ("", None),
        ("-.inf", float("-inf")),
        ("!!str 5", "5"),
        ("500m", "500m"),
    ],
)
def test_scalars_are_read_by_the_yaml_1_2_core_schema(text: str, value: object) -> None:
    read = load_yaml(f"a: {text}", "f.yaml").data["a"]
    assert read == value
    assert type(read) is type(value)


def test_keys_are_always_text() -> None:
    assert load_yaml("1.30: x\ntrue: y\nno: z", "f.yaml").data == {"1.30": "x", "true": "y", "no": "z"}


def test_every_path_has_its_line() -> None:
    document = load_yaml("# c\na: 1\nb:\n  - x\n  - name: n\n    size: 3\n", "f.yaml")
    assert document.line(("a",)) == 2
    assert document.line(("b", 0)) == 4
    assert document.line(("b", 1, "size")) == 6


def test_an_unknown_path_has_the_line_of_its_nearest_parent() -> None:
    document = load_yaml("b:\n  - x\n  - name: n\n    size: 3\n", "f.yaml")
    assert document.line(("b", 1, "sise")) == 3
    assert document.line(("b", 1, "<tag of a union>", "size")) == 4
    assert document.line(()) == 1


def test_several_documents_and_empty_ones() -> None:
    documents = load_all_yaml("---\n---\na: 1\n---\n# nothing\n---\nb: 2\n", "f.yaml")
    assert [document.data for document in documents] == [{"a": 1}, {"b": 2}]
    assert documents[1].line(("b",)) == 7


def test_merge_keys_are_resolved_and_what_is_written_wins() -> None:
    document = load_yaml("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n", "f.yaml")
    assert document.data["y"] == {"a": 1, "b": 3}
    assert document.line(("y", "a")) == 3


def test_an_alias_is_a_copy() -> None:
    data = load_yaml("a: &a [1]\nb: *a\n", "f.yaml").data
    data["a"].append(2)
    assert data["b"] == [1]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n" for before, name in zip("abcd", "bcde", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "empty"),
        ("# only a comment\n", 1, "empty"),
        ("a: 1\na: 2", 2, "twice"),
        ("a:\n\tb: 1", 2, "tabs"),
        ("a: 1\nb: \0", 2, "binary"),
        ("a: \x07", 1, "U\\+0007"),
        (b"\xff\xfea\0", 1, "UTF-16"),
        (b"a: 1\nb: \xe9", 2, "not UTF-8"),
        (b"\x89PNG\x00\x01\x02", 1, "binary"),
        ("a: b: c", 1, "mapping values"),
        ("a: 'x\nb: c", 2, "end of stream"),
        ("a: [1", 2, "flow"),
        ("a: @x", 1, "quotes"),
        ("x: 1\na: !!python/object:os.system x", 2, "tag python"),
        ("a: !!int x", 1, "tag int"),
        ("a: *nowhere", 1, "names no anchor"),
        ("a: &a\n  - *a\n", 2, "names no anchor"),
        (BOMB, 5, "aliases expand"),
        ("[" * 200_000, 1, "nested deeper"),
        ("{a: " * 2000, 1, "nested deeper"),
        ("? [a]\n: b", 1, "a key must be a word"),
        (": b", 1, "expected key"),
        ("a: " + "9" * 5000, 1, "too many digits"),
        ("a: 1\n---\nb: 2", 3, "second document"),
        ("x: 1\ny: {<<: 3}", 2, "<< takes a mapping"),
    ],
)
def test_a_broken_file_is_a_problem_with_its_line(text: str | bytes, line: int, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        load_yaml(text, "f.yaml")
    assert caught.value.problems[0].file == "f.yaml"
    assert caught.value.problems[0].line == line


def test_all_duplicates_are_reported_at_once_with_the_first_line() -> None:
    with pytest.raises(UserError) as caught:
        load_yaml("a: 1\nb: {c: 1, c: 2}\na: 3", "f.yaml")
    assert [(p.line, p.path, p.hint) for p in caught.value.problems] == [
        (2, "b.c", "first on line 2"),
        (3, "a", "first on line 1"),
    ]


def test_a_byte_order_mark_is_no_content() -> None:
    assert load_yaml(b"\xef\xbb\xbfa: 1", "f.yaml").data == {"a": 1}


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_input_is_read_or_refused_politely(source: str | bytes) -> None:
    try:
        documents = load_all_yaml(source, "f.yaml")
    except UserError as error:
        assert all(problem.line is not None for problem in error.problems)  # noqa: PT017  both ends are right
    else:
        assert all(document.data is not None for document in documents)
