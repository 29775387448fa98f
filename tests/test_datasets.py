"""The data sets are whole, and lme4's reference fits were made from the same rows."""

import doctest
import subprocess
import sys

import pytest

from bayeslmm import datasets

SHAPES = {
    "cake": (270, 5),
    "Dyestuff": (30, 2),
    "Dyestuff2": (30, 2),
    "Orthodont": (108, 4),
    "Pastes": (60, 4),
    "Penicillin": (144, 3),
    "Rail": (18, 2),
    "sinc_gauss01": (100, 3),
    "sinc_gauss02": (100, 3),
    "sleepstudy": (180, 3),
}


def test_names():
    assert datasets.names() == tuple(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_load_is_complete(name):
    data = datasets.load(name)
    assert data.shape == SHAPES[name]
    assert not data.isna().to_numpy().any()
    assert list(data.columns) == datasets.path(name).read_text().split("\n", 1)[0].split(",")


def test_group_labels_stay_as_in_the_file():
    assert datasets.load("sleepstudy")["Subject"].unique().tolist()[:3] == [308, 309, 310]


def test_each_has_its_provenance():
    readme = (datasets.path("Rail").parent / "README.md").read_text(encoding="utf-8")
    assert all(f"| {name}.csv |" in readme for name in datasets.names())


def test_unknown_name_lists_the_names():
    with pytest.raises(ValueError, match=r"one of cake, Dyestuff.* but got 'SleepStudy'"):
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
