"""Random intercept and slope: bayeslmm beside its peers, as JSON lines; see README.md.

Each case and tool runs in two new processes: `warm` fits once and then again, timed, and judges the
draws; `fresh` fits once and ends, and is timed from outside, imports and compilation included.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Case:
    formula: str
    group: str
    rows: int
    groups: int


CASES = {
    "sleepstudy": Case("Reaction ~ Days + (Days | Subject)", "Subject", 180, 18),
    "rows10k": Case("y ~ x + (x | g)", "g", 10_000, 500),
    "rows100k": Case("y ~ x + (x | g)", "g", 100_000, 5_000),
}


# The tools. Each fits (case, table, draws, seed), which is what is timed, from the formula and the
# table to the result; and returns a function, not timed, of the facts for the JSON line.


def _bayeslmm_nuts(case, table, draws, seed):
    import bayeslmm as bl

    model = bl.lmm(case.formula, table)
    tree = bl.fit(model, bl.NUTS(draws=draws, tune=draws, chains=4), seed=seed)
    return lambda: _facts(*_bayeslmm_chains(tree, case.group), tree)


def _bayeslmm_eb(case, table, draws, seed):
    import bayeslmm as bl

    tree = bl.fit(bl.lmm(case.formula, table), bl.EmpiricalBayes("reml"), seed=seed)

    def facts():
        estimates = _means(_bayeslmm_chains(tree, case.group)[0])
        attrs = {**tree["posterior"].attrs, **tree.attrs}
        minus_2_log = -2.0 * float(attrs["log_marginal"])
        return {"criterion": "reml", "minus_2_log": minus_2_log, "estimates": estimates}

    return facts


def _bambi_nutpie(case, table, draws, seed):
    import bambi

    model = bambi.Model(case.formula, table)
    tree = model.fit(
        draws=draws,
        tune=draws,
        chains=4,
        cores=2,
        random_seed=seed,
        inference_method="nutpie",
    )

    def facts():
        posterior, group = tree["posterior"].to_dataset(), case.group
        slope = next(
            name for name in posterior if name.endswith(f"|{group}_sigma") and name[0] != "1"
        )
        chains = {
            "beta": [posterior["Intercept"], posterior[slope.split("|")[0]]],
            "sd": [posterior[f"1|{group}_sigma"], posterior[slope]],
            "corr": [],
            "sigma": [posterior["sigma"]],
        }
        note = "uncorrelated group effects; the fit holds the compilation that is not cached"
        return _facts({k: [a.values for a in v] for k, v in chains.items()}, note, tree)

    return facts


def _statsmodels(case, table, draws, seed):
    import statsmodels.formula.api as smf

    fixed, slope = case.formula.split(" + (")[0], case.formula.split("(")[1].split(" |")[0]
    model = smf.mixedlm(fixed, table, groups=table[case.group], re_formula=f"~{slope}")
    fit = model.fit(reml=True)

    def facts():
        sd = fit.cov_re.to_numpy().diagonal() ** 0.5
        corr = fit.cov_re.to_numpy()[0, 1] / (sd[0] * sd[1])
        beta = [float(value) for value in fit.fe_params]
        sigma = float(fit.scale**0.5)
        estimates = {"beta": beta, "sd": sd.tolist(), "corr": [float(corr)], "sigma": [sigma]}
        return {"criterion": "reml", "converged": bool(fit.converged), "estimates": estimates}

    return facts


@dataclass(frozen=True)
class Tool:
    fit: Callable | None  # None: an Rscript
    packages: tuple[str, ...]
    sampler: bool = False


TOOLS = {
    "bayeslmm-nuts": Tool(_bayeslmm_nuts, ("bayeslmm", "nutpie", "numba"), sampler=True),
    "bayeslmm-eb": Tool(_bayeslmm_eb, ("bayeslmm", "numba")),
    "bambi-nutpie": Tool(_bambi_nutpie, ("bambi", "nutpie", "pymc", "pytensor"), sampler=True),
    "lme4": Tool(None, ()),
    "statsmodels": Tool(_statsmodels, ("statsmodels",)),
}
LONG = {("rows100k", "bambi-nutpie")}  # only with --all


def _bayeslmm_chains(tree, group):
    posterior = tree["posterior"].to_dataset()
    beta, sd, corr = posterior["beta"], posterior[f"sd_{group}"], posterior[f"corr_{group}"]
    chains = {
        "beta": [beta.values[..., j] for j in range(beta.shape[-1])],
        "sd": [sd.values[..., j] for j in range(sd.shape[-1])],
        "corr": [corr.values[..., 1, 0]],
        "sigma": [posterior["sigma"].values],
    }
    return chains, ""


def _means(chains):
    return {name: [float(array.mean()) for array in arrays] for name, arrays in chains.items()}


def _facts(chains, note, tree):
    """The smallest bulk ESS and largest R-hat over fixed effects and variance parameters."""
    import arviz as az
    import xarray as xr

    draws = {
        f"{name}_{j}": (("chain", "draw"), array)
        for name, arrays in chains.items()
        for j, array in enumerate(arrays)
    }
    draws = xr.Dataset(draws)
    ess = {name: float(value) for name, value in az.ess(draws, method="bulk").items()}
    rhat = max(float(value) for value in az.rhat(draws).values())
    facts = {"ess_min": min(ess.values()), "ess_min_of": min(ess, key=ess.get), "rhat_max": rhat}
    if "diverging" in tree["sample_stats"]:
        facts["divergences"] = int(tree["sample_stats"]["diverging"].sum())
    return facts | {"estimates": _means(chains)} | ({"note": note} if note else {})


# The child: one process, one case, one tool.


def _cpu() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def child(tool_name: str, case_name: str, data: str, draws: int, mode: str) -> dict:
    tool, case = TOOLS[tool_name], CASES[case_name]
    missing = [name for name in tool.packages if find_spec(name) is None]
    if missing:
        return {"status": "skipped", "reason": f"not installed: {', '.join(missing)}"}

    import pandas as pd

    table = pd.read_csv(data)
    facts = tool.fit(case, table, draws, seed=1)
    if mode == "fresh":
        return {"status": "ok"}
    first = facts()
    cpu, wall, start = [], [], time.perf_counter()
    while not cpu or (len(cpu) < 20 and time.perf_counter() - start < 1.0):
        cpu_0, wall_0 = _cpu(), time.perf_counter()
        facts = tool.fit(case, table, draws, seed=2)
        wall.append(time.perf_counter() - wall_0)
        cpu.append(_cpu() - cpu_0)
    answer = {"status": "ok", "cpu_s": statistics.mean(cpu), "wall_s": statistics.mean(wall)}
    if "ess_min" in first:
        answer["ess_min_fresh"] = first["ess_min"]  # the fresh process draws with this seed
    versions = {name: version(name) for name in tool.packages}
    return answer | {"repeats": len(cpu), "versions": versions} | facts()


# The parent.


def _timed(command: list[str], env: dict[str, str], timeout: float) -> tuple[dict, dict]:
    """Run a child to its end; its JSON, and what the system charged for it."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=out, stderr=err, env=os.environ | ONE_THREAD | env
        )
        timer = threading.Timer(timeout, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        charged = {
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "wall_s": time.perf_counter() - start,
            "max_rss_mb": usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10),
        }
        out.seek(0)
        lines = [line for line in out.read().splitlines() if line.startswith("{")]
        if process.returncode == 0 and lines:
            return json.loads(lines[-1]), charged
        err.seek(0)
        reason = " | ".join(err.read().strip().splitlines()[-3:])
        return {"status": "failed", "reason": f"exit {process.returncode}: {reason}"}, charged


