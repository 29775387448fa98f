# One REML fit by lme4, run by lmm.py: Rscript lmer.R FORMULA DATA.csv fresh|warm
# fresh: one fit, then exit; warm: a fit that is not timed, then fits until a second has passed (20 at most).
args <- commandArgs(trailingOnly = TRUE)
if (!suppressPackageStartupMessages(require(lme4, quietly = TRUE))) {
  cat('{"status": "skipped", "reason": "the R package lme4 is not installed"}\n')
  quit(status = 0)
}
formula <- as.formula(args[1])
data <- read.csv(args[2])
fit <- lmer(formula, data)
if (args[3] == "warm") {
  cpu <- c(); wall <- c(); start <- proc.time()[["elapsed"]]
  repeat {
    time <- proc.time()
    fit <- lmer(formula, data)
    time <- proc.time() - time
    cpu <- c(cpu, sum(time[c("user.self", "sys.self")])); wall <- c(wall, time[["elapsed"]])
    if (length(cpu) >= 20 || proc.time()[["elapsed"]] - start > 1) break
  }
  group <- VarCorr(fit)[[1]]
  sd <- attr(group, "stddev")
  number <- function(x) paste(format(x, digits = 12, trim = TRUE), collapse = ", ")
  cat(sprintf(paste0(
    '{"status": "ok", "cpu_s": %s, "wall_s": %s, "repeats": %d, "criterion": "reml", ',
    '"minus_2_log": %s, "versions": {"R": "%s", "lme4": "%s"}, ',
    '"estimates": {"beta": [%s], "sd": [%s], "corr": [%s], "sigma": [%s]}}\n'),
    number(mean(cpu)), number(mean(wall)), length(cpu), number(REMLcrit(fit)),
    paste(R.version$major, R.version$minor, sep = "."), packageVersion("lme4"),
    number(fixef(fit)), number(sd), number(attr(group, "correlation")[2, 1]), number(sigma(fit))))
} else {
  cat('{"status": "ok"}\n')
}
