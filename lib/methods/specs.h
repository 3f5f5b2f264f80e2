// One function for each method; registry.cc puts them in a table.
#pragma once

#include "methods/registry.h"

namespace surgewatch::methods {

MethodSpec surge_spec();  // own.cc, with the five that follow
MethodSpec ramp_spec();
MethodSpec surge_ramp_spec();
MethodSpec share_shift_spec();
MethodSpec new_entity_spec();
MethodSpec reference_spec();

MethodSpec ears_spec();        // ears.cc
MethodSpec farrington_spec();  // farrington.cc
MethodSpec bayes_spec();       // bayes.cc

}  // namespace surgewatch::methods
