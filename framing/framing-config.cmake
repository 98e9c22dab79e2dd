# find_package(framing): framing::framing is the shared library, framing::framing_static the static
# one, which needs libcbor too.
include(CMakeFindDependencyMacro)
find_dependency(PkgConfig)
pkg_check_modules(CBOR REQUIRED IMPORTED_TARGET libcbor)
include(${CMAKE_CURRENT_LIST_DIR}/framing-targets.cmake)
