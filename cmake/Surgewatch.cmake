# How this project compiles: one set of flags, one way to declare a library with its test.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# For all alike, so that one precompiled header serves them: there are programs only, no shared libraries.
add_compile_options(-fPIE -pthread)
add_link_options(-pie -pthread)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(SURGEWATCH_FUZZ "build the fuzzers (clang)" OFF)
option(SURGEWATCH_COVERAGE "build the fuzzers to count the lines that they reach, not to find faults" OFF)
set(SURGEWATCH_SANITIZER "" CACHE STRING "address (with undefined) or thread; empty for none")

add_library(surgewatch_options INTERFACE)
# -ffp-contract=off: the same sums on every machine, whether or not it fuses multiply and add.
target_compile_options(surgewatch_options INTERFACE -Wall -Wextra -Werror -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # clang, which builds the fuzzers, means other things by -Wconversion.
  target_compile_options(surgewatch_options INTERFACE -Wconversion -Wshadow)
  # It looks for garbage from half a gigabyte on: less than that is not worth a tenth of the time.
  target_compile_options(surgewatch_options INTERFACE --param=ggc-min-heapsize=500000)
endif()
target_compile_options(surgewatch_options INTERFACE -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms in std::string of g++ 12: gcc.gnu.org/PR105651; the others too, out of a precompiled header.
  target_compile_options(surgewatch_options INTERFACE -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow
                                                 -Wno-stringop-overread)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND (CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13 OR SURGEWATCH_SANITIZER))
  # False alarms at std::optional, other ones with each version and sanitizer: gcc.gnu.org/PR80635. g++ 12 has
  # it on where nothing is instrumented.
  target_compile_options(surgewatch_options INTERFACE -Wno-maybe-uninitialized)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(surgewatch_options INTERFACE _GLIBCXX_ASSERTIONS)
endif()
# Definitions that the headers of a library look at are the same for all, with which see surgewatch_headers.
target_link_libraries(surgewatch_options INTERFACE fmt::fmt)
# A test's own code need not be fast, and takes as long to optimise as all that it tests.
add_library(surgewatch_test_options INTERFACE)
target_link_libraries(surgewatch_test_options INTERFACE surgewatch_options)
target_compile_options(surgewatch_test_options INTERFACE $<$<CONFIG:Release>:-O1>)
if(SURGEWATCH_SANITIZER STREQUAL "address" OR SURGEWATCH_FUZZ)
  # Under AddressSanitizer Abseil's hash tables are laid out otherwise (raw_hash_set.h: generations of iterators),
  # unless this is defined, and Debian's library of 2024 (Debian 13) has code that reads them: it is built without.
  # Nor does that code unpoison what the headers have poisoned: hence allow_user_poisoning=0 where tests and fuzzers run.
  add_compile_definitions(NDEBUG_SANITIZER)
endif()
if(SURGEWATCH_SANITIZER STREQUAL "address")
  # With these sanitizers it takes twice as long, for nothing.
  target_compile_options(surgewatch_test_options INTERFACE -O0)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
    # With any of these three on, a function's address compared with null is no constant to g++
    # (gcc.gnu.org/PR71962), and Abseil since 2024 (Debian 13) makes such a comparison one. What they would
    # find ends the program all the same where the null pointer is read: AddressSanitizer says where.
    add_compile_options(-fno-sanitize=null,nonnull-attribute,returns-nonnull-attribute)
  endif()
elseif(SURGEWATCH_SANITIZER STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()

if(SURGEWATCH_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "SURGEWATCH_FUZZ needs clang++ (apt-get install clang); use the preset fuzz")
  endif()
  if(SURGEWATCH_COVERAGE)
    add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
    add_link_options(-fprofile-instr-generate)
  else()
    add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
    add_link_options(-fsanitize=address,undefined)
  endif()
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # A precompiled header out of ccache holds, though its headers are of another time.
  target_compile_options(surgewatch_options INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
endif()
# Headers of others that most sources include, parsed once. Ours are not among them, so that a change of
# one builds what it touches and no more. Sources include what they use all the same: with
# -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON there are none.
set(common_headers
  <algorithm> <array> <atomic> <charconv> <chrono> <cmath> <functional> <map> <memory> <mutex> <optional> <set>
  <span> <sstream> <string> <string_view> <thread> <utility> <vector>
  <fmt/format.h>
  <absl/container/flat_hash_map.h> <absl/status/statusor.h>
  <google/protobuf/generated_message_reflection.h> <google/protobuf/message.h> <google/protobuf/timestamp.pb.h>)
file(CONFIGURE OUTPUT empty.cc CONTENT "")
add_library(surgewatch_headers OBJECT ${CMAKE_BINARY_DIR}/empty.cc)
target_link_libraries(surgewatch_headers PRIVATE surgewatch_options absl::statusor absl::flat_hash_map
                                                 protobuf::libprotobuf)
target_precompile_headers(surgewatch_headers PRIVATE ${common_headers})
add_library(surgewatch_test_headers OBJECT ${CMAKE_BINARY_DIR}/empty.cc)
target_link_libraries(surgewatch_test_headers PRIVATE surgewatch_test_options absl::statusor absl::flat_hash_map
                                                      protobuf::libprotobuf GTest::gmock)
target_precompile_headers(surgewatch_test_headers PRIVATE ${common_headers} <gmock/gmock.h> <gtest/gtest.h>)

# What headers and templates take is most of a source's time, and is paid once for those that are compiled
# together: a third less for a full build. A change of one compiles eight, some ten seconds.
# The fuzzers' preset has it off, so that each source of the libraries is seen to include what it uses.
option(SURGEWATCH_UNITY "compile the sources of a target together, eight at a time" ON)
# surgewatch_compile_together(TARGET source…): but for these sources, whose names others of them have too.
function(surgewatch_compile_together target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${SURGEWATCH_UNITY} UNITY_BUILD_BATCH_SIZE 8)
  if(ARGN)
    set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()

# surgewatch_library(NAME SOURCES a.cc … APART a.cc … PUBLIC target … PRIVATE target …)
# declares surgewatch::NAME; headers are included as "NAME/header.h". APART, here and below: those of the
# sources that are compiled by themselves.
function(surgewatch_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;APART;PUBLIC;PRIVATE" ${ARGN})
  if(ARG_SOURCES)
    add_library(surgewatch_${name} STATIC ${ARG_SOURCES})
    target_include_directories(surgewatch_${name} PUBLIC ${PROJECT_SOURCE_DIR}/lib)
    target_link_libraries(surgewatch_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} surgewatch_options)
    target_precompile_headers(surgewatch_${name} REUSE_FROM surgewatch_headers)
    surgewatch_compile_together(surgewatch_${name} ${ARG_APART})
  else()
    add_library(surgewatch_${name} INTERFACE)
    target_include_directories(surgewatch_${name} INTERFACE ${PROJECT_SOURCE_DIR}/lib)
    target_link_libraries(surgewatch_${name} INTERFACE ${ARG_PUBLIC})
  endif()
  add_library(surgewatch::${name} ALIAS surgewatch_${name})
endfunction()

# surgewatch_program(NAME SOURCES … LIBS …)
# Programs allocate with tcmalloc: librdkafka makes what it fetches in one thread and we let it go in
# another, which costs glibc's allocator a fight for its arenas (docs/performance.md). The sanitizers
# bring allocators of their own.
function(surgewatch_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} surgewatch_options)
  target_precompile_headers(${name} REUSE_FROM surgewatch_headers)
  surgewatch_compile_together(${name})
  if(NOT SURGEWATCH_SANITIZER AND NOT SURGEWATCH_FUZZ)
    target_link_libraries(${name} PRIVATE PkgConfig::tcmalloc)
  endif()
endfunction()

# surgewatch_tests_need(LABELS label… TARGETS target…): what is built before tests run. The target `tests`
# has all of them, `tests-LABEL` those of a label; benchmarks belong to neither.
function(surgewatch_tests_need)
  cmake_parse_arguments(ARG "" "" "LABELS;TARGETS" ${ARGN})
  list(TRANSFORM ARG_LABELS PREPEND tests-)
  foreach(collection IN LISTS ARG_LABELS ITEMS tests)
    if(NOT TARGET ${collection})
      add_custom_target(${collection})
    endif()
    if(ARG_TARGETS)
      add_dependencies(${collection} ${ARG_TARGETS})
    endif()
  endforeach()
endfunction()

# surgewatch_test(NAME SOURCES … APART … LIBS … LABELS …): one ctest case for each test of the binary.
# WHOLE: one for the binary, where its tests share something dear, such as a server.
function(surgewatch_test name)
  cmake_parse_arguments(ARG "WHOLE" "TIMEOUT" "SOURCES;APART;LIBS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 240)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gmock GTest::gtest_main surgewatch_test_options)
  target_precompile_headers(${name} REUSE_FROM surgewatch_test_headers)
  surgewatch_compile_together(${name} ${ARG_APART})
  target_compile_definitions(${name} PRIVATE SURGEWATCH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  surgewatch_tests_need(LABELS ${ARG_LABELS} TARGETS ${name})
  # gtest_discover_tests keeps only the first of several labels.
  list(LENGTH ARG_LABELS label_count)
  if(ARG_WHOLE OR label_count GREATER 1)
    add_test(NAME ${name} COMMAND ${name})
    # COST: what takes long is begun first.
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} COST ${ARG_TIMEOUT})
    return()
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
                       PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# surgewatch_fuzzer(NAME LIBS … HOLDS file …): tests/fuzz/NAME.cc. NAME ends in _fuzz; its seeds are in
# tests/fuzz/corpus. HOLDS: the sources of the parsers that it is there for; of each its seeds reach
# most lines (./run fuzz-coverage).
function(surgewatch_fuzzer name)
  cmake_parse_arguments(ARG "" "" "LIBS;HOLDS" ${ARGN})
  if(NOT SURGEWATCH_FUZZ)
    return()
  endif()
  add_executable(${name} ${name}.cc)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} surgewatch_options)
  target_precompile_headers(${name} REUSE_FROM surgewatch_headers)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  foreach(file IN LISTS ARG_HOLDS)
    if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${file})
      message(FATAL_ERROR "${name} HOLDS ${file}, which is not there")
    endif()
    set_property(GLOBAL APPEND PROPERTY SURGEWATCH_FUZZERS "${name} ${file}")
  endforeach()
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  add_dependencies(fuzzers ${name})
endfunction()

# surgewatch_python_test(NAME FILE ARGUMENTS … NEEDS program … LABELS … TIMEOUT seconds): Debian's own
# Python, for its own packages.
function(surgewatch_python_test name file)
  cmake_parse_arguments(ARG "" "TIMEOUT" "ARGUMENTS;NEEDS;LABELS" ${ARGN})
  add_test(NAME ${name} COMMAND /usr/bin/python3 -B -W default ${file} -v ${ARG_ARGUMENTS})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "SURGEWATCH_BIN=${CMAKE_BINARY_DIR}/bin")
  surgewatch_tests_need(LABELS ${ARG_LABELS} TARGETS ${ARG_NEEDS})
endfunction()
