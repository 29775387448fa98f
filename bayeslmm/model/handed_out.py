"""Graphs that a model hands out: ordinary `pm.Model` objects, which anybody can add to.

A model has one answer. Its engines work on the declaration (coefficients integrated out by our own
algebra) or on these graphs, so a graph that was changed after it was made would give one engine
another model than the next. Each graph remembers what it was made of, and a model whose graph holds
anything else is refused; a copy, `graph.copy()`, is free.
"""

from typing import Any

GRAPHS = ("graph", "marginal")


def made(graph: Any) -> Any:
    """The graph, which from now on knows what it holds."""
    graph.made_of = _contents(graph)
    return graph


def refuse_changed(model: Any) -> None:
    """Refuse a model of which a graph was changed.

    Raises
    ------
    ValueError
        Naming the variables that are new, gone or different.
    """
    for name in GRAPHS:
        graph = vars(model).get(name)  # a graph that nobody asked for is not made
        if graph is None:
            continue
        now, then = _contents(graph), graph.made_of
        changed = [key for key in {**then, **now} if now.get(key) != then.get(key)]
        if changed:
            raise ValueError(
                f"model.{name} was changed ({', '.join(changed)}) after it was made, and the model "
                f"is the one that was declared: declare it again, and change a copy, "
                f"graph = model.{name}.copy(), which pm.sample takes as it is"
            )


def _contents(graph: Any) -> dict[str, Any]:
    """Every variable by name with the identity of what stands for it; the labels of the dims."""
    held: dict[str, tuple[int, ...]] = {
        name: (id(variable), id(graph.rvs_to_values.get(variable)))
        for name, variable in graph.named_vars.items()
    }
    for rv, transform in graph.rvs_to_transforms.items():
        held[rv.name] = (*held.get(rv.name, ()), id(transform))
    dims = {f"dimension {name}": labels for name, labels in graph.coords.items()}
    return {**held, **dims}
