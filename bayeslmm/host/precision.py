"""Graphs of PyTensor are of double precision, or there are none."""


def check_double() -> None:
    """Refuse a PyTensor that was told to compute with seven digits.

    Raises
    ------
    ValueError
        Where ``floatX`` is not ``float64``.
    """
    from pytensor import config

    if config.floatX != "float64":
        raise ValueError(
            f"PyTensor was told to compute in {config.floatX}, too few digits for a density: take "
            f"floatX={config.floatX} out of PYTENSOR_FLAGS, or set pytensor.config.floatX = "
            f"'float64' before priors and models are made"
        )
