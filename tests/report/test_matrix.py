"""A model of a matrix on the page: its panels, tables and words, whatever the engine holds."""

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl
from bayeslmm.report.biplot import RADIUS, ellipses
from bayeslmm.report.covariance import replicates
from bayeslmm.report.factors import Factors
from bayeslmm.report.placing import placed
from bayeslmm.report.scree import pairwise, sample_eigenvalues
from bayeslmm.report.terminal import terminal, verdict
from bayeslmm.results.show import label
from tests.whole import not_kept

from .pages import Page
from .test_escaping import ATTRIBUTES, PIECES, TAGS

FEW = bl.NUTS(draws=200, tune=200, chains=2)
ML = bl.EmpiricalBayes("ml", draws=200)
OWN = [
    "Scores and loadings",
    "How many components?",
    "Loadings",
    "Does the model give back the covariances?",
    "What is missing?",
]


def iris(gone=0.0):
    table = bl.datasets.load("iris").drop(columns="Species")
    return table.mask(np.random.default_rng(0).uniform(size=table.shape) < gone)


def fitted(table, components, **options):
    model = bl.ppca(table, components, **options)
    engines = {"N": FEW, "E": ML}
    if model.scores and model.scores.loadings.own:  # there is no maximum
        del engines["E"]
    return model, {name: bl.fit(model, engine, seed=1) for name, engine in engines.items()}


def page_of(model, fits, folder):
    page = Page(bl.report(model, fits, folder / "r.html"))
    return page, page.headings[page.headings.index("Estimates") + 1 :]


def words(svg):
    return {e.text for e in svg.iter() if e.text and e.text.strip()}


@pytest.fixture(scope="module")
def gappy():
    return fitted(iris(0.1), 2)


@pytest.fixture(scope="module")
def gappy_page(gappy, tmp_path_factory):
    return page_of(*gappy, tmp_path_factory.mktemp("page"))


def test_the_panels_are_those_of_a_matrix(gappy_page):
    page, titles = gappy_page
    first, last = ["Engines compared", "Variance parameters"], ["Did the chains mix?"]
    assert titles == [*first, *OWN, *last]
    assert [alt for alt, _ in page.figures].count("") == 4 * 2  # keys: four panels, two engines


def test_the_page_says_what_the_matrix_and_the_model_are(gappy, gappy_page):
    model, _ = gappy
    text = gappy_page[0].text
    for said in (
        "Probabilistic PCA",
        "Y, 4 columns, 2 components",
        "z[i] ~ N(0, I), i = 1, ..., 150",
        "so that Y[i] ~ N(mu, W W' + sigma² I)",
        "4: Sepal.Length, Sepal.Width, Petal.Length, Petal.Width",
        f"{(~model.design.there).sum()} of 600 entries (9.0%)",
        "HalfStudentT(3, 1.062)",
        "neither sd nor interval",
    ):
        assert said in text
    assert "bl.confint" not in text
    gone = (~model.design.there).sum(axis=0) / 150
    assert f"{gone.max():.1%} of Sepal.Length" in text


def test_the_tables_have_every_number_of_every_engine(gappy, gappy_page):
    _, fits = gappy
    rows = gappy_page[0].source.split("<h2>Estimates</h2>")[1].split("</section>")[0]
    for name in ("mu[Petal.Width]", "W[Petal.Width, PC2]", "sd_W", "sigma"):
        assert name in rows.replace("<wbr>", "")
    value = float(fits["E"]["posterior"]["W"].sel(feature="Petal.Length", component="PC1")[0, 0])
    assert f"{value:.4g}" in rows
    exact = fits["E"]["posterior_moments"]["mu_sd"].values[0]
    assert f"{exact:.4f}" in rows
    assert "Variance along components" in rows


def test_the_figures_name_columns_and_engines(gappy_page):
    page, _ = gappy_page
    by_word = {alt.split(" of ")[0].split(" on ")[0]: svg for alt, svg in page.figures if alt}
    names = {"Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width"}
    for start in ("Scores", "Loadings", "Map"):
        assert names <= words(by_word[start])
    alts = " ".join(alt for alt, _ in page.figures)
    assert "noise 0.0" in alts
    assert "sample 4.0" in alts
    assert "of 10 outside their 95% intervals" in alts


