// A quasi-Poisson regression with log link, of the only shape that Farrington's method needs: one
// intercept for each group of rows and, if asked, one slope in time for all.
//
//   log E(y_i) = intercept[group_i] + slope * time_i        Var(y_i) = phi * E(y_i) / weight_i
//
// Fitted by iteratively reweighted least squares. The normal equations of this shape are an
// arrowhead, so that a round is one pass over the rows without a matrix, and a group of zeros,
// whose intercept runs off to minus infinity, spoils no other coefficient.
//
// Agreement: rounds start at y + 0.1 and stop as R's glm does, and what is taken from the last
// round (weights, hat values, variances) is what R's summary takes: the weights of before its
// update.
//
// Threads: one. Cost: O(rows) a round, no allocation once the vectors have grown.
// Source: McCullagh and Nelder, Generalized Linear Models (1989), chapters 2 and 9.
#pragma once

#include <cstddef>
#include <vector>

namespace surgewatch::methods {

class QuasiPoisson {
 public:
  struct Row {
    double time;
    double y;
    std::size_t group;  // below the number of groups
  };

  void clear(std::size_t groups);
  void add(const Row& row);
  std::size_t rows() const { return y_.size(); }
  double y(std::size_t row) const { return y_[row]; }

  // False if there is no fit: no rows, no degree of freedom left, or rounds that don't converge
  // (all zeros; numbers that ran out of range). `weights` is empty (all 1) or has one for each row.
  // A slope that the rows can't tell from the groups is left out.
  bool fit(bool with_slope, const std::vector<double>& weights);

  bool has_slope() const { return has_slope_; }
  double slope() const { return slope_; }
  double freedom() const { return freedom_; }
  double mean(std::size_t row) const { return mu_[row]; }
  // Pearson's statistic over the degrees of freedom.
  double dispersion() const;
  // The same sum with other weights in place of the fit's.
  double dispersion_with(const std::vector<double>& weights) const;
  // The leverage of a row.
  double hat(std::size_t row) const;

  // Of the linear predictor at a time in a group. Variances are for a dispersion of 1.
  bool has_group(std::size_t group) const { return groups_[group].weight > 0; }
  double predictor(double time, std::size_t group) const;
  double predictor_variance(double time, std::size_t group) const;
  double slope_variance() const { return 1 / time_squares_; }

 private:
  struct Group {
    double weight = 0;     // sum of the weights of the last round
    double time = 0;       // weighted mean
    double intercept = 0;  // of the predictor at that mean time
  };
  void solve();
  // The new means and their deviance.
  double update();

  std::vector<double> time_, y_, log_y_;
  std::vector<std::size_t> group_;
  std::vector<double> prior_;   // weights given, or 1
  std::vector<double> weight_;  // of the last round
  std::vector<double> eta_, mu_;
  std::vector<Group> groups_;
  bool has_slope_ = false;
  double slope_ = 0;
  double time_squares_ = 0;  // weighted, within groups
  double freedom_ = 0;
};

}  // namespace surgewatch::methods
