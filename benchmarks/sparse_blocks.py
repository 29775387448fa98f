"""Sparse models: bayeslmm beside its peers, as JSON lines; see README.md.

    --part rvm      relevance vector machines on sinc
    --part wide     five true columns of many
    --part lasso    routes to the posterior of the Bayesian lasso
    --part laws     every law for 200 columns beside correlated random effects, one table
    --part fresh    two of them on ten tables of the same law

Every tool and case runs in a new process with one BLAS thread: `fit` is the second fit inside it
(the first one warms it), `fresh` a whole process, from outside.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from lmm import _cpu, _facts, _timed, _writer

HERE = Path(__file__).resolve().parent
MIXED = "y ~ 0 + (0 + z0 + z1 + z2 + z3 | cluster)"
TABLES = 5  # of each size of sinc
LONG_FIT = 20.0  # CPU seconds from which the first fit is taken
FRESH = 10

# A fit takes (table, seed), which is timed, and returns a function of the facts, which is not.
# A function that times itself, because part of its work is not what is compared, says "cpu_s".


def _search(starts: int):
    """Only the search of columns; the basis is given, as to fastrvm."""

    def fit(table, seed):
        import bayeslmm as bl
        from bayeslmm.solvers.relevance import search

        times, found = [], []
        for x, y in _sets(table):
            basis = bl.kernels.gaussian(width=3.0)(x[:, None], x[:, None])
            basis = np.column_stack([np.ones(x.size), basis])
            seconds, result = _best(lambda basis=basis, y=y: search(basis, y, starts=starts))
            times.append(seconds)
            found.append((result.active.size, result.log_density))
        return lambda: _per_table(times, found)

    return fit


def _rvm_fit(table, seed):
    import bayeslmm as bl

    times, found = [], []
    for x, y in _sets(table):

        def fit(x=x, y=y):
            model = bl.rvm(x, y, kernel=bl.kernels.gaussian(width=3.0))
            return bl.fit(model, bl.EmpiricalBayes(), seed=seed)

        seconds, tree = _best(fit)
        times.append(seconds)
        found.append((int(tree.attrs["columns_kept"]), float(tree.attrs["log_marginal"])))
    return lambda: _per_table(times, found)


def _fastrvm(table, seed):
    import fastrvm

    times, found = [], []
    for x, y in _sets(table):
        kernel = np.exp(-((x[:, None] - x) ** 2) / 9.0)
        model = fastrvm.RVR(kernel="precomputed", fit_intercept=True)
        times.append(_best(lambda model=model, kernel=kernel, y=y: model.fit(kernel, y))[0])
        evidence = max(model.scores_) - 0.5 * x.size * np.log(2.0 * np.pi)
        found.append((int(model.n_relevance_), float(evidence)))
    return lambda: _per_table(times, found)


def _sets(table):
    x, y, sets = (np.asarray(table[name]) for name in ("x", "y", "set"))
    return [(x[sets == k], y[sets == k]) for k in np.unique(sets)]


def _best(call):
    """Shortest of five runs in CPU seconds, and the last result."""
    seconds = []
    for _ in range(5):
        start = time.process_time()
        result = call()
        seconds.append(time.process_time() - start)
    return min(seconds), result


def _per_table(times, found):
    return {
        "own_s": statistics.median(times),
        "slowest_s": max(times),
        "kept": [k for k, _ in found],
        "log_marginal": [value for _, value in found],
    }


def _wide_eb(table, seed):
    import bayeslmm as bl

    columns = table.drop(columns="y")
    model = bl.lmm("y ~ 1", table[["y"]], terms=[bl.ard(columns, name="x")])
    tree = bl.fit(model, bl.EmpiricalBayes(), seed=seed)
    return lambda: _kept(tree["posterior_moments"]["u_x_mean"].values)


def _wide_sklearn(table, seed):
    from sklearn.linear_model import ARDRegression

    columns = np.column_stack([np.asarray(table[name]) for name in table if name != "y"])
    model = ARDRegression().fit(columns, np.asarray(table["y"]))
    return lambda: _kept(model.coef_)


def _kept(coefficients):
    kept = np.flatnonzero(coefficients)
    return {"kept": int(kept.size), "true_kept": int(np.sum(kept < 5))}


def _lasso(engine: str):
    def fit(table, seed):
        import bayeslmm as bl

        n, P = len(table), table.shape[1] - 1
        sigma = "Jeffreys()" if n > P else f"InverseGamma(2, {np.std(table['y']):.12g})"
        model = bl.lasso("y ~ .", table, priors={"sigma": sigma})
        tree = bl.fit(model, getattr(bl, engine)(), seed=seed)

        def facts():
            from lasso_routes import as_chains

            post = tree["posterior"].to_dataset()
            chains = as_chains(*(post[v].values for v in ("u_beta_", "tau", "sigma", "lam")))
            return _facts(chains, "", tree if "sample_stats" in tree else {"sample_stats": {}})

        return facts

    return fit


def _route(name: str, draws: int):
    def fit(table, seed):
        import lasso_routes

        X, y = lasso_routes.standardise(table)
        chains = getattr(lasso_routes, name)(X, y, draws, 1000, seed)

        def facts():
            if isinstance(chains, tuple):
                return _facts(chains[0], "", {"sample_stats": {}}) | {"divergences": chains[1]}
            return _facts(chains, "", {"sample_stats": {}})

        return facts

    return fit


def _law(kind: str, engine: str = "nuts", **options):
    """One law for 200 columns beside random effects, on each table of the case."""

    def fit(table, seed):
        import bayeslmm as bl

        sets = [d.drop(columns="set") for _, d in table.groupby("set")]
        lines = []
        for d in sets:
            columns = d[[c for c in d if c.startswith("x")]]
            start = _cpu()
            term = getattr(bl, kind)(columns, name="x", **options)
            model = bl.lmm(MIXED, d, terms=[term])
            value = bl.EmpiricalBayes() if engine == "eb" else bl.NUTS(draws=1000, tune=400)
            tree = bl.fit(model, value, seed=seed)
            lines.append((tree, _cpu() - start))
        return lambda: _laws_facts(lines)

    return fit


def _laws_facts(lines):
    import arviz as az
    from simulate import TRUE, WIDE

    truth = np.zeros(WIDE)
    truth[list(TRUE)] = list(TRUE.values())
    rows = []
    for tree, seconds in lines:
        post = tree["posterior"].to_dataset()
        sampled = post.sizes["chain"] > 1
        if sampled:
            mean = post["u_x"].mean(("chain", "draw")).values
        else:
            mean = tree["posterior_moments"]["u_x_mean"].values
        row = {
            "l2": float(np.linalg.norm(mean - truth)),
            "top": sorted(np.argsort(-np.abs(mean))[:3].tolist()),
            "own_s": seconds,
        }
        if sampled:
            ess = {k: float(np.nanmin(v)) for k, v in az.ess(post, method="bulk").items()}
            row["ess_min"], row["ess_min_of"] = min(ess.values()), min(ess, key=ess.get)
            row["rhat_max"] = max(float(np.nanmax(v)) for v in az.rhat(post).values())
            row["divergences"] = int(tree["sample_stats"]["diverging"].sum())
        else:
            row["kept"] = int(np.count_nonzero(mean))
        rows.append(row)
    if len(rows) == 1:
        return rows[0]
    right = sum(row["top"] == sorted(TRUE) for row in rows)
    numbers = {k: [row[k] for row in rows] for k in rows[0] if k not in ("top", "ess_min_of")}
    middle = {f"{k}_median": statistics.median(v) for k, v in numbers.items()}
    return middle | {"top_right": right} | numbers


@dataclass(frozen=True)
class Tool:
    fit: Callable
    packages: tuple[str, ...]  # what must be importable: it may live in another Python
    sampler: bool = False
    repeats: int = 20
    fresh: bool = False


OURS = ("bayeslmm",)
TOOLS: dict[str, dict[str, Tool]] = {
    "rvm": {
        "search, one start": Tool(_search(1), OURS, repeats=1),
        "search, three starts": Tool(_search(3), OURS, repeats=1),
        "bl.fit": Tool(_rvm_fit, OURS, repeats=1),
        "fastrvm": Tool(_fastrvm, ("fastrvm",), repeats=1),
    },
    "wide": {
        "bayeslmm-eb": Tool(_wide_eb, OURS),
        "sklearn-ard": Tool(_wide_sklearn, ("sklearn",), repeats=0),
    },
    "lasso": {
        "bayeslmm-nuts": Tool(_lasso("NUTS"), OURS, True, fresh=True),
        "bayeslmm-gibbs": Tool(_lasso("Gibbs"), OURS, True, fresh=True),
        "scales-out": Tool(_route("scales_out", 1000), ("nutpie", "numba"), True),
        "park-casella": Tool(_route("park_casella", 10_000), ("numpy", "arviz"), True),
        "pymc-nutpie": Tool(_route("pymc_nutpie", 1000), ("pymc", "nutpie"), True, fresh=True),
    },
    "laws": {
        "ridge": Tool(_law("ridge"), OURS, True, repeats=0),
        "ard": Tool(_law("ard"), OURS, True, repeats=0),
        "laplace": Tool(_law("laplace"), OURS, True, repeats=0),
        "horseshoe": Tool(_law("horseshoe"), OURS, True, repeats=0),
        "horseshoe, nonzero 3": Tool(_law("horseshoe", nonzero=3), OURS, True, repeats=0),
        "horseshoe, slab 5": Tool(_law("horseshoe", slab=5.0), OURS, True, repeats=0),
        "ard, EB": Tool(_law("ard", "eb"), OURS),
    },
    "fresh": {
        "horseshoe": Tool(_law("horseshoe"), OURS, True, repeats=0),
        "ard, EB": Tool(_law("ard", "eb"), OURS, repeats=1),
    },
}
CASES = {
    "rvm": ("sinc100", "sinc500", "sinc2000"),
    "wide": ("200x500", "500x2000"),
    "lasso": ("diabetes", "200x50", "100x200", "500x200"),
    "laws": ("sparse_clustered",),
    "fresh": ("ten tables",),
}
LONG = {("500x2000", "sklearn-ard"), ("ten tables", "horseshoe")}  # only with --all


def skipped(case: str, tool: str, everything: bool) -> str:
    """Why a tool is not run on a case, if so."""
    if (case, tool) in LONG and not everything:
        return "long: ask for it with --all"
    if tool in ("pymc-nutpie", "park-casella") and case != "diabetes":
        return "on diabetes only"
    return ""


def table_of(part: str, case: str):
    import pandas as pd
    from simulate import sinc, sparse_clusters, sparse_columns

    data = HERE.parent / "bayeslmm" / "data"
    if part == "rvm":
        sets = [sinc(int(case[4:]), seed).assign(set=seed) for seed in range(TABLES)]
        return pd.concat(sets)
    if part == "wide":
        return sparse_columns(*map(int, case.split("x")), true=5)
    if part == "lasso":
        if case == "diabetes":
            return pd.read_csv(data / "diabetes.csv")
        return sparse_columns(*map(int, case.split("x")), true=5)
    if part == "laws":
        with np.load(data / "sparse_clustered.npz") as d:
            parts = [pd.DataFrame({"y": d["y"], "cluster": d["cluster"]})]
            parts += [pd.DataFrame(d[k]).add_prefix(k) for k in ("z", "x")]
        return pd.concat(parts, axis=1).assign(set=0)
    return pd.concat([sparse_clusters(seed).assign(set=seed) for seed in range(1, FRESH + 1)])


# The child: one process, one case, one tool.


def child(part: str, tool_name: str, data: str, mode: str) -> dict:
    tool = TOOLS[part][tool_name]
    missing = [name for name in tool.packages if find_spec(name) is None]
    if missing:
        return {"status": "skipped", "reason": f"not installed: {', '.join(missing)}"}
    if tool_name == "bayeslmm-gibbs":
        import bayeslmm

        if not hasattr(bayeslmm, "Gibbs"):
            return {"status": "skipped", "reason": "bayeslmm has no Gibbs"}
    table = _read(data, "bayeslmm" in tool.packages)
    facts, (cpu, wall) = _run(tool, table, 1)
    if mode == "fresh":
        return {"status": "ok"}
    first = facts()
    cpus, walls, start = [], [], time.perf_counter()
    repeats = tool.repeats if cpu < LONG_FIT else 0  # what warming costs is then a small part
    while len(cpus) < repeats and (not cpus or time.perf_counter() - start < 1.0):
        facts, (cpu, wall) = _run(tool, table, 2)
        cpus.append(cpu)
        walls.append(wall)
    fit = {"cpu_s": statistics.mean(cpus or [cpu]), "wall_s": statistics.mean(walls or [wall])}
    answer = {"status": "ok", "fit": fit | {"repeats": len(cpus)}} | facts()
    if tool.sampler and "ess_min" in first:
        answer["ess_min_fresh"] = first["ess_min"]
    versions = {n: version({"sklearn": "scikit-learn"}.get(n, n)) for n in tool.packages}
    return answer | {"versions": versions}


def _read(data: str, frame: bool):
    """The table, as a dict of arrays for a peer, whose Python may have no pandas."""
    if frame:
        import pandas as pd

        return pd.read_csv(data)
    with Path(data).open(encoding="utf-8") as file:
        names = file.readline().strip().split(",")
        return dict(zip(names, np.loadtxt(file, delimiter=",").T, strict=True))


def _run(tool, table, seed):
    cpu, wall = _cpu(), time.perf_counter()
    facts = tool.fit(table, seed)
    return facts, (_cpu() - cpu, time.perf_counter() - wall)


# The parent.


def _pythons(tool: Tool) -> list[str]:
    """This Python, and for peers those named by BAYESLMM_PEERS_PYTHON, separated as PATH is."""
    if "bayeslmm" in tool.packages:
        return [sys.executable]
    named = os.environ.get("BAYESLMM_PEERS_PYTHON", "").split(os.pathsep)
    return [python for python in named if python] + [sys.executable]


def run(part: str, case: str, name: str, data: Path, options: argparse.Namespace) -> dict:
    line, tool = {"part": part, "case": case, "tool": name}, TOOLS[part][name]
    reason = skipped(case, name, options.all)
    if reason:
        return line | {"status": "skipped", "reason": reason}
    for python in _pythons(tool):
        command = [python, str(HERE / "sparse_blocks.py"), "--child", part, name, str(data)]
        answer, _ = _timed([*command, "warm"], {}, options.timeout)
        if answer["status"] != "skipped":
            break
    if answer["status"] == "ok" and tool.repeats and not answer["fit"]["repeats"]:
        # Long, or the first time: a second process finds the compiled code on disk.
        answer, _ = _timed([*command, "warm"], {}, options.timeout)
    if answer["status"] == "ok" and tool.fresh and case == "diabetes":
        status, answer["fresh"] = _timed([*command, "fresh"], {}, options.timeout)
        if status["status"] != "ok":
            return line | status
    if "ess_min" in answer:
        answer["ess_per_cpu_s"] = {"fit": answer["ess_min"] / answer["fit"]["cpu_s"]}
        if "fresh" in answer:
            per = answer["ess_min_fresh"] / answer["fresh"]["cpu_s"]
            answer["ess_per_cpu_s"]["fresh"] = per
    answer.pop("estimates", None)
    return line | answer | {"load": os.getloadavg()[0]}


def ratios(lines: list[dict]):
    """How many times a peer's time, or its draws per second."""
    done = {(k["part"], k["case"], k["tool"]): k for k in lines if k["status"] == "ok"}
    for case in CASES["rvm"]:
        for above in ("search, one start", "search, three starts", "bl.fit"):
            pair = [done.get(("rvm", case, tool)) for tool in (above, "fastrvm")]
            if all(pair):
                value = pair[0]["own_s"] / pair[1]["own_s"]
                yield {
                    "ratio": f"{above} / fastrvm",
                    "of": "CPU seconds",
                    "case": case,
                    "value": value,
                }
    for case in CASES["wide"]:
        pair = [done.get(("wide", case, tool)) for tool in ("sklearn-ard", "bayeslmm-eb")]
        if all(pair):
            value = pair[0]["fit"]["cpu_s"] / pair[1]["fit"]["cpu_s"]
            name = "sklearn-ard / bayeslmm-eb"
            yield {"ratio": name, "of": "CPU seconds", "case": case, "value": value}
    peer = done.get(("lasso", "diabetes", "pymc-nutpie"))
    for above in ("bayeslmm-nuts", "bayeslmm-gibbs"):
        ours = done.get(("lasso", "diabetes", above))
        for column in ("fit", "fresh") if ours and peer else ():
            value = ours["ess_per_cpu_s"][column] / peer["ess_per_cpu_s"][column]
            line = {"ratio": f"{above} / pymc-nutpie", "of": "min bulk ESS per CPU second"}
            yield line | {"column": column, "case": "diabetes", "value": value}


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(child(*sys.argv[2:])))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    for flag, choices in (
        ("--part", list(TOOLS)),
        ("--case", [case for cases in CASES.values() for case in cases]),
        ("--tool", [tool for tools in TOOLS.values() for tool in tools]),
    ):
        parser.add_argument(flag, action="append", choices=choices, help="may be repeated")
    parser.add_argument("--all", action="store_true", help="with the combinations that take long")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds for one process")
    parser.add_argument("--out", type=Path, help="a file for the lines, beside standard output")
    options = parser.parse_args()

    lines, emit = [], _writer(options.out)
    with tempfile.TemporaryDirectory() as folder:
        for part in options.part or TOOLS:
            for case in CASES[part]:
                tools = [t for t in TOOLS[part] if not options.tool or t in options.tool]
                if (options.case and case not in options.case) or not tools:
                    continue
                data = Path(folder) / f"{part}-{case}.csv"
                table_of(part, case).to_csv(data, index=False)
                for tool in tools:
                    lines.append(run(part, case, tool, data, options))
                    emit(lines[-1])
    for line in ratios(lines):
        emit(line)


if __name__ == "__main__":
    main()
