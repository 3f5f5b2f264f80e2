# How this project compiles: one set of flags, one way to declare a library with its test.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(SURGEWATCH_SANITIZER "" CACHE STRING "address (with undefined) or thread; empty for none")

add_library(surgewatch_options INTERFACE)
# -ffp-contract=off: the same sums on every machine, whether or not it fuses multiply and add.
target_compile_options(surgewatch_options INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror
                                                    -ffp-contract=off)
target_compile_options(surgewatch_options INTERFACE -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms in std::string of g++ 12: gcc.gnu.org/PR105651.
  target_compile_options(surgewatch_options INTERFACE -Wno-restrict)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(surgewatch_options INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(SURGEWATCH_SANITIZER STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(SURGEWATCH_SANITIZER STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()

# surgewatch_library(NAME SOURCES a.cc … PUBLIC target … PRIVATE target …)
# declares surgewatch::NAME; headers are included as "NAME/header.h".
function(surgewatch_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  if(ARG_SOURCES)
    add_library(surgewatch_${name} STATIC ${ARG_SOURCES})
    target_include_directories(surgewatch_${name} PUBLIC ${PROJECT_SOURCE_DIR}/lib)
    target_link_libraries(surgewatch_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} surgewatch_options)
  else()
    add_library(surgewatch_${name} INTERFACE)
    target_include_directories(surgewatch_${name} INTERFACE ${PROJECT_SOURCE_DIR}/lib)
    target_link_libraries(surgewatch_${name} INTERFACE ${ARG_PUBLIC})
  endif()
  add_library(surgewatch::${name} ALIAS surgewatch_${name})
endfunction()

# surgewatch_program(NAME SOURCES … LIBS …)
function(surgewatch_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} surgewatch_options)
endfunction()

# surgewatch_test(NAME SOURCES … LIBS … LABELS …): one ctest case for each test of the binary.
function(surgewatch_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gmock GTest::gtest_main surgewatch_options)
  target_compile_definitions(${name} PRIVATE SURGEWATCH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
                       PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
