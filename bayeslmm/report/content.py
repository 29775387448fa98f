"""What a report says, in order, whatever it is written as: the panels and the tables."""

from collections.abc import Callable
from dataclasses import dataclass

from ..engines.convergence import ESS_PER_CHAIN, RHAT
from ..model.model import Model
from ..results.drawing import Image
from ..results.estimates import INTERVAL, plugged
from . import described, tables
from .biplot import biplot
from .bound import bound
from .calibration import calibration
from .caterpillar import caterpillar
from .columns_kept import kept
from .compared import compared
from .covariance import covariance
from .densities import fixed_effects, variances
from .described import Folded
from .effects import coefficients
from .fitted_curve import fitted_curve
from .loadings_forest import loadings
from .missing import missing
from .mixing import mixing
from .row_panels import rows
from .scree import scree
from .tables import Row, Section
from .trust import Trust, trust
from .view import View


@dataclass(frozen=True)
class Panel:
    """Figures under a heading. One that finds nothing in the trees is left out."""

    title: str
    text: str
    figures: Callable[[View], tuple[list[Image], str]]
    key: bool = True  # whether colours and marks tell engines


OVERLAID = "Posterior densities, a mark at the top of each."
PANELS = (
    Panel(
        "Engines compared",
        "How wide each posterior is beside that of the reference, and how far its mean lies off.",
        compared,
    ),
    Panel("Fixed effects", OVERLAID, fixed_effects),
    Panel("Variance parameters", OVERLAID, variances),
    Panel(
        "Random effects",
        f"Mean and {INTERVAL} of each level, in the order of the mean.",
        caterpillar,
    ),
    Panel(
        "Coefficients of blocks",
        f"Mean and {INTERVAL} of each column's coefficient.",
        coefficients,
    ),
    Panel(
        "How much do columns keep?",
        "How much of its least-squares coefficient the posterior leaves to each column, were the "
        "columns orthogonal: one is no shrinkage, zero is none left. Sparse data make a step.",
        kept,
    ),
    Panel("Fitted curve", "", fitted_curve),
    Panel(
        "Scores and loadings",
        "Rows that lie together are alike; an arrow points to where its column is large.",
        biplot,
        key=False,
    ),
    Panel(
        "How many components?",
        "The eigenvalues of the covariance; what stands above the noise asks for a component.",
        scree,
    ),
    Panel("Loadings", f"Mean and {INTERVAL} of each column's loading.", loadings),
    Panel(
        "Does the model give back the covariances?",
        "Where it does, the observed ones lie on the line, within the intervals of data that the "
        "posterior draws with the same entries missing.",
        covariance,
        key=False,
    ),
    Panel("What is missing?", "", missing, key=False),
    Panel(
        "Do the rows look like the model's?",
        "Residuals should scatter evenly about zero and follow the line; responses drawn from the "
        "posterior should look like the observed ones.",
        rows,
        key=False,
    ),
    Panel(
        "Are the predictions calibrated?",
        "Each row's place in its predictive distribution given all other rows (LOO-PIT): uniform "
        "where the model is right.",
        calibration,
        key=False,
    ),
    Panel(
        "Did the chains mix?",
        "Where they did, the ranks of each chain's draws among all draws are uniform, and energy "
        "changes in a step about as much as it varies.",
        mixing,
        key=False,
    ),
    Panel(
        "Did the bound settle?",
        "The evidence lower bound that variational inference raises.",
        bound,
        key=False,
    ),
)


@dataclass(frozen=True)
class Shown:
    """A panel that found something."""

    title: str
    text: str
    images: list[Image]
    key: bool


@dataclass(frozen=True)
class Content:
    """All that a report says."""

    title: str
    model: Model
    said: str  # what the user gave: a formula or a matrix
    laws: list[str]
    data: list[tuple[str, str]]
    priors: Folded
    trust: list[Trust]
    engines: list[str]
    runs: list[Row]
    columns: dict[str, list[str]]
    sections: list[Section]
    note: str
    panels: list[Shown]
    versions: dict[str, str]


def content(view: View, title: str | None = None) -> Content:
    """Gather everything; the figures are drawn here."""
    drawn = [(panel, *panel.figures(view)) for panel in PANELS]
    several = len(view.trees) > 1
    panels = [
        Shown(p.title, f"{p.text} {note}".strip(), images, p.key and several)
        for p, images, note in drawn
        if images or note
    ]
    return Content(
        title=title or view.model.formula,
        model=view.model,
        said="formula" if view.factors is None else "matrix",
        laws=described.laws(view.model),
        data=described.data_summary(view.model),
        priors=described.priors(view.model),
        trust=trust(view),
        engines=list(view.trees),
        runs=tables.engines(view),
        columns=tables.columns(view),
        sections=tables.estimates(view),
        note=_note(view),
        panels=panels,
        versions=_versions(view),
    )


def _note(view: View) -> str:
    """How to read the table of estimates: every interval named, every dash explained."""
    text = f"Every interval is the {INTERVAL}."
    maximised = [tree for tree in view.trees.values() if plugged(tree)]
    if any("variance_parameters" not in tree for tree in maximised):
        text += " What was plugged in has its estimate as mean, and neither sd nor interval."
    if any("variance_parameters" in tree for tree in maximised):
        text += (
            " Of a parameter that was plugged in, mean is the estimate and sd its standard error; "
            "it has no interval here, for its law is far from normal where groups are few: "
            "bl.confint(model, tree) gives profile-likelihood intervals."
        )
    if any("R-hat" in heads for heads in tables.columns(view).values()):
        text += (
            f" R-hat should be at most {RHAT} and ESS, the bulk effective sample size, at "
            f"least {ESS_PER_CHAIN} a chain."
        )
    if view.columns:
        text += f" {tables.INCLUDED} Columns of a block that are included (see bl.selected)."
    return text


def _versions(view: View) -> dict[str, str]:
    """Of every package that an engine names."""
    attrs = [pair for tree in view.trees.values() for pair in tree.attrs.items()]
    found = {str(k): str(v) for k, v in attrs if str(k).startswith("version_")}
    return {name.removeprefix("version_"): version for name, version in found.items()}
