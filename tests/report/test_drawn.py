"""Every bar, mark and curve of a panel is where the draws of the tree put it."""

import warnings

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import stats

import bayeslmm as bl
from bayeslmm.report.view import View
from tests.whole import COLUMNS, GROUPS, OTHERS, ROWS

from .drawn import drawn, marks, spans, ticks

TAILS = [0.025, 0.975]
Z = 1.959963984540054  # a normal interval that holds 95%, in sds
PANELS = (
    "caterpillar.caterpillar",
    "effects_forest.coefficients",
    "row_panels.rows",
    "calibration.calibration",
    "mixing.mixing",
    "compared.compared",
)


@pytest.fixture(scope="module")
def view(whole):
    return View(whole.model, {"N": whole.nuts, "E": whole.eb})


@pytest.fixture(scope="module")
def figures(view):
    with pytest.MonkeyPatch.context() as patch:
        return drawn(patch, view, *PANELS)


@pytest.fixture(scope="module")
def densities(view):
    with pytest.MonkeyPatch.context() as patch:
        return drawn(patch, view, "densities.fixed_effects", "densities.variances")


def of(figures, start):
    return next(axes for alt, axes in figures.items() if alt.startswith(start))


def moments(whole, variable, at):
    """Mean and both ends of the 95% interval by NUTS, then by EB, one row a level or column."""
    draws = whole.nuts["posterior"][variable].values[(..., *at)]
    flat = draws.reshape(-1, draws.shape[-1])
    nuts = np.column_stack([flat.mean(axis=0), *np.quantile(flat, TAILS, axis=0)])
    m = whole.eb["posterior_moments"]
    mean, sd = (m[f"{variable}_{s}"].values[at] for s in ("mean", "sd"))
    return nuts, np.column_stack([mean, mean - Z * sd, mean + Z * sd])


@pytest.mark.parametrize(
    ("words", "variable", "j", "levels"),
    [
        ("Random effect Intercept of 10", "u_g", 0, [f"g{i}" for i in range(GROUPS)]),
        ("Random effect x of 10", "u_g", 1, [f"g{i}" for i in range(GROUPS)]),
        ("Random effect Intercept of 5", "u_h", 0, [f"h{i}" for i in range(OTHERS)]),
    ],
)
def test_a_caterpillar_is_mean_and_interval_in_the_order_of_the_mean(
    whole, figures, words, variable, j, levels
):
    axes = of(figures, words)
    both = moments(whole, variable, (slice(None), j))
    order = np.argsort(both[0][:, 0])
    assert ticks(axes) == [levels[i] for i in order]
    for truth, bars, mark in zip(both, spans(axes), ("o", "s")):
        np.testing.assert_allclose(bars, truth[order, 1:], rtol=1e-9)
        np.testing.assert_allclose(marks(axes, mark)[:, 0], truth[order, 0], rtol=1e-9)


def test_a_forest_of_columns_is_mean_and_interval_the_included_ones_filled(whole, figures):
    """On scales that differ eightfold coefficients are drawn times the sd of their column."""
    axes = of(figures, "Coefficients of 4 of 4 columns of z")
    names = ticks(axes)
    order = [COLUMNS.index(name) for name in names]
    assert axes.get_xlabel() == "u_z times sd of its column"
    for truth, bars, mark in zip(moments(whole, "u_z", (slice(None),)), spans(axes), "os"):
        np.testing.assert_allclose(bars, (truth[:, 1:] * whole.spread[:, None])[order], rtol=1e-9)
        included = (truth[order, 1] > 0.0) | (truth[order, 2] < 0.0)
        filled, hollow = (line for line in axes.lines if line.get_marker() == mark)
        x = (truth[:, 0] * whole.spread)[order]
        np.testing.assert_allclose(filled.get_xdata(), x[included], rtol=1e-9)
        np.testing.assert_allclose(hollow.get_xdata(), x[~included], rtol=1e-9)
        assert hollow.get_markerfacecolor() == "white" != filled.get_markerfacecolor()


def test_a_density_by_draws_is_one_and_marks_its_peak(whole, densities):
    for name, values in (
        ("x", whole.nuts["posterior"]["beta"].values[..., 1]),
        ("sigma", whole.nuts["posterior"]["sigma"].values),
        ("sd_g[x]", whole.nuts["posterior"]["sd_g"].values[..., 1]),
    ):
        axes = of(densities, f"Posterior density of {name};")
        grid, density = axes.lines[0].get_data()
        mass = np.trapezoid(density, grid)
        assert mass == pytest.approx(1.0, abs=0.03)
        assert np.trapezoid(grid * density, grid) / mass == pytest.approx(
            values.mean(), abs=0.1 * values.std()
        )
        spread = np.trapezoid((grid - values.mean()) ** 2 * density, grid) / mass
        assert np.sqrt(spread) == pytest.approx(values.std(), rel=0.2)  # a kernel widens


def test_a_density_given_plugged_in_variances_is_the_exact_normal_one(whole, densities):
    m = whole.eb["posterior_moments"]
    for j, name in enumerate(("Intercept", "x")):
        lines = of(densities, f"Posterior density of {name};").lines
        grid, density = lines[2].get_data()  # after NUTS's curve and its mark
        mean, sd = float(m["beta_mean"][j]), float(m["beta_sd"][j])
        np.testing.assert_allclose(density, stats.norm.pdf(grid, mean, sd), rtol=1e-9)


