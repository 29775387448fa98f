"""Panel: posterior densities of the variance parameters, the plugged-in estimates marked."""

from typing import Any

from ..scalars import VARIANCES, Scalar
from .drawing import COLOURS, Image, curve, draw, name_axes
from .view import View

MOST = 12


def densities(view: View) -> tuple[list[Image], str]:
    """One figure a parameter that some engine drew."""
    by_name: dict[str, dict[str, Scalar]] = {}
    for engine, found in view.scalars.items():
        for scalar in found:
            if scalar.kind.prefix in VARIANCES:
                by_name.setdefault(scalar.name, {})[engine] = scalar
    drawn = [n for n, each in by_name.items() if any(s.draws is not None for s in each.values())]
    images = [_figure(name, by_name[name], list(view.trees)) for name in drawn[:MOST]]
    rest = len(drawn) - len(images)
    return images, f"{rest} more parameters are in the table above only." if rest else ""


def _figure(name: str, each: dict[str, Scalar], engines: list[str]) -> Image:
    def paint(axes: Any) -> None:
        for number, engine in enumerate(engines):
            if engine not in each:
                continue
            scalar, colour = each[engine], COLOURS[number % len(COLOURS)]
            if scalar.draws is not None:
                grid, density = curve(scalar.draws)
                axes.fill_between(grid, density, color=colour, alpha=0.18, linewidth=0)
                axes.plot(grid, density, color=colour, linewidth=1.4, label=engine)
            else:
                axes.axvline(scalar.mean, color=colour, linewidth=1.6, linestyle="--", label=engine)
        axes.set_ylim(bottom=0.0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=6)
        if len(each) > 1:
            axes.legend(frameon=False, fontsize=8)
        name_axes(axes, title=name)

    told = [f"{engine}: {scalar.mean:.4g}" for engine, scalar in each.items()]
    return draw(paint, f"Posterior density of {name}; {', '.join(told)}", height=2.0)
