# cmake -DOUTPUT=assets.cc -DENTRIES="/path|type|file;…" -P EmbedFiles.cmake
# writes a C++ file with the bytes of each file and surgewatch::serve::find_asset().
set(arrays "")
set(rows "")
set(number 0)
foreach(entry IN LISTS ENTRIES)
  string(REPLACE "|" ";" parts "${entry}")
  list(GET parts 0 path)
  list(GET parts 1 type)
  list(GET parts 2 source)
  file(READ ${source} bytes HEX)
  file(SHA256 ${source} hash)
  string(SUBSTRING ${hash} 0 16 hash)
  file(SIZE ${source} size)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "constexpr unsigned char kBytes${number}[] = {${bytes}};\n")
  string(APPEND rows "    {\"${path}\", \"${type}\", \"\\\"${hash}\\\"\", "
                     "{reinterpret_cast<const char*>(kBytes${number}), ${size}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUTPUT}
"// Written by cmake/EmbedFiles.cmake.
#include \"serve/assets.h\"

namespace surgewatch::serve {
namespace {
${arrays}
const Asset kAssets[] = {
${rows}};
}  // namespace

const Asset* find_asset(std::string_view path) {
  for (const Asset& asset : kAssets) {
    if (asset.path == path) return &asset;
  }
  return nullptr;
}

}  // namespace surgewatch::serve
")
