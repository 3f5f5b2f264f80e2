# Lets R's package surveillance answer on series of its own and of ours, for compare.py.
#
# usage: Rscript reference.R FOLDER [golden | WINDOWS]
#
# Farrington's method is asked for the last WINDOWS (default 80) windows of each series, since it
# takes R about 8 ms each; the others for all.
#
# Writes FOLDER/<series>.csv, FOLDER/<series>__<method>.csv and FOLDER/cases.csv. With `golden` only
# the last rows of series that this script makes, in two tables: FOLDER/series.csv and
# FOLDER/answers.csv, which tests/data/detectors has. Only what the package documents is called.
suppressMessages(library(surveillance))
RNGversion("4.0.0")
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
golden <- length(arguments) > 1 && arguments[2] == "golden"
golden_rows <- 8
windows <- if (length(arguments) > 1 && !golden) as.numeric(arguments[2]) else 80
dir.create(folder, showWarnings = FALSE, recursive = TRUE)
options(warn = -1, digits = 17)

# ---- series: a list of list(name, y, period, dates)

series <- list()
add <- function(name, y, period = 52, dates = NULL) {
  series[[length(series) + 1]] <<- list(name = name, y = as.numeric(y), period = period, dates = dates)
}

# Counts with var = phi mu, as in Noufaily et al. (2013).
simulate <- function(n, theta, beta = 0, season = 0, phi = 1, period = 52) {
  t <- seq_len(n)
  mu <- exp(theta + beta * t + season * (cos(2 * pi * t / period) + sin(2 * pi * t / period)))
  if (phi > 1) rnbinom(n, mu = mu, size = mu / (phi - 1)) else rpois(n, mu)
}

add_ours <- function(seed) {
  set.seed(seed)
  n <- if (golden) 300 else 420
  name <- function(text) paste0(text, if (seed > 1) paste0("_", seed) else "")
  add(name("quiet"), simulate(n, 1.5, season = 0.3, phi = 1.5))
  add(name("rare"), simulate(n, -2, season = 0.4, phi = 2))
  add(name("nearly_zero"), rpois(n, 0.02))
  add(name("one_case"), replace(rep(0, n), c(100, n - 20), 1))
  add(name("all_zero"), rep(0, n))
  add(name("constant"), rep(7, n))
  add(name("thousands"), simulate(n, 8.5, season = 0.2, phi = 40))
  add(name("millions"), simulate(n, 15, season = 0.1, phi = 1e4))
  add(name("trend"), simulate(n, 0.5, beta = 0.012, phi = 2))
  add(name("decline"), simulate(n, 5, beta = -0.012, phi = 2))
  season <- simulate(n, -1, season = 2.8, phi = 3)
  add(name("epidemic"), season)
  add(name("half_empty"), ifelse((seq_len(n) %% 52) < 22, 0, season + rpois(n, 3)))
  add(name("overdispersed"), simulate(n, 2, season = 0.5, phi = 15))
  outbreak <- simulate(n, 2, phi = 1.2)
  outbreak[150:156] <- outbreak[150:156] + c(10, 40, 80, 60, 30, 20, 10)
  outbreak[n - 8] <- outbreak[n - 8] + 40
  add(name("outbreaks"), outbreak)
  missing <- simulate(n, 2, season = 0.4, phi = 2)
  missing[c(20, 60, 61, 62, 120, 199, n - 40, n - 12, n - 5)] <- NA
  missing[170:178] <- NA
  add(name("missing"), missing)
  add(name("monthly"), simulate(120, 4, season = 0.3, phi = 3, period = 12), period = 12)
  add(name("daily"), simulate(n, 2.5, season = 0.5, phi = 2, period = 7), period = 7)
  dates <- seq(as.Date("2016-02-29"), length.out = n, by = "week")
  add(name("dated"), simulate(n, 2, season = 0.5, phi = 2), dates = dates)
}

add_bundled <- function() {
  total <- function(name) {
    data(list = name, package = "surveillance", envir = environment())
    x <- get(name, envir = environment())
    if (inherits(x, "disProg")) x <- disProg2sts(x)
    x
  }
  for (name in c("hepatitisA", "salmonella.agona", "m1", "m2", "m3", "m4", "m5", "s1", "s2", "s3", "k1",
                 "n1", "n2", "q1_nrwh", "q2", "h1_nrwrp", "ha", "ha.sts", "measles.weser", "measlesDE",
                 "influMen", "fluBYBW", "meningo.age", "rotaBB", "momo", "abattoir", "salmNewport",
                 "salmHospitalized", "salmAllOnset", "deleval", "shadar", "campyDE", "MMRcoverageDE",
                 "husO104Hosp")) {
    x <- try(total(name), silent = TRUE)
    if (inherits(x, "try-error") || !inherits(x, "sts")) next
    y <- observed(x)
    if (nrow(y) < 120) next
    period <- x@freq
    add(paste0(name, "_total"), rowSums(y), period)
    if (ncol(y) > 1) for (j in seq_len(min(ncol(y), 2))) add(paste0(name, "_", j), y[, j], period)
  }
}