def _command(tool: str, case: str, data: Path, draws: int) -> list[str] | None:
    """The command of a child but for its last word, the mode; None where its program is absent."""
    if tool == "lme4":
        rscript = shutil.which("Rscript")
        return [rscript, str(HERE / "lmer.R"), CASES[case].formula, str(data)] if rscript else None
    python = sys.executable
    if tool == "bambi-nutpie":
        python = os.environ.get("BAYESLMM_PEERS_PYTHON") or python
    return [python, str(HERE / "lmm.py"), "--child", tool, case, str(data), str(draws)]


def run(tool: str, case: str, data: Path, options: argparse.Namespace) -> dict:
    line = {"case": case, "tool": tool, "rows": CASES[case].rows, "groups": CASES[case].groups}
    if (case, tool) in LONG and not options.all:
        return line | {"status": "skipped", "reason": "long: ask for it with --all"}
    draws = 250 if options.quick else 1000
    if TOOLS[tool].sampler:
        line |= {"draws": f"4 x {draws} after {draws}"}
    command = _command(tool, case, data, draws)
    if command is None:
        return line | {"status": "skipped", "reason": "Rscript is not installed"}
    answer, _ = _timed([*command, "warm"], {}, options.timeout)  # it also fills the caches on disk
    if answer["status"] != "ok":
        if tool == "bambi-nutpie" and answer["status"] == "skipped":
            answer["reason"] += "; name a Python that has it: BAYESLMM_PEERS_PYTHON"
        return line | answer
    answer["fit"] = {name: answer.pop(name) for name in ("cpu_s", "wall_s", "repeats")}
    runs = {"fresh": {}}
    with tempfile.TemporaryDirectory() as empty:
        if options.cold:
            flags = ",".join(
                filter(None, (os.environ.get("PYTENSOR_FLAGS"), f"base_compiledir={empty}"))
            )
            runs["cold"] = {"NUMBA_CACHE_DIR": empty, "PYTENSOR_FLAGS": flags}
        for name, env in runs.items():
            status, answer[name] = _timed([*command, "fresh"], env, options.timeout)
            if status["status"] != "ok":
                return line | status
    if "ess_min" in answer:
        answer["ess_per_cpu_s"] = {
            "fit": answer["ess_min"] / answer["fit"]["cpu_s"],
            "fresh": answer["ess_min_fresh"] / answer["fresh"]["cpu_s"],
        }
    return line | answer | {"load": os.getloadavg()[0]}


