"""Crossed random effects of InstEval's size: bayeslmm beside lme4, as JSON lines; see README.md.

Every tool runs in one new process with one BLAS thread. The fit is timed from the formula and the
table to the result, inside; the process from its start to its end, and its memory, from outside.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lmm import _cpu, _facts, _means, _timed, _writer

HERE = Path(__file__).resolve().parent
GROUPS = ("s", "d", "dept")
SIMULATED = "y ~ service + x + (1 | s) + (1 | d) + (1 | dept)"
SIZES = {  # ratings, students, lecturers, departments
    "simulated": (73_421, 2972, 1128, 14),
    "quick": (8_000, 400, 150, 10),
}
FORMULAS = {
    "simulated": SIMULATED,
    "quick": SIMULATED,
    "insteval": "y ~ service + (1 | s) + (1 | d) + (1 | dept)",  # lme4's own table
}
EXPORT = "write.csv(lme4::InstEval, commandArgs(trailingOnly = TRUE)[1], row.names = FALSE)"
TOOLS = ("bayeslmm-eb", "bayeslmm-nuts", "lme4")


def child(tool: str, formula: str, data: str, draws: int, tune: int) -> dict:
    """One fit by bayeslmm, timed."""
    import pandas as pd

    import bayeslmm as bl

    table = pd.read_csv(data)
    engine = bl.EmpiricalBayes("reml")
    if tool == "bayeslmm-nuts":
        engine = bl.NUTS(draws=draws, tune=tune, chains=4)
    cpu, wall = _cpu(), time.perf_counter()
    tree = bl.fit(bl.lmm(formula, table), engine, seed=1)
    answer = {"status": "ok", "wall_s": time.perf_counter() - wall, "cpu_s": _cpu() - cpu}
    chains = _chains(tree)
    if tool == "bayeslmm-nuts":
        return answer | _facts(chains, "", tree) | {"load": os.getloadavg()[0]}
    return answer | {
        "criterion": "reml",
        "minus_2_log": -2.0 * float(tree.attrs["log_marginal"]),
        "evaluations": int(tree.attrs["evaluations"]),
        "estimates": _exact(tree, chains),
        "load": os.getloadavg()[0],
    }


def _chains(tree) -> dict[str, list]:
    posterior = tree["posterior"].to_dataset()
    return {
        "beta": [posterior["beta"].values[..., j] for j in range(posterior["beta"].shape[-1])],
        "sd": [posterior[f"sd_{g}"].values[..., 0] for g in GROUPS],
        "corr": [],
        "sigma": [posterior["sigma"].values],
    }


def _exact(tree, chains: dict[str, list]) -> dict[str, list[float]]:
    """The estimates; of the coefficients the exact mean, not that of the draws."""
    return _means(chains) | {"beta": tree["posterior_moments"]["beta_mean"].values.tolist()}


def run(tool: str, data: Path, options: argparse.Namespace) -> dict:
    formula = FORMULAS[options.case]
    rows, *levels = SIZES.get(options.case, SIZES["simulated"])
    line = {"case": f"crossed-{options.case}", "tool": tool, "rows": rows, "levels": levels}
    if tool == "lme4":
        program = shutil.which("Rscript")
        if program is None:
            return line | {"status": "skipped", "reason": "Rscript is not installed"}
        command = [program, str(HERE / "lmer.R"), formula, str(data), "once"]
    else:
        command = [sys.executable, str(Path(__file__)), "--child", tool, formula, str(data)]
        command += [str(options.draws), str(options.tune)]
    if tool == "bayeslmm-nuts":
        line["draws"] = f"4 x {options.draws} after {options.tune}"
    answer, charged = _timed(command, {}, options.timeout)
    if answer["status"] == "ok":
        answer["fit"] = {name: answer.pop(name) for name in ("cpu_s", "wall_s")}
        answer["fresh"] = charged
    return line | answer


def write_table(case: str, data: Path) -> None:
    """Simulate the table; or take lme4's own, which is not ours to hand on."""
    if case == "insteval":
        program = shutil.which("Rscript")
        if program is None:
            raise SystemExit("the table InstEval comes with lme4, but Rscript is not installed")
        subprocess.run([program, "-e", EXPORT, str(data)], check=True)
        return
    from simulate import crossed

    crossed(*SIZES[case]).to_csv(data, index=False)


def against(lines: list[dict]):
    """Ratio of the CPU seconds to lme4's, and the largest relative difference of an estimate."""
    done = {line["tool"]: line for line in lines if line["status"] == "ok"}
    ours, theirs = done.get("bayeslmm-eb"), done.get("lme4")
    if ours is None or theirs is None:
        return
    for column in ("fit", "fresh"):
        value = ours[column]["cpu_s"] / theirs[column]["cpu_s"]
        yield {"ratio": "bayeslmm-eb / lme4", "of": "CPU seconds", "column": column, "value": value}
    pairs = [
        (a, b)
        for name in ("beta", "sd", "sigma")
        for a, b in zip(ours["estimates"][name], theirs["estimates"][name], strict=True)
    ]
    yield {"largest relative difference of an estimate": max(abs(a / b - 1.0) for a, b in pairs)}
    yield {"difference of -2 log": ours["minus_2_log"] - theirs["minus_2_log"]}


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        tool, formula, data, draws, tune = sys.argv[2:]
        print(json.dumps(child(tool, formula, data, int(draws), int(tune))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=FORMULAS, default="simulated")
    parser.add_argument(
        "--tool", action="append", choices=TOOLS, help="default: all; may be repeated"
    )
    parser.add_argument("--draws", type=int, default=400, help="draws of each of 4 chains")
    parser.add_argument("--tune", type=int, default=200)
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds for one process")
    parser.add_argument("--out", type=Path, help="a file for the lines, beside standard output")
    options = parser.parse_args()

    lines, emit = [], _writer(options.out)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "crossed.csv"
        write_table(options.case, data)
        for tool in options.tool or TOOLS:
            lines.append(run(tool, data, options))
            emit(lines[-1])
    for line in against(lines):
        emit(line)


if __name__ == "__main__":
    main()