@pytest.mark.parametrize(
    ("gone", "components", "options", "lacking"),
    [
        (0.0, 1, {}, ["What is missing?"]),
        (0.1, 0, {}, ["Scores and loadings", "Loadings"]),
        (0.1, 3, {"ard": True, "scale": "sd"}, []),
    ],
)
def test_every_kind_of_declaration_has_its_page(tmp_path, gone, components, options, lacking):
    model, fits = fitted(iris(gone), components, **options)
    page, titles = page_of(model, fits, tmp_path)
    assert [t for t in titles if t in OWN] == [t for t in OWN if t not in lacking]
    assert ("noise_sd" in page.text) == ("scale" in options)
    text = bl.report(model, fits, tmp_path / "r.md").read_text("utf-8")
    for title in titles:
        assert f"## {title}" in text
    for tree in fits.values():
        assert "sigma" in terminal(tree)
        assert verdict(tree)[0].startswith("Verdict: ")


def test_engines_are_compared_with_scores_and_covariances_pooled(gappy):
    _, fits = gappy
    table = bl.compare_engines(fits).parameters
    names = set(table.index.get_level_values("parameter"))
    assert {"mu[Sepal.Width]", "W[Sepal.Width, PC2]", "z[PC2]", "covariance", "sigma"} <= names
    assert table.loc[("z[PC1]", "E"), "sd ratio"] < 1.0  # loadings plugged in: narrower
    assert np.isnan(table.loc[("covariance", "E"), "sd ratio"])  # no law at all
    assert table.loc[("covariance", "E"), "distance"] < 0.5
    draws = fits["N"]["posterior"]["z"].sel(component="PC1")
    sd = np.sqrt((draws.std(("chain", "draw")) ** 2).mean())
    assert table.loc[("z[PC1]", "N"), "sd"] == pytest.approx(float(sd))


def test_scores_that_were_not_kept_are_read_from_their_moments(gappy, tmp_path):
    """The exact moments of empirical Bayes are what its draws average to."""
    _, fits = gappy
    found = Factors(fits["E"]["observed_data"]["Y"].values, {"E": fits["E"]})
    exact = found.estimates["E"]["z"]
    drawn = exact.draws.reshape(-1, *exact.mean.shape)
    error = 4.5 * exact.sd / np.sqrt(len(drawn))
    assert np.all(np.abs(exact.mean - drawn.mean(axis=0)) < error)
    without = not_kept(fits["E"], "z")
    model, _ = gappy
    assert "Scores and loadings" in page_of(model, {"E": without}, tmp_path)[1]


def test_eigenvalues_of_the_sample_and_of_pairs():
    complete = iris().to_numpy()
    np.testing.assert_allclose(pairwise(complete), np.cov(complete.T, bias=True), atol=1e-12)
    table = iris(0.1)
    wanted = table.cov().to_numpy()  # over the rows that have both, divisor their number less one
    both = table.notna().astype(float)
    counts = (both.T @ both).to_numpy()
    found = pairwise(table.to_numpy())
    np.testing.assert_allclose(found * counts, wanted * (counts - 1.0), atol=1e-9)
    model = bl.ppca(iris(), 2)
    eb = bl.fit(model, ML, seed=1)
    values, told = sample_eigenvalues(Factors(model.design.y, {"E": eb}))
    assert told == "Crosses: the sample's."
    # Tipping & Bishop (1999), equation 8: the noise is the mean of the eigenvalues left out.
    sigma = float(eb["posterior"]["sigma"][0, 0])
    assert np.mean(values[2:]) == pytest.approx(sigma**2)
    np.testing.assert_allclose(values[:2], eb["posterior"]["explained_variance"].values[0, 0])


def test_columns_that_never_meet_have_no_eigenvalues(tmp_path):
    Y = np.random.default_rng(0).normal(size=(40, 3))
    Y[:20, 0] = Y[20:, 1] = np.nan
    model = bl.ppca(Y, 1)
    page, titles = page_of(model, bl.fit(model, ML, seed=1), tmp_path)
    assert "some columns are never seen together" in page.text
    assert "Does the model give back the covariances?" in titles


def test_replicates_average_to_the_covariance_of_the_model(gappy):
    """Over plugged-in loadings: their mean is C but for the sample's own means, (n - 1) / n."""
    model, fits = gappy
    found = Factors(model.design.y, {"E": fits["E"]})
    drawn = np.array(replicates(found, np.arange(4), np.ones(4)))
    C = fits["E"]["posterior"]["covariance"].values[0, 0]
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    there = model.design.there.astype(float)
    pairs = there.T @ there
    assert np.all(np.abs(drawn.mean(axis=0) - C * (pairs - 1.0) / pairs) < 4.5 * error)


