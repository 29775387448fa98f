"""Probabilistic PCA: bayeslmm beside its peers, as JSON lines; see README.md.

    --part complete   10,000 x 500, ten components, nothing missing: the maximum
    --part missing    the same with a fifth of the entries missing at random
    --part rows       the posterior of 1,000 and of 1,000,000 rows of twenty columns
    --part posterior  the posterior of iris and of 200 x 20
    --part gradient   one value and gradient where entries are missing

Every tool and case runs in a new process with one BLAS thread: `fit` holds fits inside it (the
first one warms it), `declare` the declaration of the model, told apart; `fresh` is a whole process,
from outside. Seconds are those of the processor.
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
from lmm import _cpu, _timed, _writer

HERE = Path(__file__).resolve().parent
sys.path += filter(None, os.environ.get("BAYESLMM_PEERS_PATH", "").split(os.pathsep))

# A fit takes (rows, case), and returns its CPU seconds by name, of which "fit" is one, and a
# function of the facts, which is not timed.


def _eb(Y, case):
    import bayeslmm as bl

    seconds, model = _clock(lambda: bl.ppca(Y, case.components))
    fit, tree = _clock(lambda: bl.fit(model, bl.EmpiricalBayes("ml"), seed=1))

    def facts():
        sigma = float(tree["posterior"]["sigma"][0, 0])
        found = {"sigma": sigma, "log_likelihood": tree.attrs["log_marginal"]}
        if case.missing:
            post, moments = (tree[k].to_dataset() for k in ("posterior", "posterior_moments"))
            W, z = post["W"][0, 0].values, moments["z_mean"].values
            found |= _held_out(z @ W.T + post["mu"].values.mean(axis=(0, 1)), Y, case)
            found["steps"] = tree.attrs["evaluations"]
        return found

    return {"declare": seconds, "fit": fit}, facts


def _sklearn(Y, case):
    from sklearn.decomposition import PCA

    fit, model = _clock(lambda: PCA(case.components).fit(Y))
    return {"fit": fit}, lambda: {"sigma": float(np.sqrt(model.noise_variance_))}


def _plain(**options):
    def fit(Y, case):
        from ppca_peers import plain_em

        seconds, (_, _, sigma, path) = _clock(lambda: plain_em(Y, case.components, **options))
        facts = {"sigma": float(sigma), "log_likelihood": path[-1], "steps": len(path)}
        return {"fit": seconds}, lambda: facts

    return fit


def _pyppca(Y, case):
    from ppca_peers import pyppca

    seconds, (sigma, filled) = _clock(lambda: pyppca(Y, case.components))
    return {"fit": seconds}, lambda: {"sigma": sigma, **_held_out(filled, Y, case)}


def _nuts(Y, case):
    """The posterior; what n has a part in is told apart from the draws of theta."""
    import bayeslmm as bl
    from bayeslmm.engines import nuts

    declare, model = _clock(lambda: bl.ppca(Y, case.components))
    sums, _ = _clock(lambda: model.solver().data)
    inside, sample = [], nuts._sample

    def timed(*arguments):
        seconds, found = _clock(lambda: sample(*arguments))
        inside.append(seconds)
        return found

    nuts._sample = timed
    fit, tree = _clock(lambda: bl.fit(model, bl.NUTS(), seed=1))
    nuts._sample = sample
    parts = {"declare": declare, "sums": sums, "sample": inside[0], "rest": fit - inside[0]}
    return {**parts, "fit": declare + sums + fit}, lambda: _judged(tree)


def _pymc(Y, case):
    from ppca_peers import joint

    fit, tree = _clock(lambda: joint(Y, case.components))
    return {"fit": fit}, lambda: _judged(tree)


def _gradient(Y, case):
    import bayeslmm as bl
    from bayeslmm.engines.start import centre

    model = bl.ppca(Y, case.components)
    target, z = model.target(), centre(model)
    rng = np.random.default_rng(1)
    points = z + 0.01 * rng.standard_normal((200, z.size))
    seconds = min(_clock(lambda: target.many(points))[0] for _ in range(5)) / len(points)
    return {"fit": seconds}, lambda: {"coordinates": int(z.size)}


def _clock(call):
    start = _cpu()
    result = call()
    return _cpu() - start, result


def _held_out(filled, Y, case):
    """Error of the entries that were taken out, beside the noise's sd, which is one."""
    truth = case.rows()
    gone = np.isnan(Y)
    return {"held_out_rmse": float(np.sqrt(np.mean((filled - truth)[gone] ** 2)))}


