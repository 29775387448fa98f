"""Panels are chosen by what the trees hold; each says what it shows, whatever the engine."""

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl

from .pages import Page

ROWS = ["Do the rows look like the model's?", "Are the predictions calibrated?"]


@pytest.fixture(scope="module")
def sleep():
    model = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    nuts = bl.fit(model, bl.NUTS(draws=300, tune=300, chains=2), seed=1)
    advi = bl.fit(model, bl.ADVI(steps=4000), seed=1)
    return model, {"N": nuts, "A": advi, "E": bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)}


@pytest.fixture(scope="module")
def dyestuff():
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    return model, bl.fit(model, bl.CAVI(), seed=1)


def panels(model, fits, tmp_path):
    page = Page(bl.report(model, fits, tmp_path / "r.html"))
    return page, page.headings[page.headings.index("Estimates") + 1 :]


def test_three_engines_fill_every_panel(sleep, tmp_path):
    page, titles = panels(*sleep, tmp_path)
    assert titles == [
        "Engines compared",
        "Fixed effects",
        "Variance parameters",
        "Random effects",
        *ROWS,
        "Did the chains mix?",
        "Did the bound settle?",
    ]
    for words in ("k-hat", "largest R-hat", "at the boundary", "use NUTS()", "bl.confint"):
        assert words in page.text
    assert "row 56 (observed" in page.text  # the outlier by its label
    marked = next(svg for alt, svg in page.figures if alt.startswith("Residuals"))
    assert "56" in {e.text for e in marked.iter()}
    legends = [svg for alt, svg in page.figures if alt == ""]
    assert len(legends) == 3 * 4  # one key a panel, one picture an engine


@pytest.mark.parametrize(
    ("engine", "last"),
    [("N", "Did the chains mix?"), ("A", "Did the bound settle?"), ("E", ROWS[-1])],
)
def test_one_engine_alone(sleep, tmp_path, engine, last):
    model, fits = sleep
    page, titles = panels(model, fits[engine], tmp_path)
    assert titles[-1] == last
    assert "Engines compared" not in titles
    assert [alt for alt, _ in page.figures if alt == ""] == []
    assert ("Variance parameters" in titles) == (engine != "E")


def test_a_resampled_tree_and_one_read_back(dyestuff, tmp_path):
    import xarray as xr

    apart = bl.lmm("Reaction ~ Days + (Days || Subject)", bl.datasets.load("sleepstudy"))
    better = bl.importance_resample(bl.fit(apart, bl.CAVI(), seed=5), seed=1)
    page, _ = panels(apart, better, tmp_path)
    assert "resampled by importance" in page.text
    model, cavi = dyestuff
    cavi.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    here = bl.report(model, cavi, tmp_path / "a.html").read_text("utf-8")
    with xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as back:
        again = bl.report(model, back, tmp_path / "b.html").read_text("utf-8")
    assert again == here


@pytest.mark.parametrize(
    ("formula", "missing"), [("y ~ x", "Random effects"), ("y ~ 0 + (1 | g)", "Fixed effects")]
)
def test_a_model_without_one_of_its_parts(tmp_path, formula, missing):
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(8), 6)
    data = {"x": rng.normal(size=48), "g": g, "y": rng.normal(size=8)[g] + rng.normal(size=48)}
    model = bl.lmm(formula, data)
    nuts = bl.fit(model, bl.NUTS(draws=100, tune=200, chains=2), seed=1)
    eb = bl.fit(model, bl.EmpiricalBayes("ml"), seed=1)
    _, titles = panels(model, {"N": nuts, "E": eb}, tmp_path)
    assert missing not in titles
    assert titles[-1] == "Did the chains mix?"


def test_few_draws_are_no_reason_to_fail(tmp_path):
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    few = bl.fit(model, bl.NUTS(draws=5, tune=100, chains=2), seed=1)
    page, titles = panels(model, few, tmp_path)
    assert "Did the chains mix?" not in titles
    assert "Not computed" in page.text  # leave-one-out says why


def test_many_long_names_are_folded_and_told_apart(tmp_path):
    rng = np.random.default_rng(0)
    ending = "of_many_columns_with_a_name_of_more_than_sixty_characters"
    names = [f"the_number_{i:02d}_{ending}" for i in range(45)]
    data = pd.DataFrame({name: rng.normal(size=200) for name in names})
    data["y"] = 3.0 * data[names[7]] + rng.normal(size=200)
    data["g"] = np.repeat(np.arange(20), 10)
    model = bl.lmm(f"y ~ {' + '.join(names)} + (1 | g)", data)
    page, _ = panels(model, bl.fit(model, bl.EmpiricalBayes("map"), seed=1), tmp_path)
    assert "20 of 46, the furthest from zero" in page.text
    assert "Fixed effects: all 46" in page.text
    assert "12 of 46 are drawn" in page.text
    drawn = [svg for alt, svg in page.figures if alt.startswith("Posterior density")]
    titles = {e.text for svg in drawn for e in svg.iter() if e.text and "number" in e.text}
    assert len(titles) >= 11
    assert any("07" in title for title in titles)
    assert [a["title"] for t, a in page.found if t == "th" and "title" in a].count(names[7]) == 2


def test_many_rows_and_levels_stay_small_and_keep_their_outliers(tmp_path):
    rng = np.random.default_rng(0)
    n, levels = 30_000, 3000
    g, x = rng.integers(0, levels, n), rng.normal(size=n)
    y = 1.0 + x + rng.normal(size=levels)[g] + rng.normal(size=n)
    y[123] += 40.0
    model = bl.lmm("y ~ x + (1 | g)", {"y": y, "x": x, "g": g})
    drawn = bl.fit(model, bl.EmpiricalBayes("map", laplace=True, draws=200), seed=1)
    path = bl.report(model, drawn, tmp_path / "r.html")
    assert path.stat().st_size < 2e6
    page = Page(path)
    assert "row 123 (observed" in page.text
    assert "held at their means" in page.text  # leaving a row out needs one point then
    assert "of 3000 levels the 20 lowest and the 20 highest" in page.text
    marked = next(svg for alt, svg in page.figures if alt.startswith("Residuals"))
    assert "123" in {e.text for e in marked.iter()}


def test_a_failed_check_says_what_to_do(dyestuff, tmp_path):
    page, _ = panels(*dyestuff, tmp_path)
    assert "Not to be trusted." in page.text
    assert "What to do: use NUTS()." in page.text
    assert {"trust", "bad"} <= {c for _, a in page.found for c in (a.get("class") or "").split()}


def test_the_ending_decides(dyestuff, tmp_path):
    model, cavi = dyestuff
    text = bl.report(model, {"C": cavi}, tmp_path / "r.md").read_text("utf-8")
    assert text.startswith("# Yield &#126; 1 + (1 &#124; Batch)\n")
    for words in ("## Can it be trusted?", "| sd_Batch |", "Figure left out", "LOO-PIT"):
        assert words in text
    with pytest.raises(ValueError, match=r"ends in \.html, \.htm, \.md"):
        bl.report(model, cavi, tmp_path / "r.pdf")
    assert [p.name for p in tmp_path.iterdir()] == ["r.md"]