def test_a_dashed_line_is_what_was_plugged_in(whole, densities):
    table = whole.eb["variance_parameters"].dataset
    for name, value in zip(table["parameter"].values, table["estimate"].values):
        axes = of(densities, f"Posterior density of {name};")
        dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
        assert [line.get_xdata()[0] for line in dashed] == [value]
        told = next(alt for alt in densities if alt.startswith(f"Posterior density of {name};"))
        assert told.endswith(f"E: {value:.4g}")


def test_residuals_are_in_units_of_each_rows_noise(whole, figures):
    fitted = whole.means(whole.nuts).mean(axis=(0, 1))
    sigma = whole.nuts["posterior"]["sigma"].values.mean()
    standard = (whole.data["y"] - fitted) * np.sqrt(whole.data["w"]) / sigma
    found = marks(of(figures, "Residuals against"), "o")[:ROWS]
    np.testing.assert_allclose(found, np.column_stack([fitted, standard]), rtol=1e-7)
    found = marks(of(figures, "Quantiles of the residuals"), "o")
    normal = stats.norm.ppf((np.arange(ROWS) + 0.5) / ROWS)
    np.testing.assert_allclose(found, np.column_stack([normal, np.sort(standard)]), rtol=1e-7)


def test_replicates_look_like_the_rows(whole, view, figures):
    """Each is a draw of the posterior with offset, effects and each row's own noise."""
    from bayeslmm.report.row_panels import REPLICATES, replicates

    y = replicates(view)
    assert len(y) == REPLICATES
    at = np.unique(np.linspace(0, 199, REPLICATES).astype(int))
    left = (y - whole.means(whole.nuts)[0, at]) / whole.noise(whole.nuts)[0, at]
    assert abs(left.mean()) < 5.0 / np.sqrt(left.size)
    assert (left**2).mean() == pytest.approx(1.0, abs=5.0 * np.sqrt(2.0 / left.size))
    lines = of(figures, "Density of y, observed").lines
    assert len(lines) == REPLICATES + 1
    grid, density = lines[-1].get_data()
    assert lines[-1].get_color() == "black"
    mass, y = np.trapezoid(density, grid), whole.data["y"]
    mean = np.trapezoid(grid * density, grid) / mass
    assert mean == pytest.approx(y.mean(), abs=0.1 * y.std())


def test_the_curve_of_calibration_is_that_of_loo_pit(whole, figures):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*k-hat")  # draws, and so k-hat, differ by processor
        pit = bl.loo_pit(whole.model, whole.nuts).to_numpy()
    x, y = of(figures, "ECDF difference of LOO-PIT").lines[1].get_data()
    truth = np.array([(pit <= at).mean() - at for at in x[1:-1]])
    np.testing.assert_allclose(y[1:-1], truth, atol=1e-12)
    np.testing.assert_array_equal(x[1:-1], np.arange(1, ROWS) / ROWS)
    bars = of(figures, "Histogram of LOO-PIT").patches
    counts, _ = np.histogram(pit, bins=len(bars), range=(0.0, 1.0))
    assert [bar.get_height() for bar in bars] == counts.tolist()


def test_chains_are_ranked_among_all_draws(whole, figures):
    found = {alt: axes for alt, axes in figures.items() if alt.startswith("Ranks of")}
    p, sizes = whole.nuts["posterior"], {}
    for name in ("beta", "sd_g", "sd_h", "sd_z", "sigma", "corr_g", "u_z"):
        values = p[name].values.reshape(2, 200, -1)
        for k, column in enumerate(np.moveaxis(values, 2, 0)):
            if np.ptp(column) > 0.0:
                sizes[name, k] = float(array_stats.ess(column))
    worst = sorted(sizes.items(), key=lambda item: item[1])
    told = [float(alt.rpartition(" ")[2].replace(",", "")) for alt in found]
    least = [value for (name, k), value in worst if (name, k) != ("corr_g", 2)]  # its twin
    np.testing.assert_allclose(told, least[:2], atol=0.5)
    for (name, k), axes in zip([key for key, _ in worst if key != ("corr_g", 2)], found.values()):
        draws = p[name].values.reshape(2, 200, -1)[:, :, k]
        step = max(1, min(round(draws.size / sizes[name, k]), 200 // 20))
        draws = draws[:, ::step]
        ranks = stats.rankdata(draws, method="ordinal").reshape(draws.shape)  # draws repeat
        for line, own in zip(axes.lines[1:], ranks):
            x, y = line.get_data()
            upto = np.floor(x * ranks.size + 1e-9)
            truth = [(own <= u).mean() - u / ranks.size for u in upto[1:-1]]
            np.testing.assert_allclose(y[1:-1], truth, atol=1e-12)


def test_the_energy_is_that_of_the_sampler(whole, figures):
    axes = of(figures, "Densities of the energy")
    energy = whole.nuts["sample_stats"]["energy"].values
    for line, values in zip(axes.lines, (energy - energy.mean(), np.diff(energy, axis=1))):
        grid, density = line.get_data()
        mass = np.trapezoid(density, grid)
        spread = np.trapezoid((grid - values.mean()) ** 2 * density, grid) / mass
        assert np.sqrt(spread) == pytest.approx(values.std(), rel=0.2)


def test_engines_are_marked_at_their_ratio_and_distance(whole, figures):
    table = bl.compare_engines({"N": whole.nuts, "E": whole.eb}).parameters.xs("E", level=1)
    for title, column in (("sd ratio", "sd ratio"), ("distance", "distance")):
        axes = of(figures, title)
        values = table[column].dropna()
        assert ticks(axes) == list(values.index)
        np.testing.assert_allclose(marks(axes, "s")[:, 0], values, rtol=1e-12)
        assert (np.diff(marks(axes, "s")[:, 1]) == -1.0).all()