# ---- methods

write_case <- function(s, method, settings, range, columns) {
  if (golden) {
    number <- function(x) if (is.null(x)) "" else ifelse(is.na(x), "NA", sprintf("%.12g", x))
    answers[[length(answers) + 1]] <<- data.frame(
      series = s$name, settings = paste(settings, collapse = " "), t = range,
      expected = number(columns$expected), upper = number(columns$upper),
      alarm = number(columns$alarm), p = number(columns$p), phi = number(columns$phi))
    return(invisible())
  }
  t <- if (is.null(s$dates)) range else format(s$dates[range])
  file <- paste0(s$name, "__", method, ".csv")
  number <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", x))
  table <- data.frame(t = t, lapply(columns, number))
  write.csv(table, file.path(folder, file), row.names = FALSE, quote = FALSE)
  cases[[length(cases) + 1]] <<- c(s$name, method, paste(settings, collapse = " "),
                                   paste0(s$name, ".csv"), file)
}
cases <- list()
answers <- list()

as_sts <- function(s) {
  if (is.null(s$dates)) return(sts(observed = s$y, frequency = s$period))
  sts(observed = s$y, frequency = s$period, epoch = as.numeric(s$dates), epochAsDate = TRUE)
}

# In the golden tables only the last rows.
clip <- function(range, most = length(range)) tail(range, if (golden) golden_rows else most)

ears <- function(s, variant, baseline, sigma) {
  first <- baseline + c(C1 = 1, C2 = 3, C3 = 5)[[variant]]
  if (first > length(s$y)) return()
  if (variant != "C3") {
    range <- clip(first:length(s$y))
    x <- earsC(as_sts(s), control = list(method = variant, baseline = baseline, minSigma = sigma,
                                         alpha = 0.001, range = range))
    upper <- upperbound(x)[, 1]
    alarm <- as.numeric(alarms(x)[, 1])
  } else {
    # earsC has the current count in the place of the mean; this is the formula of its manual.
    z <- qnorm(1 - 0.025)
    y <- s$y
    n <- length(y)
    mean2 <- sd2 <- rep(NA, n)
    for (t in (baseline + 3):n) {
      past <- y[(t - baseline - 2):(t - 3)]
      mean2[t] <- mean(past)
      sd2[t] <- max(sd(past), sigma)
    }
    excess <- pmax(0, (y - mean2) / sd2 - 1)
    excess[which(sd2 == 0 & y <= mean2)] <- 0
    range <- clip(first:n)
    carried <- excess[range - 1] + excess[range - 2]
    carried[is.infinite(carried)] <- NA
    upper <- pmax(0, mean2[range] + sd2[range] * (z - carried))
    alarm <- as.numeric(y[range] > upper)
  }
  write_case(s, paste0("ears_", variant, "_b", baseline), c("ears", paste0("variant=", variant),
             paste0("baseline=", baseline), paste0("min_sigma=", sigma)),
             range, list(upper = upper, alarm = alarm))
}

bayesian <- function(s, b, w, alpha) {
  first <- b * s$period + w + 1
  if (first > length(s$y)) return()
  range <- clip(first:length(s$y))
  x <- bayes(as_sts(s), control = list(range = range, b = b, w = w, actY = TRUE, alpha = alpha))
  write_case(s, paste0("bayes_b", b, "w", w), c("bayes", paste0("b=", b), paste0("w=", w),
             paste0("alpha=", alpha), paste0("period=", s$period)),
             range, list(upper = upperbound(x)[, 1], alarm = as.numeric(alarms(x)[, 1])))
}

