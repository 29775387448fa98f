"""Every number that a page and a terminal show, beside NumPy and ArviZ on the draws of the tree.

A printed number is right where it is the true one to its own last digit.
"""

import re

import numpy as np
import pytest
from arviz_stats.base import array_stats

import bayeslmm as bl
from bayeslmm.report.terminal import terminal, verdict
from bayeslmm.results.scalars import scalars
from tests.whole import COLUMNS, ROWS

TAILS = [0.025, 0.975]
Z = 1.959963984540054  # a normal interval that holds 95%, in sds
DASH = "–"


def cells(line):
    return [c.strip() for c in line.strip().strip("|").split("|")]


@pytest.fixture(scope="module")
def page(whole, tmp_path_factory):
    """The lines of a Markdown page of both fits."""
    path = tmp_path_factory.mktemp("page") / "r.md"
    bl.report(whole.model, {"N": whole.nuts, "E": whole.eb}, path)
    text = path.read_text(encoding="utf-8")
    return re.sub(r"&#(\d+);", lambda m: chr(int(m[1])), text).splitlines()


def rows(page, first, last):
    """Cells of the tables between two headings, by the name in front."""
    inside = page[page.index(first) : page.index(last)]
    return {cells(line)[0]: cells(line)[1:] for line in inside if line.startswith("|")}


@pytest.fixture(scope="module")
def drawn(whole):
    """Draws (chains, draws) of every number that tables show, by its name there."""
    p = whole.nuts["posterior"]
    found = {name: p["beta"].values[..., j] for j, name in enumerate(("Intercept", "x"))}
    found |= {name: p["u_z"].values[..., j] for j, name in enumerate(COLUMNS)}
    found |= {f"sd_g[{e}]": p["sd_g"].values[..., j] for j, e in enumerate(("Intercept", "x"))}
    found["corr_g[Intercept, x]"] = p["corr_g"].values[..., 0, 1]
    found["sd_h"] = p["sd_h"].values[..., 0]
    return found | {n: p[n].values for n in ("sd_z", "sigma", "icc_g", "icc_h", "h2_z")}


@pytest.fixture(scope="module")
def truth(drawn):
    """mean, sd, both ends of the interval, R-hat and ESS by name, of NUTS."""
    found = {}
    for name, x in drawn.items():
        lower, upper = np.quantile(x, TAILS)
        judged = float(array_stats.rhat(x)), float(array_stats.ess(x, method="bulk"))
        found[name] = (x.mean(), x.std(), lower, upper, *judged)
    return found


@pytest.fixture(scope="module")
def plugged(whole):
    """mean, sd and both ends by name, of empirical Bayes: NaN where there is no such number."""
    m, found = whole.eb["posterior_moments"], {}
    for variable, names in (("beta", ("Intercept", "x")), ("u_z", COLUMNS)):
        for j, name in enumerate(names):
            mean, sd = float(m[f"{variable}_mean"][j]), float(m[f"{variable}_sd"][j])
            found[name] = (mean, sd, mean - Z * sd, mean + Z * sd)
    table = whole.eb["variance_parameters"].dataset
    for name, value, se in zip(table["parameter"].values, table["estimate"], table["se"]):
        found[str(name)] = (float(value), float(se), np.nan, np.nan)
    for name in ("icc_g", "icc_h", "h2_z"):
        found[name] = (float(whole.eb["posterior"][name][0, 0]), np.nan, np.nan, np.nan)
    return found


def says(text, value):
    """Whether a printed number is this one to its last digit; a dash is one that does not exist."""
    text = text.removeprefix("●").strip().replace(",", "")
    if text == DASH or not np.isfinite(value):
        return text == DASH and not np.isfinite(value)
    digits = len(text.partition(".")[2])
    return abs(float(text) - value) <= 0.5 * 10.0**-digits + 1e-9


def says_all(texts, values):
    """mean, sd, "a to b", and what follows."""
    mean, sd, span, *more = texts
    low, _, high = span.partition(" to ")
    shown = [mean, sd, low, high if high else low, *more]
    return len(shown) == len(values) and all(map(says, shown, values))