def _judged(tree):
    import arviz as az

    post = tree["posterior"].to_dataset()
    names = [n for n in ("W", "z", "covariance", "sigma") if n in post]
    with np.errstate(invalid="ignore"):
        ess = {n: float(az.ess(post[[n]], method="bulk")[n].min()) for n in names}
        rhat = {n: float(az.rhat(post[[n]])[n].max()) for n in names}
    return {
        "ess_min": min(ess.values()),
        "ess": ess,
        "rhat_max": max(rhat.values()),
        "rhat": rhat,
        "divergences": int(tree["sample_stats"]["diverging"].sum()),
    }


@dataclass(frozen=True)
class Case:
    """Scores by loadings whose lengths fall from `first` to `last`, with noise of sd one."""

    n: int
    d: int
    components: int
    first: float = 3.0
    last: float = 1.0
    missing: float = 0.0

    def rows(self) -> np.ndarray:
        rng, q = np.random.default_rng(self.n + self.d), self.components
        W = rng.standard_normal((q, self.d)) * np.linspace(self.first, self.last, q)[:, None]
        noise = rng.standard_normal((self.n, self.d))
        return rng.standard_normal((self.n, q)) @ W + noise + 2.0

    def table(self) -> np.ndarray:
        Y = self.rows()
        Y[np.random.default_rng(1).random(Y.shape) < self.missing] = np.nan
        return Y


@dataclass(frozen=True)
class Iris:
    components: int = 2
    missing: float = 0.0

    def table(self) -> np.ndarray:
        path = HERE.parent / "bayeslmm" / "data" / "iris.csv"
        return np.loadtxt(path, delimiter=",", skiprows=1, usecols=range(4))


@dataclass(frozen=True)
class Tool:
    fit: Callable
    packages: tuple[str, ...]
    fresh: bool = False
    long: bool = False  # only with --all


OURS = ("bayeslmm",)
TOOLS: dict[str, dict[str, Tool]] = {
    "complete": {
        "bayeslmm-eb": Tool(_eb, OURS, fresh=True),
        "sklearn-pca": Tool(_sklearn, ("sklearn",), fresh=True),
    },
    "missing": {
        "bayeslmm-eb": Tool(_eb, OURS, fresh=True),
        "em, expanded, 1e-9": Tool(_plain(relative=1e-9, expanded=True), ("numpy",)),
        "em, 1e-4": Tool(_plain(relative=1e-4), ("numpy",)),
        "em, 1e-6": Tool(_plain(relative=1e-6), ("numpy",), long=True),
        "pyppca": Tool(_pyppca, ("pyppca", "scipy")),
    },
    "rows": {"bayeslmm-nuts": Tool(_nuts, OURS)},
    "posterior": {
        "bayeslmm-nuts": Tool(_nuts, OURS, fresh=True),
        "pymc-joint": Tool(_pymc, ("pymc", "arviz"), long=True),
    },
    "gradient": {"bayeslmm": Tool(_gradient, OURS)},
}
CASES: dict[str, dict[str, Case | Iris]] = {
    "complete": {"10000x500": Case(10_000, 500, 10)},
    "missing": {"10000x500": Case(10_000, 500, 10, missing=0.2)},
    "rows": {"1000x20": Case(1_000, 20, 2), "1000000x20": Case(1_000_000, 20, 2)},
    "posterior": {"iris": Iris(), "200x20": Case(200, 20, 3)},
    "gradient": {
        "38x18": Case(38, 18, 2, missing=0.1),
        "1000x20": Case(1_000, 20, 2, missing=0.1),
        "300x60": Case(300, 60, 6, missing=0.3),
    },
}

# The child: one process, one case, one tool.


