"""Blocks of columns on the page: what matters is shown, the rest is counted, nothing floods."""

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl
from bayeslmm.report.columns import ALL, MOST
from bayeslmm.report.view import View

from .pages import Page

BLOCKS = "Coefficients of blocks"


def sparse(law, P, n=80, **options):
    """P columns of which x0, x1 and x2 matter, on scales that differ by a thousand."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, P)), columns=[f"x{j}" for j in range(P)])
    y = 1.0 + 4.0 * X["x0"] - 3.0 * X["x1"] + 2.0 * X["x2"] + rng.normal(size=n)
    X["x0"] *= 1000.0
    return bl.lmm("y ~ 1", {"y": y.to_numpy()}, terms=[law(X, name="x", **options)])


def page_of(model, fits, tmp_path):
    return Page(bl.report(model, fits, tmp_path / "r.html"))


def words(svg):
    return {e.text for e in svg.iter() if e.text and e.text.strip()}


@pytest.fixture(scope="module")
def horseshoe():
    model = sparse(bl.horseshoe, 50)
    few = bl.Gibbs(draws=200, tune=200, chains=2)
    return model, {"G": bl.fit(model, few, seed=1), "H": bl.fit(model, few, seed=2)}


@pytest.fixture(scope="module")
def sinc():
    data = bl.datasets.load("sinc_gauss01")
    model = bl.rvm(data["x"], data["t"], kernel=bl.kernels.gaussian(width=3.0))
    return model, bl.fit(model, bl.EmpiricalBayes(), seed=1)


def test_the_columns_that_matter_come_first_and_are_marked(horseshoe, tmp_path):
    page = page_of(*horseshoe, tmp_path)
    assert BLOCKS in page.headings
    assert f"{MOST} of 50 columns" in page.text
    assert "3 by G" in page.text
    rows = page.source.split("Coefficients of x (horseshoe)")[1].split("</tbody>")[0]
    names = [part.split("<")[0] for part in rows.split('<span class="name">')[1:]]
    assert set(names[:3]) == {"x0", "x1", "x2"}
    assert len(names) == MOST
    assert rows.count("●") == 2 * 3  # by both engines
    forest = next(svg for alt, svg in page.figures if alt.startswith("Coefficients of 30"))
    assert {"x0", "x1", "x2", "u_x times sd of its column"} <= words(forest)


def test_what_columns_keep_adds_up_to_how_many_there_are(horseshoe, tmp_path):
    """Three clear signals keep all of theirs; 47 columns of noise together keep a few."""
    page = page_of(*horseshoe, tmp_path)
    assert "How much do columns keep?" in page.headings
    told = page.text.split("the shares add up to ")[1]
    assert 3.0 < float(told.split(" by G")[0]) < 15.0


def test_thousands_of_columns_do_not_flood_the_page(tmp_path):
    model = sparse(bl.ridge, 2000, n=60)
    eb = bl.fit(model, bl.EmpiricalBayes(draws=100), seed=1)
    page = page_of(model, eb, tmp_path)
    assert (tmp_path / "r.html").stat().st_size < 6e5
    assert f"{MOST} of 2,000 columns" in page.text
    assert f"the first {ALL} of 2,000" in page.text
    assert any(alt.startswith("Sizes of all 2,000") for alt, _ in page.figures)
    assert "How much do columns keep?" not in page.headings  # under a ridge all keep alike
    text = bl.report(model, eb, tmp_path / "r.md").read_text("utf-8")
    assert text.count("\n") < ALL + 150


def test_columns_that_a_maximum_left_out_are_counted_only(sinc, tmp_path):
    model, eb = sinc
    page = page_of(model, eb, tmp_path)
    assert "5 of 101 columns; the other coefficients are exactly zero" in page.text
    forest = next(svg for alt, svg in page.figures if alt.startswith("Coefficients of 5 of 101"))
    assert {"bias", "10", "49", "50", "89"} <= words(forest)


def test_the_curve_is_the_prediction_and_its_vectors_are_rows(sinc, tmp_path):
    from bayeslmm.report.fitted_curve import _curve, _source

    model, eb = sinc
    page = page_of(model, eb, tmp_path)
    assert "Fitted curve" in page.headings
    assert "the 4 relevance vectors of EB" in page.text
    grid = np.linspace(-10.0, 10.0, 9)
    view = View(model, {"EB": eb})
    curve = _curve(view, "EB", _source(view), grid)
    wanted = bl.predict(model, eb, grid, seed=1)
    np.testing.assert_allclose(curve.mean, wanted.mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(curve.upper, wanted.interval()[:, 1], rtol=1e-10, atol=1e-12)
    assert sorted(curve.vectors) == [10, 49, 50, 89]  # selected() names the same rows


def test_a_mean_that_is_no_curve_of_one_input_has_none(horseshoe, tmp_path):
    page = page_of(*horseshoe, tmp_path)
    assert "Fitted curve" not in page.headings
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2))
    y = x[:, 0] + rng.normal(size=30)
    model = bl.rvm(x, y, kernel=bl.kernels.gaussian(width=1.0))
    eb = bl.fit(model, bl.EmpiricalBayes(), seed=1)
    assert "Fitted curve" not in page_of(model, eb, tmp_path).headings


def test_the_lasso_tells_its_penalty(tmp_path):
    model = bl.lasso("y ~ .", bl.datasets.load("diabetes"))
    eb = bl.fit(model, bl.EmpiricalBayes(draws=200), seed=1)
    page = page_of(model, eb, tmp_path)
    assert "lam at its maximum" in page.text
    assert "lam2 at their maximum" in page.text
    for name in ("bmi", "s5", "bp", "sex"):
        assert name in page.text
