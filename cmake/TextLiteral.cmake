# Writes a file's text as a C++ string literal.
#   cmake -DINPUT=table.csv -DOUTPUT=table.inc -P TextLiteral.cmake
file(READ "${INPUT}" text)
string(FIND "${text}" ")csv\"" ending)
if(NOT ending EQUAL -1)
  message(FATAL_ERROR "${INPUT}: holds what the literal ends with")
endif()
file(WRITE "${OUTPUT}" "R\"csv(${text})csv\"\n")
