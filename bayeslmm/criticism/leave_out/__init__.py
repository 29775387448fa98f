"""Behind `loo`: what is left out (`units`), at which variances (`theta_draws`), averaged how.

`passes` goes once over all draws and units; `smoothing` weighs the draws, `refit` makes new ones
where weights do not reach, `anew` estimates again what was plugged in; `elpd` is the result.
"""
