"""Point estimates and posteriors of mixed models beside the fastest peers; see README.md.

    fit    inside a warm process, from the formula and the table to the result
    fresh  a whole process: interpreter, imports, reading the table, one fit
    first  the same with empty caches of compiled code, as on a new machine

CPU seconds throughout, the least of several. Each process has one thread. What the tools found is
compared too: -2 log REML must be equal to 1e-8 of itself, or the seconds are of different work.
"""

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lmm import HERE, _timed

EQUAL = 1e-8  # of -2 log REML
LONG, ONCE = 5.0, 60.0  # CPU seconds of a fit that has one fresh process, and no second fit
SLOPE, CROSSED = "y ~ x + (x | g)", "y ~ service + x + (1 | s) + (1 | d) + (1 | dept)"


@dataclass(frozen=True)
class Case:
    formula: str
    about: str
    asked: bool = False  # only where it is named


CASES = {
    "sleepstudy": Case("Reaction ~ Days + (Days | Subject)", "180 rows, 18 subjects"),
    "rows100k": Case(SLOPE, "100,000 rows, 5,000 groups"),
    "insteval": Case(CROSSED, "73,421 ratings, 2,972 x 1,128 x 14"),
    "ratings": Case("y ~ 1 + (1 | u) + (1 | i)", "1,000,000 ratings, 6,040 x 3,706", asked=True),
}


# A fit takes (formula, table) and returns a function, not timed, of what it found.


def _eb(formula: str, table) -> Callable[[], dict]:
    import bayeslmm as bl

    tree = bl.fit(bl.lmm(formula, table), bl.EmpiricalBayes("reml"), seed=1)
    return lambda: {
        "minus_2_log": -2.0 * float(tree.attrs["log_marginal"]),
        "evaluations": int(tree.attrs["evaluations"]),
    }


def _posterior(engine: str) -> Callable:
    def fit(formula: str, table) -> Callable[[], dict]:
        import bayeslmm as bl

        tree = bl.fit(bl.lmm(formula, table), getattr(bl, engine)(), seed=1)

        def facts() -> dict:
            import arviz as az

            found = tree["posterior"].to_dataset()
            names = [n for n in found if n in ("beta", "sigma") or n.startswith("sd_")]
            ess = az.ess(found[names], method="bulk")
            return {"ess": min(float(v.min()) for v in ess.values())}

        return facts

    return fit


def _glmm(formula: str, table) -> Callable[[], dict]:
    import glmm

    # Satterthwaite's degrees of freedom are more than the estimate that is compared
    found = glmm.fit(table, formula, satterthwaite=False)
    return lambda: {"minus_2_log": -2.0 * found.loglik, "evaluations": int(found.n_eval)}


def _mixedlm(formula: str, table) -> Callable[[], dict]:
    import mixedlm

    found = mixedlm.lmer(formula, table)
    return lambda: {
        "minus_2_log": float(found.REMLcrit()),
        "evaluations": int(found.function_evals),
    }


def _gpboost(formula: str, table) -> Callable[[], dict]:
    import gpboost
    import numpy as np

    response, right = (part.strip() for part in formula.split("~"))
    bars = [part.split(")")[0] for part in right.split("(")[1:]]
    groups = [bar.split("|")[1].strip() for bar in bars]
    slopes = [bar.split("|")[0].strip() for bar in bars]
    fixed = [name.strip() for name in right.split("(")[0].split("+") if name.strip() not in "1"]
    more = {}
    if slopes != ["1"] * len(bars):
        name = slopes[0]
        more = {
            "group_rand_coef_data": table[[name]].to_numpy(float),
            "ind_effect_group_rand_coef": [1],
        }
    model = gpboost.GPModel(group_data=table[groups].to_numpy(), likelihood="gaussian", **more)
    columns = [np.ones(len(table)), *(table[name].to_numpy(float) for name in fixed)]
    model.fit(y=table[response].to_numpy(float), X=np.column_stack(columns))
    return lambda: {"note": "ML, slopes independent of intercepts" if more else "ML"}


@dataclass(frozen=True)
class Tool:
    fit: Callable | None  # None: an Rscript
    package: str
    own: bool = False
    sampler: bool = False


TOOLS = {
    "EmpiricalBayes": Tool(_eb, "bayeslmm", own=True),
    "ImportanceSampling": Tool(
        _posterior("ImportanceSampling"), "bayeslmm", own=True, sampler=True
    ),
    "NUTS": Tool(_posterior("NUTS"), "bayeslmm", own=True, sampler=True),
    "glmm": Tool(_glmm, "glmm"),
    "mixedlm": Tool(_mixedlm, "mixedlm"),
    "gpboost": Tool(_gpboost, "gpboost"),
    "lme4": Tool(None, "lme4"),
}