def test_a_covariance_that_the_model_cannot_hold_is_named(tmp_path):
    """Two pairs of alike columns and one component: the second pair lies outside."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300, 1))
    Y = np.hstack([3.0 * a, 3.0 * a, b, b]) + 0.3 * rng.normal(size=(300, 4))
    model = bl.ppca(pd.DataFrame(Y, columns=["a1", "a2", "b1", "b2"]), 1)
    page, _ = page_of(model, bl.fit(model, ML, seed=1), tmp_path)
    assert "b1 with b2 (observed" in page.text


def test_ellipses_of_many_rows_are_those_of_the_outermost_and_least_certain():
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(500, 2))
    C = np.broadcast_to(0.04 * np.eye(2), (500, 2, 2)).copy()
    C[77] *= 50.0
    some, told = ellipses(mean, C)
    assert {77, mean[:, 0].argmax(), mean[:, 1].argmin()} <= set(some)
    assert some.size <= 13
    assert f"of 500 rows {some.size} have one" in told
    assert ellipses(mean[:60], C[:60])[0].size == 60
    draws = rng.normal(size=(200_000, 2))
    inside = np.mean((draws**2).sum(axis=1) < RADIUS**2)
    assert inside == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 200_000))


def test_names_of_arrows_that_point_alike_stand_apart():
    tips = np.array([[50.0, 10.0], [52.0, 9.0], [51.0, 11.0], [-40.0, 0.0]])
    found = placed(["first", "second", "third", "left"], tips, 7.5, shafts=tips)
    boxes = [f.box for f in found]
    for i, (left, right, bottom, top) in enumerate(boxes):
        for other in boxes[:i]:
            apart = left >= other[1] or other[0] >= right or bottom >= other[3] or other[2] >= top
            assert apart
    assert [f.side for f in found] == ["left", "left", "left", "right"]


def test_many_columns_are_folded_and_told(tmp_path):
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(90, 3)) @ rng.normal(size=(3, 50)) + 0.5 * rng.normal(size=(90, 50))
    Y[:, 7] *= 100.0
    Y[4] = np.nan
    model = bl.ppca(Y, 3)
    eb = bl.fit(model, ML, seed=1)
    page, _ = page_of(model, eb, tmp_path)
    assert "20 of 150, the largest" in page.text
    assert "20 of 50, the furthest from zero" in page.text
    for told in (
        "Of 50 columns the 30 with the longest loadings are shown",
        "divided by the column's sd",
        "the 40 with the longest arrows",
        "1 of which has none at all",
        "rows without any entry",
    ):
        assert told in page.text
    assert (tmp_path / "r.html").stat().st_size < 1e6
    assert "Loadings (20 of 150, the largest)" in terminal(eb)


def test_no_name_of_a_column_row_or_engine_becomes_markup(tmp_path):
    rng = np.random.default_rng(5)
    names = ["".join(rng.choice(PIECES, 3)) + f"#{i}" for i in range(50)]
    Y = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 12)) + rng.normal(size=(50, 12))
    Y[rng.uniform(size=Y.shape) < 0.1] = np.nan
    table = pd.DataFrame(Y, columns=names[:12], index=names)
    for q in (1, 2):
        model = bl.ppca(table, q)
        fits = {names[40]: bl.fit(model, ML, seed=1), "<i>EB</i>": bl.fit(model, ML, seed=2)}
        page = Page(bl.report(model, fits, tmp_path / "r.html", title="<script>t</script>"))
        assert {tag for tag, _ in page.found} <= TAGS
        assert {name for _, attrs in page.found for name in attrs} <= ATTRIBUTES
        assert page.others == []
        assert label(f"W[{names[0]}, PC1]", 160) in page.text
        for alt, svg in page.figures:
            tags = {e.tag.split("}")[-1] for e in svg.iter()}
            assert not tags & {"script", "image", "a", "b", "i"}, alt
        text = bl.report(model, fits, tmp_path / "r.md").read_text("utf-8")
        plain = [line for line in text.split("\n") if not line.startswith("    ")]
        assert not [line for line in plain if "<" in line or "`" in line or "](" in line]