def test_the_table_of_estimates(page, truth, plugged):
    found = rows(page, "## Estimates", "## Engines compared")
    heads = ["mean", "sd", "95% interval", "R-hat", "ESS"]
    assert found.pop("") == [f"N: {h}" for h in heads] + [f"E: {h}" for h in heads[:3]]
    found = {name: texts for name, texts in found.items() if not name.startswith("---")}
    assert set(found) == set(truth) == set(plugged)
    for name, texts in found.items():
        assert says_all(texts[:5], truth[name]), (name, texts[:5], truth[name])
        assert says_all(texts[5:], plugged[name]), (name, texts[5:], plugged[name])


def test_included_columns_are_marked_and_come_first(page, truth, plugged):
    found = rows(page, "### Coefficients of z (ridge)", "### Standard deviations")
    for at, numbers in ((0, truth), (5, plugged)):
        for name in COLUMNS:
            lower, upper = numbers[name][2:4]
            assert found[name][at].startswith("●") == (lower > 0.0 or upper < 0.0)
    marked = [texts[0].startswith("●") + texts[5].startswith("●") for texts in found.values()]
    assert marked[2:] == sorted(marked[2:], reverse=True)


def test_the_counts_of_included_columns(page, truth, plugged):
    ends = [{n: numbers[n][2:4] for n in COLUMNS} for numbers in (truth, plugged)]
    n, e = (sum(low > 0.0 or high < 0.0 for low, high in found.values()) for found in ends)
    line = next(line for line in page if "columns of z are included" in line)
    assert f"Of 4 columns of z are included: {n} by N, {e} by E" in line


def test_how_the_engines_ran(page, whole):
    found = rows(page, "## Engines", "## Estimates")
    assert found["draws"] == ["2 chains x 200", "400, independent"]
    assert found["seed"] == ["1", "1"]
    key = "log marginal likelihood (evidence)"
    assert found[key] == [DASH, f"{whole.eb.attrs['log_marginal']:.4f}"]
    assert found["plugged in, not drawn"][0] == DASH
    assert {*found["plugged in, not drawn"][1].split(", ")} == set(
        whole.eb["posterior"].attrs["fixed"].split(", ")
    )
    for shown, tree in zip(found["time"], (whole.nuts, whole.eb)):
        assert float(shown.removesuffix(" s")) == pytest.approx(tree.attrs["seconds"], rel=0.06)


def test_what_is_said_of_the_data(page, whole):
    found, data = rows(page, "### Data", "### Priors"), whole.data
    assert found["rows"] == [str(ROWS)]
    mean, sd, low, high = re.findall(r"-?[\d.]+", found["response y"][0])
    y = data["y"]
    for text, value in ((mean, y.mean()), (sd, y.std()), (low, y.min()), (high, y.max())):
        assert says(text, value)
    assert found["groups g"] == ["10 levels, 6 rows each; effects: Intercept, x"]
    assert found["groups h"] == ["5 levels, 12 rows each; effects: Intercept"]
    assert found["columns z"] == ["4, ridge: z0, z1, z2, z3"]
    assert found["also given"] == ["offset, weights, frequency"]


def test_the_checks_of_the_page_are_those_of_check(page, whole):
    inside = page[page.index("## Can it be trusted?") : page.index("## Engines")]
    shown = [cells(line) for line in inside if line.startswith("|")][2:]
    for engine, tree in (("N", whole.nuts), ("E", whole.eb)):
        found = bl.check(tree)
        mine = {row[1]: row[2:] for row in shown if row[0] == engine}
        assert list(mine) == [row.name for row in found.rows]
        for row in found.rows:
            value, limit, holds = mine[row.name]
            assert (value, limit) == (row.value, row.limit)
            assert (holds == "fails") == (not row.ok)
        words = next(line for line in inside if f"**{engine}**" in line)
        assert words.lower().endswith(found.verdict.lower() + ".")