def ratios(lines: list[dict]):
    """How many times: draws per CPU second over Bambi's, CPU seconds over lme4's."""
    done = {(line["case"], line["tool"]): line for line in lines if line["status"] == "ok"}
    for case in CASES:
        for above, below in (
            ("bayeslmm-nuts", "bambi-nutpie"),
            ("bayeslmm-eb", "lme4"),
            ("bayeslmm-nuts", "lme4"),
        ):
            if (case, above) not in done or (case, below) not in done:
                continue
            a, b = done[case, above], done[case, below]
            for column in ("fit", "fresh"):
                if below == "bambi-nutpie":
                    what = "min bulk ESS per CPU second"
                    value = a["ess_per_cpu_s"][column] / b["ess_per_cpu_s"][column]
                else:
                    what, value = "CPU seconds", a[column]["cpu_s"] / b[column]["cpu_s"]
                yield {
                    "ratio": f"{above} / {below}",
                    "of": what,
                    "column": column,
                    "case": case,
                } | {"value": value}


def _rounded(value):
    if isinstance(value, dict):
        # The criterion is compared with lme4's to many digits; a time or an ESS needs four.
        return {k: v if k == "minus_2_log" else _rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _writer(out: Path | None):
    """A function that prints a line as JSON and adds it to a fresh file, where one is named."""
    if out:
        out.unlink(missing_ok=True)

    def emit(line: dict) -> None:
        text = json.dumps(_rounded(line))
        print(text, flush=True)
        if out:
            with out.open("a", encoding="utf-8") as file:
                file.write(text + "\n")

    return emit


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        tool, case, data, draws, mode = sys.argv[2:]
        print(json.dumps(child(tool, case, data, int(draws), mode)))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--case", action="append", choices=CASES, help="default: all; may be repeated"
    )
    parser.add_argument(
        "--tool", action="append", choices=TOOLS, help="default: all; may be repeated"
    )
    parser.add_argument("--quick", action="store_true", help="sleepstudy only, 4 x 250 draws")
    parser.add_argument("--all", action="store_true", help="with the combinations that take long")
    parser.add_argument(
        "--cold", action="store_true", help="also a fresh process with empty caches"
    )
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds for one process")
    parser.add_argument("--out", type=Path, help="a file for the lines, beside standard output")
    options = parser.parse_args()

    from simulate import random_slopes

    lines, emit = [], _writer(options.out)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.case or (["sleepstudy"] if options.quick else CASES):
            data = HERE.parent / "bayeslmm" / "data" / "sleepstudy.csv"
            if name != "sleepstudy":
                data = Path(folder) / f"{name}.csv"
                random_slopes(CASES[name].rows, CASES[name].groups).to_csv(data, index=False)
            for tool in options.tool or TOOLS:
                lines.append(run(tool, name, data, options))
                emit(lines[-1])
    for line in ratios(lines):
        emit(line)


if __name__ == "__main__":
    main()
