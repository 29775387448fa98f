"""Every example runs from its first line to its last, in an empty folder and without a screen."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    try:
        runpy.run_path(str(path), run_name="__main__")
    finally:
        plt.close("all")
    assert capsys.readouterr().out


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example_opens_as_a_notebook(path):
    """The percent format of jupytext: cells, text cells as comments throughout."""
    cells = path.read_text(encoding="utf-8").split("# %%")[1:]
    assert len(cells) > 4
    texts = [c for c in cells if c.startswith(" [markdown]")]
    assert texts
    for text in texts:
        lines = text.splitlines()[1:]
        assert all(line.startswith("#") or not line for line in lines)
