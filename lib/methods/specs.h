// One function for each method; registry.cc puts them in a table.
#pragma once

#include "methods/registry.h"

namespace surgewatch::methods {

MethodSpec ears_spec();        // ears.cc
MethodSpec farrington_spec();  // farrington.cc
MethodSpec bayes_spec();       // bayes.cc

}  // namespace surgewatch::methods
