"""The data sets are whole, and lme4's reference fits were made from the same rows."""

import csv
import doctest
import subprocess
import sys
from hashlib import sha256

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

# sha256 of each file. Those of tables are of the exports that were made apart from this package.
DIGESTS = {
    "cake": "51dd01508ef9ca1b11b61d3ee48005bbb2352fc6bcee5677b9d0791c721d029f",
    "diabetes": "ba63bdc594820f4cdf50b319675db8c94a6eb19e7ac8812b511b6d3fe9070b66",
    "diabetes_unitnorm": "c327dfae057a93fd915db6f2dbe8df777b0b91a78a85ba47b1b9712cbf7cadcd",
    "Dyestuff": "4fa4c10f8db617562965d43014e2bb15df244f2cc0a1f83f47b3cd4ac40c17a1",
    "Dyestuff2": "89a3b0b90c777b66b45cd1468dfebec3ec4b11928d226f674ec39087fe8db368",
    "iris": "6c17bdaf4419befba3352385793b1518e23e8fe1f76501e0850b573dc908d1e8",
    "mcycle": "93d06e3d834a5c21056b40f16fcd03c4384acff5020e273453d5cd62d730f0c8",
    "Orthodont": "910e1475611d26ae3af6d2499a876ff83c7e355491686eb8e3d074b2195c191a",
    "Pastes": "1ccc038f2636384688511818410a6e5b4a3d61d2f23cda657e43b2596ffd1331",
    "Penicillin": "9a26c574d34d1b6d5a6fcb31d296ffa65fe0339eea4b77f502d90b7f2b4eca24",
    "Rail": "76d59332d92121a2bcd20f8fde0f35c8616c5ab5d2cbffbc84809e909fdd3e9b",
    "sinc_gauss01": "5ae12fde1f646e88e581393ff48969fa400861662d426d325c688abef90439d7",
    "sinc_gauss02": "c43c22a0aafe193775719493bac979c6555ceff7e3e89ef00a5c8861c2b504c1",
    "sleepstudy": "0a002bec8be2fa9d40dbbf3d5038e614d113a4fd5bf8813f6f4271c3d6294675",
    "sparse_clustered": "0014ca8c5c296d7af82ff40a6d84da8ddf33e42cce88b2871e533767ed42ec5e",
}
# Means to the digits that R's summary() or lme4's fits of the same data print.
MEANS = {
    ("cake", "angle"): "32.12",
    ("Dyestuff", "Yield"): "1527.5",
    ("Dyestuff2", "Yield"): "5.6656",
    ("iris", "Sepal.Length"): "5.843",
    ("iris", "Sepal.Width"): "3.057",
    ("iris", "Petal.Length"): "3.758",
    ("iris", "Petal.Width"): "1.199",
    ("mcycle", "times"): "25.18",
    ("mcycle", "accel"): "-25.55",
    ("Orthodont", "distance"): "24.02",
    ("Pastes", "strength"): "60.0533",
    ("Penicillin", "diameter"): "22.972",
    ("Rail", "travel"): "66.5",
    ("sleepstudy", "Reaction"): "298.5",
    ("diabetes", "y"): "152.133",
}


def test_names():
    assert datasets.names() == tuple(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_no_byte_of_a_file_has_changed(name):
    assert sha256(datasets.path(name).read_bytes()).hexdigest() == DIGESTS[name]


@pytest.mark.parametrize("name", SHAPES)
def test_the_file_is_the_one_that_was_given(shared_data, name):
    """Byte for byte; of the generated one number for number."""
    own = datasets.path(name)
    given = next(shared_data.rglob(own.name.replace("diabetes.csv", "diabetes_raw.csv")))
    if own.suffix == ".csv":
        assert own.read_bytes() == given.read_bytes()
        return
    data, held = datasets.load(name), np.load(given)
    np.testing.assert_array_equal(data[[f"x{j}" for j in range(200)]], held["X"])
    np.testing.assert_array_equal(data["y"], held["y"])


@pytest.mark.parametrize(("name", "column"), MEANS)
def test_means_are_those_that_r_prints(name, column):
    told = MEANS[name, column]
    mean = datasets.load(name)[column].mean()
    assert f"{mean:.{len(told.partition('.')[2])}f}" == told


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_loaded_is_what_the_file_says(name):
    """Every number, read by another reader."""
    path = datasets.path(name)
    if path.suffix != ".csv":
        return
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = list(csv.reader(file))
    data = datasets.load(name)
    for j, column in enumerate(head):
        kind = type(data[column].iloc[0].item() if hasattr(data[column].iloc[0], "item") else "")
        assert data[column].tolist() == [kind(row[j]) for row in rows], column


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
