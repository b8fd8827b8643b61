"""A trace from a file: of invocations, requests, pods, throughput, or times that something takes."""

from __future__ import annotations

from pathlib import Path

from simulator.spec.readers import bandwidth, calls, openb, sojourn
from simulator.spec.readers.columns import Tables
from simulator.spec.readers.report import Report, read_text
from simulator.spec.readers.table import heading

_KNOWN = (
    "azure-functions-2021 (app,func,end_timestamp,duration), azure-llm-2023 (TIMESTAMP,ContextTokens,GeneratedTokens), "
    "openb (name,cpu_milli,…), throughput of cellular-5g-us or the FCC, an empirical CDF, or a SimKube trace (.json)"
)


def read_trace(path: Path) -> Tables:
    """The tables of a file, told by its heading or its first line. Raises UserError with every problem, by line."""
    report = Report(str(path))
    text = read_text(path, report)
    names = heading(text)
    if {*calls.FUNCTIONS} <= {*names}:
        return calls.read_functions(path, text, report)
    if {*calls.LLM} <= {*names}:
        return calls.read_llm(text, report)
    if {*openb.PODS} <= {*names}:
        return openb.tables(text, report)
    if {*openb.NODES} <= {*names}:
        raise report.refuse(1, "has the nodes of openb, and is a topology")
    if form := bandwidth.form_of(names):
        return bandwidth.read_form(text, form, report)
    if {"grid_lat", "grid_lon"} <= {*names}:
        said = "is a map of throughput by place, and no trace over time"
        raise report.refuse(1, said, "beware: in this set, grid_lat holds the longitude and grid_lon the latitude")
    if bandwidth.is_plain(text):
        return bandwidth.read_plain(text, report)
    if sojourn.is_cdf(text):
        return sojourn.read_cdf(text, report)
    raise report.refuse(1, "is no trace that is known", _KNOWN)
