#pragma once

#include "datasets/lab/piv/correlation.h"
#include "datasets/lab/piv/validation.h"

namespace windtunnel::datasets::lab::piv {

struct MultiPassOptions {
  int window = 32;  ///< edge of the last pass's windows: 8, 16, 32 or 64 px
  int step = 16;    ///< px between vectors
  int passes = 2;   ///< 2: a first pass with twice the window (at most 64) and step shifts the last's windows
  double least_ratio = 1.2;             ///< peak ratio below which a vector of the first pass is dropped
  double epsilon = 0.1, threshold = 2;  ///< of the normalised median test
};

/// Pixels (H,W) that show no fluid: 1 = not used. Empty: all are used.
struct PixelMask {
  int height = 0, width = 0;
  std::vector<uint8_t> hidden;
};

/// Vectors of a pair of pictures in px. Vector (i,j) stands at pixel (window - 1)/2 + step * (i,j).
struct MultiPassResult {
  VectorField field;              ///< without gaps
  std::vector<double> ratio;      ///< peak ratio of the last pass
  std::vector<uint8_t> replaced;  ///< 1: was an outlier or not measurable; filled from the neighbours
  std::vector<uint8_t> blank;     ///< 1: more than half of the window is hidden; zero, no neighbour of others
};

/// Usage error for options that the correlator does not know, data error for pictures of different or too
/// small size, and for a mask of another size. With one pass each vector is the plain correlation of the two
/// windows at its place. Hidden pixels take the mean of the pixels around them that are not, so that they
/// weigh next to nothing in a correlation.
MultiPassResult multi_pass(const GreyImage& a, const GreyImage& b, const MultiPassOptions& options = {},
                           const PixelMask& mask = {});

}  // namespace windtunnel::datasets::lab::piv
