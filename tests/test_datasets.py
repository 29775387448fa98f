"""The data sets are whole, and lme4's reference fits were made from the same rows."""

import doctest
import subprocess
import sys

import numpy as np
import pytest

from bayeslmm import datasets

SHAPES = {
    "cake": (270, 5),
    "diabetes": (442, 11),
    "diabetes_unitnorm": (442, 11),
    "Dyestuff": (30, 2),
    "Dyestuff2": (30, 2),
    "iris": (150, 5),
    "mcycle": (133, 2),
    "Orthodont": (108, 4),
    "Pastes": (60, 4),
    "Penicillin": (144, 3),
    "Rail": (18, 2),
    "sinc_gauss01": (100, 3),
    "sinc_gauss02": (100, 3),
    "sleepstudy": (180, 3),
    "sparse_clustered": (120, 206),
}


def test_names():
    assert datasets.names() == tuple(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_load_is_complete(name):
    data = datasets.load(name)
    assert data.shape == SHAPES[name]
    assert not data.isna().to_numpy().any()
    if datasets.path(name).suffix == ".csv":
        assert list(data.columns) == datasets.path(name).read_text().split("\n", 1)[0].split(",")


def test_diabetes_unitnorm_is_diabetes_centred_with_unit_norm():
    raw, unit = datasets.load("diabetes"), datasets.load("diabetes_unitnorm")
    x = raw.drop(columns="y")
    x = x - x.mean()
    scaled = x / np.sqrt((x**2).sum())
    np.testing.assert_allclose(unit.drop(columns="y"), scaled, atol=2e-12)  # 12 digits in the file
    assert raw["y"].tolist() == unit["y"].tolist()


def test_mcycle_has_tied_times():
    assert datasets.load("mcycle")["times"].nunique() == 94


def test_least_squares_on_the_true_columns_of_sparse_clustered_finds_their_sizes():
    data = datasets.load("sparse_clustered")
    assert data["cluster"].value_counts().eq(8).all()
    clusters = np.eye(15)[data["cluster"]]
    z = data[[f"z{j}" for j in range(4)]].to_numpy()
    effects = (clusters[:, :, None] * z[:, None, :]).reshape(120, 60)
    X = np.column_stack([data[["x1", "x5", "x10"]], effects])
    found, left = np.linalg.lstsq(X, data["y"], rcond=None)[:2]
    sd = np.sqrt(left[0] / (120 - 63))
    error = sd * np.sqrt(np.diag(np.linalg.inv(X.T @ X))[:3])
    assert (abs(found[:3] - [1.0, 5.0, 3.0]) < 3.0 * error).all()
    assert 0.2 < sd < 0.35


def test_group_labels_stay_as_in_the_file():
    assert datasets.load("sleepstudy")["Subject"].unique().tolist()[:3] == [308, 309, 310]


def test_each_has_its_provenance():
    readme = (datasets.path("Rail").parent / "README.md").read_text(encoding="utf-8")
    assert all(f"| {datasets.path(name).name} |" in readme for name in datasets.names())


def test_unknown_name_lists_the_names():
    with pytest.raises(ValueError, match=r"one of cake, .*, Dyestuff, .* but got 'SleepStudy'"):
        datasets.load("SleepStudy")


def test_lme4_saw_the_same_rows(lmer_truth):
    for fit in lmer_truth:
        data = datasets.load(fit["data"].removesuffix("_temp"))  # cake_temp: cake, by its number
        assert len(data) == fit["n"]
        for group, levels in fit["groups"].items():
            assert len(data[group.split(":")].drop_duplicates()) == levels, (fit["formula"], group)


def test_examples_in_docstrings():
    assert doctest.testmod(datasets).failed == 0


def test_import_is_light():
    code = "import sys, bayeslmm.datasets; print('pandas' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"
