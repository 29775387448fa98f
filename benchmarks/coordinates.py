"""Up to how many coordinates of theta does importance sampling pay against NUTS?

    python benchmarks/coordinates.py [groups ...]

Random slopes on q columns, correlated (q (q + 1) / 2 + 1 coordinates) and not (q + 1), in some
numbers of groups. Both engines give 4 x 1,000 draws; CPU seconds of the second fit in this process.
"""

import sys
import warnings

import numpy as np

import bayeslmm as bl
from bayeslmm.engines import importance_sampling

CORRELATED, UNCORRELATED = (1, 2, 3, 4, 5, 6, 7), (5, 10, 15, 20, 29)


def model(q, groups, bar):
    """Random slopes on q columns."""
    rng = np.random.default_rng(q)
    n = 12 * groups
    g, X = np.repeat(np.arange(groups), 12), rng.normal(size=(n, q))
    y = (X * rng.normal(size=(groups, q))[g]).sum(axis=1) + rng.normal(size=n)
    names = [f"x{j}" for j in range(q)]
    table = {"y": y, "g": g, **dict(zip(names, X.T))}
    return bl.lmm(f"y ~ 1 + (0 + {' + '.join(names)} {bar} g)", table)


def measured(m, engine):
    """Attributes of the second fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [bl.fit(m, engine, seed=seed).attrs for seed in (1, 2)][1]


def main():
    importance_sampling.LARGEST = 10**6
    print(
        "groups slopes coordinates | k-hat efficiency worth CPU | NUTS: ESS CPU | draws per second"
    )
    for groups in [int(word) for word in sys.argv[1:]] or [10, 40, 200]:
        for bar, sizes in (("|", CORRELATED), ("||", UNCORRELATED)):
            for q in sizes:
                m = model(q, groups, bar)
                ours, theirs = measured(m, bl.ImportanceSampling()), measured(m, bl.NUTS())
                own = f"{ours.get('fallback', '')[:40]:>40}"
                if "fallback" not in ours:
                    own = f"{ours['khat']:5.2f} {ours['efficiency']:6.2f} {ours['ess_min']:6.0f}"
                one, other = ours["cpu_seconds"], theirs["cpu_seconds"]
                ratio = (ours["ess_min"] / one) / (theirs["ess_min"] / other)
                told = f"{groups:6} {q:3} {bar:2} {m.space.size:4} | {own} {one:6.2f} | "
                told += f"{theirs['ess_min']:6.0f} {other:6.2f} | {ratio:5.1f} times"
                print(told, flush=True)


if __name__ == "__main__":
    main()