def test_the_terminal_shows_the_same_numbers(whole, truth, plugged):
    for tree, numbers in ((whole.nuts, truth), (whole.eb, plugged)):
        found = {}
        for line in terminal(tree).splitlines():
            parts = re.split(r"\s{2,}", line.strip())
            if parts[0] in numbers:
                found[parts[0]] = parts[1:]
        assert set(found) == set(numbers)
        for name, texts in found.items():
            wanted = numbers[name] if name not in COLUMNS else numbers[name][:4]
            assert says_all(texts, wanted), (name, texts, wanted)


def test_the_terminal_tells_every_check_that_fails(whole):
    found, lines = bl.check(whole.nuts), verdict(whole.nuts)
    assert lines[0] == f"Verdict: {found.verdict}."
    failed = [row for row in found.rows if not row.ok]
    assert failed  # 200 draws of two chains are few
    for row, line in zip(failed, lines[1:]):
        assert line == f"  {row.name}: {row.value}, should be {row.limit}; {row.advice}"


def test_a_table_of_engines_is_the_ratio_and_the_distance(whole, truth, plugged):
    found = bl.compare_engines({"E": whole.eb, "N": whole.nuts})
    assert found.reference == "N"  # the one by Markov chains
    table = found.parameters
    for name in set(truth) - set(COLUMNS):
        (m, s), (mean, sd) = truth[name][:2], plugged[name][:2]
        row, own = table.loc[(name, "E")], table.loc[(name, "N")]
        np.testing.assert_allclose(row[["mean", "sd"]].astype(float), [mean, sd], rtol=1e-9)
        np.testing.assert_allclose(own, [m, s, 1.0, 0.0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(row["sd ratio"], sd / s, rtol=1e-9)
        assert row["distance"] == pytest.approx(abs(mean - m) / s, rel=1e-9)
    p, q = whole.nuts["posterior"], whole.eb["posterior_moments"]
    pooled = {"u_g[x]": ("u_g", (slice(None), 1)), "u_z": ("u_z", slice(None))}
    pooled["u_h[Intercept]"] = ("u_h", (slice(None), 0))
    for name, (variable, at) in pooled.items():
        m, s = p[variable].values.mean(axis=(0, 1))[at], p[variable].values.std(axis=(0, 1))[at]
        mean, sd = q[f"{variable}_mean"].values[at], q[f"{variable}_sd"].values[at]
        row = table.loc[(name, "E")]
        width = np.sqrt(np.mean(s**2))
        assert row["sd"] == pytest.approx(np.sqrt(np.mean(sd**2)))
        assert row["sd ratio"] == pytest.approx(np.sqrt(np.mean(sd**2)) / width)
        assert row["distance"] == pytest.approx(np.sqrt(np.mean((mean - m) ** 2)) / width)
        assert np.isnan(row["mean"])
    ran = found.engines
    assert ran.loc["N", "smallest ESS"] == min(s.ess for s in scalars(whole.nuts) if s.ess > 0.0)
    short = whole.nuts.isel(draw=slice(0, 20), missing_dims="ignore")  # not the ESS of the fit
    assert bl.compare_engines({"N": short}).engines.loc["N", "smallest ESS"] < 100.0
    assert list(ran["seconds"]) == [whole.eb.attrs["seconds"], whole.nuts.attrs["seconds"]]
    for name, tree in (("E", whole.eb), ("N", whole.nuts)):
        assert ran.loc[name, "verdict"] == bl.check(tree).verdict.partition(", given")[0]
    assert ran.loc["N", "plugged in"] == "nothing"


def test_the_panels_tell_the_worst_of_that_table(page, whole):
    table = bl.compare_engines({"N": whole.nuts, "E": whole.eb}).parameters.xs("E", level=1)
    ratios = table["sd ratio"].dropna()
    lines = [line for line in page if "Figure left out: " in line]
    wanted = f"sd ratio of {len(ratios)} parameters by E; smallest {ratios.min():.3g}."
    assert any(line.endswith(wanted) for line in lines)
    wanted = f"distance of {len(table)} parameters by E; largest {table['distance'].max():.3g}."
    assert any(line.endswith(wanted) for line in lines)
