# One REML fit by lme4, run by lmm.py and crossed.py: Rscript lmer.R FORMULA DATA.csv fresh|warm|once
# fresh: one fit, then exit; once: one fit, timed;
# warm: a fit that is not timed, then fits until a second has passed (20 at most).
args <- commandArgs(trailingOnly = TRUE)
if (!suppressPackageStartupMessages(require(lme4, quietly = TRUE))) {
  cat('{"status": "skipped", "reason": "the R package lme4 is not installed"}\n')
  quit(status = 0)
}
formula <- as.formula(args[1])
data <- read.csv(args[2])
if (args[3] != "once") fit <- lmer(formula, data)
if (args[3] != "fresh") {
  cpu <- c(); wall <- c(); start <- proc.time()[["elapsed"]]
  repeat {
    time <- proc.time()
    fit <- lmer(formula, data)
    time <- proc.time() - time
    cpu <- c(cpu, sum(time[c("user.self", "sys.self")])); wall <- c(wall, time[["elapsed"]])
    if (length(cpu) >= 20 || proc.time()[["elapsed"]] - start > 1) break
  }
  groups <- VarCorr(fit)
  sd <- unlist(lapply(groups, attr, "stddev"))
  corr <- unlist(lapply(groups, function(g) {
    matrix <- attr(g, "correlation")
    matrix[lower.tri(matrix)]
  }))
  number <- function(x) {
    if (length(x)) paste(format(x, digits = 12, trim = TRUE), collapse = ", ") else ""
  }
  cat(sprintf(paste0(
    '{"status": "ok", "cpu_s": %s, "least_cpu_s": %s, "wall_s": %s, "repeats": %d, "criterion": "reml", ',
    '"minus_2_log": %s, "versions": {"R": "%s", "lme4": "%s"}, "groups": [%s], ',
    '"estimates": {"beta": [%s], "sd": [%s], "corr": [%s], "sigma": [%s]}}\n'),
    number(mean(cpu)), number(min(cpu)), number(mean(wall)), length(cpu), number(REMLcrit(fit)),
    paste(R.version$major, R.version$minor, sep = "."), packageVersion("lme4"),
    paste(sprintf('"%s"', names(groups)), collapse = ", "),
    number(fixef(fit)), number(sd), number(corr), number(sigma(fit))))
} else {
  cat('{"status": "ok"}\n')
}