farrington <- function(s, label, threshold, alpha, periods, past, weights, trend_p, b, reweight = TRUE,
                       trend = TRUE, limit = c(5, 4)) {
  w <- if (s$period >= 52) 3 else 1
  if (s$period < 52) {
    past <- min(past, 3)
    periods <- if (s$period >= 12) min(periods, 4) else min(periods, 2)
  }
  by_date <- !is.null(s$dates)
  first <- b * s$period + w + 1 + if (by_date) 2 else 0
  if (first > length(s$y)) return()
  range <- clip(first:length(s$y), windows)
  control <- list(b = b, w = w, noPeriods = periods, pastWeeksNotIncluded = past, reweight = reweight,
                  weightsThreshold = weights, trend = trend, pThresholdTrend = trend_p, limit54 = limit,
                  powertrans = "2/3", thresholdMethod = threshold, alpha = alpha, glmWarnings = FALSE)
  rows_of <- function(range) {
    x <- try(farringtonFlexible(as_sts(s), control = c(list(range = range), control)), silent = TRUE)
    if (inherits(x, "try-error")) return(NULL)
    cbind(upperbound(x)[, 1], as.numeric(alarms(x)[, 1]), as.numeric(x@control$expected),
          as.numeric(x@control$pvalue), as.numeric(x@control$phiVector))
  }
  rows <- rows_of(range)
  # A window at a time: where R stops with an error, it has no answer.
  if (is.null(rows)) {
    rows <- do.call(rbind, lapply(range, function(t) {
      row <- rows_of(t)
      if (is.null(row)) matrix(NA, 1, 5) else row
    }))
  }
  rows[!is.finite(rows)] <- NA
  # Where no model converges, R warns that there is no result; what it then has for the mean is the 0
  # that it began with.
  rows[is.na(rows[, 2]) & is.na(rows[, 5]), ] <- NA
  name <- c(nbPlugin = "nb_plugin", muan = "muan", delta = "delta")[[threshold]]
  settings <- c("farrington", paste0("b=", b), paste0("w=", w), paste0("no_periods=", periods),
                paste0("past_excluded=", past), paste0("weights_threshold=", weights),
                paste0("p_threshold_trend=", trend_p), paste0("threshold=", name),
                paste0("alpha=", alpha), paste0("period=", s$period),
                paste0("reweight=", tolower(reweight)), paste0("trend=", tolower(trend)),
                paste0("limit54=", limit[1], "/", limit[2]), if (by_date) "by_date=true")
  write_case(s, label, settings, range, list(expected = rows[, 3], upper = rows[, 1],
             alarm = rows[, 2], p = rows[, 4], phi = rows[, 5]))
}

# ---- the lot

for (seed in if (golden) 1 else 1:2) add_ours(seed)
if (!golden) add_bundled()

# Every method on one series: its cases and golden rows.
answer <- function(s) {
  cases <<- answers <<- list()
  if (!golden) {
    t <- if (is.null(s$dates)) seq_along(s$y) else format(s$dates)
    write.csv(data.frame(t = t, value = ifelse(is.na(s$y), "NA", sprintf("%.17g", s$y))),
              file.path(folder, paste0(s$name, ".csv")), row.names = FALSE, quote = FALSE)
  }
  for (variant in c("C1", "C2", "C3")) {
    ears(s, variant, 7, 0)
    if (s$period >= 52) ears(s, variant, 28, 0.5)
  }
  if (is.null(s$dates)) {
    bayesian(s, 0, 6, 0.05)
    bayesian(s, 2, if (s$period >= 52) 4 else 1, 0.005)
  }
  b <- if (length(s$y) > 5 * s$period + 20) 5 else if (length(s$y) > 3 * s$period + 20) 3 else 2
  farrington(s, "ff_new", "nbPlugin", 0.005, 10, 26, 2.58, 1, b)
  farrington(s, "ff_muan", "muan", 0.05, 10, 26, 2.58, 1, b)
  farrington(s, "ff_old", "delta", 0.005, 1, 3, 1, 0.05, b)
  farrington(s, "ff_mixed", "nbPlugin", 0.01, 5, 10, 2, 0.05, min(b, 4), limit = c(0, 4))
  farrington(s, "ff_plain", "delta", 0.01, 10, 26, 2.58, 1, min(b, 3), reweight = FALSE)
  farrington(s, "ff_flat", "muan", 0.01, 1, 0, 2.58, 1, b, trend = FALSE)
  list(cases = cases, answers = answers)
}
results <- parallel::mclapply(series, answer, mc.cores = parallel::detectCores(), mc.preschedule = FALSE)
failed <- Filter(function(result) inherits(result, "try-error"), results)
if (length(failed) > 0) stop(failed[[1]])
cases <- do.call(c, lapply(results, function(result) result$cases))
answers <- do.call(c, lapply(results, function(result) result$answers))

save <- function(table, file) {
  write.csv(table, file.path(folder, file), row.names = FALSE, quote = FALSE)
}
if (golden) {
  save(do.call(rbind, answers), "answers.csv")
  save(do.call(rbind, lapply(series, function(s) data.frame(
    series = s$name, start = if (is.null(s$dates)) "" else format(s$dates[1]),
    values = paste(sprintf("%.17g", s$y), collapse = " ")))), "series.csv")
} else {
  table <- as.data.frame(do.call(rbind, cases))
  names(table) <- c("series", "method", "settings", "input", "reference")
  save(table, "cases.csv")
}
cat(length(series), "series;", "surveillance", format(packageVersion("surveillance")), "\n")