def child(part: str, case_name: str, tool_name: str, data: str, mode: str) -> dict:
    tool, case = TOOLS[part][tool_name], CASES[part][case_name]
    missing = [name for name in tool.packages if find_spec(name) is None]
    if missing:
        return {"status": "skipped", "reason": f"not installed: {', '.join(missing)}"}
    Y = np.load(data)
    seconds, facts = tool.fit(Y, case)
    if mode == "fresh":
        return {"status": "ok"}
    each, start = [seconds] if tool.long else [], time.perf_counter()
    while not each or (len(each) < 20 and time.perf_counter() - start < 3.0 and not tool.long):
        seconds, facts = tool.fit(Y, case)
        each.append(seconds)
    middle = {f"{k}_cpu_s": statistics.median(s[k] for s in each) for k in seconds}
    names = {"sklearn": "scikit-learn"}
    versions = {n: version(names.get(n, n)) for n in tool.packages}
    return {"status": "ok", **middle, "repeats": len(each), **facts(), "versions": versions}


# The parent.


def run(part: str, case: str, name: str, data: Path, options: argparse.Namespace) -> dict:
    line, tool = {"part": part, "case": case, "tool": name}, TOOLS[part][name]
    if tool.long and not options.all:
        return line | {"status": "skipped", "reason": "long: ask for it with --all"}
    command = [sys.executable, str(HERE / "ppca.py"), "--child", part, case, name, str(data)]
    answer, charged = _timed([*command, "warm"], {}, options.timeout)
    answer["max_rss_mb"] = charged["max_rss_mb"]
    if answer["status"] == "ok" and tool.fresh:
        status, answer["fresh"] = _timed([*command, "fresh"], {}, options.timeout)
        if status["status"] != "ok":
            return line | status
    return line | answer | {"load": os.getloadavg()[0]}


def ratios(lines: list[dict]):
    """Our CPU seconds beside a peer's, and those of many rows beside those of few."""
    done = {(k["part"], k["case"], k["tool"]): k for k in lines if k["status"] == "ok"}
    for (part, case, tool), line in done.items():
        ours = done.get((part, case, "bayeslmm-eb"))
        if ours is None or tool == "bayeslmm-eb":
            continue
        told = {"ratio": f"bayeslmm-eb / {tool}", "of": "CPU seconds", "case": case}
        whole = ours["declare_cpu_s"] + ours["fit_cpu_s"]
        yield told | {"column": "fit", "value": ours["fit_cpu_s"] / line["fit_cpu_s"]}
        yield told | {"column": "declare and fit", "value": whole / line["fit_cpu_s"]}
        if "log_likelihood" in line:
            value = ours["log_likelihood"] - line["log_likelihood"]
            yield told | {"of": "log likelihoods, their difference", "value": value}
        if "fresh" in line:
            value = ours["fresh"]["cpu_s"] / line["fresh"]["cpu_s"]
            yield told | {"column": "fresh", "value": value}
    few, many = (done.get(("rows", case, "bayeslmm-nuts")) for case in CASES["rows"])
    if few and many:
        value = many["sample_cpu_s"] / few["sample_cpu_s"]
        yield {"ratio": "1000000x20 / 1000x20", "of": "CPU seconds", "column": "sample"} | {
            "value": value
        }


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(child(*sys.argv[2:])))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    for flag, choices in (
        ("--part", list(TOOLS)),
        ("--case", sorted({case for cases in CASES.values() for case in cases})),
        ("--tool", sorted({tool for tools in TOOLS.values() for tool in tools})),
    ):
        parser.add_argument(flag, action="append", choices=choices, help="may be repeated")
    parser.add_argument("--all", action="store_true", help="with the combinations that take long")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for one process")
    parser.add_argument("--out", type=Path, help="a file for the lines, beside standard output")
    options = parser.parse_args()

    lines, emit = [], _writer(options.out)
    with tempfile.TemporaryDirectory() as folder:
        for part in options.part or TOOLS:
            for case, law in CASES[part].items():
                tools = [t for t in TOOLS[part] if not options.tool or t in options.tool]
                if (options.case and case not in options.case) or not tools:
                    continue
                data = Path(folder) / f"{part}-{case}.npy"
                np.save(data, law.table())
                for tool in tools:
                    lines.append(run(part, case, tool, data, options))
                    emit(lines[-1])
                data.unlink()
    for line in ratios(lines):
        emit(line)


if __name__ == "__main__":
    main()