def child(name: str, formula: str, data: str, mode: str) -> dict:
    """One process of one tool."""
    tool = TOOLS[name]
    if tool.fit is None or find_spec(tool.package) is None:
        return {"status": "skipped", "reason": f"{tool.package} is not installed"}
    import pandas as pd

    if tool.own:
        import bayeslmm as bl

        if not hasattr(bl, name):
            return {"status": "skipped", "reason": f"bayeslmm has no {name}"}
    table = pd.read_csv(data)
    if mode == "fresh":
        tool.fit(formula, table)
        return {"status": "ok"}
    cpu: list[float] = []
    while len(cpu) < 2 or (len(cpu) < 20 and sum(cpu) < 1.0):  # the first loads compiled code
        start = time.process_time()
        facts = tool.fit(formula, table)
        cpu.append(time.process_time() - start)
        if cpu[-1] > ONCE:
            break
    return {"status": "ok", "fit": min(cpu)} | facts()


def _command(name: str, formula: str, data: Path, peers: str) -> list[str] | None:
    """The command of a child but for its last word, the mode."""
    if TOOLS[name].fit is None:
        program = shutil.which("Rscript")
        return [program, str(HERE / "lmer.R"), formula, str(data)] if program else None
    python = sys.executable if TOOLS[name].own else peers
    return [python, str(Path(__file__).resolve()), "--child", name, formula, str(data)]


def run(name: str, case: Case, data: Path, options: argparse.Namespace) -> dict:
    """All columns of one line."""
    command = _command(name, case.formula, data, options.peers_python)
    if command is None:
        return {"status": "skipped", "reason": "Rscript is not installed"}
    line, whole = _timed([*command, "warm"], {}, options.timeout)  # and fills the caches
    if line["status"] != "ok":
        return line
    if "fit" not in line:  # R counts its own seconds
        line["fit"] = line["least_cpu_s"]
    line["memory"] = whole["max_rss_mb"]
    again = options.repeats if line["fit"] < LONG else 1
    fresh = [_timed([*command, "fresh"], {}, options.timeout)[1] for _ in range(again)]
    line["fresh"] = line["first"] = min(charged["cpu_s"] for charged in fresh)
    if TOOLS[name].own and options.first:
        with tempfile.TemporaryDirectory() as empty:
            env = {"NUMBA_CACHE_DIR": empty, "PYTENSOR_FLAGS": f"base_compiledir={empty}"}
            line["first"] = _timed([*command, "fresh"], env, options.timeout)[1]["cpu_s"]
    elif TOOLS[name].own:
        line["first"] = math.nan
    return line


def show(case: str, lines: dict[str, dict]) -> None:
    """The table of one case; ratios are to the fastest peer of each column."""
    done = {name: line for name, line in lines.items() if line["status"] == "ok"}
    peers = [name for name in done if not TOOLS[name].own]
    columns = ("fit", "fresh", "first")
    best = {c: min((done[p][c] for p in peers), default=math.nan) for c in columns}
    print(f"\n{case}: {CASES[case].formula}; {CASES[case].about}; load {os.getloadavg()[0]:.1f}\n")
    print("| tool | fit | fresh | first | evaluations | -2 log REML | MB | |")
    print("|---|---|---|---|---|---|---|---|")
    for name, line in lines.items():
        if line["status"] != "ok":
            print(f"| {name} | | | | | | | {line['status']}: {line['reason']} |")
            continue
        cells = [
            "" if math.isnan(line[c]) else f"{line[c]:.3g} ({line[c] / best[c]:.2g})"
            for c in columns
        ]
        criterion = f"{line['minus_2_log']:.8f}" if "minus_2_log" in line else ""
        note = f"min ESS {line['ess']:.0f}" if "ess" in line else line.get("note", "")
        cells += [str(line.get("evaluations", "")), criterion, f"{line['memory']:.0f}", note]
        print(f"| {name} | {' | '.join(cells)} |")
    found = {n: line["minus_2_log"] for n, line in done.items() if "minus_2_log" in line}
    if len(found) > 1:
        least = min(found.values())
        apart = {name: value / least - 1.0 for name, value in found.items()}
        off = [f"{name} by {abs(gap):.1e}" for name, gap in apart.items() if abs(gap) > EQUAL]
        print(f"\n-2 log REML equal to {EQUAL:.0e}" + (f" but for {', '.join(off)}" if off else ""))


def write_table(case: str, folder: Path) -> Path:
    from simulate import crossed, random_slopes, ratings

    if case == "sleepstudy":
        return HERE.parent / "bayeslmm" / "data" / "sleepstudy.csv"
    make = {"rows100k": lambda: random_slopes(100_000, 5_000), "insteval": crossed}
    data = folder / f"{case}.csv"
    make.get(case, ratings)().to_csv(data, index=False)
    return data


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(child(*sys.argv[2:])))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--peers-python", default=sys.executable, help="a Python that has the peers"
    )
    parser.add_argument(
        "--case", action="append", choices=CASES, help="default: all but ratings; may be repeated"
    )
    parser.add_argument("--tool", action="append", choices=TOOLS, help="default: all but NUTS")
    parser.add_argument("--first", action="store_true", help="also with empty caches: minutes")
    parser.add_argument("--repeats", type=int, default=3, help="fresh processes, the least counts")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds for one process")
    options = parser.parse_args()
    tools = options.tool or [name for name in TOOLS if name != "NUTS"]
    with tempfile.TemporaryDirectory() as folder:
        for case in options.case or [name for name in CASES if not CASES[name].asked]:
            data = write_table(case, Path(folder))
            show(case, {name: run(name, CASES[case], data, options) for name in tools})


if __name__ == "__main__":
    main()
