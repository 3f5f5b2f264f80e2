# Writes the countries of ISO 3166-1 as lines of a C++ initialiser.
#   cmake -DINPUT=iso_3166-1.json -DOUTPUT=iso3166.inc -P Iso3166.cmake
file(READ "${INPUT}" json)
string(JSON count LENGTH "${json}" "3166-1")
set(lines "")
math(EXPR last "${count} - 1")
foreach(i RANGE ${last})
  string(JSON country GET "${json}" "3166-1" ${i})
  string(JSON iso2 GET "${country}" "alpha_2")
  # "Taiwan" rather than "Taiwan, Province of China": what people call it, where that differs.
  string(JSON name ERROR_VARIABLE absent GET "${country}" "common_name")
  if(absent)
    string(JSON name GET "${country}" "name")
  endif()
  string(REPLACE "\\" "\\\\" name "${name}")
  string(REPLACE "\"" "\\\"" name "${name}")
  string(APPEND lines "{\"${iso2}\", \"${name}\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "${lines}")
