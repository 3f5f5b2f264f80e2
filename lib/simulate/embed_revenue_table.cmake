# cmake -DCSV=… -DOUTPUT=… -P embed_revenue_table.cmake: the CSV as a C++ table. A row that does not
# have the expected shape ends the build.
file(READ "${CSV}" text)
string(REGEX REPLACE "[][;]" " " text "${text}")  # only the sources have them, and CMake's lists mind
string(STRIP "${text}" text)
string(REPLACE "\n" ";" rows "${text}")
list(POP_FRONT rows header)
if(NOT header MATCHES "^quarter_end,fiscal_quarter,region,iso2,revenue_musd,")
  message(FATAL_ERROR "${CSV}: unexpected header: ${header}")
endif()

set(table "")
set(line 1)
foreach(row IN LISTS rows)
  math(EXPR line "${line} + 1")
  if(NOT row MATCHES "^([0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]),[^,\"]*,[^,\"]*,([A-Z][A-Z]),([0-9]+),")
    message(FATAL_ERROR "${CSV}:${line}: expected date,quarter,region,iso2,millions, found: ${row}")
  endif()
  string(APPEND table "    {\"${CMAKE_MATCH_1}\", \"${CMAKE_MATCH_2}\", ${CMAKE_MATCH_3}},\n")
endforeach()

file(WRITE "${OUTPUT}" "// Made from data/trade/nvidia_revenue_by_billing_region.csv by the build.
#include \"simulate/revenue_table.h\"

namespace surgewatch::simulate {
namespace {
constexpr RevenueRow kRows[] = {
${table}};
}  // namespace

std::span<const RevenueRow> revenue_table() { return kRows; }

}  // namespace surgewatch::simulate
")
